//! What came before an operation and changes its plan: the test that it removes, what it takes the
//! place of, and what older operations of this site have left or removed. Their journals say so.

use std::collections::HashSet;

use protector_framework::{GroupId, MemberId, OperationId, SiteId};
use protector_model::plan::Action;
use protector_model::planner::Before;
use protector_model::schedule::to_undo;
use protector_model::{GroupDocument, Operation, OperationKind, OperationStatus, Plan};

use crate::connection::Db;
use crate::error::Result;
use crate::groups::GroupRecord;
use crate::page::Page;

/// What came before an operation, as the database of one site knows it.
#[derive(Debug, Clone, Default)]
pub struct CameBefore {
    test: Option<Plan>,
    superseded: Vec<OperationId>,
    leftovers: Vec<OperationId>,
    removed: Vec<MemberId>,
    unproven: bool,
}

impl CameBefore {
    /// The same for the planner.
    pub fn for_plan(&self) -> Before<'_> {
        Before {
            test: self.test.as_ref(),
            superseded: &self.superseded,
            leftovers: &self.leftovers,
            removed: &self.removed,
            unproven: self.unproven,
        }
    }
}

impl Db {
    /// What came before an operation of this site.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn came_before(
        &self,
        record: &GroupRecord,
        operation: &Operation,
    ) -> Result<CameBefore> {
        let (group, site) = (record.document.id, operation.executor_site_id);
        let test = match operation.options.test {
            Some(test) => self.plan(test).await?,
            None => None,
        };
        let cleans = matches!(
            operation.kind,
            OperationKind::Cleanup | OperationKind::Delete
        );
        let leftovers = match cleans {
            true => self.leftovers(group, site, &mut HashSet::new()).await?,
            false => Vec::new(),
        };
        let removed = match operation.kind.moves_authority() {
            true => self.removed_copies(&record.document, site).await?,
            false => Vec::new(),
        };
        Ok(CameBefore {
            test,
            superseded: self.superseded_by(operation).await?,
            leftovers,
            removed,
            unproven: record.quarantine_due,
        })
    }

    /// The operations of a site that gave way to others and have left something behind. `settled`: of
    /// which it is known that they have not.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn leftovers(
        &self,
        group: GroupId,
        site: SiteId,
        settled: &mut HashSet<OperationId>,
    ) -> Result<Vec<OperationId>> {
        let mut found = Vec::new();
        for older in self.cancelled(group).await? {
            let ours = older.executor_site_id == site && older.is_superseded();
            if !ours || settled.contains(&older.id) {
                continue;
            }
            let plan = self.plan(older.id).await?;
            let steps = self.steps(older.id).await?;
            if plan.is_some_and(|plan| !to_undo(&plan, &steps).is_empty()) {
                found.push(older.id);
            } else {
                settled.insert(older.id);
            }
        }
        Ok(found)
    }

    /// The operations that gave way to this one.
    async fn superseded_by(&self, newer: &Operation) -> Result<Vec<OperationId>> {
        let cancelled = self.cancelled(newer.group_id).await?;
        Ok(cancelled
            .into_iter()
            .filter(|older| older.is_superseded_by(newer.id))
            .map(|older| older.id)
            .collect())
    }

    async fn cancelled(&self, group: GroupId) -> Result<Vec<Operation>> {
        let page = Page {
            filters: vec![("status".to_owned(), OperationStatus::Cancelled.to_string())],
            ..Page::default()
        };
        self.page_operations(None, Some(group), &page).await
    }

    /// The members whose copy on a site an operation has begun to remove since the group runs on the
    /// other one. Where that one was lost before it was told, its document does not say so.
    async fn removed_copies(
        &self,
        document: &GroupDocument,
        site: SiteId,
    ) -> Result<Vec<MemberId>> {
        let of_site = Page {
            filters: vec![("executor_site_id".to_owned(), site.to_string())],
            ..Page::default()
        };
        let all = self
            .page_operations(None, Some(document.id), &of_site)
            .await?;
        let removes = |older: &&Operation| {
            older.kind == OperationKind::Cleanup || older.kind.moves_authority()
        };
        let mut removed = Vec::new();
        for older in all.iter().filter(removes) {
            let Some(plan) = self.plan(older.id).await? else {
                continue;
            };
            if plan.epoch == Some(document.epoch.id) {
                let begun = self.steps(older.id).await?.into_iter();
                let begun: HashSet<String> = begun
                    .filter(|record| record.attempt > 0)
                    .map(|record| record.key)
                    .collect();
                removed.extend(
                    plan.steps
                        .iter()
                        .filter(|step| step.action == Action::DeleteServer && step.site == site)
                        .filter(|step| begun.contains(&step.key))
                        .filter_map(|step| step.member),
                );
            }
        }
        Ok(removed)
    }
}
