//! What guests have written, and when: what must be there after a move.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::Clock as _;
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
    count: u64,
}

/// Long enough that the end of one write is never the end of another.
const WIDTH: usize = 12;

impl Account {
    /// A guest writes, if its server runs.
    pub(super) async fn write(&mut self, world: &World, primary: &Site, name: &'static str) {
        if !primary.running().iter().any(|running| running == name) {
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

    /// Where a person asked for what was kept, it may hold writes that were lost before.
    async fn take_what_was_kept(&mut self, world: &World, primary: &Site) {
        for name in SERVERS {
            if !is_up(world, primary, name).await {
                continue;
            }
            for (at, text) in self.all.iter().rev() {
                if world.reads(primary, name, 0, text).await {
                    let writes = self.writes.entry(name).or_default();
                    if writes.last().is_none_or(|(_, last)| last != text) {
                        writes.push((*at, text.clone()));
                    }
                    break;
                }
            }
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
            for (name, writes) in before
                .writes
                .iter()
                .filter(|(name, _)| came_up.contains(name))
            {
                let kept = writes.iter().filter(|(at, _)| *at <= until).cloned();
                self.writes.insert(name, kept.collect());
            }
        }
        let notes = ended.result.iter().flat_map(|result| &result.notes);
        let kept = notes.into_iter().any(|note| note.contains("was kept here"));
        if kept {
            self.take_what_was_kept(world, primary).await;
        }
        for name in SERVERS {
            if !is_up(world, primary, name).await {
                continue;
            }
            let Some((_, text)) = self.writes.get(name).and_then(|all| all.last()) else {
                continue;
            };
            assert!(
                world.reads(primary, name, 0, text).await,
                "INV2: `{name}` on {} does not hold `{text}` of {:?} by {:?}: {told:#?}",
                primary.name,
                self.writes.get(name),
                ended.result
            );
        }
    }
}

/// Whether a member is in production on a site.
pub(super) async fn is_up(world: &World, site: &Site, name: &str) -> bool {
    let member = world.member(site, name).await;
    let copy = member.instance(site.id);
    copy.is_some_and(|copy| copy.state == InstanceState::Production)
}
