//! Removes what a case has made, by the keys that it asked for: what a call has made whose reply
//! nobody saw is found too.

use std::sync::Arc;

use protector_framework::{
    ComputeDriver, EnsureVolumeGroup, ErrorKind, FindPort, FindServer, PortRef, Server, ServerRef,
    SetDeleteOnTermination, SetVolumeGroupVolumes, VolumeGroupId, VolumeGroupRef, VolumeId,
    VolumeRef, VolumeStatus,
};

use super::bench::ComputeFacility;
use super::case::{Broken, Outcome, check};
use super::rig::{Cloud, Rig};
use crate::case::Failures;
use crate::plague::Stand as _;

impl Rig {
    /// Puts the bench away; nothing of the case may be left.
    pub(crate) async fn end(&self) -> Outcome {
        let mut failures = Failures::default();
        self.remove(&mut failures).await;
        failures.note(self.bench.end().await.map_err(Broken::from));
        failures.outcome()?;
        if self.has(ComputeFacility::Holdings) {
            // What was deleted may be there for a moment.
            let look = || async { Ok(self.bench.holdings().await?.is_empty().then_some(())) };
            if self.until("nothing left", look).await.is_err() {
                let left = self.bench.holdings().await?;
                check!(left.is_empty(), "these are left: {}", left.join(", "));
            }
        }
        Ok(())
    }

    /// Each is tried, however the others went, so that one that cannot be removed keeps none of the
    /// others.
    async fn remove(&self, failures: &mut Failures) {
        if self.has(ComputeFacility::Power) {
            failures.note(self.bench.power(true).await.map_err(Broken::from));
        }
        if self.has(ComputeFacility::Cut) {
            failures.note(self.bench.arm(None).await.map_err(Broken::from));
        }
        let Some(driver) = failures.note(self.restarted(Cloud)) else {
            return;
        };
        let made = self.made().clone();
        for tag in &made.tags {
            failures.note(self.remove_servers(&driver, tag).await);
        }
        for name in &made.groups {
            failures.note(self.remove_group(&driver, name).await);
        }
        for name in &made.volumes {
            failures.note(self.remove_volumes(&driver, name).await);
        }
        if self.has(ComputeFacility::Ports) {
            for mac in &made.macs {
                failures.note(self.remove_port(&driver, mac).await);
            }
        }
    }

    async fn remove_servers(&self, driver: &Arc<dyn ComputeDriver>, tag: &str) -> Outcome {
        let find = || async {
            let request = FindServer::new(tag);
            driver.find_servers(&self.ctx(), request).await
        };
        let found = self.patiently(find).await?;
        let mut failures = Failures::default();
        for server in &found {
            failures.note(self.remove_server(driver, server).await);
        }
        failures.outcome()
    }

    async fn remove_server(&self, driver: &Arc<dyn ComputeDriver>, server: &Server) -> Outcome {
        self.keep_volumes(driver, server).await?;
        let delete = || async {
            let request = ServerRef::new(&server.id);
            driver.delete_server(&self.ctx(), request).await
        };
        self.patiently(delete).await?;
        self.gone(&server.id).await
    }

    /// A case that was left in the middle may have said that a volume goes with its server; the
    /// volume is the bench's.
    async fn keep_volumes(&self, driver: &Arc<dyn ComputeDriver>, server: &Server) -> Outcome {
        for volume in server.volumes.iter().filter(|v| v.delete_on_termination) {
            let keep = || async {
                let request = SetDeleteOnTermination::new(&server.id, &volume.id, false);
                driver.set_delete_on_termination(&self.ctx(), request).await
            };
            self.patiently(keep).await?;
        }
        Ok(())
    }

