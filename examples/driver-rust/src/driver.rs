//! The verbs, each of which is one request: what the Shelf does is idempotent by itself.

use async_trait::async_trait;
use protector_framework::{
    ArrayInfo, ArrayVolume, CallCtx, DeleteGroup, DiscardVolume, DriverError, EnsureGroup,
    ErrorKind, GetGroup, GetLink, GetReplication, GetVolume, GetWritten, GroupRef, GroupStatus,
    Link, LinkState, ListPoints, MaterializeVolume, OverwriteVolume, PinPoint, Point, ReadManifest,
    ReplicationMode, ResolveVolume, Result, SetGroupVolumes, SnapshotVolume, StartReplication,
    StorageCapabilities, StorageDriver, SuspendGroup, Transfer, WriteManifest,
};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::client::{Client, path};
use crate::wire::{self, content};

/// One array.
#[derive(Debug)]
pub(crate) struct ShelfDriver {
    pub(crate) client: Client,
}

impl ShelfDriver {
    async fn get<T: DeserializeOwned>(&self, ctx: &CallCtx, path: String) -> Result<T> {
        self.client.call(ctx, Method::GET, path, None).await
    }

    async fn put<T: DeserializeOwned>(
        &self,
        ctx: &CallCtx,
        path: String,
        body: Option<Value>,
    ) -> Result<T> {
        self.client.call(ctx, Method::PUT, path, body).await
    }

    async fn delete(&self, ctx: &CallCtx, path: String) -> Result<()> {
        self.client.call(ctx, Method::DELETE, path, None).await
    }

    async fn volume(&self, ctx: &CallCtx, name: &str) -> Result<ArrayVolume> {
        let volume: wire::Volume = self.get(ctx, path(["volumes", name])?).await?;
        Ok(volume.into())
    }
}

/// Where a group is, and what belongs to it below that.
fn place(group: &GroupRef, below: &str) -> Result<String> {
    let place = match group {
        GroupRef::Local { name } => path(["groups", name.as_str()])?,
        GroupRef::Replica { name, source } => {
            path(["received", source.id.as_str(), name.as_str()])?
        }
    };
    Ok(place + below)
}

fn holder(req: &PinPoint) -> Result<String> {
    let below = path(["points", req.point.as_str(), "holders", &req.holder])?;
    place(&req.group, &below)
}

#[async_trait]
impl StorageDriver for ShelfDriver {
    fn capabilities(&self) -> StorageCapabilities {
        crate::capabilities()
    }

    async fn describe(&self, ctx: &CallCtx) -> Result<ArrayInfo> {
        let array: wire::Array = self.get(ctx, path(["array"])?).await?;
        Ok(array.into())
    }

