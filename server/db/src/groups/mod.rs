//! A group's document: the bytes are the truth, the other tables are looked up by and are written
//! in the same transaction.

mod listed;
mod project;
mod quarantine;
mod receive;
mod staged;

use chrono::{DateTime, Utc};
use protector_framework::{ChangeId, GenericUuid as _, GroupId, OperationId, ProjectId};
use protector_model::epoch::Base;
use protector_model::{GroupDocument, Head};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};

use crate::connection::{
    Db, corrupt, flag, hold, json, maybe_bytes, maybe_json, maybe_parsed, maybe_text, maybe_time,
    rows, run, stamp, text, to_json,
};
use crate::error::{DbError, Result};
use crate::operations::Fence;

pub use listed::ListedGroup;
pub use receive::Received;
pub(crate) use staged::place as staged_place;

/// A group as this site holds it.
#[derive(Debug, Clone)]
pub struct GroupRecord {
    /// The document.
    pub document: GroupDocument,
    /// Which one it is.
    pub head: Head,
    /// Its bytes, as they were hashed.
    pub bytes: Vec<u8>,
    /// A change on its way to the peer.
    pub staged: Option<Staged>,
    /// What is known of the peer's copy.
    pub peer: PeerState,
    /// The peer's head, where both sites claim authority.
    pub conflict_with: Option<Head>,
    /// The operation that is not finished.
    pub active_operation: Option<OperationId>,
    /// The test failover that is not cleaned up.
    pub test_operation: Option<OperationId>,
    /// Whether this site has lost the group without its consent and has not yet looked at every copy
    /// it keeps.
    pub quarantine_due: bool,
    /// When the newest complete recovery point was taken, as last seen.
    pub last_replication_at: Option<DateTime<Utc>>,
}

/// What this site knows of its peer's copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerState {
    /// The document the peer last acknowledged.
    pub acked: Option<Base>,
    /// Whether this site has something that the peer does not.
    pub pending: bool,
    /// When the peer last acknowledged.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Why it last did not.
    pub last_error: Option<String>,
}

/// A change that was sent to the peer and is not decided. The row is the lock.
#[derive(Debug, Clone)]
pub struct Staged {
    /// The change.
    pub change_id: ChangeId,
    /// The document it leads to.
    pub head: Head,
    /// That document's bytes.
    pub bytes: Vec<u8>,
    /// The document it begins from; `None` for a new group.
    pub base: Option<Base>,
    /// Who sends it.
    pub owner: String,
    /// Until when nobody else may.
    pub until: DateTime<Utc>,
}

const JOIN: &str = "SELECT g.*, m.epoch, m.version, m.hash, m.document, m.staged_change_id,
    m.staged_head, m.staged_document, m.staged_base, m.staged_owner, m.staged_until, m.acked,
    m.pending, m.last_success_at, m.last_error, m.conflict_with, q.id AS quarantine_id
    FROM metadata_sync m LEFT JOIN protection_groups g ON g.id = m.id
    LEFT JOIN quarantines_due q ON q.id = m.id";

impl Db {
    /// One group, also a deleted one.
    ///
    /// # Errors
    /// `Corrupt` where its document cannot be read.
    pub async fn get_group(&self, id: GroupId) -> Result<Option<GroupRecord>> {
        self.repeated(|| group_in(&self.conn, id)).await
    }

    /// The group of this id or name in a project of the local site.
    ///
    /// # Errors
    /// `Corrupt` where its document cannot be read.
    pub async fn find_group(
        &self,
        project: &ProjectId,
        id_or_name: &str,
    ) -> Result<Option<GroupRecord>> {
        let sql = format!(
            "{JOIN} WHERE g.project_id = ? AND g.deleted = 0 AND (g.id = ? OR g.name = ?)
             ORDER BY CASE WHEN g.id = ? THEN 0 ELSE 1 END"
        );
        let values = [
            project.as_str().into(),
            id_or_name.into(),
            id_or_name.into(),
            id_or_name.into(),
        ];
        self.rows(&sql, values)
            .await?
            .first()
            .map_or(Ok(None), read)
    }

