//! The compute driver `mock` on a mock cloud.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protector_conformance::compute::{
    Adoptable, ComputeBench, ComputeBenches, ComputeFacility, GroupKind, TestNetwork,
};
use protector_conformance::{BenchError, Cut};
use protector_driver_mock::world::{NewPort, PROTECTOR_PASSWORD, PROTECTOR_USER, Quota, Tenant};
use protector_framework::{
    Clock, ComputeDriver, ErrorKind, FixedIp, ResourceId, SecretString, ServerId, VolumeId,
};

use super::cloud::{Ground, WRONG_PASSWORD};

const GIB: u64 = 1 << 30;
/// What the cloud needs for what it does later.
const LATER: Duration = Duration::from_secs(1);
const SNAPSHOT: &str = "kit";

/// Makes mock clouds.
#[derive(Debug, Default, Clone, Copy)]
pub struct MockCloudBenches;

#[async_trait]
impl ComputeBenches for MockCloudBenches {
    fn name(&self) -> &str {
        "the mock cloud"
    }

    fn facilities(&self) -> Vec<ComputeFacility> {
        ComputeFacility::ALL.into()
    }

    async fn bench(&self) -> Result<Arc<dyn ComputeBench>, BenchError> {
        Ok(Arc::new(MockCloudBench::new(None)?))
    }
}

/// What stands around each driver of a bench.
type Wrap = Arc<dyn Fn(Arc<dyn ComputeDriver>) -> Arc<dyn ComputeDriver> + Send + Sync>;

/// Makes mock clouds whose driver has something around it.
#[cfg(test)]
pub(super) struct WrappedClouds(Wrap);

#[cfg(test)]
impl WrappedClouds {
    pub(super) fn new<T: ComputeDriver>(
        wrap: impl Fn(Arc<dyn ComputeDriver>) -> Arc<T> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |inner| wrap(inner)))
    }
}

#[cfg(test)]
#[async_trait]
impl ComputeBenches for WrappedClouds {
    fn name(&self) -> &str {
        "the mock cloud behind something"
    }

    fn facilities(&self) -> Vec<ComputeFacility> {
        ComputeFacility::ALL.into()
    }

    async fn bench(&self) -> Result<Arc<dyn ComputeBench>, BenchError> {
        Ok(Arc::new(MockCloudBench::new(Some(Arc::clone(&self.0)))?))
    }
}

struct MockCloudBench {
    wrap: Option<Wrap>,
    ground: Ground,
    tenant: Tenant,
    network: TestNetwork,
    volumes: Mutex<Vec<VolumeId>>,
}

impl MockCloudBench {
    fn new(wrap: Option<Wrap>) -> Result<Self, BenchError> {
        let ground = Ground::new()?;
        // Without an owner, so that another project has ports on it too.
        let network = ground.cloud.add_network("shared-net", None)?;
        let subnet = ground
            .cloud
            .add_subnet(&network, "shared-subnet", "10.30.0.0/24")?;
        let network = TestNetwork {
            id: network,
            subnet,
            addresses: (11..15).map(|host| format!("10.30.0.{host}")).collect(),
            security_group: Some(ground.has.security_group.clone()),
        };
        Ok(Self {
            wrap,
            tenant: ground.cloud.tenant(&ground.has.user, &ground.has.project),
            ground,
            network,
            volumes: Mutex::default(),
        })
    }

    fn driver_with(&self, password: &str) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        let project = &self.ground.has.project;
        let config = self
            .ground
            .cloud
            .driver_config(PROTECTOR_USER, password, project);
        let driver = self.ground.registry.compute("mock", config)?;
        Ok(match &self.wrap {
            Some(wrap) => wrap(driver),
            None => driver,
        })
    }
}

#[async_trait]
impl ComputeBench for MockCloudBench {
    fn clock(&self) -> Arc<dyn Clock> {
        self.ground.clock.clone()
    }

