//! A driver as the cases use it: time goes on while a verb runs.

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{
    ArrayInfo, ArrayVolume, CallCtx, DeleteGroup, DiscardVolume, EnsureGroup, GetGroup, GetLink,
    GetReplication, GetVolume, GetWritten, GroupStatus, Link, ListPoints, MaterializeVolume,
    OverwriteVolume, PinPoint, Point, ReadManifest, ResolveVolume, Result, SetGroupVolumes,
    SnapshotVolume, StartReplication, StorageCapabilities, StorageDriver, SuspendGroup, Transfer,
    WriteManifest,
};

use crate::pulse::Pulse;

pub(crate) struct Driven {
    inner: Arc<dyn StorageDriver>,
    pulse: Arc<Pulse>,
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Driven {
    pub(crate) fn new(inner: Arc<dyn StorageDriver>, pulse: Arc<Pulse>) -> Self {
        Self { inner, pulse }
    }
}

macro_rules! driven {
    ($($verb:ident($request:ty) -> $reply:ty;)*) => {
        #[async_trait]
        impl StorageDriver for Driven {
            fn capabilities(&self) -> StorageCapabilities {
                self.inner.capabilities()
            }

            async fn describe(&self, ctx: &CallCtx) -> Result<ArrayInfo> {
                self.pulse.run(self.inner.describe(ctx)).await
            }

            $(async fn $verb(&self, ctx: &CallCtx, req: $request) -> Result<$reply> {
                self.pulse.run(self.inner.$verb(ctx, req)).await
            })*
        }
    };
}

driven! {
    get_link(GetLink) -> Link;
    resolve_volume(ResolveVolume) -> ArrayVolume;
    get_volume(GetVolume) -> ArrayVolume;
    ensure_group(EnsureGroup) -> GroupStatus;
    get_group(GetGroup) -> GroupStatus;
    set_group_volumes(SetGroupVolumes) -> GroupStatus;
    suspend_group(SuspendGroup) -> ();
    delete_group(DeleteGroup) -> ();
    start_replication(StartReplication) -> Transfer;
    get_replication(GetReplication) -> Transfer;
    list_points(ListPoints) -> Vec<Point>;
    pin_point(PinPoint) -> ();
    unpin_point(PinPoint) -> ();
    materialize_volume(MaterializeVolume) -> ArrayVolume;
    overwrite_volume(OverwriteVolume) -> ArrayVolume;
    snapshot_volume(SnapshotVolume) -> ();
    discard_volume(DiscardVolume) -> ();
    get_written(GetWritten) -> u64;
    write_manifest(WriteManifest) -> ();
    read_manifest(ReadManifest) -> Option<String>;
}
