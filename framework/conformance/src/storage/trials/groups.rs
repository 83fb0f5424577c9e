//! The verbs of groups.

use async_trait::async_trait;
use protector_framework::{
    ArrayGroupName, CallCtx, DeleteGroup, DriverError, ErrorKind, GetGroup, GroupStatus,
    ListPoints, SetGroupVolumes, StorageDriver, SuspendGroup,
};

use super::{Staged, Verb};
use crate::plague::Trial;
use crate::storage::bench::Side;
use crate::storage::case::{Claim, Outcome, check};
use crate::storage::rig::{Rig, Vol, shown};

const ASYNC: &[Claim] = &[Claim::AsyncReplication];

fn verb(name: &'static str, side: Side, trial: fn() -> Staged) -> Verb {
    Verb {
        name,
        at: side,
        needs: &[],
        claims: ASYNC,
        at_once: true,
        trial,
    }
}

pub(super) fn verbs() -> Vec<Verb> {
    vec![
        verb("ensure-group-new", Side::Source, || {
            Box::<Ensure>::default()
        }),
        verb("ensure-group-resumed", Side::Source, || {
            Box::<Resume>::default()
        }),
        verb("set-group-volumes-more", Side::Source, || {
            Box::<More>::default()
        }),
        verb("set-group-volumes-fewer", Side::Source, || {
            Box::<Fewer>::default()
        }),
        verb("suspend-group", Side::Source, || Box::new(Suspend)),
        verb("delete-group", Side::Source, || Box::<Delete>::default()),
        verb("delete-group-received", Side::Target, || {
            Box::<DeleteReceived>::default()
        }),
    ]
}

/// A group's status without what moves by itself.
pub(super) fn steady(status: &GroupStatus) -> String {
    let mut volumes: Vec<_> = status
        .volumes
        .iter()
        .map(|volume| format!("{} {}", volume.name, volume.serial))
        .collect();
    volumes.sort();
    format!(
        "{} to {} holds {volumes:?}, scheduled: {}",
        status.group, status.target.id, status.scheduled
    )
}

pub(super) fn named(rig: &Rig, round: u64) -> ArrayGroupName {
    rig.group_named(&format!("kit-round-{round}"))
}

/// A group that is not there yet.
#[derive(Default)]
struct Ensure {
    group: Option<ArrayGroupName>,
    volumes: Vec<Vol>,
}

impl Ensure {
    fn group(&self, rig: &Rig) -> ArrayGroupName {
        self.group.clone().unwrap_or_else(|| rig.group())
    }
}

#[async_trait]
impl Trial<Rig> for Ensure {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.volumes = rig.volumes(&["one"]).await?;
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.group = Some(named(rig, round));
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let request = rig
            .ensure(&self.group(rig))
            .interval_seconds(3600)
            .keep_points(3_u32);
        Ok(steady(&driver.ensure_group(ctx, request).await?))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let status = rig.status(&self.group(rig)).await?;
        check!(status.scheduled, "it is {status:?}");
        check!(
            status.target == rig.identity(Side::Target),
            "it sends to {:?}",
            status.target
        );
        // That it sends is what it is there for. Once: it may be looked at again.
        if status.volumes.is_empty() {
            rig.set(&self.group(rig), &self.volumes).await?;
            rig.start(&self.group(rig), "proof").await?;
            rig.arrive(&self.group(rig), "proof").await?;
            rig.set(&self.group(rig), &[]).await?;
        }
        Ok(())
    }
}

/// A group that was suspended.
#[derive(Default)]
struct Resume {
    round: u64,
}

#[async_trait]
impl Trial<Rig> for Resume {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        rig.sent(&["one"]).await.map(|_| ())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.round = round;
        let request = SuspendGroup::new(rig.group());
        Ok(rig.source.suspend_group(&rig.ctx(), request).await?)
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let request = rig.ensure(&rig.group()).interval_seconds(3600);
        Ok(steady(&driver.ensure_group(ctx, request).await?))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let status = rig.status(&rig.group()).await?;
        check!(
            status.scheduled && status.volumes.len() == 1,
            "it is {status:?}"
        );
        rig.send(&rig.group(), &format!("round-{}", self.round))
            .await?;
        Ok(())
    }
}

async fn set(
    rig: &Rig,
    driver: &dyn StorageDriver,
    ctx: &CallCtx,
    volumes: &[Vol],
) -> Result<String, DriverError> {
    let names: Vec<_> = volumes.iter().map(|volume| volume.name.clone()).collect();
    let request = SetGroupVolumes::new(rig.group(), names);
    Ok(steady(&driver.set_group_volumes(ctx, request).await?))
}

