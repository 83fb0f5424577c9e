//! Groups as lists show them: one query for a page, whatever is in their documents, and with the
//! status that is shown, so that a filter or an order by it means what the caller sees.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use protector_framework::{GenericUuid as _, GroupId, OperationId, ProjectId};
use protector_model::readiness::Kept;
use protector_model::{GroupDocument, GroupStatus, GroupSummary, OperationKind};
use sea_orm::{DatabaseTransaction, QueryResult};

use crate::connection::{
    Db, corrupt, flag, maybe_json, maybe_parsed, maybe_time, run, text, to_json,
};
use crate::error::{DbError, Result};
use crate::page::{Listing, Page};

/// A group as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedGroup {
    /// What its document says.
    pub summary: GroupSummary,
    /// Its project on this site.
    pub project_id: ProjectId,
    /// Its status, overlaid by what runs.
    pub status: GroupStatus,
    /// The operation that is not finished.
    pub active_operation: Option<OperationId>,
    /// The test failover that is not cleaned up.
    pub test_operation: Option<OperationId>,
    /// When the newest complete recovery point was taken, as last seen.
    pub last_replication_at: Option<DateTime<Utc>>,
    /// What the last look at its readiness has found.
    pub readiness: Option<Kept>,
    /// Whether the other site lacks something that this site has.
    pub sync_pending: bool,
    /// When both sites were last seen to hold the same.
    pub synced_at: Option<DateTime<Utc>>,
}

/// What a list may be sorted and filtered by.
const FIELDS: &[&str] = &[
    "id",
    "name",
    "status",
    "primary_site_id",
    "secondary_site_id",
    "current_primary_site_id",
    "replication_type",
    "created_at",
    "updated_at",
];

/// What a list shows; the rest is in the summary. Few, because each value of each row has its price.
const COLUMNS: &str = "summary, status, active_operation_id, test_operation_id,
    last_replication_at, readiness, sync_pending, synced_at";

/// The table of groups with `protector_model::status::shown_status` in place of their own. A summary
/// counts only for the document that it was made of: a program of the version before writes none, and
/// then the group's id stands in its place.
static TABLE: LazyLock<String> = LazyLock::new(|| {
    let fields = FIELDS.iter().filter(|field| **field != "status");
    let fields: Vec<String> = fields.map(|field| format!("g.{field}")).collect();
    let running = OperationKind::ALL.iter().filter_map(|kind| {
        let status = kind.group_status_while_running()?;
        Some(format!("WHEN o.kind = '{kind}' THEN '{status}'"))
    });
    let running: Vec<String> = running.collect();
    format!(
        "(SELECT {fields}, g.project_id, g.deleted, g.active_operation_id, g.test_operation_id,
            g.last_replication_at, m.last_success_at AS synced_at,
            CASE WHEN m.pending <> 0 OR m.staged_change_id IS NOT NULL THEN 1 ELSE 0 END
                AS sync_pending,
            COALESCE(s.body, g.id) AS summary, k.body AS readiness,
            CASE WHEN m.conflict_with IS NOT NULL OR g.status = '{conflict}' THEN '{conflict}'
                {running}
                WHEN g.test_operation_id IS NOT NULL THEN '{testing}' ELSE g.status END AS status
          FROM protection_groups g LEFT JOIN metadata_sync m ON m.id = g.id
          LEFT JOIN dr_operations o ON o.id = g.active_operation_id
          LEFT JOIN group_summaries s ON s.id = g.id AND s.hash = m.hash
          LEFT JOIN readiness_summaries k ON k.id = g.id) AS shown",
        fields = fields.join(", "),
        running = running.join(" "),
        conflict = GroupStatus::Conflict,
        testing = GroupStatus::Testing,
    )
});

impl Db {
    /// One page of the groups of a project of this site that are not deleted.
    ///
    /// # Errors
    /// `BadQuery`, `BadMarker`.
    pub async fn page_groups(&self, project: &ProjectId, page: &Page) -> Result<Vec<ListedGroup>> {
        let list = Listing {
            table: TABLE.as_str(),
            columns: COLUMNS,
            fields: FIELDS,
            always: (
                "deleted = 0 AND project_id = ?",
                vec![project.as_str().into()],
            ),
        };
        let found = self.page(list, page).await?;
        let mut groups = Vec::with_capacity(found.len());
        for row in found {
            let summary = self.summary_in(&row).await?;
            groups.push(read(&row, summary, project)?);
        }
        Ok(groups)
    }

    /// Every group of this site that is not deleted, whoever's it is, as lists show it.
    ///
    /// # Errors
    /// `Corrupt` where one cannot be read.
    pub async fn shown_groups(&self) -> Result<Vec<ListedGroup>> {
        let sql = format!(
            "SELECT {COLUMNS}, project_id FROM {} WHERE deleted = 0 ORDER BY id",
            TABLE.as_str()
        );
        let mut groups = Vec::new();
        for row in self.rows(&sql, []).await? {
            let summary = self.summary_in(&row).await?;
            let project = text(&row, "project_id")?.into();
            groups.push(read(&row, summary, &project)?);
        }
        Ok(groups)
    }

    async fn summary_in(&self, row: &QueryResult) -> Result<GroupSummary> {
        let summary = text(row, "summary")?;
        match summary.parse() {
            Ok(id) => self.summary_of(GroupId::from_untyped_uuid(id)).await,
            Err(_) => {
                serde_json::from_str(&summary).map_err(|error| corrupt("group_summaries", error))
            }
        }
    }

    /// Keeps what lists show of a document, with the hash that names it.
    pub(super) async fn put_summary(
        &self,
        tx: &DatabaseTransaction,
        document: &GroupDocument,
        hash: &str,
    ) -> Result<()> {
        let (id, now) = (document.id.to_string(), self.stamp());
        let body = to_json(&GroupSummary::from(document))?;
        let sql = "UPDATE group_summaries SET hash = ?, body = ?, updated_at = ? WHERE id = ?";
        let values = [
            hash.into(),
            body.clone().into(),
            now.clone().into(),
            id.clone().into(),
        ];
        if run(tx, sql, values).await? > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO group_summaries (id, hash, body, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?)";
        let values = [
            id.into(),
            hash.into(),
            body.into(),
            now.clone().into(),
            now.into(),
        ];
        run(tx, sql, values).await.map(|_| ())
    }

    async fn summary_of(&self, id: GroupId) -> Result<GroupSummary> {
        let record = self.get_group(id).await?;
        let record = record.ok_or_else(|| DbError::NotFound(format!("group {id}")))?;
        Ok(GroupSummary::from(&record.document))
    }
}

fn read(row: &QueryResult, summary: GroupSummary, project: &ProjectId) -> Result<ListedGroup> {
    let operation =
        |column| Ok::<_, DbError>(maybe_parsed(row, column)?.map(OperationId::from_untyped_uuid));
    Ok(ListedGroup {
        summary,
        project_id: project.clone(),
        status: text(row, "status")?
            .parse()
            .map_err(|error| corrupt("protection_groups", error))?,
        active_operation: operation("active_operation_id")?,
        test_operation: operation("test_operation_id")?,
        last_replication_at: maybe_time(row, "last_replication_at")?,
        readiness: maybe_json(row, "readiness")?,
        sync_pending: flag(row, "sync_pending")?,
        synced_at: maybe_time(row, "synced_at")?,
    })
}
