//! The compute driver `openstack`: Nova, Cinder and Neutron, seen from one project.

mod admin;
mod attachments;
mod boot;
mod capture;
mod cloud;
mod health;
mod look;
mod managed;
mod network;
mod resources;
mod servers;
mod volume_groups;
mod volumes;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{
    Blueprint, CallCtx, CloudHealth, ComputeCapabilities, ComputeDriver, Console, DriverConfig,
    DriverEnv, EnsureManagedVolume, EnsurePort, EnsureServer, EnsureVolumeGroup, FindPort,
    FindServer, GetConsole, GetResource, Headroom, Pool, Port, PortRef, Resource, ResourceKind,
    Result, Server, ServerRef, SetDeleteOnTermination, SetVolumeGroupVolumes, SetVolumeProperties,
    Volume, VolumeGroup, VolumeGroupRef, VolumeRef, VolumeType,
};

use crate::settings::Settings;
use cloud::Cloud;

protector_framework::register_compute_driver! {
    name: "openstack",
    summary: "Servers, volumes and ports of one project of an OpenStack cloud (Nova, Cinder, Neutron; Victoria or later).",
    example: r#"{"auth_url": "https://cloud.example:5000/v3", "region_name": "RegionOne", "username": "protector", "user_domain_name": "Default", "project_id": "5f3b0a4c0c9b4b8a9f6d5a8f4c1e2d3b"}"#,
    schema: || schemars::schema_for!(Settings).to_value(),
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
    Ok(Arc::new(Cloud::new(&config, env)?))
}

#[async_trait]
impl ComputeDriver for Cloud {
    fn capabilities(&self) -> ComputeCapabilities {
        capabilities()
    }

    async fn health(&self, ctx: &CallCtx) -> CloudHealth {
        self.ask_each_service(&self.trip(ctx)).await
    }

    async fn list_volume_types(&self, ctx: &CallCtx) -> Result<Vec<VolumeType>> {
        self.volume_types(&self.trip(ctx)).await
    }

    async fn list_pools(&self, ctx: &CallCtx) -> Result<Vec<Pool>> {
        self.pools(&self.trip(ctx)).await
    }

    async fn get_headroom(&self, ctx: &CallCtx) -> Result<Headroom> {
        self.headroom(&self.trip(ctx)).await
    }

    async fn get_resource(&self, ctx: &CallCtx, req: GetResource) -> Result<Resource> {
        self.resource(&self.trip(ctx), &req).await
    }

    async fn list_resources(&self, ctx: &CallCtx, kind: ResourceKind) -> Result<Vec<Resource>> {
        self.resources(&self.trip(ctx), kind).await
    }

    async fn capture_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<Blueprint> {
        self.capture(&self.trip(ctx), &req.id).await
    }

    async fn get_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<Server> {
        Ok(self.server(&self.trip(ctx), &req.id).await?.into_server())
    }

    async fn get_console(&self, ctx: &CallCtx, req: GetConsole) -> Result<Console> {
        self.console(&self.trip(ctx), &req).await
    }

    async fn find_servers(&self, ctx: &CallCtx, req: FindServer) -> Result<Vec<Server>> {
        let found = self.servers_tagged(&self.trip(ctx), &req.tag).await?;
        Ok(found
            .into_iter()
            .map(wire::WireServer::into_server)
            .collect())
    }

    async fn stop_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.stop(&self.trip(ctx), &req.id).await
    }

    async fn start_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.start(&self.trip(ctx), &req.id).await
    }

    async fn lock_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.lock(&self.trip(ctx), &req.id).await
    }

    async fn unlock_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.unlock(&self.trip(ctx), &req.id).await
    }

    async fn park_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.park(&self.trip(ctx), &req.id).await
    }

    async fn unpark_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.unpark(&self.trip(ctx), &req.id).await
    }

    async fn ensure_server(&self, ctx: &CallCtx, req: EnsureServer) -> Result<Server> {
        self.boot(&self.trip(ctx), &req).await
    }

    async fn delete_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()> {
        self.delete(&self.trip(ctx), &req.id).await
    }

    async fn set_delete_on_termination(
        &self,
        ctx: &CallCtx,
        req: SetDeleteOnTermination,
    ) -> Result<()> {
        self.keep_or_delete_volume(&self.trip(ctx), &req).await
    }

    async fn ensure_port(&self, ctx: &CallCtx, req: EnsurePort) -> Result<Port> {
        self.make_port(&self.trip(ctx), &req).await
    }

    async fn find_port(&self, ctx: &CallCtx, req: FindPort) -> Result<Option<Port>> {
        self.port_with_mac(&self.trip(ctx), &req.network_id, &req.mac_address)
            .await
            .map(|found| found.map(Port::from))
    }

    async fn delete_port(&self, ctx: &CallCtx, req: PortRef) -> Result<()> {
        self.drop_port(&self.trip(ctx), &req.id).await
    }

    async fn get_volume(&self, ctx: &CallCtx, req: VolumeRef) -> Result<Volume> {
        self.volume_now(&self.trip(ctx), &req.id).await
    }

    async fn find_volumes(&self, ctx: &CallCtx, name: &str) -> Result<Vec<Volume>> {
        self.volumes_named(&self.trip(ctx), name).await
    }

    async fn ensure_managed_volume(
        &self,
        ctx: &CallCtx,
        req: EnsureManagedVolume,
    ) -> Result<Volume> {
        self.adopt(&self.trip(ctx), &req).await
    }

    async fn may_adopt(&self, ctx: &CallCtx) -> Result<()> {
        self.ask_to_adopt_nothing(&self.trip(ctx)).await
    }

    async fn unmanage_volume(&self, ctx: &CallCtx, req: VolumeRef) -> Result<()> {
        self.release(&self.trip(ctx), &req.id).await
    }

    async fn set_volume_properties(&self, ctx: &CallCtx, req: SetVolumeProperties) -> Result<()> {
        self.set_properties(&self.trip(ctx), &req).await
    }

    async fn ensure_volume_group(
        &self,
        ctx: &CallCtx,
        req: EnsureVolumeGroup,
    ) -> Result<VolumeGroup> {
        self.make_group(&self.trip(ctx), &req).await
    }

    async fn get_volume_group(&self, ctx: &CallCtx, req: VolumeGroupRef) -> Result<VolumeGroup> {
        self.group(&self.trip(ctx), &req.id)
            .await
            .map(VolumeGroup::from)
    }

    async fn set_volume_group_volumes(
        &self,
        ctx: &CallCtx,
        req: SetVolumeGroupVolumes,
    ) -> Result<VolumeGroup> {
        self.set_members(&self.trip(ctx), &req).await
    }

    async fn delete_volume_group(&self, ctx: &CallCtx, req: VolumeGroupRef) -> Result<()> {
        self.drop_group(&self.trip(ctx), &req.id).await
    }
}
