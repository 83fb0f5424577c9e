//! The port of the API, and where tokens are shared.

use std::io::ErrorKind;
use std::net::SocketAddr;

use protector_framework::Clock;
use protector_reach::{Probe, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, lookup_host};

use super::report::{Check, Report, check};
use super::{Ground, PATIENCE};

/// What is at the port of this machine's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// A Protector answers.
    Protector,
    /// Nobody does, or somebody else.
    None,
}

pub(super) async fn port(ground: &Ground, report: &mut Report) -> Port {
    let api = &ground.config.api;
    let (host, port) = (api.bind_host.as_str(), api.bind_port);
    let check = check("port", format!("binding {host}:{port}"));
    if port == 0 {
        report.ok(&check, "[api] bind_port is 0: the API takes a free one");
        return Port::None;
    }
    let found = lookup_host((host, port)).await;
    let Some(address) = found.ok().and_then(|mut all| all.next()) else {
        let found = format!("`{host}` is no address");
        report.fail(&check, found, BIND);
        return Port::None;
    };
    match TcpListener::bind(address).await {
        Ok(_) => report.ok(&check, "it is free: no API runs here"),
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
            let found = format!("{} is no address of this machine", address.ip());
            report.fail(&check, found, BIND);
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            return who(ground, reachable(address), &check, report).await;
        }
        Err(error) => {
            let fix = "give [api] bind_port a port that the service may bind, above 1023";
            report.fail(&check, error.to_string(), fix);
        }
    }
    Port::None
}

const BIND: &str = "`ip addr show` lists the addresses of this machine; set [api] bind_host to one of \
                    them, or to 0.0.0.0 for all";

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
async fn who(ground: &Ground, at: SocketAddr, check: &Check, report: &mut Report) -> Port {
    let probe = Probe::new(None, false, ground.clock.clone());
    let answer = match &probe {
        Ok(probe) => probe.get(&format!("http://{at}/")).await,
        Err(error) => Err(error.to_string()),
    };
    match answer {
        Ok(answer) if is_protector(&answer.body) => {
            report.ok(check, "a Protector answers");
            Port::Protector
        }
        Ok(answer) => {
            let said = format!(": it answers GET / with {}", answer.status);
            in_use(check, at.port(), &said, report);
            Port::None
        }
        Err(reason) => {
            in_use(check, at.port(), &format!(": {reason}"), report);
            Port::None
        }
    }
}

/// Whether this is what `GET /` of a Protector answers.
pub(super) fn is_protector(body: &serde_json::Value) -> bool {
    let version = &body["versions"][0];
    version["id"] == "v1" && version["min_version"] == "1.0"
}

fn in_use(check: &Check, port: u16, said: &str, report: &mut Report) {
    report.fail(
        check,
        format!("port {port} is used by a program that is no Protector{said}"),
        format!("`ss -tlnp 'sport = :{port}'` shows it; stop it, or change [api] bind_port"),
    );
}

pub(super) async fn token_cache(ground: &Ground, report: &mut Report) {
    let name = "token cache";
    let Some(shared) = &ground.config.keystone.shared_tokens else {
        let check = check(name, "[keystone_authtoken] memcached_servers");
        report.ok(&check, "each process remembers tokens by itself");
        return;
    };
    let check = check(name, format!("asking {}", shared.servers.join(", ")));
    let mut silent = Vec::new();
    for server in &shared.servers {
        if let Err(reason) = memcached(server, &*ground.clock).await {
            silent.push(format!("{server}: {reason}"));
        }
    }
    let fix = "start memcached there (`systemctl status memcached`) or take it out of \
               [keystone_authtoken] memcached_servers; until then each process asks Keystone by itself";
    report.warnings(&check, &silent, "all answer", fix);
}

async fn memcached(server: &str, clock: &dyn Clock) -> Result<(), String> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(b"version\r\n").await?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match within(clock, PATIENCE, exchange).await {
        None => Err("no answer in time".to_owned()),
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(answer)) if &answer == b"VERSION" => Ok(()),
        Some(Ok(_)) => Err("what answers is no memcached".to_owned()),
    }
}