    /// Every group that can be read, also the deleted ones. One that cannot is logged: it must not
    /// keep the others from being looked after.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn all_groups(&self) -> Result<Vec<GroupRecord>> {
        let found = self
            .rows(&format!("{JOIN} ORDER BY m.created_at"), [])
            .await?;
        let mut groups = Vec::new();
        for row in &found {
            match read(row) {
                Ok(group) => groups.extend(group),
                Err(error) => tracing::error!(%error, "a protection group cannot be read"),
            }
        }
        Ok(groups)
    }

    /// How many groups a project of the local site has.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn count_groups(&self, project: &ProjectId) -> Result<u64> {
        let sql = "SELECT COUNT(*) AS n FROM protection_groups
            WHERE project_id = ? AND deleted = 0";
        let found = self.rows(sql, [project.as_str().into()]).await?;
        found.first().map_or(Ok(0), |row| {
            crate::connection::number(row, "n").map(|n| u64::try_from(n).unwrap_or(0))
        })
    }

    /// Writes the next document at this site alone, from exactly `base`: bookkeeping of the primary
    /// under its operation's fence, or a takeover. The peer learns it later.
    ///
    /// # Errors
    /// `Moved` where the head is another; `ChangePending` where a change is staged, unless
    /// `ignore_staged` drops it; `Fenced`.
    pub async fn write_local(
        &self,
        base: &Base,
        bytes: &[u8],
        fence: Option<&Fence>,
        ignore_staged: bool,
    ) -> Result<GroupRecord> {
        let document = GroupDocument::from_bytes(bytes).map_err(|e| corrupt("document", e))?;
        self.transaction(|tx| {
            let (document, base) = (document.clone(), base.clone());
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "metadata_sync", &document.id.to_string()).await?;
                if let Some(fence) = fence {
                    self.renew_in(tx, fence).await?;
                }
                let record = group_in(tx, document.id).await?;
                let record =
                    record.ok_or_else(|| DbError::NotFound(format!("group {}", document.id)))?;
                if record.head.base() != base {
                    return Err(DbError::Moved(Some(Box::new(record.head))));
                }
                if record.staged.is_some() && !ignore_staged {
                    return Err(DbError::ChangePending);
                }
                self.store_head(tx, &document, bytes, true).await?;
                if document.epoch.id != base.epoch_id {
                    quarantine::forget(tx, document.id).await?;
                }
                required(tx, document.id).await
            })
        })
        .await
    }

    /// Puts a document in place of the one that a person saw when deciding a conflict; without
    /// `base`, of whatever is there. `pending`: this site's claim has won. Where it has not, what its
    /// copies do is not known and must be looked at.
    ///
    /// # Errors
    /// `Moved` where the head is another than `base`.
    pub async fn replace_head(
        &self,
        base: Option<&Base>,
        bytes: &[u8],
        pending: bool,
    ) -> Result<GroupRecord> {
        let document = GroupDocument::from_bytes(bytes).map_err(|e| corrupt("document", e))?;
        self.transaction(|tx| {
            let (document, base) = (document.clone(), base.cloned());
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "metadata_sync", &document.id.to_string()).await?;
                let head = group_in(tx, document.id).await?.map(|record| record.head);
                if base.is_some() && head.as_ref().map(Head::base) != base {
                    return Err(DbError::Moved(head.map(Box::new)));
                }
                self.store_head(tx, &document, bytes, pending).await?;
                set(tx, document.id, "conflict_with = NULL", []).await?;
                match pending {
                    true => quarantine::forget(tx, document.id).await?,
                    false => self.note_quarantine(tx, document.id).await?,
                }
                required(tx, document.id).await
            })
        })
        .await
    }

    /// The peer has acknowledged a document.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn mark_pushed(&self, id: GroupId, acked: &Base) -> Result<()> {
        let sql = "UPDATE metadata_sync SET acked = ?, last_success_at = ?, last_error = NULL,
            pending = CASE WHEN epoch_id = ? AND version = ? THEN 0 ELSE pending END WHERE id = ?";
        let values = [
            to_json(acked)?.into(),
            self.stamp().into(),
            acked.epoch_id.to_string().into(),
            i64::try_from(acked.version).unwrap_or(i64::MAX).into(),
            id.to_string().into(),
        ];
        self.run(sql, values).await.map(|_| ())
    }

    /// The peer has not taken a document.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn mark_push_failed(&self, id: GroupId, error: &str) -> Result<()> {
        self.repeated(|| set(&self.conn, id, "last_error = ?", [error.into()]))
            .await
    }

    /// Both sites claim authority, or no longer do.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn set_conflict(&self, id: GroupId, with: Option<&Head>) -> Result<()> {
        let with = with.map(to_json).transpose()?;
        self.repeated(|| set(&self.conn, id, "conflict_with = ?", [with.clone().into()]))
            .await
    }

    /// A complete recovery point was taken at this time. Whoever tells of an older one than is known has
    /// looked before the others, and changes nothing. One that is still to come is of a clock that was
    /// ahead, and is not believed for longer than the clock is.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn note_replication(&self, id: GroupId, at: DateTime<Utc>) -> Result<()> {
        let sql = "UPDATE protection_groups SET last_replication_at = ? WHERE id = ?
            AND (last_replication_at IS NULL OR last_replication_at < ? OR last_replication_at > ?)";
        let values = [
            stamp(at).into(),
            id.to_string().into(),
            stamp(at).into(),
            self.stamp().into(),
        ];
        self.run(sql, values).await.map(|_| ())
    }

    /// Moves the head and everything that is looked up of it, and drops a staged change. A document
    /// without a policy leaves no array tokens, whichever way it came.
    async fn store_head(
        &self,
        tx: &DatabaseTransaction,
        document: &GroupDocument,
        bytes: &[u8],
        pending: bool,
    ) -> Result<()> {
        let head = document.head(bytes);
        let now = self.stamp();
        let moved = run(
            tx,
            "UPDATE metadata_sync SET epoch_id = ?, epoch = ?, version = ?, hash = ?, document = ?,
                pending = ?, staged_change_id = NULL, staged_head = NULL, staged_document = NULL,
                staged_base = NULL, staged_secrets = NULL, staged_owner = NULL,
                staged_until = NULL, updated_at = ? WHERE id = ?",
            [
                head.epoch.id.to_string().into(),
                to_json(&head.epoch)?.into(),
                i64::try_from(head.version).unwrap_or(i64::MAX).into(),
                head.hash.clone().into(),
                bytes.to_vec().into(),
                i32::from(pending).into(),
                now.clone().into(),
                document.id.to_string().into(),
            ],
        )
        .await?;
        if moved == 0 {
            self.insert_sync_row(tx, document.id).await?;
            return Box::pin(self.store_head(tx, document, bytes, pending)).await;
        }
        if document.policy.is_none() {
            let sql = "DELETE FROM secrets WHERE owner = ?";
            run(tx, sql, [format!("policy/{}", document.id).into()]).await?;
        }
        self.put_summary(tx, document, &head.hash).await?;
        self.project(tx, document).await
    }

    /// The row that a group's first document or first staged change is put into.
    async fn insert_sync_row(&self, tx: &DatabaseTransaction, id: GroupId) -> Result<()> {
        let now = self.stamp();
        run(
            tx,
            "INSERT INTO metadata_sync (id, version, hash, pending, created_at, updated_at)
             VALUES (?, 0, '', 0, ?, ?)",
            [id.to_string().into(), now.clone().into(), now.into()],
        )
        .await
        .map(|_| ())
    }
}

