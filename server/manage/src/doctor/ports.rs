//! Where the services listen: whether they can, and who does already.

use std::io::ErrorKind;
use std::net::SocketAddr;

use protector_reach::Probe;
use tokio::net::{TcpListener, lookup_host};

use super::Ground;
use super::account::Account;
use super::report::{Check, Report, check};

/// What is at the port of this machine's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// A Protector answers.
    Protector,
    /// Nobody does, or somebody else.
    None,
}

/// Where a service listens, with the options that say so.
#[derive(Debug, Clone, Copy)]
struct Door<'a> {
    host: &'a str,
    host_option: &'static str,
    port: u16,
    port_option: &'static str,
}

/// What is found at a door.
enum State {
    Free,
    /// Somebody listens; a client on this machine reaches it there.
    Taken(SocketAddr),
    /// What is in the way has been told.
    Told,
}

fn api(ground: &Ground) -> Door<'_> {
    let api = &ground.config.api;
    Door {
        host: &api.bind_host,
        host_option: "[api] bind_host",
        port: api.bind_port,
        port_option: "[api] bind_port",
    }
}

pub(super) async fn look(ground: &Ground, account: &Account, report: &mut Report) -> Port {
    let door = api(ground);
    let check = check("port", format!("binding {}:{}", door.host, door.port));
    if door.port == 0 {
        report.ok(&check, "[api] bind_port is 0: the API takes a free one");
        return Port::None;
    }
    match door.state(account, &check, report).await {
        State::Free => report.ok(&check, "it is free: no API runs here"),
        State::Taken(at) => return who(ground, &door, at, &check, report).await,
        State::Told => {}
    }
    Port::None
}

/// The ports of metrics, which only a machine with Prometheus has.
pub(super) async fn metrics(ground: &Ground, account: &Account, report: &mut Report) {
    let metrics = &ground.config.metrics;
    let ports = [
        (
            "protector-api",
            metrics.api_bind_port,
            "[metrics] api_bind_port",
        ),
        (
            "protector-engine",
            metrics.engine_bind_port,
            "[metrics] engine_bind_port",
        ),
    ];
    if ports.iter().all(|(_, port, _)| port.is_none()) {
        let check = check("metrics", "[metrics]");
        report.ok(&check, "no port is given: none are shown");
    }
    let mut doors = vec![api(ground)];
    for (service, port, port_option) in ports {
        let Some(port) = port else { continue };
        let door = Door {
            host: &metrics.bind_host,
            host_option: "[metrics] bind_host",
            port,
            port_option,
        };
        let tried = format!("binding {}:{port}", door.host);
        let check = check(format!("metrics of {service}"), tried);
        metrics_of(ground, account, service, &door, &doors, &check, report).await;
        doors.push(door);
    }
}

