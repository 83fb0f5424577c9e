//! Two simulated arrays, a driver for each, and the hands of an administrator.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use protector_driver_pure as _;
use protector_framework::{
    ArrayIdentity, ArrayVolume, CallCtx, Clock, DriverConfig, DriverEnv, EnsureGroup,
    GenericUuid as _, GetReplication, GroupRef, Ids as _, ListPoints, ManualClock, OperationId,
    Point, RandomIds, Registry, ReplicationMode, Result, SetGroupVolumes, StartReplication,
    StorageDriver, SystemClock, TransferState,
};
use protector_pure_simulator::{ArraySpec, Control, FabricSpec, Profile, Simulator, Switches};
use serde_json::{Value, json};

pub(crate) const A: &str = "fa-a";
pub(crate) const B: &str = "fa-b";
pub(crate) const TOKEN: &str = "token-f3c1-9d27-secret";
pub(crate) const SIZE: u64 = 1 << 20;
pub(crate) const GROUP: &str = "protector-group";

/// Two connected arrays whose time moves by hand.
pub(crate) struct Fabric {
    pub(crate) sim: Simulator,
    pub(crate) clock: Arc<ManualClock>,
    registry: Registry,
    http: reqwest::Client,
    operation: OperationId,
}

impl Fabric {
    pub(crate) async fn new() -> Self {
        Self::with(Profile::default(), Switches::default()).await
    }

