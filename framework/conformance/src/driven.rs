//! A driver as the cases use it: time goes on while a verb runs.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{Either, select};
use protector_framework::{
    ArrayInfo, ArrayVolume, CallCtx, Clock as _, DeleteGroup, DiscardVolume, EnsureGroup, GetGroup,
    GetLink, GetReplication, GetVolume, GetWritten, GroupStatus, Link, ListPoints,
    MaterializeVolume, OverwriteVolume, PinPoint, Point, ReadManifest, ResolveVolume, Result,
    SetGroupVolumes, SnapshotVolume, StartReplication, StorageCapabilities, StorageDriver,
    SuspendGroup, SystemClock, Transfer, WriteManifest,
};

use crate::bench::Bench;

/// How often a bench whose clock moves by hand may move it.
const TICK: Duration = Duration::from_millis(5);

/// What moves a bench's time while verbs run: once in a while, however many of them run.
pub(crate) struct Pulse {
    bench: Arc<dyn Bench>,
    wall: SystemClock,
    last: Mutex<Duration>,
}

impl Pulse {
    pub(crate) fn new(bench: Arc<dyn Bench>) -> Self {
        Self {
            bench,
            wall: SystemClock::new(),
            last: Mutex::new(Duration::ZERO),
        }
    }

    async fn beat(&self) {
        let due = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.wall.monotonic();
            let due = now >= *last + TICK;
            if due {
                *last = now;
            }
            due
        };
        if due {
            self.bench.tick().await;
        }
    }
}

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

    async fn run<T>(&self, verb: impl Future<Output = T> + Send) -> T {
        let mut verb = std::pin::pin!(verb);
        loop {
            match select(verb, self.pulse.wall.sleep(TICK)).await {
                Either::Left((reply, _)) => return reply,
                Either::Right(((), running)) => {
                    self.pulse.beat().await;
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
    get_written(GetWritten) -> u64;
    write_manifest(WriteManifest) -> ();
    read_manifest(ReadManifest) -> Option<String>;
}
