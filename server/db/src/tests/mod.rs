//! The database as its users see it, on SQLite and, where its server is installed, on MariaDB.

mod cluster;
mod documents;
mod ends;
mod engines;
mod looks;
mod mariadb;
mod older;
mod refusing;
mod rows;
mod sealed;
mod server;
mod surplus;
mod turns;
mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use protector_framework::{
    EpochId, GenericUuid as _, GroupId, ManualClock, OperationId, PolicyId, ReplicationMode,
    SecretString, SeededIds, SiteId,
};
use protector_model::epoch::Epoch;
use protector_model::{
    Actor, GroupDocument, GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus,
    Policy, Retention,
};
use uuid::Uuid;

use crate::{Db, DbOptions, SecretBox};

pub(crate) const MARK: &str = "marked-secret-value";

/// A database of its own for one test, with a clock that the test drives.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) url: SecretString,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn start() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub(crate) async fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?mode=rwc",
        dir.path().join("protector.db").display()
    );
    world_at(dir, url).await
}

pub(crate) async fn world_at(dir: tempfile::TempDir, url: String) -> World {
    protector_migrations::sync(&url).await.unwrap();
    let clock = Arc::new(ManualClock::new(start()));
    let url = SecretString::from(url);
    let db = open(&dir, &url, &clock, 1).await;
    World {
        db,
        clock,
        url,
        dir,
    }
}

pub(crate) async fn open(
    dir: &tempfile::TempDir,
    url: &SecretString,
    clock: &Arc<ManualClock>,
    seed: u64,
) -> Db {
    let ids = Arc::new(SeededIds::new(seed));
    let secret_box = SecretBox::open_or_create(&dir.path().join("keys"), &*ids).unwrap();
    let options = DbOptions {
        max_connections: 4,
        lease: Duration::from_secs(30),
    };
    Db::connect(url, options, secret_box, clock.clone(), ids)
        .await
        .unwrap()
}

pub(crate) fn site(n: u128) -> SiteId {
    SiteId::from_untyped_uuid(Uuid::from_u128(n))
}

pub(crate) fn epoch(n: u128) -> EpochId {
    EpochId::from_untyped_uuid(Uuid::from_u128(n))
}

pub(crate) fn group() -> GroupId {
    GroupId::from_untyped_uuid(Uuid::from_u128(77))
}

pub(crate) fn policy() -> Policy {
    Policy {
        id: PolicyId::from_untyped_uuid(Uuid::from_u128(9)),
        driver: "mock".to_owned(),
        arrays: BTreeMap::new(),
        rpo_minutes: 10,
        replication_interval: None,
        retention: Retention::default(),
        secondary_backend_host: None,
        test_volume_type_id: None,
        created_at: "2026-11-24T12:00:00Z".parse().unwrap(),
        updated_at: "2026-11-24T12:00:00Z".parse().unwrap(),
    }
}

/// A group between site 1, its primary, and site 2.
pub(crate) fn document(name: &str) -> GroupDocument {
    GroupDocument {
        id: group(),
        epoch: Epoch::first(epoch(1), site(1)),
        version: 1,
        name: name.to_owned(),
        description: String::new(),
        projects: [(site(1), "p1".into()), (site(2), "p2".into())].into(),
        primary_site_id: site(1),
        secondary_site_id: site(2),
        current_primary_site_id: site(1),
        replication_type: ReplicationMode::Async,
        volume_types: BTreeMap::new(),
        volume_groups: BTreeMap::new(),
        status: GroupStatus::Active,
        status_reason: None,
        failover_count: 0,
        members: Vec::new(),
        policy: Some(policy()),
        mappings: Vec::new(),
        deleted: false,
        given_up: None,
        created_at: start(),
        updated_at: start(),
        unknown: BTreeMap::new(),
    }
}

pub(crate) fn operation(n: u128, kind: OperationKind) -> Operation {
    Operation {
        id: OperationId::from_untyped_uuid(Uuid::from_u128(n)),
        group_id: group(),
        project_id: "p1".into(),
        kind,
        options: OperationOptions::default(),
        status: OperationStatus::Queued,
        phase: String::new(),
        progress: 0,
        source_site_id: site(1),
        target_site_id: site(2),
        executor_site_id: site(1),
        steps_completed: 0,
        steps_failed: 0,
        was_running: None,
        test_stands: false,
        error: None,
        result: None,
        actor: Actor::engine("req-test"),
        attempt: 1,
        created_at: start(),
        updated_at: start(),
        started_at: None,
        finished_at: None,
    }
}

/// Puts the group's first document in place, as a peer would.
pub(crate) async fn with_group(world: &World) -> crate::GroupRecord {
    let bytes = document("shop").to_bytes().unwrap();
    let mode = protector_model::PutMode::Push;
    world
        .db
        .receive_document(site(9), mode, None, &bytes, &BTreeMap::new())
        .await
        .unwrap();
    world.db.get_group(group()).await.unwrap().unwrap()
}
