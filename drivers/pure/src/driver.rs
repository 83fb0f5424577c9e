//! The storage driver `pure`.

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{
    ArrayInfo, ArrayVolume, CallCtx, DeleteGroup, DiscardVolume, DriverConfig, DriverEnv,
    EnsureGroup, GetGroup, GetLink, GetReplication, GetVolume, GroupStatus, Link, ListPoints,
    MaterializeVolume, OverwriteVolume, PinPoint, Point, ResolveVolume, Result, SetGroupVolumes,
    SnapshotVolume, StartReplication, StorageCapabilities, StorageDriver, SuspendGroup, Transfer,
};

use crate::client::{Client, Trip};
use crate::group::{self, Learned, Pair, Sent};
use crate::points::Taken;
use crate::side::{Side, identity};
use crate::{copies, link, names, resolve, settings};

protector_framework::register_storage_driver! {
    name: "pure",
    summary: "Pure Storage FlashArray (Purity 6.1 or later, REST 2.4 or later): asynchronous protection groups, and pods on two arrays.",
    example: r#"{"url": "https://fa-a.example.com", "verify": {"ca_file": "/etc/protector/arrays.pem"}, "partner": {"url": "https://fa-b.example.com", "verify": {"sha256": "5f0c5a2e1d4b7a89c3f6e0d2b4a6987c1e3d5f7a9b0c2d4e6f8091a2b3c4d5e6"}}}"#,
    schema: || schemars::schema_for!(settings::Settings).to_value(),
    capabilities: capabilities,
    build: build,
}

fn capabilities() -> StorageCapabilities {
    let mut can = StorageCapabilities::none();
    can.async_replication = true;
    can.sync_replication = true;
    can.connection_state = true;
    can
}

fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn StorageDriver>> {
    let (own, partner) = settings::read(&config)?;
    let partner = match partner {
        Some(place) => Some(Client::new(place, env.clone())?),
        None => None,
    };
    Ok(Arc::new(PureArray {
        own: Client::new(own, env)?,
        partner,
        learned: Learned::default(),
    }))
}

/// One array, and the one that it sends to.
#[derive(Debug)]
struct PureArray {
    own: Client,
    partner: Option<Client>,
    learned: Learned,
}

impl PureArray {
    fn trip(&self, ctx: &CallCtx) -> Trip {
        Trip::start(ctx, &*self.own.env().clock)
    }

    fn pair<'a>(&'a self, trip: &'a Trip) -> Pair<'a> {
        Pair {
            own: Side::new(&self.own, trip),
            far: self
                .partner
                .as_ref()
                .map(|partner| Side::new(partner, trip)),
        }
    }
}

#[async_trait]
impl StorageDriver for PureArray {
    /// No `pin_points`: the array has no way to keep a point of its schedule from its retention.
    /// Points on demand are exempt from it, and copies hold on their own. No `promote`: that is
    /// ActiveDR, which this driver does not do.
    fn capabilities(&self) -> StorageCapabilities {
        capabilities()
    }

    async fn describe(&self, ctx: &CallCtx) -> Result<ArrayInfo> {
        let trip = self.trip(ctx);
        let side = Side::new(&self.own, &trip);
        let me = side.array().await?;
        let rest = self.own.version(&trip).await?;
        let version = format!("{} {} (REST {rest})", me.os, me.version);
        Ok(ArrayInfo::new(identity(&me), version.trim_start())
            .capacity_bytes(me.capacity)
            .used_bytes(me.space.total_physical))
    }

    async fn get_link(&self, ctx: &CallCtx, req: GetLink) -> Result<Link> {
        let trip = self.trip(ctx);
        link::state(self.pair(&trip), &req.remote).await
    }

    async fn resolve_volume(&self, ctx: &CallCtx, req: ResolveVolume) -> Result<ArrayVolume> {
        let trip = self.trip(ctx);
        resolve::resolve(Side::new(&self.own, &trip), &req).await
    }