    fn driver(&self) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        self.driver_with(PROTECTOR_PASSWORD)
    }

    fn namespace(&self) -> String {
        "kit".to_owned()
    }

    fn secrets(&self) -> Vec<SecretString> {
        Ground::secrets()
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        self.ground.pass(time);
        Ok(())
    }

    async fn tick(&self) {
        self.ground.tick();
    }

    async fn end(&self) -> Result<(), BenchError> {
        let volumes = {
            let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *volumes)
        };
        for volume in volumes {
            match self.tenant.delete_volume(&volume) {
                Err(error) if error.kind == ErrorKind::NotFound => {}
                other => other?,
            }
        }
        self.ground.pass(LATER);
        Ok(())
    }

    async fn network(&self) -> Result<TestNetwork, BenchError> {
        Ok(self.network.clone())
    }

    fn flavor(&self) -> Result<ResourceId, BenchError> {
        Ok(self.ground.has.flavor.clone())
    }

    async fn volume(&self, name: &str, bootable: bool) -> Result<VolumeId, BenchError> {
        let kind = &self.ground.has.plain_type;
        let volume = self.tenant.create_volume(name, 1, kind, bootable)?;
        self.ground.pass(LATER);
        let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        volumes.push(volume.clone());
        Ok(volume)
    }

    async fn array_volume(&self, name: &str) -> Result<Adoptable, BenchError> {
        self.ground.array.create_volume(name, GIB)?;
        self.ground.array.write(name, 0, name.as_bytes())?;
        Ok(Adoptable {
            source_name: name.to_owned(),
            host: self.ground.has.pool.clone(),
            volume_type: self.ground.has.plain_type.clone(),
            size_gib: 1,
        })
    }

    async fn keeps(&self, volume: &Adoptable) -> Result<bool, BenchError> {
        let array = &self.ground.array;
        // The cloud does what is due when somebody looks at it.
        self.ground.cloud.inventory()?;
        let wanted = volume.source_name.as_bytes();
        for there in array.volumes()? {
            // Longer names begin like shorter ones; what follows is zero.
            let held = array.read(there.name.as_str(), 0, wanted.len() + 1)?;
            if held.split_last() == Some((&0, wanted)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn group_type(&self) -> Result<GroupKind, BenchError> {
        Ok(GroupKind {
            group_type: "protector".to_owned(),
            volume_type: self.ground.has.plain_type.clone(),
        })
    }

    async fn twin(&self, name: &str) -> Result<(), BenchError> {
        let kind = self.group_type()?;
        self.tenant
            .create_volume_group(name, &kind.group_type, &[kind.volume_type])?;
        Ok(())
    }

    async fn snapshot(&self, volume: &VolumeId, there: bool) -> Result<(), BenchError> {
        match there {
            true => self.tenant.snapshot_volume(volume, SNAPSHOT)?,
            false => self.tenant.delete_snapshot(volume, SNAPSHOT)?,
        }
        Ok(())
    }

    async fn owner_changes(&self, server: &ServerId) -> Result<bool, BenchError> {
        let unlocked = self.tenant.unlock_server(server);
        let stopped = self.tenant.stop_server(server);
        Ok(unlocked.is_ok() || stopped.is_ok())
    }

    async fn foreign_port(&self, mac: &str) -> Result<(), BenchError> {
        let has = &self.ground.has;
        let foreign = self.ground.cloud.tenant(&has.admin, &has.service_project);
        let port = NewPort {
            mac_address: Some(mac.to_owned()),
            fixed_ips: vec![FixedIp::new(&self.network.subnet, "10.30.0.99")],
            ..NewPort::default()
        };
        foreign.create_port(&self.network.id, &port)?;
        Ok(())
    }

    async fn no_more_ports(&self) -> Result<(), BenchError> {
        let quota = Quota {
            ports: Some(0),
            ..Quota::default()
        };
        let project = &self.ground.has.project;
        Ok(self.ground.cloud.set_quota(project, quota)?)
    }

    async fn power(&self, on: bool) -> Result<(), BenchError> {
        Ok(self.ground.cloud.set_down(!on)?)
    }

    fn intruder(&self) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        self.driver_with(WRONG_PASSWORD)
    }

    async fn arm(&self, cut: Option<Cut>) -> Result<(), BenchError> {
        self.ground.arm(cut)
    }

    fn calls(&self) -> Result<u64, BenchError> {
        self.ground.calls()
    }

    async fn holdings(&self) -> Result<Vec<String>, BenchError> {
        let all = self.ground.cloud.inventory()?;
        let mine = &self.ground.has.project;
        let mut held = Vec::new();
        for server in all.servers.iter().filter(|s| s.project == *mine) {
            held.push(format!("server {}", server.name));
        }
        for port in all.ports.iter().filter(|p| p.project == *mine) {
            held.push(format!("port {}", port.mac_address));
        }
        for volume in all.volumes.iter().filter(|v| v.project == *mine) {
            held.push(format!("volume {} ({})", volume.name, volume.status));
        }
        for group in all.groups.iter().filter(|g| g.project == *mine) {
            held.push(format!("volume group {}", group.name));
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use protector_conformance::{Options, compute};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_mock_cloud_conforms() {
        let report = compute::run(&MockCloudBenches, &Options::default()).await;
        assert!(report.is_green(true), "{}", report.table());
        assert_eq!(report.passed(), compute::cases().len());
    }
}
