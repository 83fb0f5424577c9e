//! The storage driver `mock`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{
    ArrayIdentity, ArrayInfo, ArrayVolume, CallCtx, DeleteGroup, DiscardVolume, DriverConfig,
    DriverEnv, DriverError, EnsureGroup, ErrorKind, ExposeSecret, GetGroup, GetLink,
    GetReplication, GetVolume, GetWritten, GroupRef, GroupStatus, Link, LinkState, ListPoints,
    MaterializeVolume, OverwriteVolume, PinPoint, Point, ReadManifest, ResolveVolume, Result,
    SecretString, SetGroupVolumes, SnapshotVolume, StartReplication, StorageCapabilities,
    StorageDriver, SuspendGroup, Transfer, WriteManifest,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::Files;
use super::open::{Held, Open};
use crate::call::{Gate, target};
use crate::log::Recording;
use crate::place;
use crate::secret::hashed;

protector_framework::register_storage_driver! {
    name: "mock",
    summary: "An array for tests and the lab: a directory of sparse files that replicates real bytes.",
    example: r#"{"url": "mock:///var/lib/mock/site-a/pool"}"#,
    schema: || schemars::schema_for!(ArraySettings).to_value(),
    capabilities: capabilities,
    build: build,
}

/// The settings of the storage driver. Its secret is `api_token`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ArraySettings {
    /// `mock:///absolute/directory`. With `?connections=unknown` where the directory serves a cloud
    /// that does not record its connections in it.
    url: String,
}

fn capabilities() -> StorageCapabilities {
    let mut can = StorageCapabilities::none();
    can.async_replication = true;
    can.pin_points = true;
    can.manifest = true;
    can.written_since = true;
    can.connection_state = true;
    can
}

fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn StorageDriver>> {
    if let Some(unknown) = config.secrets.keys().find(|name| *name != "api_token") {
        return Err(DriverError::invalid_config(format!(
            "driver settings: unknown secret `{unknown}`, expected api_token"
        )));
    }
    let settings: ArraySettings = config.read()?;
    let place = place::parse("url", &settings.url)?;
    let pool = place.directory;
    Ok(Arc::new(MockArray {
        gate: Gate {
            directory: Files::of(&pool).book,
            title: format!("mock array {}", pool.display()),
            env,
        },
        pool,
        token: config.require_secret("api_token")?,
        connections_known: place.connections_known,
    }))
}

#[derive(Debug)]
struct MockArray {
    pool: PathBuf,
    gate: Gate,
    token: SecretString,
    connections_known: bool,
}

/// Refuses a dead array and a wrong token.
fn admit(array: &Held, token: &SecretString) -> Result<()> {
    array.alive()?;
    if array.state().token != hashed(&array.state().id, token.expose_secret()) {
        return Err(DriverError::new(
            ErrorKind::Unauthorized,
            "the array refuses the API token",
        ));
    }
    Ok(())
}

impl MockArray {
    /// Runs a verb on the array as it is now.
    async fn verb<Q, T>(
        &self,
        ctx: &CallCtx,
        verb: &'static str,
        req: Q,
        work: impl FnOnce(&mut Open, &Q) -> Result<T> + Send + 'static,
    ) -> Result<T>
    where
        Q: Serialize + Send + 'static,
        T: Serialize + Send + 'static,
    {
        let (pool, token) = (self.pool.clone(), self.token.clone());
        let clock = self.gate.env.clock.clone();
        let call = ctx.clone();
        self.gate
            .run(ctx, verb, target(&req), move || {
                let mut open = Open::at(&pool, clock.now())?;
                admit(&open.own, &token)?;
                let book = open.own.files.book.clone();
                let recording = Recording::begin(&book, || open.fingerprint());
                let reply = work(&mut open, &req);
                if let Some(recording) = recording {
                    recording.end(&call, verb, &req, &reply, || open.fingerprint())?;
                }
                let reply = reply?;
                open.save()?;
                Ok(reply)
            })
            .await
    }
}

#[async_trait]
impl StorageDriver for MockArray {
    fn capabilities(&self) -> StorageCapabilities {
        let mut can = capabilities();
        can.connection_state = self.connections_known;
        can
    }

    async fn describe(&self, ctx: &CallCtx) -> Result<ArrayInfo> {
        self.verb(ctx, "describe", (), |open, ()| {
            let state = open.own.state();
            let identity = identity(open);
            Ok(ArrayInfo::new(identity, "mock array 1")
                .capacity_bytes(state.capacity_bytes)
                .used_bytes(open.own.files.used_bytes()?))
        })
        .await
    }

    async fn get_link(&self, ctx: &CallCtx, req: GetLink) -> Result<Link> {
        self.verb(ctx, "get_link", req, |open, req| Ok(link(open, req)))
            .await
    }

    async fn resolve_volume(&self, ctx: &CallCtx, req: ResolveVolume) -> Result<ArrayVolume> {
        self.verb(ctx, "resolve_volume", req, |open, req| {
            let name = cinder_name(req.name_id.as_ref().unwrap_or(&req.cinder_id).as_str());
            match open.own.files.find(&name)? {
                Some(volume) => Ok(open.shown(&volume)),
                None => Err(DriverError::not_found(format!(
                    "array volume `{name}`, which would back volume {}",
                    req.cinder_id
                ))),
            }
        })
        .await
    }

    async fn get_volume(&self, ctx: &CallCtx, req: GetVolume) -> Result<ArrayVolume> {
        self.verb(ctx, "get_volume", req, |open, req| {
            Ok(open.shown(&open.own.files.require(req.name.as_str())?))
        })
        .await
    }