    async fn get_volume(&self, ctx: &CallCtx, req: GetVolume) -> Result<ArrayVolume> {
        let trip = self.trip(ctx);
        let side = Side::new(&self.own, &trip);
        let name = names::volume(&req.name)?;
        let volume = side.live_volume(name).await?;
        copies::told(side, &volume).await
    }

    async fn ensure_group(&self, ctx: &CallCtx, req: EnsureGroup) -> Result<GroupStatus> {
        let trip = self.trip(ctx);
        let group = names::group(&req.group)?;
        Sent::ensure(self.pair(&trip), group, &req, &self.learned).await
    }

    async fn get_group(&self, ctx: &CallCtx, req: GetGroup) -> Result<GroupStatus> {
        let trip = self.trip(ctx);
        let group = names::group(&req.group)?;
        Sent::find(self.pair(&trip), group).await?.status().await
    }

    async fn set_group_volumes(&self, ctx: &CallCtx, req: SetGroupVolumes) -> Result<GroupStatus> {
        let trip = self.trip(ctx);
        let group = names::group(&req.group)?;
        let mut sent = Sent::find(self.pair(&trip), group).await?;
        sent.set_volumes(&req).await
    }

    async fn suspend_group(&self, ctx: &CallCtx, req: SuspendGroup) -> Result<()> {
        let trip = self.trip(ctx);
        let pair = self.pair(&trip);
        let pair = match req.here_only {
            true => Pair { far: None, ..pair },
            false => pair,
        };
        group::suspend(pair, names::group(&req.group)?).await
    }

    async fn delete_group(&self, ctx: &CallCtx, req: DeleteGroup) -> Result<()> {
        let trip = self.trip(ctx);
        group::delete(Side::new(&self.own, &trip), &req.group).await
    }

    async fn start_replication(&self, ctx: &CallCtx, req: StartReplication) -> Result<Transfer> {
        let trip = self.trip(ctx);
        let group = names::group(&req.group)?;
        let mut sent = Sent::find(self.pair(&trip), group).await?;
        sent.start(&req).await
    }

    async fn get_replication(&self, ctx: &CallCtx, req: GetReplication) -> Result<Transfer> {
        let trip = self.trip(ctx);
        let group = names::group(&req.group)?;
        let sent = Sent::find(self.pair(&trip), group).await?;
        sent.replication(&req.point).await
    }

    async fn list_points(&self, ctx: &CallCtx, req: ListPoints) -> Result<Vec<Point>> {
        let trip = self.trip(ctx);
        let side = Side::new(&self.own, &trip);
        let found = copies::points_of(side, &req.group, None).await?;
        Ok(found.iter().map(Taken::shown).collect())
    }

    async fn pin_point(&self, _ctx: &CallCtx, _req: PinPoint) -> Result<()> {
        Err(protector_framework::DriverError::unsupported(
            "keeping a point from the array's retention",
        ))
    }

    async fn unpin_point(&self, _ctx: &CallCtx, _req: PinPoint) -> Result<()> {
        // Nobody can have pinned it.
        Ok(())
    }

    async fn materialize_volume(
        &self,
        ctx: &CallCtx,
        req: MaterializeVolume,
    ) -> Result<ArrayVolume> {
        let trip = self.trip(ctx);
        copies::materialize(Side::new(&self.own, &trip), &req).await
    }

    async fn overwrite_volume(&self, ctx: &CallCtx, req: OverwriteVolume) -> Result<ArrayVolume> {
        let trip = self.trip(ctx);
        copies::overwrite(Side::new(&self.own, &trip), &req).await
    }

    async fn snapshot_volume(&self, ctx: &CallCtx, req: SnapshotVolume) -> Result<()> {
        let trip = self.trip(ctx);
        copies::snapshot(Side::new(&self.own, &trip), &req).await
    }

    async fn discard_volume(&self, ctx: &CallCtx, req: DiscardVolume) -> Result<()> {
        let trip = self.trip(ctx);
        copies::discard(Side::new(&self.own, &trip), &req).await
    }
}