async fn hold(rig: &Rig, volumes: &[Vol]) -> Outcome {
    let status = rig.status(&rig.group()).await?;
    let mut held: Vec<_> = status.volumes.iter().map(|v| v.serial.clone()).collect();
    let mut wanted: Vec<_> = volumes.iter().map(|v| v.serial.clone()).collect();
    held.sort();
    wanted.sort();
    check!(
        held == wanted,
        "the group holds {held:?} and was set to {wanted:?}"
    );
    Ok(())
}

/// Volumes that are put into a group.
#[derive(Default)]
struct More {
    old: Vec<Vol>,
    all: Vec<Vol>,
}

#[async_trait]
impl Trial<Rig> for More {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.old = rig.sent(&["one"]).await?;
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        rig.set(&rig.group(), &self.old).await?;
        self.all = self.old.clone();
        self.all.extend(rig.volumes(&["two", "three"]).await?);
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        set(rig, driver, ctx, &self.all).await
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        hold(rig, &self.all).await
    }
}

/// Volumes that are taken out of a group.
#[derive(Default)]
struct Fewer {
    all: Vec<Vol>,
}

#[async_trait]
impl Trial<Rig> for Fewer {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.all = rig.sent(&["one", "two", "three"]).await?;
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        rig.set(&rig.group(), &self.all).await.map(|_| ())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        set(rig, driver, ctx, &self.all[..1]).await
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        hold(rig, &self.all[..1]).await
    }
}

/// A group that sends.
struct Suspend;

#[async_trait]
impl Trial<Rig> for Suspend {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        rig.sent(&["one"]).await.map(|_| ())
    }

    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        let request = rig.ensure(&rig.group()).interval_seconds(3600);
        rig.source.ensure_group(&rig.ctx(), request).await?;
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        driver
            .suspend_group(ctx, SuspendGroup::new(rig.group()))
            .await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let status = rig.status(&rig.group()).await?;
        check!(!status.scheduled, "it is scheduled");
        let start = protector_framework::StartReplication::new(rig.group(), "no-point");
        let started = rig.source.start_replication(&rig.ctx(), start).await;
        rig.refused(started, &[ErrorKind::Conflict])?;
        let points = rig.received_points(&rig.group()).await?;
        check!(
            points.iter().any(|p| p.complete),
            "the target has {:?}",
            shown(&points)
        );
        Ok(())
    }
}

/// A group with volumes and points.
#[derive(Default)]
struct Delete {
    group: Option<ArrayGroupName>,
    volumes: Vec<Vol>,
    /// What there was beside volumes before the group.
    before: Vec<String>,
}

impl Delete {
    fn group(&self, rig: &Rig) -> ArrayGroupName {
        self.group.clone().unwrap_or_else(|| rig.group())
    }
}

#[async_trait]
impl Trial<Rig> for Delete {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.volumes = rig.volumes(&["one", "two"]).await?;
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        let group = named(rig, round);
        self.before = rig.holdings(Side::Source).await?;
        rig.protect(&group, &self.volumes).await?;
        self.group = Some(group);
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let group = rig.local(&self.group(rig));
        driver.delete_group(ctx, DeleteGroup::new(group)).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let group = self.group(rig);
        let told = rig
            .source
            .get_group(&rig.ctx(), GetGroup::new(&group))
            .await;
        rig.refused(told, &[ErrorKind::NotFound])?;
        let here = ListPoints::new(rig.local(&group));
        let here = rig.source.list_points(&rig.ctx(), here).await?;
        check!(here.is_empty(), "the source has {:?}", shown(&here));
        for volume in &self.volumes {
            rig.holds(Side::Source, &volume.name, &volume.label).await?;
        }
        rig.holds_only(Side::Source, &self.before).await
    }
}

/// What was received of a group that is gone.
#[derive(Default)]
struct DeleteReceived {
    sent: Delete,
    /// What there was beside volumes before anything was received.
    before: Vec<String>,
}

#[async_trait]
impl Trial<Rig> for DeleteReceived {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.sent.prepare(rig).await
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.before = rig.holdings(Side::Target).await?;
        self.sent.stage(rig, round).await?;
        self.sent.act(rig, &*rig.source, &rig.ctx()).await?;
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let group = rig.replica(&self.sent.group(rig));
        driver.delete_group(ctx, DeleteGroup::new(group)).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let points = rig.received_points(&self.sent.group(rig)).await?;
        check!(points.is_empty(), "the target has {:?}", shown(&points));
        rig.holds_only(Side::Target, &self.before).await
    }
}
