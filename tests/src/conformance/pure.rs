//! Two simulated FlashArrays with a clock that moves by hand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use protector_conformance::{
    Bench, BenchError, Benches, Cut, Facility, LinkCondition, NewName, Side,
};
use protector_framework::{
    ArrayIdentity, ArrayVolumeName, ArrayVolumeSerial, Clock, DriverConfig, DriverEnv, GroupRef,
    ManualClock, PointName, RandomIds, Registry, SecretString, StorageDriver,
};
use protector_pure_simulator::{
    ArrayHandle, ArraySpec, Control, Effect, FabricSpec, Fault, LinkState, Profile, Simulator,
    Switches,
};
use reqwest::Method;
use serde_json::{Value, json};

const NAMES: [&str; 2] = ["fa-source", "fa-target"];
const TOKENS: [&str; 2] = [
    "c0ffee00-1111-4a4a-8b8b-1234567890ab",
    "decade00-2222-4b4b-9c9c-ba0987654321",
];
const WRONG_TOKEN: &str = "badbad00-3333-4c4c-8d8d-abcdef012345";
/// What the clock moves on while a verb runs.
const TICK: Duration = Duration::from_millis(250);
/// How many ticks without a call make it plain that the driver waits. On a busy machine a call takes
/// as long as several.
const QUIET: u32 = 20;
/// What the names of the volumes begin with in which the driver keeps its books.
const BOOKS: &str = "drb-";
/// Longer than any test.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Makes pairs of simulated FlashArrays.
#[derive(Debug, Default, Clone, Copy)]
pub struct PureBenches;

#[async_trait]
impl Benches for PureBenches {
    fn name(&self) -> &str {
        "FlashArray, on the simulator"
    }

    fn facilities(&self) -> Vec<Facility> {
        Facility::ALL.into()
    }

    async fn bench(&self) -> Result<Arc<dyn Bench>, BenchError> {
        Ok(Arc::new(PureBench::start().await?))
    }
}

struct PureBench {
    clock: Arc<ManualClock>,
    registry: Registry,
    simulator: Simulator,
    /// The administrator's own way to the arrays.
    http: reqwest::Client,
    sessions: [tokio::sync::OnceCell<String>; 2],
    armed: Mutex<Option<(Side, Cut)>>,
    quiet: Mutex<Quiet>,
}

/// Since when nobody has called.
#[derive(Debug, Default)]
struct Quiet {
    calls: usize,
    ticks: u32,
}

fn index(side: Side) -> usize {
    usize::from(side == Side::Target)
}

impl PureBench {
    async fn start() -> Result<Self, BenchError> {
        let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        let clock = Arc::new(ManualClock::new(start));
        let array = |name: &str, token: &str| ArraySpec {
            name: name.to_owned(),
            profile: Profile::default(),
            api_token: token.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            pool: None,
        };
        let simulator = Simulator::start(FabricSpec {
            arrays: vec![array(NAMES[0], TOKENS[0]), array(NAMES[1], TOKENS[1])],
            connected: true,
            control: None,
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
            switches: Switches::default(),
        })
        .await
        .map_err(BenchError::new)?;
        // Its own listeners on the loopback: there is nobody to be careful of.
        let http = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .map_err(BenchError::new)?;
        let env = DriverEnv {
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
        };
        Ok(Self {
            clock,
            registry: Registry::from_linked(env).map_err(BenchError::new)?,
            simulator,
            http,
            sessions: Default::default(),
            armed: Mutex::new(None),
            quiet: Mutex::default(),
        })
    }

    fn control(&self) -> &Control {
        self.simulator.control()
    }

    fn array(&self, side: Side) -> Result<&ArrayHandle, BenchError> {
        let name = NAMES[index(side)];
        self.simulator
            .array(name)
            .ok_or_else(|| BenchError::new(format!("the simulator has no {name}")))
    }

    fn driver_with(&self, side: Side, token: &str) -> Result<Arc<dyn StorageDriver>, BenchError> {
        let (own, far) = (self.array(side)?, self.array(side.other())?);
        let pin = |array: &ArrayHandle| json!({ "sha256": array.certificate_sha256() });
        let settings = json!({
            "url": own.url(),
            "verify": pin(own),
            "partner": { "url": far.url(), "verify": pin(far) },
        });
        let config = DriverConfig::new(settings)
            .secret("api_token", token.into())
            .secret("partner_api_token", TOKENS[index(side.other())].into());
        Ok(self.registry.storage("pure", config)?)
    }

