//! The verbs of groups whose writes are on both arrays before they are acknowledged.

use async_trait::async_trait;
use protector_framework::{
    ArrayGroupName, CallCtx, DeleteGroup, DriverError, EnsureGroup, ErrorKind, GetGroup,
    MaterializeVolume, ReplicationMode, SetGroupVolumes, StartReplication, StorageDriver,
};

use super::Verb;
use super::groups::{named, steady};
use crate::plague::Trial;
use crate::storage::bench::Side;
use crate::storage::case::{Claim, Outcome, check};
use crate::storage::rig::{Rig, Vol};

pub(super) fn verbs() -> Vec<Verb> {
    let verb = |name, trial| Verb {
        name,
        at: Side::Source,
        needs: &[],
        claims: &[Claim::SyncReplication],
        at_once: true,
        trial,
    };
    vec![
        verb("sync-ensure-group", || Box::new(Ensure(Mirror::default()))),
        verb("sync-set-group-volumes", || {
            Box::new(Set(Mirror::default()))
        }),
        verb("sync-start-replication", || {
            Box::new(Start(Mirror::default()))
        }),
        verb("sync-delete-group", || Box::new(Delete(Mirror::default()))),
    ]
}

/// A group with a name of its round, and a volume that holds `one`.
#[derive(Default)]
struct Mirror {
    group: Option<ArrayGroupName>,
    volume: Option<Vol>,
    before: Vec<String>,
}

impl Mirror {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        // Arrays have few such groups.
        if let Some(former) = self.group.take() {
            rig.delete_both(&former).await?;
        }
        self.before = rig.holdings(Side::Source).await?;
        self.volume = Some(rig.volume(Side::Source, "one").await?);
        self.group = Some(named(rig, round));
        Ok(())
    }

    fn group(&self, rig: &Rig) -> ArrayGroupName {
        self.group.clone().unwrap_or_else(|| rig.group())
    }

    async fn ensure(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let (group, target) = (self.group(rig), rig.identity(Side::Target));
        let request = EnsureGroup::new(group, ReplicationMode::Sync, target);
        Ok(steady(&driver.ensure_group(ctx, request).await?))
    }

    /// Sets the volumes by the names that they had at first.
    async fn set(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let names: Vec<_> = self.volume.iter().map(|v| v.name.clone()).collect();
        let request = SetGroupVolumes::new(self.group(rig), names);
        Ok(steady(&driver.set_group_volumes(ctx, request).await?))
    }

    async fn start(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let request = StartReplication::new(self.group(rig), "p1");
        let sent = driver.start_replication(ctx, request).await?;
        Ok(format!("{} of {}", sent.point, sent.taken_at))
    }

    /// Checks that the group holds its volume, wholly on the target, and that a point of it gives
    /// the volume's bytes there.
    async fn works(&self, rig: &Rig) -> Outcome {
        let group = self.group(rig);
        rig.seeded(&group).await?;
        let status = rig.status(&group).await?;
        let held: Vec<_> = status.volumes.iter().map(|v| &v.serial).collect();
        let wanted: Vec<_> = self.volume.iter().map(|v| &v.serial).collect();
        check!(held == wanted, "it holds {held:?} and not {wanted:?}");
        self.start(rig, &*rig.source, &rig.ctx()).await?;
        rig.arrive(&group, "p1").await?;
        if let Some(volume) = &self.volume {
            let copy = rig.name(&format!("{group}-copy"));
            let request =
                MaterializeVolume::new(rig.replica(&group), "p1", &volume.serial, copy.as_str());
            rig.target
                .materialize_volume(&rig.step(&copy), request)
                .await?;
            rig.holds(Side::Target, &copy.into(), "one").await?;
        }
        Ok(())
    }
}

/// A group that is not there yet.
struct Ensure(Mirror);

#[async_trait]
impl Trial<Rig> for Ensure {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.0.stage(rig, round).await
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        self.0.ensure(rig, driver, ctx).await
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let status = rig.status(&self.0.group(rig)).await?;
        let target = rig.identity(Side::Target);
        check!(status.target == target, "it sends to {:?}", status.target);
        Ok(())
    }
}

/// A group without volumes.
struct Set(Mirror);

#[async_trait]
impl Trial<Rig> for Set {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.0.stage(rig, round).await?;
        self.0.ensure(rig, &*rig.source, &rig.ctx()).await?;
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        self.0.set(rig, driver, ctx).await
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        self.0.works(rig).await
    }
}

/// A group whose point is not there yet.
struct Start(Mirror);

#[async_trait]
impl Trial<Rig> for Start {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.0.stage(rig, round).await?;
        self.0.ensure(rig, &*rig.source, &rig.ctx()).await?;
        self.0.set(rig, &*rig.source, &rig.ctx()).await?;
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        self.0.start(rig, driver, ctx).await
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        self.0.works(rig).await
    }
}

/// A group with a volume and a point.
struct Delete(Mirror);

#[async_trait]
impl Trial<Rig> for Delete {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.0.stage(rig, round).await?;
        self.0.ensure(rig, &*rig.source, &rig.ctx()).await?;
        self.0.set(rig, &*rig.source, &rig.ctx()).await?;
        self.0.start(rig, &*rig.source, &rig.ctx()).await?;
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let group = rig.local(&self.0.group(rig));
        driver.delete_group(ctx, DeleteGroup::new(group)).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let get = GetGroup::new(self.0.group(rig));
        let told = rig.source.get_group(&rig.ctx(), get).await;
        rig.refused(told, &[ErrorKind::NotFound])?;
        rig.holds_only(Side::Source, &self.0.before).await?;
        if let Some(volume) = &self.0.volume {
            rig.holds(Side::Source, &volume.name, "one").await?;
        }
        Ok(())
    }
}
