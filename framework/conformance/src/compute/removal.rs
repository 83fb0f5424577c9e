//! Removes what a case has made, by the keys that it asked for: what a call has made whose reply
//! nobody saw is found too.

use std::sync::Arc;

use protector_framework::{
    ComputeDriver, EnsureVolumeGroup, ErrorKind, FindPort, FindServer, PortRef, ServerRef,
    SetDeleteOnTermination, SetVolumeGroupVolumes, VolumeGroupRef, VolumeRef,
};

use super::bench::ComputeFacility;
use super::case::{Broken, Outcome, check};
use super::rig::{Cloud, Rig};
use crate::plague::Stand as _;

impl Rig {
    /// Puts the bench away; nothing of the case may be left.
    pub(crate) async fn end(&self) -> Outcome {
        let removed = self.remove().await;
        let away = self.bench.end().await;
        removed?;
        away?;
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

    async fn remove(&self) -> Outcome {
        if self.has(ComputeFacility::Power) {
            self.bench.power(true).await?;
        }
        if self.has(ComputeFacility::Cut) {
            self.bench.arm(None).await?;
        }
        let driver = self.restarted(Cloud)?;
        self.remove_servers(&driver).await?;
        self.remove_groups(&driver).await?;
        self.remove_volumes(&driver).await?;
        self.remove_ports(&driver).await
    }

    async fn remove_servers(&self, driver: &Arc<dyn ComputeDriver>) -> Outcome {
        let tags = self.made().tags.clone();
        for tag in tags {
            let find = || async {
                let request = FindServer::new(tag.as_str());
                driver.find_servers(&self.ctx(), request).await
            };
            let found = self.patiently(find).await?;
            for server in &found {
                self.keep_volumes(driver, server).await?;
                let delete = || async {
                    let request = ServerRef::new(&server.id);
                    driver.delete_server(&self.ctx(), request).await
                };
                self.patiently(delete).await?;
            }
            for server in &found {
                self.gone(&server.id).await?;
            }
        }
        Ok(())
    }

    /// A case that was left in the middle may have said that a volume goes with its server; the
    /// volume is the bench's.
    async fn keep_volumes(
        &self,
        driver: &Arc<dyn ComputeDriver>,
        server: &protector_framework::Server,
    ) -> Outcome {
        for volume in server.volumes.iter().filter(|v| v.delete_on_termination) {
            let keep = || async {
                let request = SetDeleteOnTermination::new(&server.id, &volume.id, false);
                driver.set_delete_on_termination(&self.ctx(), request).await
            };
            self.patiently(keep).await?;
        }
        Ok(())
    }

    async fn remove_groups(&self, driver: &Arc<dyn ComputeDriver>) -> Outcome {
        let names = self.made().groups.clone();
        for name in names {
            let kind = self.bench.group_type()?;
            // There is no verb that only looks for a name.
            let ensure = || async {
                let types = vec![kind.volume_type.clone()];
                let request =
                    EnsureVolumeGroup::new(name.as_str(), kind.group_type.as_str(), types);
                driver.ensure_volume_group(&self.ctx(), request).await
            };
            let group = self.patiently(ensure).await?;
            self.emptied(&group.id).await?;
            let delete = || async {
                let request = VolumeGroupRef::new(&group.id);
                driver.delete_volume_group(&self.ctx(), request).await
            };
            self.patiently(delete).await?;
            self.group_gone(&group.id).await?;
        }
        Ok(())
    }

    /// Takes all volumes out of a group and waits for it.
    pub(crate) async fn emptied(&self, id: &protector_framework::VolumeGroupId) -> Outcome {
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

    async fn remove_volumes(&self, driver: &Arc<dyn ComputeDriver>) -> Outcome {
        let names = self.made().volumes.clone();
        for name in names {
            let find = || async { driver.find_volumes(&self.ctx(), &name).await };
            for volume in self.patiently(find).await? {
                let release = || async {
                    let request = VolumeRef::new(&volume.id);
                    driver.unmanage_volume(&self.ctx(), request).await
                };
                self.patiently(release).await?;
                self.volume_gone(&volume.id).await?;
            }
        }
        Ok(())
    }

    async fn remove_ports(&self, driver: &Arc<dyn ComputeDriver>) -> Outcome {
        let macs = self.made().macs.clone();
        if macs.is_empty() || !self.has(ComputeFacility::Ports) {
            return Ok(());
        }
        let network = self.network().await?.id.clone();
        for mac in macs {
            let find = || async {
                let request = FindPort::new(&network, mac.as_str());
                driver.find_port(&self.ctx(), request).await
            };
            if let Some(port) = self.patiently(find).await? {
                let delete = || async {
                    let request = PortRef::new(&port.id);
                    driver.delete_port(&self.ctx(), request).await
                };
                self.patiently(delete).await?;
            }
        }
        Ok(())
    }

    /// Waits until a group can be changed.
    pub(crate) async fn group_ready(&self, id: &protector_framework::VolumeGroupId) -> Outcome {
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
    pub(crate) async fn group_gone(&self, id: &protector_framework::VolumeGroupId) -> Outcome {
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
    pub(crate) async fn volume_gone(&self, id: &protector_framework::VolumeId) -> Outcome {
        let look = || async {
            let request = VolumeRef::new(id);
            match self.driver.get_volume(&self.ctx(), request).await {
                Err(error) if error.kind == ErrorKind::NotFound => Ok(Some(())),
                Err(error) => Err(Broken::from(error)),
                Ok(now) => {
                    check!(
                        now.status != protector_framework::VolumeStatus::Error,
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