async fn metrics_of(
    ground: &Ground,
    account: &Account,
    service: &str,
    door: &Door<'_>,
    others: &[Door<'_>],
    check: &Check,
    report: &mut Report,
) {
    if door.port == 0 {
        report.ok(check, format!("{} is 0: a free one", door.port_option));
        return;
    }
    for other in others {
        if !door.is_that_of(other).await {
            continue;
        }
        let found = format!("{} is also {}", door.port_option, other.port_option);
        let fix = format!("give {} a port of its own", door.port_option);
        // The API's processes share a machine; an engine may have one for itself.
        match service {
            "protector-engine" if other.host_option == door.host_option => {
                let found = format!("{found}: both services cannot run on one machine");
                report.warn(check, found, fix);
            }
            _ => report.fail(check, found, fix),
        }
        return;
    }
    match door.state(account, check, report).await {
        State::Free => report.ok(check, format!("it is free: no {service} runs here")),
        State::Taken(at) => shows(ground, service, door, at, check, report).await,
        State::Told => {}
    }
}

impl Door<'_> {
    async fn address(&self) -> Option<SocketAddr> {
        let found = lookup_host((self.host, self.port)).await;
        found.ok().and_then(|mut all| all.next())
    }

    async fn is_that_of(&self, other: &Door<'_>) -> bool {
        if self.port != other.port {
            return false;
        }
        let (Some(a), Some(b)) = (self.address().await, other.address().await) else {
            return false;
        };
        a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified()
    }

    async fn state(&self, account: &Account, check: &Check, report: &mut Report) -> State {
        let Some(address) = self.address().await else {
            let found = format!("`{}` is no address", self.host);
            report.fail(check, found, self.other_host());
            return State::Told;
        };
        match TcpListener::bind(address).await {
            Ok(_) if account.may_bind(self.port) => return State::Free,
            Ok(_) => {
                let (name, port) = (&account.name, self.port);
                let found =
                    format!("it is free, but user {name} may not bind a port as low as {port}");
                report.fail(check, found, self.higher());
            }
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                let found = format!("{} is no address of this machine", address.ip());
                report.fail(check, found, self.other_host());
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return State::Taken(reachable(address));
            }
            Err(error) => report.fail(check, error.to_string(), self.higher()),
        }
        State::Told
    }

    fn other_host(&self) -> String {
        format!(
            "`ip addr show` lists the addresses of this machine; set {} to one of them, or to 0.0.0.0 \
             for all",
            self.host_option
        )
    }

    fn higher(&self) -> String {
        format!(
            "give {} a port that the service may bind, above 1023, and let a proxy have the low one; \
             where the unit of the service has CAP_NET_BIND_SERVICE, start it",
            self.port_option
        )
    }

    /// `said`: what came of asking whoever has it.
    fn is_in_use(&self, whose: &str, said: &str, check: &Check, report: &mut Report) {
        let port = self.port;
        report.fail(
            check,
            format!("port {port} is used by a program that is no {whose}{said}"),
            format!(
                "`ss -tlnp 'sport = :{port}'` shows it; stop it, or change {}",
                self.port_option
            ),
        );
    }
}

/// Where a client on this machine reaches an address that a server binds.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Whether it is a Protector that answers.
async fn who(
    ground: &Ground,
    door: &Door<'_>,
    at: SocketAddr,
    check: &Check,
    report: &mut Report,
) -> Port {
    let probe = Probe::new(None, false, ground.clock.clone());
    let answer = match &probe {
        Ok(probe) => probe.get(&format!("http://{at}/")).await,
        Err(error) => Err(error.to_string()),
    };
    let said = match answer {
        Ok(answer) if is_protector(&answer.body) => {
            report.ok(check, "a Protector answers");
            return Port::Protector;
        }
        Ok(answer) => format!(": it answers GET / with {}", answer.status),
        Err(reason) => format!(": {reason}"),
    };
    door.is_in_use("Protector", &said, check, report);
    Port::None
}

/// Whether this is what `GET /` of a Protector answers.
pub(super) fn is_protector(body: &serde_json::Value) -> bool {
    let version = &body["versions"][0];
    version["id"] == "v1" && version["min_version"] == "1.0"
}

/// Whether it is a Protector that shows its metrics.
async fn shows(
    ground: &Ground,
    service: &str,
    door: &Door<'_>,
    at: SocketAddr,
    check: &Check,
    report: &mut Report,
) {
    let probe = Probe::new(None, false, ground.clock.clone());
    let answer = match &probe {
        Ok(probe) => probe.text(&format!("http://{at}/metrics")).await,
        Err(error) => Err(error.to_string()),
    };
    let said = match answer {
        Ok((200, text)) if text.contains("protector_build_info") => {
            report.ok(check, "a Protector shows its metrics");
            return;
        }
        Ok((status, _)) => format!(": it answers GET /metrics with {status}"),
        Err(reason) => format!(": {reason}"),
    };
    door.is_in_use(service, &said, check, report);
}
