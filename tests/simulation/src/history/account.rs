//! What guests have written, and when: what must be there after a move.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use protector_framework::{Clock as _, SiteId};
use protector_model::schedule::epoch_of;
use protector_model::{FailoverType, InstanceState, Operation};

use super::SERVERS;
use crate::world::{Site, World};

/// Each write that is part of what production holds, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    writes: BTreeMap<&'static str, Vec<(DateTime<Utc>, String)>>,
    /// Every write there ever was.
    all: Vec<(DateTime<Utc>, String)>,
    /// The last write that each copy held when it was put away.
    held: BTreeMap<(SiteId, &'static str), Option<String>>,
    /// The copies that may hold what nothing else holds.
    diverged: BTreeSet<(SiteId, &'static str)>,
    count: u64,
}

/// Long enough that the end of one write is never the end of another.
const WIDTH: usize = 12;

impl Account {
    /// A guest writes, if its server runs.
    pub(super) async fn write(&mut self, world: &World, primary: &Site, name: &'static str) {
        let runs = primary.running().iter().any(|running| running == name);
        // One that is not protected is nobody's business here.
        if !runs || world.text(primary, name, WIDTH).await.is_none() {
            return;
        }
        // Never in the same moment as a point.
        world.clock.advance(std::time::Duration::from_secs(1));
        self.count += 1;
        let text = format!("write {:0>1$}", self.count, WIDTH - 6);
        world.write(primary, name, 0, &text).await;
        let writes = self.writes.entry(name).or_default();
        writes.push((world.clock.now(), text.clone()));
        self.all.push((world.clock.now(), text));
        world.clock.advance(std::time::Duration::from_secs(1));
    }

    /// Where a person asked for what was kept, that is what there must be, whatever was lost before.
    fn take_what_was_kept(&mut self, primary: &Site, names: &[&'static str]) {
        for name in names {
            let held = self.held.get(&(primary.id, *name)).cloned().flatten();
            let at = self
                .all
                .iter()
                .find(|(_, text)| Some(text) == held.as_ref());
            let kept = at.cloned().into_iter().collect();
            self.writes.insert(name, kept);
        }
    }

    /// INV2: what a copy held that was overwritten is still there where nothing else holds it.
    async fn diverged_is_kept(&self, world: &World, primary: &Site, told: &[String]) {
        for name in SERVERS {
            let key = (primary.id, name);
            let Some(text) = self.held.get(&key).cloned().flatten() else {
                continue;
            };
            let goes_on = self
                .writes
                .get(name)
                .is_some_and(|all| all.iter().any(|w| w.1 == text));
            if goes_on || !self.diverged.contains(&key) || !is_up(world, primary, name).await {
                continue;
            }
            let kept = world.snapshots(primary, name, WIDTH).await;
            assert!(
                kept.contains(&text),
                "INV2: `{text}` of `{name}` on {} is kept nowhere, only {kept:?}: {told:#?}",
                primary.name
            );
        }
    }

    /// Remembers what the copies hold that are not in production.
    async fn remember(&mut self, world: &World, rests: &Site) {
        for name in SERVERS {
            let text = world.text(rests, name, WIDTH).await;
            let known = text.filter(|text| self.all.iter().any(|(_, known)| known == text));
            self.held.insert((rests.id, name), known);
            let document = world.document(rests).await;
            let member = document.members.iter().find(|m| m.name == name);
            let copy = member.and_then(|member| member.instance(rests.id));
            match copy.is_some_and(|copy| copy.state == InstanceState::Quarantined) {
                true => self.diverged.insert((rests.id, name)),
                false => self.diverged.remove(&(rests.id, name)),
            };
        }
    }

    /// Checks the volumes after an operation; what an unplanned move has lost of the members that it
    /// brought up is written off.
    pub(super) async fn settle(
        &mut self,
        world: &World,
        ended: &Operation,
        before: &Self,
        came_up: &[&'static str],
        told: &[String],
    ) {
        let primary = world.primary().await;
        let epoch = world.document(primary).await.epoch.id;
        let moved = ended.kind.moves_authority() && epoch == epoch_of(ended.id);
        let unplanned = ended.options.failover_type == Some(FailoverType::Unplanned);
        if moved && unplanned {
            let point = ended.result.as_ref().and_then(|r| r.recovery_point_at);
            let until = point.unwrap_or_else(|| panic!("a move without a point: {told:#?}"));
            for (name, writes) in &before.writes {
                // One that stayed where it was has lost nothing.
                if !came_up.contains(name) || !runs_or_is_up(world, primary, name).await {
                    continue;
                }
                let kept = writes.iter().filter(|(at, _)| *at <= until).cloned();
                self.writes.insert(name, kept.collect());
            }
        }
        let notes: Vec<&String> = ended.result.iter().flat_map(|r| &r.notes).collect();
        let mut kept = Vec::new();
        for name in came_up {
            let said =
                ["runs", "may run"].map(|how| format!("`{name}` {how} from what was kept here"));
            let told = notes
                .iter()
                .any(|note| said.iter().any(|said| note.starts_with(said)));
            if told && runs_or_is_up(world, primary, name).await {
                kept.push(*name);
            }
        }
        self.take_what_was_kept(primary, &kept);
        if moved {
            self.diverged_is_kept(world, primary, told).await;
        }
        for name in SERVERS {
            if !is_up(world, primary, name).await {
                continue;
            }
            let Some((_, text)) = self.writes.get(name).and_then(|all| all.last()) else {
                continue;
            };
            let holds = world.text(primary, name, WIDTH).await;
            assert!(
                holds.as_ref() == Some(text),
                "INV2: `{name}` on {} does not hold `{text}` but {holds:?}; of {:?} by {:?}: {told:#?}",
                primary.name,
                self.writes.get(name),
                ended.result
            );
        }
        self.remember(world, world.other(primary)).await;
    }
}

/// Whether a member has been brought up on a site, proven or not.
pub(super) async fn runs_or_is_up(world: &World, site: &Site, name: &str) -> bool {
    site.running().iter().any(|running| running == name) || is_up(world, site, name).await
}

/// Whether a member is in production on a site.
pub(super) async fn is_up(world: &World, site: &Site, name: &str) -> bool {
    let document = world.document(site).await;
    let member = document.members.iter().find(|m| m.name == name);
    let copy = member.and_then(|member| member.instance(site.id));
    copy.is_some_and(|copy| copy.state == InstanceState::Production)
}
