//! Which of the operations that wait is taken next.

use std::collections::BTreeMap;

use protector_framework::{GenericUuid as _, OperationId, ProjectId, SiteId};
use protector_model::turn::{self, Served, Waiting};
use protector_model::{Operation, OperationStatus};
use sea_orm::{DatabaseTransaction, QueryResult};

use crate::connection::{Db, maybe_json, maybe_time, number, parsed, run, stamp, text, time};
use crate::error::Result;
use crate::groups::group_in;

/// One that waits, and its row.
pub(super) struct Candidate {
    pub(super) waiting: Waiting,
    pub(super) row: QueryResult,
}

impl Db {
    /// The operations of a site that no engine holds, those first whose turn it is.
    pub(super) async fn free_operations(
        &self,
        site: SiteId,
        wanted: impl Fn(bool) -> bool,
    ) -> Result<Vec<Candidate>> {
        let now = self.now().await?;
        let (at, never) = (stamp(now), stamp(self.no_lease(now)));
        let found = self
            .rows(
                "SELECT o.id, o.project_id, o.status, o.fence, o.clean, o.owner, o.lease_until,
                    o.created_at, t.tier, t.urgent,
                    CASE WHEN t.id IS NULL THEN o.body ELSE NULL END AS body
                 FROM dr_operations o LEFT JOIN operation_turns t ON t.id = o.id
                 WHERE o.executor_site_id = ? AND o.status IN ('queued', 'running')
                    AND (o.lease_until IS NULL OR o.lease_until < ? OR o.lease_until > ?)
                 ORDER BY o.created_at, o.id",
                [site.to_string().into(), at.clone().into(), never.into()],
            )
            .await?;
        let mut free = Vec::new();
        for row in found {
            let (waiting, urgent) = read(&row)?;
            if wanted(urgent) {
                free.push(Candidate { waiting, row });
            }
        }
        if free.len() > 1 {
            let served = self.served(site, &at).await?;
            let mut order: Vec<Waiting> = free.iter().map(|one| one.waiting.clone()).collect();
            turn::order(&mut order, &served);
            let places: BTreeMap<OperationId, usize> =
                order.iter().map(|one| one.id).zip(0..).collect();
            free.sort_by_key(|one| places.get(&one.waiting.id).copied());
        }
        Ok(free)
    }

    /// What each project has had of a site's places.
    async fn served(&self, site: SiteId, at: &str) -> Result<BTreeMap<ProjectId, Served>> {
        let found = self
            .rows(
                "SELECT o.project_id, MAX(t.taken_at) AS last_at,
                    COUNT(CASE WHEN o.status = 'running' AND o.lease_until >= ? THEN 1 END) AS n
                 FROM dr_operations o JOIN operation_turns t ON t.id = o.id
                 WHERE o.executor_site_id = ? GROUP BY o.project_id",
                [at.into(), site.to_string().into()],
            )
            .await?;
        let had = |row: &QueryResult| {
            let served = Served {
                at_work: u64::try_from(number(row, "n")?).unwrap_or(0),
                last_at: maybe_time(row, "last_at")?,
            };
            Ok((ProjectId::from(text(row, "project_id")?), served))
        };
        found.iter().map(had).collect()
    }

    /// Gives a new operation its place in the order.
    pub(super) async fn insert_turn(
        &self,
        tx: &DatabaseTransaction,
        operation: &Operation,
    ) -> Result<()> {
        let record = group_in(tx, operation.group_id).await?;
        let document = record.as_ref().map(|record| &record.document);
        let now = self.stamp();
        let values = [
            operation.id.to_string().into(),
            i32::from(turn::tier(operation, document)).into(),
            i32::from(operation.is_urgent()).into(),
            now.clone().into(),
            now.into(),
        ];
        let sql = "INSERT INTO operation_turns (id, tier, urgent, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?)";
        run(tx, sql, values).await.map(|_| ())
    }
}

/// Notes that an engine takes an operation.
pub(super) async fn note_taken(tx: &DatabaseTransaction, id: OperationId, at: &str) -> Result<()> {
    let sql = "UPDATE operation_turns SET taken_at = ?, updated_at = ? WHERE id = ?";
    let values = [at.into(), at.into(), id.to_string().into()];
    run(tx, sql, values).await.map(|_| ())
}

/// Forgets the place of an operation that is no more.
pub(super) async fn drop_turn(tx: &DatabaseTransaction, id: OperationId) -> Result<()> {
    let sql = "DELETE FROM operation_turns WHERE id = ?";
    run(tx, sql, [id.to_string().into()]).await.map(|_| ())
}

/// One that waits, and whether it may not. Of one from before there were turns that is in its body.
fn read(row: &QueryResult) -> Result<(Waiting, bool)> {
    let body: Option<Operation> = maybe_json(row, "body")?;
    let (tier, urgent) = match &body {
        Some(operation) => (turn::tier(operation, None), operation.is_urgent()),
        None => (
            u8::try_from(number(row, "tier")?).unwrap_or(u8::MAX),
            number(row, "urgent")? != 0,
        ),
    };
    let status = text(row, "status")?;
    let waiting = Waiting {
        id: OperationId::from_untyped_uuid(parsed(row, "id")?),
        project: text(row, "project_id")?.into(),
        tier,
        begun: status == OperationStatus::Running.as_str(),
        created_at: time(row, "created_at")?,
    };
    Ok((waiting, urgent))
}