    async fn ensure_group(&self, ctx: &CallCtx, req: EnsureGroup) -> Result<GroupStatus> {
        self.verb(ctx, "ensure_group", req, Open::ensure_group)
            .await
    }

    async fn get_group(&self, ctx: &CallCtx, req: GetGroup) -> Result<GroupStatus> {
        self.verb(ctx, "get_group", req, |open, req| {
            open.group_status(req.group.as_str())
        })
        .await
    }

    async fn set_group_volumes(&self, ctx: &CallCtx, req: SetGroupVolumes) -> Result<GroupStatus> {
        self.verb(ctx, "set_group_volumes", req, Open::set_group_volumes)
            .await
    }

    async fn suspend_group(&self, ctx: &CallCtx, req: SuspendGroup) -> Result<()> {
        self.verb(ctx, "suspend_group", req, |open, req| {
            open.suspend_group(req.group.as_str())
        })
        .await
    }

    async fn delete_group(&self, ctx: &CallCtx, req: DeleteGroup) -> Result<()> {
        self.verb(ctx, "delete_group", req, Open::delete_group)
            .await
    }

    async fn start_replication(&self, ctx: &CallCtx, req: StartReplication) -> Result<Transfer> {
        self.verb(ctx, "start_replication", req, Open::start_replication)
            .await
    }

    async fn get_replication(&self, ctx: &CallCtx, req: GetReplication) -> Result<Transfer> {
        self.verb(ctx, "get_replication", req, |open, req| {
            open.transfer(req.group.as_str(), req.point.as_str())
        })
        .await
    }

    async fn list_points(&self, ctx: &CallCtx, req: ListPoints) -> Result<Vec<Point>> {
        self.verb(ctx, "list_points", req, |open, req| {
            open.list_points(&req.group)
        })
        .await
    }

    async fn pin_point(&self, ctx: &CallCtx, req: PinPoint) -> Result<()> {
        self.verb(ctx, "pin_point", req, Open::pin).await
    }

    async fn unpin_point(&self, ctx: &CallCtx, req: PinPoint) -> Result<()> {
        self.verb(ctx, "unpin_point", req, Open::unpin).await
    }

    async fn materialize_volume(
        &self,
        ctx: &CallCtx,
        req: MaterializeVolume,
    ) -> Result<ArrayVolume> {
        let call = ctx.clone();
        self.verb(ctx, "materialize_volume", req, move |open, req| {
            open.materialize(&call, req)
        })
        .await
    }

    async fn overwrite_volume(&self, ctx: &CallCtx, req: OverwriteVolume) -> Result<ArrayVolume> {
        self.verb(ctx, "overwrite_volume", req, Open::overwrite)
            .await
    }

    async fn snapshot_volume(&self, ctx: &CallCtx, req: SnapshotVolume) -> Result<()> {
        self.verb(ctx, "snapshot_volume", req, Open::snapshot).await
    }

    async fn discard_volume(&self, ctx: &CallCtx, req: DiscardVolume) -> Result<()> {
        self.verb(ctx, "discard_volume", req, Open::discard).await
    }

    async fn get_written(&self, ctx: &CallCtx, req: GetWritten) -> Result<u64> {
        self.verb(ctx, "get_written", req, |open, req| open.written(req))
            .await
    }

    async fn write_manifest(&self, ctx: &CallCtx, req: WriteManifest) -> Result<()> {
        self.verb(ctx, "write_manifest", req, |open, req| {
            let group = open.group_mut(req.group.as_str())?;
            group.manifest = Some(req.document.clone());
            open.settle();
            Ok(())
        })
        .await
    }

    async fn read_manifest(&self, ctx: &CallCtx, req: ReadManifest) -> Result<Option<String>> {
        self.verb(ctx, "read_manifest", req, |open, req| {
            let state = open.own.state();
            Ok(match &req.group {
                GroupRef::Local { name } => state
                    .groups
                    .get(name.as_str())
                    .and_then(|group| group.manifest.clone()),
                GroupRef::Replica { name, source } => state
                    .replicas
                    .get(source.id.as_str())
                    .and_then(|groups| groups.get(name.as_str()))
                    .and_then(|replica| replica.manifest.clone()),
            })
        })
        .await
    }
}

/// How Cinder's file back end calls the file of a volume.
pub(crate) fn cinder_name(volume: &str) -> String {
    format!("volume-{volume}-cinder")
}

pub(crate) fn identity(open: &Open) -> ArrayIdentity {
    let state = open.own.state();
    ArrayIdentity {
        id: state.id.as_str().into(),
        name: state.name.clone(),
    }
}

fn link(open: &Open, req: &GetLink) -> Link {
    let id = req.remote.id.as_str();
    let Some(link) = open.own.state().links.get(id) else {
        return Link::new(LinkState::Unknown);
    };
    let partner = open.partners.iter().find(|p| p.state().id == id);
    match partner.map(Held::state) {
        Some(state) if !state.down => {
            let theirs = state.links.get(&open.own.state().id);
            match theirs {
                Some(theirs) if theirs.state != LinkState::Connected => {
                    Link::new(theirs.state).detail(theirs.detail.clone())
                }
                Some(_) => Link::new(link.state).detail(link.detail.clone()),
                None => Link::new(LinkState::Disconnected).detail("the other array has no link"),
            }
        }
        _ => Link::new(LinkState::Disconnected).detail("the other array does not answer"),
    }
}
