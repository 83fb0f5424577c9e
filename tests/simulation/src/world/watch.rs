//! The promises that hold at every moment, looked at after each step of a troubled engine,
//! where it ends, is left in the midst, or is taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use protector_engine::StepRun;
use protector_framework::{EpochId, SiteId};
use protector_model::schedule::epoch_of;
use protector_model::{FailoverType, GroupDocument, InstanceState, Operation, OperationKind};

use super::{Site, World};

/// What was seen so far, and what was broken.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// The hash of each version of each epoch.
    documents: BTreeMap<(EpochId, u64), String>,
    /// What each site's database held last: the epoch's number and the version.
    heads: BTreeMap<SiteId, (u64, u64)>,
    looks: u64,
    broken: Vec<String>,
}

impl Watch {
    /// Says that a promise is broken. A panic within a step would only fail the step.
    pub fn broken(&self, what: String) {
        self.0.lock().unwrap().broken.push(what);
    }

    /// What was broken since this was last asked, and how many promises were looked at.
    pub fn take(&self) -> (u64, Vec<String>) {
        let mut seen = self.0.lock().unwrap();
        (
            std::mem::take(&mut seen.looks),
            std::mem::take(&mut seen.broken),
        )
    }

    fn looked(&self, ok: bool, what: impl FnOnce() -> String) {
        let mut seen = self.0.lock().unwrap();
        seen.looks += 1;
        if !ok {
            seen.broken.push(what());
        }
    }
}

impl World {
    /// Looks at every promise that holds at every moment.
    pub(super) async fn look_at(&self, run: &StepRun<'_>) {
        let documents = self.heads_go_forward(&run.step.key).await;
        self.never_two(run, &documents);
    }

    /// INV6: what a site holds never goes backwards, and no version of an epoch is ever two documents.
    /// Returns what each site holds.
    pub async fn heads_go_forward(&self, when: &str) -> BTreeMap<SiteId, GroupDocument> {
        let mut documents = BTreeMap::new();
        for site in [&self.a, &self.b] {
            let Ok(Some(record)) = site.db.get_group(self.group).await else {
                continue;
            };
            let head = &record.head;
            let now = (head.epoch.number(), head.version);
            let mut seen = self.watch.0.lock().unwrap();
            seen.looks += 2;
            let last = seen.heads.insert(site.id, now);
            if last.is_some_and(|last| last > now) {
                let what = format!(
                    "INV6: {} went from {last:?} to {now:?} at {when}",
                    site.name
                );
                seen.broken.push(what);
            }
            let key = (head.epoch.id, head.version);
            let known = seen
                .documents
                .entry(key)
                .or_insert_with(|| head.hash.clone());
            if *known != head.hash {
                seen.broken
                    .push(format!("INV6: two documents of {key:?} at {when}"));
            }
            drop(seen);
            documents.insert(site.id, record.document);
        }
        documents
    }

    /// INV1: nothing runs twice, and before authority has passed with the old primary's consent
    /// nothing runs on the target but what an earlier move had left there. Where it was taken without consent, the lost site's copies run on
    /// until somebody reaches them.
    fn never_two(&self, run: &StepRun<'_>, documents: &BTreeMap<SiteId, GroupDocument>) {
        let operation = run.operation;
        if is_taken_alone(operation) || operation.kind == OperationKind::Quarantine {
            return;
        }
        let (here, there) = (production(&self.a), production(&self.b));
        let both: Vec<&String> = here.intersection(&there).collect();
        self.watch.looked(both.is_empty(), || {
            format!("INV1: {both:?} run on both sites at {}", run.step.key)
        });
        if !operation.kind.moves_authority() {
            return;
        }
        let (source, target) = (
            self.site(operation.source_site_id),
            self.site(operation.target_site_id),
        );
        let runs = if target.id == self.a.id { here } else { there };
        let Some(document) = documents.get(&source.id) else {
            return;
        };
        let moves = |name: &&String| {
            let member = document.members.iter().find(|m| m.name == **name);
            let copy = member.and_then(|member| member.instance(source.id));
            copy.is_some_and(|copy| copy.state == InstanceState::Production)
        };
        let runs: Vec<&String> = runs.iter().filter(moves).collect();
        let ok = runs.is_empty() || document.epoch.id == epoch_of(operation.id);
        self.watch.looked(ok, || {
            format!(
                "INV1: {runs:?} run on {} before {} has agreed, at {}",
                target.name, source.name, run.step.key
            )
        });
    }
}

fn is_taken_alone(operation: &Operation) -> bool {
    operation.options.failover_type == Some(FailoverType::Unplanned) || operation.options.force
}

/// The servers that run and are not a test's.
fn production(site: &Site) -> BTreeSet<String> {
    let names = site.running().into_iter();
    names.filter(|name| !name.ends_with("-test")).collect()
}