    pub(crate) async fn with(profile: Profile, switches: Switches) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let start = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let array = |name: &str| ArraySpec {
            name: name.to_owned(),
            profile,
            api_token: TOKEN.into(),
            listen: "127.0.0.1:0".parse().unwrap(),
            pool: None,
        };
        let spec = FabricSpec {
            arrays: vec![array(A), array(B)],
            connected: true,
            control: None,
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
            switches,
        };
        let env = DriverEnv {
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
        };
        Self {
            sim: Simulator::start(spec).await.unwrap(),
            clock,
            registry: Registry::from_linked(env).unwrap(),
            http: reqwest::Client::builder()
                .tls_danger_accept_invalid_certs(true)
                .build()
                .unwrap(),
            operation: OperationId::from_untyped_uuid(RandomIds.uuid()),
        }
    }

    pub(crate) fn control(&self) -> &Control {
        self.sim.control()
    }

    /// The settings of the driver for an array that pins both certificates.
    pub(crate) fn settings(&self, array: &str) -> Value {
        let place = |name: &str| {
            let array = self.sim.array(name).unwrap();
            json!({
                "url": format!("https://{}", array.address()),
                "verify": {"sha256": array.certificate_sha256()},
            })
        };
        let mut settings = place(array);
        settings["partner"] = place(if array == A { B } else { A });
        settings
    }

    pub(crate) fn build(&self, settings: Value, token: &str) -> Result<Arc<dyn StorageDriver>> {
        let config = DriverConfig::new(settings)
            .secret("api_token", token.into())
            .secret("partner_api_token", TOKEN.into());
        self.registry.storage("pure", config)
    }

    /// A new instance, as after a restart.
    pub(crate) fn driver(&self, array: &str) -> Arc<dyn StorageDriver> {
        self.build(self.settings(array), TOKEN).unwrap()
    }

    /// An instance that knows no other array.
    pub(crate) fn alone(&self, array: &str) -> Arc<dyn StorageDriver> {
        let mut settings = self.settings(array);
        settings.as_object_mut().unwrap().remove("partner");
        self.build(settings, TOKEN).unwrap()
    }

    pub(crate) fn identity(&self, array: &str) -> ArrayIdentity {
        ArrayIdentity {
            id: self.sim.array(array).unwrap().id().into(),
            name: array.to_owned(),
        }
    }

    pub(crate) fn replica(&self, from: &str) -> GroupRef {
        GroupRef::Replica {
            name: GROUP.into(),
            source: self.identity(from),
        }
    }

    pub(crate) fn ctx(&self) -> CallCtx {
        CallCtx::new(RandomIds.request_id(), CallCtx::MAX_DEADLINE)
    }

    pub(crate) fn step(&self, key: &str) -> CallCtx {
        self.ctx().for_step(self.operation, key, 1)
    }

    pub(crate) fn operation(&self) -> String {
        self.operation.to_string()
    }

    /// Lets time go on while a verb runs, as it does outside of tests.
    pub(crate) async fn going<T>(&self, verb: impl Future<Output = T>) -> T {
        let wall = SystemClock::new();
        let mut verb = std::pin::pin!(verb);
        loop {
            match select(verb, std::pin::pin!(wall.sleep(Duration::from_millis(3)))).await {
                Either::Left((reply, _)) => return reply,
                Either::Right(((), running)) => {
                    self.clock.advance(Duration::from_millis(100));
                    verb = running;
                }
            }
        }
    }

    /// Sends a call as an administrator does.
    pub(crate) async fn rest(&self, array: &str, method: &str, path: &str, body: Value) -> Value {
        let base = format!(
            "https://{}/api/2.4",
            self.sim.array(array).unwrap().address()
        );
        let login = self
            .http
            .post(format!("{base}/login"))
            .header("api-token", TOKEN)
            .send()
            .await
            .unwrap();
        let session = login.headers()["x-auth-token"].clone();
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{base}/{path}"))
            .header("x-auth-token", session);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Makes a volume and returns its serial.
    pub(crate) async fn volume(&self, array: &str, name: &str, holds: &[u8]) -> String {
        let path = format!("volumes?names={}", name.replace(':', "%3A"));
        let made = self
            .rest(array, "POST", &path, json!({"provisioned": SIZE}))
            .await;
        self.control().write_volume(array, name, 0, holds).unwrap();
        made["items"][0]["serial"].as_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, array: &str, volume: &str, length: usize) -> Vec<u8> {
        self.control()
            .read_volume(array, volume, 0, length)
            .unwrap()
    }

    /// The live volumes of an array that are not the driver's own notes.
    pub(crate) async fn volumes(&self, array: &str) -> Vec<String> {
        let mut names = self.all_volumes(array).await;
        names.retain(|name| !name.starts_with("drb-"));
        names
    }

    /// The volumes in which the driver keeps its notes.
    pub(crate) async fn notes(&self, array: &str) -> Vec<String> {
        let mut names = self.all_volumes(array).await;
        names.retain(|name| name.starts_with("drb-"));
        names
    }

    /// The groups of an array, those that it receives among them.
    pub(crate) async fn groups(&self, array: &str) -> Vec<String> {
        self.live(array, "protection-groups").await
    }

    async fn all_volumes(&self, array: &str) -> Vec<String> {
        self.live(array, "volumes").await
    }

    /// The names of what is not destroyed of a kind.
    async fn live(&self, array: &str, kind: &str) -> Vec<String> {
        let path = format!("{kind}?destroyed=false");
        let listed = self.rest(array, "GET", &path, Value::Null).await;
        let items = listed["items"].as_array().unwrap().iter();
        let mut names: Vec<String> = items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// The request for the group that most tests use.
    pub(crate) fn ensure(&self, to: &str) -> EnsureGroup {
        EnsureGroup::new(GROUP, ReplicationMode::Async, self.identity(to))
    }

    pub(crate) fn set(&self, volumes: &[&str]) -> SetGroupVolumes {
        let volumes: Vec<_> = volumes.iter().map(|name| (*name).into()).collect();
        SetGroupVolumes::new(GROUP, volumes)
    }

    /// Makes the group with these volumes.
    pub(crate) async fn protect(&self, from: &str, volumes: &[&str]) {
        let driver = self.driver(from);
        let to = if from == A { B } else { A };
        self.going(driver.ensure_group(&self.ctx(), self.ensure(to)))
            .await
            .unwrap();
        driver
            .set_group_volumes(&self.ctx(), self.set(volumes))
            .await
            .unwrap();
    }

    /// Takes a point and waits until it has arrived.
    pub(crate) async fn send(&self, from: &str, point: &str) {
        let driver = self.driver(from);
        driver
            .start_replication(&self.ctx(), StartReplication::new(GROUP, point))
            .await
            .unwrap();
        for _ in 0..100 {
            let told = driver
                .get_replication(&self.ctx(), GetReplication::new(GROUP, point))
                .await
                .unwrap();
            if told.state == TransferState::Complete {
                return;
            }
            self.clock.advance(Duration::from_secs(1));
        }
        panic!("point {point} does not arrive");
    }

    /// The points that an array has received from another.
    pub(crate) async fn received(&self, at: &str, from: &str) -> Vec<Point> {
        let request = ListPoints::new(self.replica(from));
        self.driver(at)
            .list_points(&self.ctx(), request)
            .await
            .unwrap()
    }

    /// Makes a volume on an array from a point that it has received.
    pub(crate) async fn copy(
        &self,
        at: &str,
        point: &str,
        serial: &str,
        name: &str,
    ) -> ArrayVolume {
        let from = if at == A { B } else { A };
        let request =
            protector_framework::MaterializeVolume::new(self.replica(from), point, serial, name);
        self.alone(at)
            .materialize_volume(&self.step(name), request)
            .await
            .unwrap()
    }
}
