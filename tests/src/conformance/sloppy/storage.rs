//! Storage drivers that break a promise.

use std::sync::Arc;

use async_trait::async_trait;
use protector_conformance::storage;
use protector_framework::{
    ArrayVolume, ArrayVolumeName, CallCtx, DeleteGroup, DiscardVolume, DriverError, ErrorKind,
    GetGroup, GetVolume, GroupRef, GroupStatus, ListPoints, MaterializeVolume, OverwriteVolume,
    PinPoint, Point, Result, SetGroupVolumes, StartReplication, StorageCapabilities, StorageDriver,
    SuspendGroup, Transfer, WriteManifest,
};

use super::super::mock::WrappedBenches;
use super::{found, one};

/// What a driver does wrong: a verb that is not as the driver has it.
macro_rules! faults {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        trait Fault: std::fmt::Debug + Send + Sync + 'static {
            fn capabilities(&self, inner: &dyn StorageDriver) -> StorageCapabilities {
                inner.capabilities()
            }

            $(async fn $verb(
                &self,
                inner: &dyn StorageDriver,
                ctx: &CallCtx
                $(, $arg: $request)?
            ) -> Result<$reply> {
                inner.$verb(ctx $(, $arg)?).await
            })*
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl StorageDriver for Sloppy {
            fn capabilities(&self) -> StorageCapabilities {
                self.fault.capabilities(&*self.inner)
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                self.fault.$verb(&*self.inner, ctx $(, $arg)?).await
            })*
        }
    };
}
protector_framework::storage_verbs!(faults);

#[derive(Debug)]
struct Sloppy {
    inner: Arc<dyn StorageDriver>,
    fault: &'static dyn Fault,
}

const FAULTS: &[(&dyn Fault, &str)] = &[
    (&MissesVolumes, "discard/absent"),
    (&MissesGroups, "group/suspend-absent"),
    (&MakesTwo, "twice/materialize-volume"),
    (&SeesPointsWhole, "transfer/partial-not-complete"),
    (&TakesAnOlderPoint, "transfer/partial-not-materialized"),
    (&OverwritesAnything, "overwrite/serial-differs"),
    (&UnpinsAndDeletes, "pin/one-holder-once"),
    (&BoastsOfManifests, "claims/manifests-are-had-or-refused"),
    (&HidesItsPins, "claims/pins-are-had-or-refused"),
    (&GivesUp, "lost-after/start-replication"),
    (&OnlyAdds, "members/exactly"),
    (&TakesItsVolumesAlong, "group/delete-keeps-volumes"),
    (&NamesNobody, "errors/not-found"),
    (&Explodes, "snapshot/volume-absent"),
];

/// A volume that is not there cannot be destroyed.
#[derive(Debug)]
struct MissesVolumes;

#[async_trait]
impl Fault for MissesVolumes {
    async fn discard_volume(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        req: DiscardVolume,
    ) -> Result<()> {
        inner.get_volume(ctx, GetVolume::new(&req.name)).await?;
        inner.discard_volume(ctx, req).await
    }
}

/// A group that is not there cannot be suspended.
#[derive(Debug)]
struct MissesGroups;

#[async_trait]
impl Fault for MissesGroups {
    async fn suspend_group(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        req: SuspendGroup,
    ) -> Result<()> {
        inner.get_group(ctx, GetGroup::new(&req.group)).await?;
        inner.suspend_group(ctx, req).await
    }
}

/// The same call makes another volume.
#[derive(Debug)]
struct MakesTwo;

#[async_trait]
impl Fault for MakesTwo {
    async fn materialize_volume(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        mut req: MaterializeVolume,
    ) -> Result<ArrayVolume> {
        let there = inner.get_volume(ctx, GetVolume::new(&req.name)).await;
        if there.is_ok() {
            req.name = ArrayVolumeName::from(format!("{}-again", req.name));
        }
        inner.materialize_volume(ctx, req).await
    }
}

/// A point is complete as soon as it is seen.
#[derive(Debug)]
struct SeesPointsWhole;

#[async_trait]
impl Fault for SeesPointsWhole {
    async fn list_points(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        req: ListPoints,
    ) -> Result<Vec<Point>> {
        let mut points = inner.list_points(ctx, req).await?;
        for point in &mut points {
            point.complete = true;
        }
        Ok(points)
    }
}

/// Where a point has not arrived, an older one serves.
#[derive(Debug)]
struct TakesAnOlderPoint;

#[async_trait]
impl Fault for TakesAnOlderPoint {
    async fn materialize_volume(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        mut req: MaterializeVolume,
    ) -> Result<ArrayVolume> {
        let points = inner
            .list_points(ctx, ListPoints::new(req.group.clone()))
            .await?;
        let whole = points.into_iter().rev().find(|point| point.complete);
        if let Some(whole) = whole {
            req.point = whole.name;
        }
        inner.materialize_volume(ctx, req).await
    }
}

/// A volume is known by its name alone.
#[derive(Debug)]
struct OverwritesAnything;

#[async_trait]
impl Fault for OverwritesAnything {
    async fn overwrite_volume(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        mut req: OverwriteVolume,
    ) -> Result<ArrayVolume> {
        let there = inner.get_volume(ctx, GetVolume::new(&req.name)).await?;
        req.serial = there.serial;
        inner.overwrite_volume(ctx, req).await
    }
}

/// What nobody keeps any more goes at once.
#[derive(Debug)]
struct UnpinsAndDeletes;

