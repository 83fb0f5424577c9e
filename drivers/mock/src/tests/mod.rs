//! The drivers at their boundary, built through the registry as the engine builds them.

mod boot;
mod cloud;
mod faults;
mod identity;
mod log;
mod points;
mod replication;
mod settings;
mod sharing;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protector_framework::{
    ArrayGroupName, ArrayVolumeName, ArrayVolumeSerial, CallCtx, ComputeDriver, DriverEnv,
    EnsureGroup, GetReplication, GroupRef, IdentityDriver, ManualClock, ProjectId, RandomIds,
    Registry, ReplicationMode, ServerId, SetGroupVolumes, StartReplication, StorageDriver,
    Transfer, VolumeId,
};
use tempfile::TempDir;

use crate::world::{
    Furniture, LinkSettings, MockArray, MockCloud, NewServer, PROTECTOR_PASSWORD, PROTECTOR_USER,
    Tenant,
};

const TOKEN: &str = "array-token";
const GROUP: &str = "protector-group";
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn env(clock: &Arc<ManualClock>) -> DriverEnv {
    DriverEnv {
        clock: clock.clone(),
        ids: Arc::new(RandomIds),
    }
}

fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()))
}

fn registry(env: &DriverEnv) -> Registry {
    Registry::from_linked(env.clone()).unwrap()
}

fn ctx() -> CallCtx {
    CallCtx::new("req-test", Duration::from_secs(60))
}

fn storage(array: &MockArray, env: &DriverEnv) -> Arc<dyn StorageDriver> {
    registry(env)
        .storage("mock", array.driver_config(TOKEN))
        .unwrap()
}

/// Two linked arrays.
struct Pair {
    clock: Arc<ManualClock>,
    a: MockArray,
    b: MockArray,
    source: Arc<dyn StorageDriver>,
    target: Arc<dyn StorageDriver>,
    _directory: TempDir,
}

impl Pair {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let clock = manual_clock();
        let env = env(&clock);
        let array = |name: &str| {
            let path = directory.path().join(name).join("pool");
            MockArray::create(path, name, TOKEN, env.clone()).unwrap()
        };
        let (a, b) = (array("a"), array("b"));
        a.link(&b, &LinkSettings::up()).unwrap();
        Self {
            source: storage(&a, &env),
            target: storage(&b, &env),
            clock,
            a,
            b,
            _directory: directory,
        }
    }

    fn replica(&self) -> GroupRef {
        GroupRef::Replica {
            name: GROUP.into(),
            source: self.a.identity().unwrap(),
        }
    }

    /// Makes volumes of 1 GiB on the source, each with its name at its start.
    fn volumes(&self, names: &[&str]) {
        for name in names {
            self.a.create_volume(name, GIB).unwrap();
            self.a.write(name, 0, name.as_bytes()).unwrap();
        }
    }

    fn ensure(&self) -> EnsureGroup {
        EnsureGroup::new(GROUP, ReplicationMode::Async, self.b.identity().unwrap())
    }

    async fn group(&self, names: &[&str]) {
        self.source
            .ensure_group(&ctx(), self.ensure())
            .await
            .unwrap();
        self.set(names).await;
    }

    async fn set(&self, names: &[&str]) {
        let names: Vec<ArrayVolumeName> = names.iter().map(|name| (*name).into()).collect();
        self.source
            .set_group_volumes(&ctx(), SetGroupVolumes::new(GROUP, names))
            .await
            .unwrap();
    }

    async fn send(&self, point: &str) -> Transfer {
        self.source
            .start_replication(&ctx(), StartReplication::new(GROUP, point))
            .await
            .unwrap()
    }

    async fn transfer(&self, point: &str) -> Transfer {
        self.source
            .get_replication(&ctx(), GetReplication::new(GROUP, point))
            .await
            .unwrap()
    }

    fn serial(&self, name: &str) -> ArrayVolumeSerial {
        serial(&self.a, name)
    }

    /// The points on the target: name and whether complete.
    async fn received(&self) -> Vec<(String, bool)> {
        let req = protector_framework::ListPoints::new(self.replica());
        let points = self.target.list_points(&ctx(), req).await.unwrap();
        points
            .into_iter()
            .map(|point| (point.name.to_string(), point.complete))
            .collect()
    }
}

fn serial(array: &MockArray, name: &str) -> ArrayVolumeSerial {
    let volumes = array.volumes().unwrap();
    let found = volumes.into_iter().find(|v| v.name.as_str() == name);
    found.unwrap().serial
}

fn local() -> GroupRef {
    GroupRef::Local {
        name: ArrayGroupName::from(GROUP),
    }
}

/// A furnished cloud on an array.
struct World {
    clock: Arc<ManualClock>,
    env: DriverEnv,
    array: MockArray,
    cloud: MockCloud,
    has: Furniture,
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let clock = manual_clock();
        let env = env(&clock);
        let (array, cloud, has) = build_world(directory.path(), &env);
        Self {
            clock,
            env,
            array,
            cloud,
            has,
            directory,
        }
    }

    fn tenant(&self) -> Tenant {
        self.cloud.tenant(&self.has.user, &self.has.project)
    }

    fn compute_in(&self, project: &ProjectId) -> Arc<dyn ComputeDriver> {
        let config = self
            .cloud
            .driver_config(PROTECTOR_USER, PROTECTOR_PASSWORD, project);
        registry(&self.env).compute("mock", config).unwrap()
    }

    fn compute(&self) -> Arc<dyn ComputeDriver> {
        self.compute_in(&self.has.project)
    }

    fn identity(&self) -> Arc<dyn IdentityDriver> {
        let config = self.cloud.driver_config(
            PROTECTOR_USER,
            PROTECTOR_PASSWORD,
            &self.has.service_project,
        );
        registry(&self.env).identity("mock", config).unwrap()
    }

    /// Lets the cloud finish what it has begun.
    fn pass(&self) {
        self.clock.advance(Duration::from_secs(1));
        // A cloud finishes what it has begun when somebody looks.
        self.cloud.inventory().unwrap();
    }

    fn volume(&self, name: &str, bootable: bool) -> VolumeId {
        let id = self
            .tenant()
            .create_volume(name, 1, &self.has.volume_type, bootable)
            .unwrap();
        self.pass();
        id
    }

    /// A running server with a root and a data volume and one port of its own.
    fn server(&self, name: &str) -> (ServerId, Vec<VolumeId>) {
        let volumes = vec![
            self.volume(&format!("{name}-root"), true),
            self.volume(&format!("{name}-data"), false),
        ];
        let server = NewServer {
            name: name.to_owned(),
            volumes: volumes.clone(),
            networks: vec![self.has.network.clone()],
            ..NewServer::default()
        };
        let id = self
            .tenant()
            .create_server(&self.has.flavor, &server)
            .unwrap();
        self.pass();
        (id, volumes)
    }
}

fn build_world(directory: &Path, env: &DriverEnv) -> (MockArray, MockCloud, Furniture) {
    let array = MockArray::create(directory.join("pool"), "array", TOKEN, env.clone()).unwrap();
    let cloud = MockCloud::create(directory.join("cloud"), "RegionOne", env.clone()).unwrap();
    let has = cloud.furnish(&array, "10.0.0.0/24").unwrap();
    (array, cloud, has)
}
