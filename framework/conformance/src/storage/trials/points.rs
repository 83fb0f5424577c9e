//! The verbs of points.

use async_trait::async_trait;
use protector_framework::{
    CallCtx, DriverError, PinPoint, ReadManifest, StartReplication, StorageDriver, WriteManifest,
};

use super::{Staged, Verb};
use crate::plague::Trial;
use crate::storage::bench::Side;
use crate::storage::case::{Claim, Outcome, check};
use crate::storage::rig::{Rig, Vol, shown};

fn verb(name: &'static str, side: Side, claims: &'static [Claim], trial: fn() -> Staged) -> Verb {
    Verb {
        name,
        at: side,
        needs: &[],
        claims,
        at_once: true,
        trial,
    }
}

pub(super) fn verbs() -> Vec<Verb> {
    use Claim::{AsyncReplication, Manifest, PinPoints};
    vec![
        verb(
            "start-replication",
            Side::Source,
            &[AsyncReplication],
            || Box::<Start>::default(),
        ),
        verb(
            "pin-point",
            Side::Target,
            &[AsyncReplication, PinPoints],
            || Box::<Pin>::default(),
        ),
        verb(
            "unpin-point",
            Side::Target,
            &[AsyncReplication, PinPoints],
            || Box::<Unpin>::default(),
        ),
        verb(
            "write-manifest",
            Side::Source,
            &[AsyncReplication, Manifest],
            || Box::<Write>::default(),
        ),
    ]
}

/// A point that is not there yet.
#[derive(Default)]
struct Start {
    volume: Option<Vol>,
    point: String,
}

#[async_trait]
impl Trial<Rig> for Start {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.volume = rig.sent(&["one"]).await?.pop();
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.point = format!("round-{round}");
        // No two points are of one time.
        rig.pass(std::time::Duration::from_secs(1)).await?;
        if let Some(volume) = &self.volume {
            rig.write(Side::Source, &volume.name, &self.point).await?;
        }
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let request = StartReplication::new(rig.group(), self.point.as_str());
        let transfer = driver.start_replication(ctx, request).await?;
        Ok(format!("{} of {}", transfer.point, transfer.taken_at))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let arrived = rig.arrive(&rig.group(), &self.point).await?;
        let told = rig.transfer(&rig.group(), &self.point).await?;
        check!(
            told.taken_at == arrived.taken_at,
            "sent {told:?}, arrived {arrived:?}"
        );
        let listed = rig.received_points(&rig.group()).await?;
        let named = listed
            .iter()
            .filter(|p| p.name.as_str() == self.point)
            .count();
        check!(named == 1, "the target lists {:?}", shown(&listed));
        if let Some(volume) = &self.volume {
            let copy = rig
                .copy(&self.point, volume, &format!("copy-{}", self.point))
                .await?;
            rig.holds(Side::Target, &copy.name, &self.point).await?;
        }
        Ok(())
    }
}

fn pin(rig: &Rig, holder: &str) -> PinPoint {
    PinPoint::new(rig.replica(&rig.group()), "p1", holder)
}

async fn holders(rig: &Rig) -> Outcome<Vec<String>> {
    Ok(rig.point(&rig.group(), "p1").await?.pinned_by)
}

/// A point that nobody keeps yet.
#[derive(Default)]
struct Pin {
    holder: String,
}

#[async_trait]
impl Trial<Rig> for Pin {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        rig.sent(&["one"]).await.map(|_| ())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        for holder in holders(rig).await? {
            rig.target
                .unpin_point(&rig.ctx(), pin(rig, &holder))
                .await?;
        }
        self.holder = format!("round-{round}");
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        driver.pin_point(ctx, pin(rig, &self.holder)).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let told = holders(rig).await?;
        check!(told == [self.holder.clone()], "it is kept by {told:?}");
        Ok(())
    }
}

/// A point that is kept.
#[derive(Default)]
struct Unpin {
    holder: String,
}

#[async_trait]
impl Trial<Rig> for Unpin {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        rig.sent(&["one"]).await?;
        Ok(rig.target.pin_point(&rig.ctx(), pin(rig, "other")).await?)
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.holder = format!("round-{round}");
        Ok(rig
            .target
            .pin_point(&rig.ctx(), pin(rig, &self.holder))
            .await?)
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        driver.unpin_point(ctx, pin(rig, &self.holder)).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let told = holders(rig).await?;
        check!(told == ["other"], "it is kept by {told:?}");
        Ok(())
    }
}

/// A document that was not written yet.
#[derive(Default)]
struct Write {
    document: String,
}

#[async_trait]
impl Trial<Rig> for Write {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        rig.sent(&["one"]).await.map(|_| ())
    }

    async fn stage(&mut self, _rig: &Rig, round: u64) -> Outcome {
        self.document = format!("document of round {round}");
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn StorageDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let request = WriteManifest::new(rig.group(), self.document.as_str());
        driver.write_manifest(ctx, request).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let request = ReadManifest::new(rig.local(&rig.group()));
        let told = rig.source.read_manifest(&rig.ctx(), request).await?;
        check!(told.as_ref() == Some(&self.document), "read {told:?}");
        Ok(())
    }
}