#[async_trait]
impl Fault for UnpinsAndDeletes {
    async fn unpin_point(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        req: PinPoint,
    ) -> Result<()> {
        let group = req.group.clone();
        inner.unpin_point(ctx, req).await?;
        inner.delete_group(ctx, DeleteGroup::new(group)).await
    }
}

/// Manifests are claimed and are not there.
#[derive(Debug)]
struct BoastsOfManifests;

#[async_trait]
impl Fault for BoastsOfManifests {
    async fn write_manifest(
        &self,
        _inner: &dyn StorageDriver,
        _ctx: &CallCtx,
        _req: WriteManifest,
    ) -> Result<()> {
        Err(DriverError::unsupported("write_manifest"))
    }
}

/// Pins are there and are not claimed.
#[derive(Debug)]
struct HidesItsPins;

#[async_trait]
impl Fault for HidesItsPins {
    fn capabilities(&self, inner: &dyn StorageDriver) -> StorageCapabilities {
        let mut can = inner.capabilities();
        can.pin_points = false;
        can
    }
}

/// What a lost reply left unknown is said to be not there.
#[derive(Debug)]
struct GivesUp;

#[async_trait]
impl Fault for GivesUp {
    async fn start_replication(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        req: StartReplication,
    ) -> Result<Transfer> {
        let started = inner.start_replication(ctx, req).await;
        started.map_err(|error| match error.kind {
            ErrorKind::Unreachable => DriverError::not_found("the point").with_call("start"),
            _ => error,
        })
    }
}

/// Volumes come into a group, and none leaves it.
#[derive(Debug)]
struct OnlyAdds;

#[async_trait]
impl Fault for OnlyAdds {
    async fn set_group_volumes(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        mut req: SetGroupVolumes,
    ) -> Result<GroupStatus> {
        let now = inner.get_group(ctx, GetGroup::new(&req.group)).await?;
        let there = now.volumes.into_iter().map(|volume| volume.name);
        req.volumes.extend(there);
        inner.set_group_volumes(ctx, req).await
    }
}

/// A group's volumes go with it.
#[derive(Debug)]
struct TakesItsVolumesAlong;

#[async_trait]
impl Fault for TakesItsVolumesAlong {
    async fn delete_group(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        req: DeleteGroup,
    ) -> Result<()> {
        let volumes = match &req.group {
            GroupRef::Local { name } => inner.get_group(ctx, GetGroup::new(name)).await?.volumes,
            GroupRef::Replica { .. } => Vec::new(),
        };
        inner.delete_group(ctx, req).await?;
        for volume in volumes {
            let discard = DiscardVolume::new(volume.name, volume.serial);
            inner.discard_volume(ctx, discard).await?;
        }
        Ok(())
    }
}

/// An error does not say what it is about.
#[derive(Debug)]
struct NamesNobody;

#[async_trait]
impl Fault for NamesNobody {
    async fn get_volume(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        req: GetVolume,
    ) -> Result<ArrayVolume> {
        let volume = inner.get_volume(ctx, req).await;
        volume.map_err(|mut error| {
            error.message = "it failed".to_owned();
            error
        })
    }
}

/// A verb panics.
#[derive(Debug)]
struct Explodes;

#[async_trait]
impl Fault for Explodes {
    async fn snapshot_volume(
        &self,
        _inner: &dyn StorageDriver,
        _ctx: &CallCtx,
        req: protector_framework::SnapshotVolume,
    ) -> Result<()> {
        panic!("no snapshot of {}", req.volume)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_promise_is_found_by_its_case() {
    for (fault, id) in FAULTS.iter().copied() {
        let benches = WrappedBenches::new(move |inner| Arc::new(Sloppy { inner, fault }));
        let report = storage::run(&benches, &one(id)).await;
        found(&format!("{fault:?}"), id, &report);
    }
}

/// Nothing of what the driver has nothing to do with is blamed on it.
#[derive(Debug)]
struct Faultless;

#[async_trait]
impl Fault for Faultless {}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_without_a_fault_passes_each_of_those_cases() {
    let benches = WrappedBenches::new(|inner| {
        Arc::new(Sloppy {
            inner,
            fault: &Faultless,
        })
    });
    for (_, id) in FAULTS.iter().copied() {
        let report = storage::run(&benches, &one(id)).await;
        assert!(report.is_green(true), "{}", report.table());
    }
}

/// A received group cannot be removed, and is not by far the only one there.
#[derive(Debug)]
struct KeepsWhatItReceived;

#[async_trait]
impl Fault for KeepsWhatItReceived {
    async fn delete_group(
        &self,
        inner: &dyn StorageDriver,
        ctx: &CallCtx,
        req: DeleteGroup,
    ) -> Result<()> {
        match &req.group {
            GroupRef::Replica { name, .. } => Err(DriverError::new(
                ErrorKind::Conflict,
                format!("`{name}` stays"),
            )),
            GroupRef::Local { .. } => inner.delete_group(ctx, req).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_removed_from_arrays_that_stay_keeps_nothing_else_there_and_is_all_told() {
    let benches = WrappedBenches::new(|inner| {
        Arc::new(Sloppy {
            inner,
            fault: &KeepsWhatItReceived,
        })
    });
    let benches = benches.outliving_their_cases();
    let id = "group/two-apart";
    let report = storage::run(&benches, &one(id)).await;
    found("KeepsWhatItReceived", id, &report);
    let told = report.table();
    // Two groups on two arrays.
    assert_eq!(told.matches("` stays").count(), 4, "{told}");
}
