use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{GenericUuid as _, GroupId, SiteId};
use protector_model::Operation;
use protector_model::keeping::{Around, Need, need};

use super::{Item, Surplus};
use crate::connection::{Db, parsed, stamp, text};
use crate::error::{DbError, Result};
use crate::groups::GroupRecord;

/// How long a request's key is remembered.
const KEYS: TimeDelta = TimeDelta::hours(24);

/// A row with its age, of a table whose rows are looked at one by one.
struct Aged {
    id: String,
    owner: String,
    stamp: String,
}

pub(super) async fn surplus(db: &Db, before: DateTime<Utc>) -> Result<Surplus> {
    let mut found = Surplus::default();
    let local = db.local_site().await?.map(|site| site.id);
    let mut settled = BTreeSet::new();
    for group in groups_of_operations(db).await? {
        let record = match db.get_group(group.id).await {
            Ok(record) => record,
            Err(DbError::Corrupt { .. }) => {
                found.unreadable += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        // Its first document is still on its way.
        if record.is_none() && group.has_row {
            continue;
        }
        let record = record.as_ref();
        let stays = operations(db, group.id, record, local, before, &mut found).await?;
        if !stays && record.is_some_and(is_gone) {
            settled.insert(group.id.to_string());
        }
    }
    let limit = stamp(before);
    rows_of_gone_groups(db, &settled, &limit, &mut found).await?;
    let keys = stamp(before.min(db.clock.now() - KEYS));
    rows_older(db, "idempotency_keys", "created_at", &keys, &mut found).await?;
    rows_older(db, "services", "last_seen_at", &limit, &mut found).await?;
    secrets_of_nobody(db, &settled, &limit, &mut found).await?;
    Ok(found)
}

pub(super) async fn old_audit(db: &Db, before: DateTime<Utc>) -> Result<Vec<Item>> {
    let (table, column) = ("audit_events", "created_at");
    let old = older(db, table, "id", column, &stamp(before)).await?;
    Ok(old
        .into_iter()
        .map(|row| item(table, column, row))
        .collect())
}

struct Group {
    id: GroupId,
    /// Whether there is a row for its document.
    has_row: bool,
}

/// Every group that there is, and those of operations whose group was never here.
async fn groups_of_operations(db: &Db) -> Result<Vec<Group>> {
    let known: BTreeSet<String> = ids(db, "SELECT id FROM metadata_sync").await?;
    let of_operations = ids(db, "SELECT DISTINCT group_id AS id FROM dr_operations").await?;
    let all = known.union(&of_operations);
    all.map(|id| {
        let parsed = id.parse().map_err(|error| DbError::Corrupt {
            table: "dr_operations",
            reason: format!("group `{id}`: {error}"),
        })?;
        Ok(Group {
            id: GroupId::from_untyped_uuid(parsed),
            has_row: known.contains(id),
        })
    })
    .collect()
}

async fn ids(db: &Db, sql: &str) -> Result<BTreeSet<String>> {
    let found = db.rows(sql, []).await?;
    found.iter().map(|row| text(row, "id")).collect()
}

/// Whether a group is deleted on both sites, and nothing is open about it.
fn is_gone(record: &GroupRecord) -> bool {
    record.document.deleted
        && !record.peer.pending
        && record.staged.is_none()
        && record.conflict_with.is_none()
        && !record.quarantine_due
        && record.active_operation.is_none()
        && record.test_operation.is_none()
}

/// Finds what can go of a group's operations. The reply is whether one of them stays.
async fn operations(
    db: &Db,
    group: GroupId,
    record: Option<&GroupRecord>,
    local: Option<SiteId>,
    before: DateTime<Utc>,
    found: &mut Surplus,
) -> Result<bool> {
    let sql = "SELECT id, body, updated_at FROM dr_operations WHERE group_id = ?
        ORDER BY created_at, id";
    let rows = db.rows(sql, [group.to_string().into()]).await?;
    let mut all = Vec::new();
    let mut stamps = BTreeMap::new();
    for row in &rows {
        match serde_json::from_str::<Operation>(&text(row, "body")?) {
            Ok(operation) => {
                stamps.insert(operation.id, text(row, "updated_at")?);
                all.push(operation);
            }
            Err(_) => {
                // Nobody knows what the others would be needed for.
                found.unreadable += 1;
                return Ok(true);
            }
        }
    }
    let around = Around {
        document: record.map(|record| &record.document),
        met_at: record.and_then(|record| record.peer.last_success_at),
        holders: record.map_or([None, None], |record| {
            [record.active_operation, record.test_operation]
        }),
        all: &all,
        local,
    };
    let mut needs = Vec::new();
    for operation in &all {
        let plan = db.plan(operation.id).await?;
        let steps = db.steps(operation.id).await?;
        needs.push(need(operation, plan.as_ref(), &steps, &around));
    }
    // Whether what one has stopped may start again is told by the moves after it.
    let owned = needs.contains(&Some(Need::Owner));
    let mut stays = false;
    for (operation, need) in all.iter().zip(needs) {
        let need = match need {
            None if owned && operation.kind.moves_authority() => Some(Need::Owner),
            need => need,
        };
        let stamped = stamps.remove(&operation.id).unwrap_or_default();
        let old = operation.updated_at < before && stamped < stamp(before);
        match need {
            None if old => found.items.push(Item::Operation {
                id: operation.id,
                updated_at: stamped,
            }),
            Some(need) if old => {
                *found.kept.entry(need).or_default() += 1;
                stays = true;
            }
            _ => stays = true,
        }
    }
    Ok(stays)
}

async fn rows_of_gone_groups(
    db: &Db,
    gone: &BTreeSet<String>,
    limit: &str,
    found: &mut Surplus,
) -> Result<()> {
    for table in [
        "readiness_reports",
        "readiness_summaries",
        "group_summaries",
    ] {
        for row in older(db, table, "id", "updated_at", limit).await? {
            if gone.contains(&row.id) {
                found.items.push(item(table, "updated_at", row));
            }
        }
    }
    Ok(())
}

async fn rows_older(
    db: &Db,
    table: &'static str,
    column: &'static str,
    limit: &str,
    found: &mut Surplus,
) -> Result<()> {
    let old = older(db, table, "id", column, limit).await?;
    found
        .items
        .extend(old.into_iter().map(|row| item(table, column, row)));
    Ok(())
}

/// Sealed values of sites and trusts that are not there any more, and of groups that are gone.
async fn secrets_of_nobody(
    db: &Db,
    gone: &BTreeSet<String>,
    limit: &str,
    found: &mut Surplus,
) -> Result<()> {
    let sites = ids(db, "SELECT id FROM sites").await?;
    let groups = ids(db, "SELECT id FROM metadata_sync").await?;
    let mut trusts = BTreeSet::new();
    for row in &db
        .rows("SELECT site_id, project_id FROM trusts", [])
        .await?
    {
        let site: uuid::Uuid = parsed(row, "site_id")?;
        trusts.insert(format!("{site}/{}", text(row, "project_id")?));
    }
    for row in older(db, "secrets", "owner", "updated_at", limit).await? {
        let nobodys = match row.owner.split_once('/') {
            Some(("site", site)) => !sites.contains(site),
            Some(("policy", group)) => gone.contains(group) || !groups.contains(group),
            Some(("trust", trust)) => !trusts.contains(trust),
            _ => false,
        };
        if nobodys {
            found.items.push(item("secrets", "updated_at", row));
        }
    }
    Ok(())
}

async fn older(
    db: &Db,
    table: &str,
    owner: &'static str,
    column: &'static str,
    limit: &str,
) -> Result<Vec<Aged>> {
    let sql = format!(
        "SELECT id, {owner} AS owner, {column} AS stamp FROM {table} WHERE {column} < ?
         ORDER BY {column}, id"
    );
    let found = db.rows(&sql, [limit.into()]).await?;
    found
        .iter()
        .map(|row| {
            Ok(Aged {
                id: text(row, "id")?,
                owner: text(row, "owner")?,
                stamp: text(row, "stamp")?,
            })
        })
        .collect()
}

fn item(table: &'static str, column: &'static str, row: Aged) -> Item {
    Item::Row {
        table,
        id: row.id,
        column,
        stamp: row.stamp,
    }
}