    /// A call of the arrays' administrator.
    async fn call(
        &self,
        side: Side,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> Result<Value, BenchError> {
        let session = self.sessions[index(side)]
            .get_or_try_init(|| self.login(side))
            .await?;
        let url = format!("{}/api/2.36/{path}", self.array(side)?.url());
        let mut request = self
            .http
            .request(method.clone(), url)
            .query(query)
            .header("x-auth-token", session);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let reply = request.send().await.map_err(BenchError::new)?;
        let (status, text) = (reply.status(), reply.text().await.map_err(BenchError::new)?);
        if !status.is_success() {
            let why = format!("{method} {path} {query:?}: {status}: {text}");
            return Err(BenchError::new(why));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(BenchError::new)
    }

    async fn login(&self, side: Side) -> Result<String, BenchError> {
        let url = format!("{}/api/2.36/login", self.array(side)?.url());
        let request = self.http.post(url).header("api-token", TOKENS[index(side)]);
        let reply = request.send().await.map_err(BenchError::new)?;
        let session = reply.headers().get("x-auth-token");
        let session = session.and_then(|value| value.to_str().ok());
        session
            .map(str::to_owned)
            .ok_or_else(|| BenchError::new(format!("no session: {}", reply.status())))
    }

    /// What is not destroyed of a kind.
    async fn live(&self, side: Side, path: &str) -> Result<Vec<Value>, BenchError> {
        let query = [("destroyed", "false")];
        let found = self.call(side, Method::GET, path, &query, None).await?;
        Ok(found["items"].as_array().cloned().unwrap_or_default())
    }

    /// The live volumes outside of what the driver keeps, with their serials.
    async fn live_volumes(&self, side: Side) -> Result<Vec<(String, String)>, BenchError> {
        let volumes = self.live(side, "volumes").await?;
        Ok(volumes
            .iter()
            .map(|item| (text(&item["name"]), text(&item["serial"])))
            .filter(|(name, _)| !name.starts_with(BOOKS))
            .collect())
    }
}

#[async_trait]
impl Bench for PureBench {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn driver(&self, side: Side) -> Result<Arc<dyn StorageDriver>, BenchError> {
        self.driver_with(side, TOKENS[index(side)])
    }

    async fn identity(&self, side: Side) -> Result<ArrayIdentity, BenchError> {
        let array = self.array(side)?;
        Ok(ArrayIdentity {
            id: array.id().into(),
            name: array.name().to_owned(),
        })
    }

    fn secrets(&self) -> Vec<SecretString> {
        [TOKENS[0], TOKENS[1], WRONG_TOKEN]
            .map(SecretString::from)
            .into()
    }

    async fn create_volume(
        &self,
        side: Side,
        name: NewName,
        size_bytes: u64,
    ) -> Result<ArrayVolumeName, BenchError> {
        let name = match name {
            NewName::Cinder(id) => format!("volume-{id}-cinder"),
            NewName::Plain(name) => name,
        };
        let query = [("names", &*name)];
        let body = json!({ "provisioned": size_bytes });
        self.call(side, Method::POST, "volumes", &query, Some(body))
            .await?;
        Ok(name.into())
    }

    async fn volumes(&self, side: Side) -> Result<Vec<ArrayVolumeName>, BenchError> {
        let live = self.live_volumes(side).await?;
        Ok(live.into_iter().map(|(name, _)| name.into()).collect())
    }

    async fn holdings(&self, side: Side) -> Result<Vec<String>, BenchError> {
        let mut held = Vec::new();
        for path in [
            "volumes",
            "protection-groups",
            "protection-group-snapshots",
            "pods",
        ] {
            let items = self.live(side, path).await?;
            let names = items.iter().map(|item| text(&item["name"]));
            let own = names.filter(|name| path != "volumes" || name.starts_with(BOOKS));
            held.extend(own.map(|name| format!("{path} {name}")));
        }
        Ok(held)
    }

    async fn write(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), BenchError> {
        self.control()
            .write_volume(NAMES[index(side)], volume.as_str(), offset, bytes)
            .map_err(BenchError::new)
    }

    async fn read(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, BenchError> {
        self.control()
            .read_volume(NAMES[index(side)], volume.as_str(), offset, length)
            .map_err(BenchError::new)
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        self.clock.advance(time);
        // The fabric follows the clock when somebody looks.
        self.control().now();
        Ok(())
    }

    async fn tick(&self) {
        let calls = self.control().call_count();
        let waits = {
            let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
            if quiet.calls != calls {
                *quiet = Quiet { calls, ticks: 0 };
            }
            quiet.ticks = quiet.ticks.saturating_add(1);
            quiet.ticks > QUIET
        };
        if waits {
            self.clock.advance(TICK);
        }
    }

    async fn set_link(&self, condition: LinkCondition) -> Result<(), BenchError> {
        let (state, rate) = match condition {
            LinkCondition::Up => (LinkState::Up, None),
            LinkCondition::Down => (LinkState::Down, None),
            LinkCondition::Slow(bytes_per_second) => (LinkState::Up, Some(bytes_per_second)),
        };
        self.control()
            .set_link(NAMES[0], NAMES[1], state, rate)
            .map_err(BenchError::new)
    }

    async fn connect(&self, side: Side, volume: &ArrayVolumeName) -> Result<(), BenchError> {
        self.control()
            .connect_host(NAMES[index(side)], volume.as_str())
            .map_err(BenchError::new)
    }

    async fn disconnect(&self, side: Side, volume: &ArrayVolumeName) -> Result<(), BenchError> {
        self.control()
            .disconnect_host(NAMES[index(side)], volume.as_str())
            .map_err(BenchError::new)
    }

    async fn rename(
        &self,
        side: Side,
        from: &ArrayVolumeName,
        to: &ArrayVolumeName,
    ) -> Result<(), BenchError> {
        let query = [("names", from.as_str())];
        let body = json!({ "name": to.as_str() });
        self.call(side, Method::PATCH, "volumes", &query, Some(body))
            .await?;
        Ok(())
    }

    async fn fill(&self, side: Side) -> Result<(), BenchError> {
        self.control()
            .set_capacity(NAMES[index(side)], 0)
            .map_err(BenchError::new)
    }

    async fn lose_from_point(
        &self,
        side: Side,
        group: &GroupRef,
        point: &PointName,
        volume: &ArrayVolumeSerial,
    ) -> Result<(), BenchError> {
        let GroupRef::Replica { name, source } = group else {
            return Err(BenchError::new("only received points lose volumes"));
        };
        let held = self.live_volumes(side.other()).await?;
        let found = held.iter().find(|(_, serial)| serial == volume.as_str());
        let (held, _) = found.ok_or_else(|| BenchError::new(format!("no volume {volume}")))?;
        let point = format!("{}:{name}.{point}", source.name);
        self.control()
            .remove_from_point(NAMES[index(side)], &point, held)
            .map_err(BenchError::new)
    }

    async fn power(&self, side: Side, on: bool) -> Result<(), BenchError> {
        self.control()
            .set_power(NAMES[index(side)], on)
            .map_err(BenchError::new)
    }

    fn intruder(&self, side: Side) -> Result<Arc<dyn StorageDriver>, BenchError> {
        self.driver_with(side, WRONG_TOKEN)
    }

    async fn read_snapshot(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        snapshot: &str,
        length: usize,
    ) -> Result<Option<Vec<u8>>, BenchError> {
        let name = format!("{volume}.{snapshot}");
        let query = [("destroyed", "false"), ("source_names", volume.as_str())];
        let path = "volume-snapshots";
        let found = self.call(side, Method::GET, path, &query, None).await?;
        let items = found["items"].as_array().cloned().unwrap_or_default();
        if !items.iter().any(|item| item["name"] == name.as_str()) {
            return Ok(None);
        }
        self.control()
            .read_volume(NAMES[index(side)], &name, 0, length)
            .map(Some)
            .map_err(BenchError::new)
    }

    async fn arm(&self, side: Side, cut: Option<Cut>) -> Result<(), BenchError> {
        let control = self.control();
        control.clear_faults();
        control.clear_calls();
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        *armed = cut.map(|cut| (side, cut));
        let Some(cut) = cut else { return Ok(()) };
        control.inject(fault(side, cut)).map_err(BenchError::new)
    }

    fn calls(&self, side: Side) -> Result<u64, BenchError> {
        let calls = self.control().calls(NAMES[index(side)]).len() as u64;
        let armed = *self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        // A call that hangs is not in the record of calls.
        Ok(match armed {
            Some((at, cut)) if at == side && self.control().pending_faults() == 0 => {
                calls.max(cut.nth)
            }
            _ => calls,
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn fault(side: Side, cut: Cut) -> Fault {
    use protector_conformance::Effect as Wanted;
    Fault {
        array: NAMES[index(side)].to_owned(),
        method: None,
        path: String::new(),
        after: u32::try_from(cut.nth.saturating_sub(1)).unwrap_or(u32::MAX),
        times: Some(1),
        effect: match cut.effect {
            Wanted::LostBefore => Effect::DropBefore,
            Wanted::LostAfter => Effect::DropAfter,
            Wanted::Hang => Effect::delay(NEVER),
        },
    }
}
