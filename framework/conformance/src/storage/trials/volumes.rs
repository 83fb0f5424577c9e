//! The verbs of volumes.

use async_trait::async_trait;
use protector_framework::{
    ArrayVolume, ArrayVolumeName, CallCtx, DiscardVolume, DriverError, ErrorKind, GetVolume,
    OverwriteVolume, SnapshotVolume, StorageDriver,
};

use super::Verb;
use crate::plague::Trial;
use crate::storage::bench::{Facility, Side};
use crate::storage::case::{Broken, Claim, Outcome, check};
use crate::storage::rig::{Rig, Vol, pattern};

const ASYNC: &[Claim] = &[Claim::AsyncReplication];

pub(super) fn verbs() -> Vec<Verb> {
    vec![
        Verb {
            name: "materialize-volume",
            at: Side::Target,
            needs: &[],
            claims: ASYNC,
            at_once: true,
            trial: || Box::<Materialize>::default(),
        },
        Verb {
            name: "overwrite-volume",
            at: Side::Target,
            needs: &[],
            claims: ASYNC,
            at_once: true,
            trial: || Box::<Overwrite>::default(),
        },
        Verb {
            name: "snapshot-volume",
            at: Side::Source,
            needs: &[Facility::Snapshots],
            claims: &[],
            at_once: true,
            trial: || Box::<Snapshot>::default(),
        },
        Verb {
            name: "discard-volume",
            at: Side::Source,
            needs: &[],
            claims: &[],
            at_once: true,
            trial: || Box::<Discard>::default(),
        },
        Verb {
            name: "discard-volume-renamed",
            at: Side::Source,
            needs: &[Facility::Rename],
            claims: &[],
            at_once: true,
            trial: || Box::<DiscardRenamed>::default(),
        },
    ]
}

fn told(volume: &ArrayVolume) -> String {
    format!("{} {} {}", volume.name, volume.serial, volume.size_bytes)
}

fn staged(volume: Option<&Vol>) -> Outcome<&Vol> {
    volume.ok_or_else(|| Broken("the trial was not staged".to_owned()))
}

/// A volume that is not there yet.
#[derive(Default)]
struct Materialize {
    source: Option<Vol>,
    name: String,
    before: Vec<ArrayVolumeName>,
}

#[async_trait]
impl Trial<Rig> for Materialize {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.source = rig.sent(&["one"]).await?.pop();
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.name = format!("round-{round}");
        self.before = rig.names(Side::Target).await?;
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let Some(source) = &self.source else {
            return Err(DriverError::not_found("the staged volume"));
        };
        let request = rig.copy_of("p1", source, &self.name);
        Ok(told(&driver.materialize_volume(ctx, request).await?))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let name = ArrayVolumeName::from(rig.name(&self.name));
        rig.holds(Side::Target, &name, "one").await?;
        let mut wanted = self.before.clone();
        wanted.push(name);
        wanted.sort();
        let names = rig.names(Side::Target).await?;
        check!(
            names == wanted,
            "there were to be {wanted:?} and are {names:?}"
        );
        Ok(())
    }
}

/// A volume with other content.
#[derive(Default)]
struct Overwrite {
    source: Option<Vol>,
    there: Option<Vol>,
    before: Vec<ArrayVolumeName>,
}

#[async_trait]
impl Trial<Rig> for Overwrite {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.source = rig.sent(&["one"]).await?.pop();
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.there = Some(rig.volume(Side::Target, &format!("round-{round}")).await?);
        self.before = rig.names(Side::Target).await?;
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let (Some(source), Some(there)) = (&self.source, &self.there) else {
            return Err(DriverError::not_found("the staged volume"));
        };
        let replica = rig.replica(&rig.group());
        let request =
            OverwriteVolume::new(replica, "p1", &source.serial, &there.name, &there.serial);
        Ok(told(&driver.overwrite_volume(ctx, request).await?))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let there = staged(self.there.as_ref())?;
        let now = rig
            .target
            .get_volume(&rig.ctx(), GetVolume::new(&there.name))
            .await?;
        check!(
            now.serial == there.serial,
            "it was {there:?} and is {now:?}"
        );
        rig.holds(Side::Target, &there.name, "one").await?;
        let names = rig.names(Side::Target).await?;
        check!(
            names == self.before,
            "volumes before {:?}, after {names:?}",
            self.before
        );
        Ok(())
    }
}

/// A volume without a snapshot of the name.
#[derive(Default)]
struct Snapshot {
    volume: Option<Vol>,
}

#[async_trait]
impl Trial<Rig> for Snapshot {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.volume = Some(rig.volume(Side::Source, &format!("round-{round}")).await?);
        Ok(())
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let Some(volume) = &self.volume else {
            return Err(DriverError::not_found("the staged volume"));
        };
        driver
            .snapshot_volume(ctx, SnapshotVolume::new(&volume.name, "before"))
            .await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let volume = staged(self.volume.as_ref())?;
        let wanted = pattern(&volume.label);
        let kept = rig
            .bench
            .read_snapshot(Side::Source, &volume.name, "before", wanted.len())
            .await?;
        check!(kept.is_some(), "there is no snapshot");
        check!(
            kept.as_deref() == Some(&*wanted),
            "the snapshot holds something else"
        );
        Ok(())
    }
}

/// A volume that goes.
#[derive(Default)]
struct Discard {
    volume: Option<Vol>,
    before: Vec<ArrayVolumeName>,
}

#[async_trait]
impl Trial<Rig> for Discard {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.before = rig.names(Side::Source).await?;
        self.volume = Some(rig.volume(Side::Source, &format!("round-{round}")).await?);
        Ok(())
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let Some(volume) = &self.volume else {
            return Err(DriverError::not_found("the staged volume"));
        };
        let request = DiscardVolume::new(&volume.name, &volume.serial);
        driver.discard_volume(ctx, request).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let volume = staged(self.volume.as_ref())?;
        let told = rig
            .source
            .get_volume(&rig.ctx(), GetVolume::new(&volume.name))
            .await;
        rig.refused(told, &[ErrorKind::NotFound])?;
        let names = rig.names(Side::Source).await?;
        check!(
            names == self.before,
            "there were to be {:?} and are {names:?}",
            self.before
        );
        Ok(())
    }
}

/// A volume that goes under another name.
#[derive(Default)]
struct DiscardRenamed {
    discard: Discard,
}

#[async_trait]
impl Trial<Rig> for DiscardRenamed {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.discard.stage(rig, round).await?;
        let volume = staged(self.discard.volume.as_ref())?;
        let new = ArrayVolumeName::from(rig.name(&format!("let-go-{round}")));
        rig.bench.rename(Side::Source, &volume.name, &new).await?;
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        self.discard.act(rig, driver, ctx).await
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        self.discard.verify(rig).await
    }
}
