//! The compute driver `mock`.

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{
    Blueprint, CallCtx, CloudHealth, ComputeCapabilities, ComputeDriver, Console, DriverConfig,
    DriverEnv, EnsureManagedVolume, EnsurePort, EnsureServer, EnsureVolumeGroup, FindPort,
    FindServer, GetConsole, GetResource, Headroom, Pool, Port, PortRef, Reachability, Resource,
    ResourceKind, Result, Server, ServerRef, SetDeleteOnTermination, SetVolumeGroupVolumes,
    SetVolumeProperties, Volume, VolumeGroup, VolumeGroupRef, VolumeRef, VolumeType,
};
use serde::Serialize;

use super::held::Whole;
use super::state::LockedBy;
use super::view::{Caller, View};
use crate::call::{Gate, target};
use crate::log::Recording;
use crate::settings::{Account, CloudSettings};

protector_framework::register_compute_driver! {
    name: "mock",
    summary: "Servers, volumes and ports of a mock cloud with a real cloud's rules, kept in a directory.",
    example: r#"{"auth_url": "mock:///var/lib/mock/site-a", "username": "protector", "project_id": "5f3b0a4c0c9b4b8a9f6d5a8f4c1e2d3b"}"#,
    schema: || schemars::schema_for!(CloudSettings).to_value(),
    capabilities: capabilities,
    build: build,
}

fn capabilities() -> ComputeCapabilities {
    let mut can = ComputeCapabilities::none();
    can.shelve = true;
    can.server_tags = true;
    can.console = true;
    can
}

fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn ComputeDriver>> {
    let account = Account::read(&config)?;
    Ok(Arc::new(MockCompute {
        gate: Gate {
            directory: account.directory.clone(),
            title: format!("mock cloud {}", account.directory.display()),
            env,
        },
        account,
    }))
}

#[derive(Debug)]
struct MockCompute {
    account: Account,
    gate: Gate,
}

impl MockCompute {
    /// Runs a verb on the cloud as it is now.
    async fn verb<Q, T>(
        &self,
        ctx: &CallCtx,
        verb: &'static str,
        req: Q,
        work: impl FnOnce(&mut View<'_>, &Q) -> Result<T> + Send + 'static,
    ) -> Result<T>
    where
        Q: Serialize + Send + 'static,
        T: Serialize + Send + 'static,
    {
        let (account, env) = (self.account.clone(), self.gate.env.clone());
        let call = ctx.clone();
        self.gate
            .run(ctx, verb, target(&req), move || {
                let mut whole = Whole::take(&account.directory, env.clock.now())?;
                whole.held.alive()?;
                let caller = Caller::log_in(whole.held.identity(), &account)?;
                let now = whole.now;
                let directory = account.directory.clone();
                let recording = Recording::begin(&directory, || whole.fingerprint());
                let mut view = View {
                    state: whole.compute_mut(),
                    caller,
                    now,
                    ids: &*env.ids,
                };
                let reply = work(&mut view, &req);
                if let Some(recording) = recording {
                    recording.end(&call, verb, &req, &reply, || whole.fingerprint())?;
                }
                let reply = reply?;
                whole.save()?;
                Ok(reply)
            })
            .await
    }
}

#[async_trait]
impl ComputeDriver for MockCompute {
    fn capabilities(&self) -> ComputeCapabilities {
        capabilities()
    }

    async fn health(&self, ctx: &CallCtx) -> CloudHealth {
        let asked = self.verb(ctx, "health", (), |_, ()| Ok(())).await;
        let answer = match asked {
            Ok(()) => Reachability::new(true),
            Err(error) => Reachability::new(false).detail(error.message),
        };
        CloudHealth::new(answer.clone(), answer.clone(), answer.clone(), answer)
    }

    async fn list_volume_types(&self, ctx: &CallCtx) -> Result<Vec<VolumeType>> {
        self.verb(ctx, "list_volume_types", (), |view, ()| {
            Ok(view.volume_types())
        })
        .await
    }

    async fn list_pools(&self, ctx: &CallCtx) -> Result<Vec<Pool>> {
        self.verb(ctx, "list_pools", (), |view, ()| view.pools())
            .await
    }

    async fn get_headroom(&self, ctx: &CallCtx) -> Result<Headroom> {
        self.verb(ctx, "get_headroom", (), |view, ()| Ok(view.headroom()))
            .await
    }

    async fn get_resource(&self, ctx: &CallCtx, req: GetResource) -> Result<Resource> {
        self.verb(ctx, "get_resource", req, |view, req| view.resource(req))
            .await
    }

    async fn list_resources(&self, ctx: &CallCtx, kind: ResourceKind) -> Result<Vec<Resource>> {
        self.verb(ctx, "list_resources", kind, |view, kind| {
            Ok(view.resources(*kind))
        })
        .await
    }

    async fn capture_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<Blueprint> {
        self.verb(ctx, "capture_server", req, |view, req| {
            view.capture(req.id.as_str())
        })
        .await
    }

    async fn get_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<Server> {
        self.verb(ctx, "get_server", req, |view, req| {
            view.show_server(req.id.as_str())
        })
        .await
    }

