//! A driver as the cases use it: time goes on while a verb runs.

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{
    Blueprint, CallCtx, CloudHealth, ComputeCapabilities, ComputeDriver, Console,
    EnsureManagedVolume, EnsurePort, EnsureServer, EnsureVolumeGroup, FindPort, FindServer,
    GetConsole, GetResource, Headroom, Pool, Port, PortRef, Resource, ResourceKind, Result, Server,
    ServerRef, SetDeleteOnTermination, SetVolumeGroupVolumes, SetVolumeProperties, Volume,
    VolumeGroup, VolumeGroupRef, VolumeRef, VolumeType,
};

use crate::pulse::Pulse;

pub(crate) struct Driven {
    inner: Arc<dyn ComputeDriver>,
    pulse: Arc<Pulse>,
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Driven {
    pub(crate) fn new(inner: Arc<dyn ComputeDriver>, pulse: Arc<Pulse>) -> Self {
        Self { inner, pulse }
    }
}

macro_rules! driven {
    (
        asks { $($question:ident -> $answer:ty;)* }
        verbs { $($verb:ident($request:ty) -> $reply:ty;)* }
    ) => {
        #[async_trait]
        impl ComputeDriver for Driven {
            fn capabilities(&self) -> ComputeCapabilities {
                self.inner.capabilities()
            }

            async fn health(&self, ctx: &CallCtx) -> CloudHealth {
                self.pulse.run(self.inner.health(ctx)).await
            }

            async fn find_volumes(&self, ctx: &CallCtx, name: &str) -> Result<Vec<Volume>> {
                self.pulse.run(self.inner.find_volumes(ctx, name)).await
            }

            $(async fn $question(&self, ctx: &CallCtx) -> Result<$answer> {
                self.pulse.run(self.inner.$question(ctx)).await
            })*

            $(async fn $verb(&self, ctx: &CallCtx, req: $request) -> Result<$reply> {
                self.pulse.run(self.inner.$verb(ctx, req)).await
            })*
        }
    };
}

driven! {
    asks {
        list_volume_types -> Vec<VolumeType>;
        list_pools -> Vec<Pool>;
        get_headroom -> Headroom;
    }
    verbs {
        get_resource(GetResource) -> Resource;
        list_resources(ResourceKind) -> Vec<Resource>;
        capture_server(ServerRef) -> Blueprint;
        get_server(ServerRef) -> Server;
        find_servers(FindServer) -> Vec<Server>;
        get_console(GetConsole) -> Console;
        stop_server(ServerRef) -> ();
        start_server(ServerRef) -> ();
        lock_server(ServerRef) -> ();
        unlock_server(ServerRef) -> ();
        park_server(ServerRef) -> ();
        unpark_server(ServerRef) -> ();
        ensure_server(EnsureServer) -> Server;
        delete_server(ServerRef) -> ();
        set_delete_on_termination(SetDeleteOnTermination) -> ();
        ensure_port(EnsurePort) -> Port;
        find_port(FindPort) -> Option<Port>;
        delete_port(PortRef) -> ();
        get_volume(VolumeRef) -> Volume;
        ensure_managed_volume(EnsureManagedVolume) -> Volume;
        unmanage_volume(VolumeRef) -> ();
        set_volume_properties(SetVolumeProperties) -> ();
        ensure_volume_group(EnsureVolumeGroup) -> VolumeGroup;
        get_volume_group(VolumeGroupRef) -> VolumeGroup;
        set_volume_group_volumes(SetVolumeGroupVolumes) -> VolumeGroup;
        delete_volume_group(VolumeGroupRef) -> ();
    }
}
