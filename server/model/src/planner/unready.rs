//! Copies on the target of a move that cannot be started as they are: the move first puts them out of
//! use, or removes the rest of them and makes them anew.

use std::collections::BTreeSet;

use protector_framework::{MemberId, SiteId};

use super::{Before, must_quarantine};
use crate::document::{GroupDocument, Instance, InstanceState, Member};

/// What a move has to do to copies of its target before it starts the members there.
#[derive(Debug, Clone, Default)]
pub(super) struct Unready {
    /// Half removed, or never wholly made: removed, and built from a recovery point.
    rebuilt: BTreeSet<MemberId>,
    /// Still as its site lost them: stopped, locked and disconnected.
    parked_first: BTreeSet<MemberId>,
}

impl Unready {
    pub(super) fn on(
        document: &GroupDocument,
        target: SiteId,
        planned: bool,
        before: &Before<'_>,
    ) -> Self {
        let mut unready = Self::default();
        for member in &document.members {
            let Some(copy) = member.instance(target) else {
                continue;
            };
            if is_rest(copy, before.removed.contains(&member.id), planned) {
                unready.rebuilt.insert(member.id);
            } else if !planned && must_quarantine(document, member, target, before.unproven) {
                unready.parked_first.insert(member.id);
            }
        }
        unready
    }

    /// The document as the move will have made it when it starts the members.
    pub(super) fn seen_in(&self, document: &GroupDocument, target: SiteId) -> GroupDocument {
        let mut seen = document.clone();
        for member in &mut seen.members {
            let state = match member.id {
                id if self.rebuilt.contains(&id) => InstanceState::Incomplete,
                id if self.parked_first.contains(&id) => InstanceState::Quarantined,
                _ => continue,
            };
            if let Some(copy) = member.instances.get_mut(&target) {
                copy.state = state;
            }
        }
        seen
    }

    pub(super) fn is_rebuilt(&self, member: &Member) -> bool {
        self.rebuilt.contains(&member.id)
    }

    pub(super) fn is_parked_first(&self, member: &Member) -> bool {
        self.parked_first.contains(&member.id)
    }
}

/// Whether a copy is only the rest of one. A planned move refuses what was never wholly made: there is
/// time for a clean-up that is asked for.
fn is_rest(copy: &Instance, removed: bool, planned: bool) -> bool {
    let half_made = copy.state == InstanceState::Incomplete && copy.server_id.is_none();
    copy.state != InstanceState::Production && (removed || (half_made && !planned))
}
