//! A driver as the cases use it: time goes on while a verb runs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{Either, select};
use protector_framework::{
    ArrayInfo, ArrayVolume, CallCtx, Clock as _, DeleteGroup, DiscardVolume, EnsureGroup, GetGroup,
    GetLink, GetReplication, GetVolume, GroupStatus, Link, ListPoints, MaterializeVolume,
    OverwriteVolume, PinPoint, Point, ReadManifest, ResolveVolume, Result, SetGroupVolumes,
    SnapshotVolume, StartReplication, StorageCapabilities, StorageDriver, SuspendGroup,
    SystemClock, Transfer, WriteManifest,
};

use crate::bench::Bench;

/// How often a bench whose clock moves by hand may move it.
const TICK: Duration = Duration::from_millis(5);

pub(crate) struct Driven {
    inner: Arc<dyn StorageDriver>,
    bench: Arc<dyn Bench>,
    wall: SystemClock,
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Driven {
    pub(crate) fn new(inner: Arc<dyn StorageDriver>, bench: Arc<dyn Bench>) -> Self {
        Self {
            inner,
            bench,
            wall: SystemClock::new(),
        }
    }

    async fn run<T>(&self, verb: impl Future<Output = T> + Send) -> T {
        let mut verb = std::pin::pin!(verb);
        loop {
            match select(verb, self.wall.sleep(TICK)).await {
                Either::Left((reply, _)) => return reply,
                Either::Right(((), running)) => {
                    self.bench.tick().await;
                    verb = running;
                }
            }
        }
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
                self.run(self.inner.describe(ctx)).await
            }

            $(async fn $verb(&self, ctx: &CallCtx, req: $request) -> Result<$reply> {
                self.run(self.inner.$verb(ctx, req)).await
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
    write_manifest(WriteManifest) -> ();
    read_manifest(ReadManifest) -> Option<String>;
}