    async fn get_console(&self, ctx: &CallCtx, req: GetConsole) -> Result<Console> {
        self.verb(ctx, "get_console", req, |view, req| {
            view.console(req.id.as_str(), req.lines)
        })
        .await
    }

    async fn find_servers(&self, ctx: &CallCtx, req: FindServer) -> Result<Vec<Server>> {
        self.verb(ctx, "find_servers", req, |view, req| {
            Ok(view.servers_tagged(&req.tag))
        })
        .await
    }

    async fn stop_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.verb(ctx, "stop_server", req, |view, req| {
            view.stop(req.id.as_str())
        })
        .await
    }

    async fn start_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.verb(ctx, "start_server", req, |view, req| {
            view.start(req.id.as_str())
        })
        .await
    }

    async fn lock_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.verb(ctx, "lock_server", req, |view, req| {
            view.lock(req.id.as_str(), LockedBy::Admin)
        })
        .await
    }

    async fn unlock_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.verb(ctx, "unlock_server", req, |view, req| {
            view.unlock(req.id.as_str())
        })
        .await
    }

    async fn park_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.verb(ctx, "park_server", req, |view, req| {
            view.park(req.id.as_str())
        })
        .await
    }

    async fn unpark_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.verb(ctx, "unpark_server", req, |view, req| {
            view.unpark(req.id.as_str())
        })
        .await
    }

    async fn ensure_server(&self, ctx: &CallCtx, req: EnsureServer) -> Result<Server> {
        self.verb(ctx, "ensure_server", req, |view, req| {
            view.ensure_server(req)
        })
        .await
    }

    async fn delete_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.verb(ctx, "delete_server", req, |view, req| {
            view.delete_server(req.id.as_str())
        })
        .await
    }

    async fn set_delete_on_termination(
        &self,
        ctx: &CallCtx,
        req: SetDeleteOnTermination,
    ) -> Result<()> {
        self.verb(ctx, "set_delete_on_termination", req, |view, req| {
            view.set_delete_on_termination(req)
        })
        .await
    }

    async fn ensure_port(&self, ctx: &CallCtx, req: EnsurePort) -> Result<Port> {
        self.verb(ctx, "ensure_port", req, |view, req| view.ensure_port(req))
            .await
    }

    async fn find_port(&self, ctx: &CallCtx, req: FindPort) -> Result<Option<Port>> {
        self.verb(ctx, "find_port", req, |view, req| view.find_port(req))
            .await
    }

    async fn delete_port(&self, ctx: &CallCtx, req: PortRef) -> Result<()> {
        self.verb(ctx, "delete_port", req, |view, req| {
            view.delete_port(req.id.as_str())
        })
        .await
    }

    async fn get_volume(&self, ctx: &CallCtx, req: VolumeRef) -> Result<Volume> {
        self.verb(ctx, "get_volume", req, |view, req| {
            view.show_volume(req.id.as_str())
        })
        .await
    }

    async fn find_volumes(&self, ctx: &CallCtx, name: &str) -> Result<Vec<Volume>> {
        self.verb(ctx, "find_volumes", name.to_owned(), |view, name| {
            Ok(view.volumes_named(name))
        })
        .await
    }

    async fn ensure_managed_volume(
        &self,
        ctx: &CallCtx,
        req: EnsureManagedVolume,
    ) -> Result<Volume> {
        self.verb(ctx, "ensure_managed_volume", req, |view, req| {
            view.ensure_managed(req)
        })
        .await
    }

    async fn may_adopt(&self, ctx: &CallCtx) -> Result<()> {
        self.verb(ctx, "may_adopt", (), |view, ()| {
            view.need_admin("manage volumes")
        })
        .await
    }

    async fn unmanage_volume(&self, ctx: &CallCtx, req: VolumeRef) -> Result<()> {
        self.verb(ctx, "unmanage_volume", req, |view, req| {
            view.unmanage(req.id.as_str())
        })
        .await
    }

    async fn set_volume_properties(&self, ctx: &CallCtx, req: SetVolumeProperties) -> Result<()> {
        self.verb(ctx, "set_volume_properties", req, |view, req| {
            view.set_properties(req)
        })
        .await
    }

    async fn ensure_volume_group(
        &self,
        ctx: &CallCtx,
        req: EnsureVolumeGroup,
    ) -> Result<VolumeGroup> {
        self.verb(ctx, "ensure_volume_group", req, |view, req| {
            view.ensure_group(req)
        })
        .await
    }

    async fn get_volume_group(&self, ctx: &CallCtx, req: VolumeGroupRef) -> Result<VolumeGroup> {
        self.verb(ctx, "get_volume_group", req, |view, req| {
            view.show_group(req.id.as_str())
        })
        .await
    }

    async fn set_volume_group_volumes(
        &self,
        ctx: &CallCtx,
        req: SetVolumeGroupVolumes,
    ) -> Result<VolumeGroup> {
        self.verb(ctx, "set_volume_group_volumes", req, |view, req| {
            view.set_group_volumes(req)
        })
        .await
    }

    async fn delete_volume_group(&self, ctx: &CallCtx, req: VolumeGroupRef) -> Result<()> {
        self.verb(ctx, "delete_volume_group", req, |view, req| {
            view.delete_group(req.id.as_str())
        })
        .await
    }
}
