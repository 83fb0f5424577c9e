//! Everything that runs on one site is brought up on the other one.
//!
//! Each group gets an operation of its own, so that one that fails holds up no other. They are
//! started in the order in which engines take them (`protector_model::turn`).

use std::collections::BTreeMap;

use futures::StreamExt as _;
use protector_db::{GroupRecord, IdempotencyKey};
use protector_framework::{ProjectId, SiteId};
use protector_model::document::hash;
use protector_model::{
    Actor, FailoverType, Operation, OperationKind, OperationOptions, Site, turn,
};
use serde_json::json;

use super::source::refuse_if_reachable;
use super::start::{Start, asked_before, plan, start, start_by};
use crate::change::not_sent;
use crate::control::Control;
use crate::refusal::{Refusal, Result};
use crate::services::{GroupPlan, GroupRefused, SiteFailover, SiteFailoverRequest, Started};

/// How many groups are started at once.
const AT_ONCE: usize = 8;

/// Fails a site over.
pub(crate) async fn fail_over(
    control: &Control,
    actor: &Actor,
    site: &str,
    request: SiteFailoverRequest,
) -> Result<SiteFailover> {
    let site = control.site(site).await?;
    let local = control.local().await?;
    let call = SiteCall {
        control,
        actor,
        site: &site,
        local: &local,
        request: &request,
    };
    let (mut done, todo) = call.groups().await?;
    let gates = call.gates(&todo).await?;
    let told: Vec<(GroupOf, Result<Answer>)> = futures::stream::iter(todo)
        .map(|group| async {
            let answer = call.one(&group, &gates).await;
            (group, answer)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    for (group, answer) in told {
        let (group_id, name) = (group.record.document.id, group.record.document.name);
        let project_id = group.project;
        match answer {
            Ok(Answer::Started(operation)) => done.operations.push(*operation),
            Ok(Answer::Planned(plan)) => done.plans.push(GroupPlan {
                group_id,
                name,
                project_id,
                plan,
            }),
            Err(refusal) => done.refused.push(GroupRefused {
                group_id,
                name,
                project_id,
                refusal,
            }),
        }
    }
    if !request.dry_run {
        let refused = |one: &GroupRefused| json!([one.group_id, one.refusal.code]);
        let detail = json!({
            "type": request.failover_type,
            "force": request.force,
            "started": done.operations.iter().map(|o| o.id).collect::<Vec<_>>(),
            "refused": done.refused.iter().map(refused).collect::<Vec<_>>(),
        });
        let audit = control.audit("site.failover", site.id, actor, detail);
        audit.await?;
    }
    Ok(done)
}

/// One of the site's groups, with its project on this site.
struct GroupOf {
    record: GroupRecord,
    project: ProjectId,
}

enum Answer {
    Started(Box<Operation>),
    Planned(protector_model::Plan),
}

/// Whether what all groups of one pair of sites need is there; asked once.
type Gates = BTreeMap<SiteId, std::result::Result<(), Refusal>>;

struct SiteCall<'a> {
    control: &'a Control,
    actor: &'a Actor,
    site: &'a Site,
    local: &'a Site,
    request: &'a SiteFailoverRequest,
}

impl SiteCall<'_> {
    /// What the same call has started before, and the groups that are still to be moved, those first
    /// that are to begin first.
    async fn groups(&self) -> Result<(SiteFailover, Vec<GroupOf>)> {
        let mut done = SiteFailover::default();
        let mut todo = Vec::new();
        for record in self.control.db.all_groups().await? {
            let document = &record.document;
            let pair = [document.primary_site_id, document.secondary_site_id];
            if document.deleted || !pair.contains(&self.site.id) {
                continue;
            }
            let project = document.projects.get(&self.local.id).cloned();
            let project =
                project.ok_or_else(|| Refusal::internal("a group has no project on this site"))?;
            let group = GroupOf { record, project };
            let key = self.key(&group);
            if let Some(before) = asked_before(self.control, key.as_ref()).await? {
                done.operations.push(before);
            } else if group.record.document.current_primary_site_id == self.site.id {
                todo.push(group);
            }
        }
        done.operations.sort_by_key(|o| (o.created_at, o.id));
        todo.sort_by_cached_key(|group| {
            let document = &group.record.document;
            (turn::tier_of(document), document.name.clone(), document.id)
        });
        let mut of_project: BTreeMap<(u8, ProjectId), usize> = BTreeMap::new();
        todo.sort_by_cached_key(|group| {
            let tier = turn::tier_of(&group.record.document);
            let nth = of_project.entry((tier, group.project.clone())).or_default();
            *nth += 1;
            (tier, *nth)
        });
        Ok((done, todo))
    }

    /// Each group's operation is found by the caller's key, the site and the group. A call that broke
    /// off half way is completed by the same one.
    fn key(&self, group: &GroupOf) -> Option<IdempotencyKey> {
        let key = self.request.idempotency_key.as_deref()?;
        let (site, id) = (self.site.id, group.record.document.id);
        let own = json!(["site_failover", site, id, key]).to_string();
        let own = format!("site-failover/{}", hash(own.as_bytes()));
        let asked = json!({
            "site_failover": [site, id, self.request.failover_type, self.request.force],
        });
        let control = self.control;
        control.request_key(&group.project, Some(&own), &asked)
    }

    /// An unplanned failover that this site executes calls nobody: the lost site is only looked for,
    /// once. Whatever else needs the other Protector is not tried group by group without it.
    async fn gates(&self, todo: &[GroupOf]) -> Result<Gates> {
        let mut gates = Gates::new();
        for group in todo {
            let other = group.record.document.other_site(self.local.id);
            if gates.contains_key(&other) {
                continue;
            }
            let gate = match self.alone() {
                _ if self.request.dry_run => Ok(()),
                true if self.request.force => Ok(()),
                true => refuse_if_reachable(self.control, self.site.id, self.actor).await,
                false => match self.control.remote(other).await {
                    Ok(remote) => remote.identity().await.map(|_| ()).map_err(not_sent),
                    Err(refusal) => Err(refusal),
                },
            };
            gates.insert(other, gate);
        }
        Ok(gates)
    }

    /// Whether this site takes over without the other one.
    fn alone(&self) -> bool {
        self.request.failover_type == FailoverType::Unplanned && self.site.id != self.local.id
    }

    async fn one(&self, group: &GroupOf, gates: &Gates) -> Result<Answer> {
        let document = &group.record.document;
        let kind = match document.is_home() {
            true => OperationKind::Failover,
            false => OperationKind::Failback,
        };
        let options = OperationOptions {
            failover_type: Some(self.request.failover_type),
            force: self.request.force,
            ..OperationOptions::default()
        };
        if self.request.dry_run {
            return match plan(self.control, self.actor, &group.record, kind, options).await? {
                Started::Plan(plan) => Ok(Answer::Planned(plan)),
                Started::Operation(operation) => Ok(Answer::Started(operation)),
            };
        }
        if let Some(Err(refusal)) = gates.get(&document.other_site(self.local.id)) {
            return Err(refusal.clone());
        }
        let asked = Start {
            kind,
            options,
            key: self.key(group),
            whole_site: true,
        };
        let started = match self.alone() {
            true => start_by(self.control, self.actor, &group.record, &asked).await,
            false => start(self.control, self.actor, &group.record, asked).await,
        };
        started.map(|operation| Answer::Started(Box::new(operation)))
    }
}