    async fn get_link(&self, ctx: &CallCtx, req: GetLink) -> Result<Link> {
        let path = path(["links", req.remote.id.as_str()])?;
        match self.get::<wire::Link>(ctx, path).await {
            Ok(link) => Ok(link.into()),
            // To be unknown is an answer to this question, and no error.
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Link::new(LinkState::Unknown)),
            Err(error) => Err(error),
        }
    }

    async fn resolve_volume(&self, ctx: &CallCtx, req: ResolveVolume) -> Result<ArrayVolume> {
        // What the array's Cinder driver calls a volume. Only the whole name proves it.
        let id = req.name_id.unwrap_or(req.cinder_id);
        self.volume(ctx, &format!("volume-{id}-cinder")).await
    }

    async fn get_volume(&self, ctx: &CallCtx, req: GetVolume) -> Result<ArrayVolume> {
        self.volume(ctx, req.name.as_str()).await
    }

    async fn ensure_group(&self, ctx: &CallCtx, req: EnsureGroup) -> Result<GroupStatus> {
        if req.mode != ReplicationMode::Async {
            return Err(DriverError::unsupported("synchronous groups"));
        }
        let body = json!({
            "target": req.target,
            "interval_seconds": req.interval_seconds,
            "keep_points": req.keep_points,
        });
        let path = path(["groups", req.group.as_str()])?;
        let group: wire::Group = self.put(ctx, path, Some(body)).await?;
        Ok(group.into())
    }

    async fn get_group(&self, ctx: &CallCtx, req: GetGroup) -> Result<GroupStatus> {
        let group: wire::Group = self.get(ctx, path(["groups", req.group.as_str()])?).await?;
        Ok(group.into())
    }

    async fn set_group_volumes(&self, ctx: &CallCtx, req: SetGroupVolumes) -> Result<GroupStatus> {
        let body = json!({"volumes": req.volumes});
        let path = path(["groups", req.group.as_str(), "volumes"])?;
        let group: wire::Group = self.put(ctx, path, Some(body)).await?;
        Ok(group.into())
    }

    async fn suspend_group(&self, ctx: &CallCtx, req: SuspendGroup) -> Result<()> {
        // A Shelf asks nobody else for this: `here_only` makes no difference.
        let path = path(["groups", req.group.as_str(), "suspended"])?;
        self.put(ctx, path, None).await
    }

    async fn delete_group(&self, ctx: &CallCtx, req: DeleteGroup) -> Result<()> {
        self.delete(ctx, place(&req.group, "")?).await
    }

    async fn start_replication(&self, ctx: &CallCtx, req: StartReplication) -> Result<Transfer> {
        let path = path(["groups", req.group.as_str(), "points", req.point.as_str()])?;
        let sending: wire::Sending = self.put(ctx, path, None).await?;
        Ok(sending.into())
    }

    async fn get_replication(&self, ctx: &CallCtx, req: GetReplication) -> Result<Transfer> {
        let path = path(["groups", req.group.as_str(), "points", req.point.as_str()])?;
        let sending: wire::Sending = self.get(ctx, path).await?;
        Ok(sending.into())
    }

    async fn list_points(&self, ctx: &CallCtx, req: ListPoints) -> Result<Vec<Point>> {
        let points: wire::Points = self.get(ctx, place(&req.group, "/points")?).await?;
        Ok(points.into())
    }

    async fn pin_point(&self, ctx: &CallCtx, req: PinPoint) -> Result<()> {
        self.put(ctx, holder(&req)?, None).await
    }

    async fn unpin_point(&self, ctx: &CallCtx, req: PinPoint) -> Result<()> {
        self.delete(ctx, holder(&req)?).await
    }

    async fn materialize_volume(
        &self,
        ctx: &CallCtx,
        req: MaterializeVolume,
    ) -> Result<ArrayVolume> {
        let body = json!({
            "name": req.name,
            "from": content(&req.group, &req.point, &req.source),
            // By it the engine knows later whose volume this is.
            "tag": ctx.operation_id,
        });
        let path = path(["volumes"])?;
        let volume: wire::Volume = self
            .client
            .call(ctx, Method::POST, path, Some(body))
            .await?;
        Ok(volume.into())
    }

    async fn overwrite_volume(&self, ctx: &CallCtx, req: OverwriteVolume) -> Result<ArrayVolume> {
        let body = json!({
            "serial": req.serial,
            "from": content(&req.group, &req.point, &req.source),
        });
        let path = path(["volumes", req.name.as_str(), "content"])?;
        let volume: wire::Volume = self.put(ctx, path, Some(body)).await?;
        Ok(volume.into())
    }

    async fn snapshot_volume(&self, ctx: &CallCtx, req: SnapshotVolume) -> Result<()> {
        let path = path(["volumes", req.volume.as_str(), "snapshots", &req.snapshot])?;
        self.put(ctx, path, None).await
    }

    async fn discard_volume(&self, ctx: &CallCtx, req: DiscardVolume) -> Result<()> {
        // The array looks for the serial where the name is gone, and refuses another serial.
        let serial = path([req.serial.as_str()])?;
        let query = format!("?serial={}", serial.trim_start_matches('/'));
        let path = path(["volumes", req.name.as_str()])? + &query;
        self.delete(ctx, path).await
    }

    async fn get_written(&self, ctx: &CallCtx, req: GetWritten) -> Result<u64> {
        let (group, point) = (req.group.as_str(), req.point.as_str());
        let path = path([
            "groups",
            group,
            "points",
            point,
            "changes",
            req.volume.as_str(),
        ])?;
        let changes: wire::Changes = self.get(ctx, path).await?;
        Ok(changes.bytes)
    }

    async fn write_manifest(&self, ctx: &CallCtx, req: WriteManifest) -> Result<()> {
        let body = json!({"document": req.document});
        let path = path(["groups", req.group.as_str(), "document"])?;
        self.put(ctx, path, Some(body)).await
    }

    async fn read_manifest(&self, ctx: &CallCtx, req: ReadManifest) -> Result<Option<String>> {
        let read: wire::Document = self.get(ctx, place(&req.group, "/document")?).await?;
        Ok(read.document)
    }
}