async fn set<C: ConnectionTrait>(
    conn: &C,
    id: GroupId,
    what: &str,
    values: impl IntoIterator<Item = sea_orm::Value>,
) -> Result<()> {
    let sql = format!("UPDATE metadata_sync SET {what} WHERE id = ?");
    let values = values.into_iter().chain([id.to_string().into()]);
    run(conn, &sql, values).await.map(|_| ())
}

pub(crate) async fn group_in<C: ConnectionTrait>(
    conn: &C,
    id: GroupId,
) -> Result<Option<GroupRecord>> {
    let sql = format!("{JOIN} WHERE m.id = ?");
    rows(conn, &sql, [id.to_string().into()])
        .await?
        .first()
        .map_or(Ok(None), read)
}

async fn required<C: ConnectionTrait>(conn: &C, id: GroupId) -> Result<GroupRecord> {
    group_in(conn, id)
        .await?
        .ok_or_else(|| DbError::NotFound(format!("group {id}")))
}

/// A row without a document is a new group whose first change is still staged: it is no group yet.
fn read(row: &QueryResult) -> Result<Option<GroupRecord>> {
    let Some(bytes) = maybe_bytes(row, "document")? else {
        return Ok(None);
    };
    let document = GroupDocument::from_bytes(&bytes).map_err(|e| corrupt("metadata_sync", e))?;
    Ok(Some(GroupRecord {
        head: Head {
            epoch: json(row, "epoch")?,
            version: document.version,
            hash: text(row, "hash")?,
        },
        staged: staged::read(row)?,
        peer: PeerState {
            acked: maybe_json(row, "acked")?,
            pending: flag(row, "pending")?,
            last_success_at: maybe_time(row, "last_success_at")?,
            last_error: maybe_text(row, "last_error")?,
        },
        conflict_with: maybe_json(row, "conflict_with")?,
        active_operation: maybe_parsed(row, "active_operation_id")?
            .map(OperationId::from_untyped_uuid),
        test_operation: maybe_parsed(row, "test_operation_id")?.map(OperationId::from_untyped_uuid),
        quarantine_due: maybe_text(row, "quarantine_id")?.is_some(),
        last_replication_at: maybe_time(row, "last_replication_at")?,
        document,
        bytes,
    }))
}