    async fn remove_group(&self, driver: &Arc<dyn ComputeDriver>, name: &str) -> Outcome {
        let kind = self.bench.group_type()?;
        // There is no verb that only looks for a name.
        let ensure = || async {
            let types = vec![kind.volume_type.clone()];
            let request = EnsureVolumeGroup::new(name, kind.group_type.as_str(), types);
            driver.ensure_volume_group(&self.ctx(), request).await
        };
        let group = self.patiently(ensure).await?;
        self.emptied(&group.id).await?;
        let delete = || async {
            let request = VolumeGroupRef::new(&group.id);
            driver.delete_volume_group(&self.ctx(), request).await
        };
        self.patiently(delete).await?;
        self.group_gone(&group.id).await
    }

    /// Takes all volumes out of a group and waits for it.
    pub(crate) async fn emptied(&self, id: &VolumeGroupId) -> Outcome {
        self.group_ready(id).await?;
        let empty = || async {
            let request = SetVolumeGroupVolumes::new(id, Vec::new());

            self.driver
                .set_volume_group_volumes(&self.ctx(), request)
                .await
        };
        self.patiently(empty).await?;
        let look = || async {
            let request = VolumeGroupRef::new(id);
            let now = self.driver.get_volume_group(&self.ctx(), request).await?;
            Ok((now.available && now.volumes.is_empty()).then_some(()))
        };
        self.until(&format!("volume group {id} empty"), look).await
    }

    async fn remove_volumes(&self, driver: &Arc<dyn ComputeDriver>, name: &str) -> Outcome {
        let find = || async { driver.find_volumes(&self.ctx(), name).await };
        let mut failures = Failures::default();
        for volume in self.patiently(find).await? {
            failures.note(self.release(driver, &volume.id).await);
        }
        failures.outcome()
    }

    async fn release(&self, driver: &Arc<dyn ComputeDriver>, id: &VolumeId) -> Outcome {
        let release = || async {
            let request = VolumeRef::new(id);
            driver.unmanage_volume(&self.ctx(), request).await
        };
        self.patiently(release).await?;
        self.volume_gone(id).await
    }

    async fn remove_port(&self, driver: &Arc<dyn ComputeDriver>, mac: &str) -> Outcome {
        let network = self.network().await?.id.clone();
        let find = || async {
            let request = FindPort::new(&network, mac);
            driver.find_port(&self.ctx(), request).await
        };
        let Some(port) = self.patiently(find).await? else {
            return Ok(());
        };
        let delete = || async {
            let request = PortRef::new(&port.id);
            driver.delete_port(&self.ctx(), request).await
        };
        self.patiently(delete).await
    }

    /// Waits until a group can be changed.
    pub(crate) async fn group_ready(&self, id: &VolumeGroupId) -> Outcome {
        let look = || async {
            let request = VolumeGroupRef::new(id);
            let now = self.driver.get_volume_group(&self.ctx(), request).await?;
            check!(
                !now.raw_status.starts_with("error"),
                "volume group {id} is {}",
                now.raw_status
            );
            Ok(now.available.then_some(()))
        };
        self.until(&format!("volume group {id} available"), look)
            .await
    }

    /// Waits until a group is gone.
    pub(crate) async fn group_gone(&self, id: &VolumeGroupId) -> Outcome {
        let look = || async {
            let request = VolumeGroupRef::new(id);
            match self.driver.get_volume_group(&self.ctx(), request).await {
                Err(error) if error.kind == ErrorKind::NotFound => Ok(Some(())),
                Err(error) => Err(Broken::from(error)),
                Ok(_) => Ok(None),
            }
        };
        self.until(&format!("volume group {id} gone"), look).await
    }

    /// Waits until the cloud does not know a volume any more.
    pub(crate) async fn volume_gone(&self, id: &VolumeId) -> Outcome {
        let look = || async {
            let request = VolumeRef::new(id);
            match self.driver.get_volume(&self.ctx(), request).await {
                Err(error) if error.kind == ErrorKind::NotFound => Ok(Some(())),
                Err(error) => Err(Broken::from(error)),
                Ok(now) => {
                    check!(
                        now.status != VolumeStatus::Error,
                        "volume {id} was to go and is {}",
                        now.raw_status
                    );
                    Ok(None)
                }
            }
        };
        self.until(&format!("volume {id} gone"), look).await
    }
}
