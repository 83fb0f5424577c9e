//! What people ask for: whatever makes sense now, some of it rarely.

use protector_model::{FailoverType, GroupStatus, OperationKind, OperationOptions, request};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::world::World;

/// An operation that is asked for, and what it is asked for because of.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) kind: OperationKind,
    pub(super) options: OperationOptions,
    /// The site that the group runs on has gone dark.
    pub(super) source_is_down: bool,
}

impl Wish {
    /// As reports name it.
    pub(super) fn name(&self) -> String {
        match (self.options.failover_type, self.source_is_down) {
            (None, _) => self.kind.to_string(),
            (Some(FailoverType::Planned), _) => format!("planned {}", self.kind),
            (Some(FailoverType::Unplanned), true) => {
                format!("unplanned {}, source dark", self.kind)
            }
            (Some(FailoverType::Unplanned), false) => {
                format!("unplanned {}, forced", self.kind)
            }
        }
    }
}

pub(super) async fn wish(world: &World, dice: &mut StdRng) -> Wish {
    let record = world.record(world.primary().await).await;
    let makes_sense = |wish: &&(u32, Wish)| {
        let (kind, options) = (wish.1.kind, &wish.1.options);
        request::check(&record.document, kind, options, record.test_operation).is_ok()
    };
    let standby = record.document.standby_site();
    let mut wishes = all(standby);
    if record.document.status == GroupStatus::Error {
        wishes.push((100, plain(OperationKind::Reset)));
    }
    let sensible: Vec<&(u32, Wish)> = wishes.iter().filter(makes_sense).collect();
    let chosen = sensible.choose_weighted(dice, |wish| wish.0);
    let mut wish = chosen
        .unwrap_or_else(|_| panic!("nothing can be asked for: {:?}", record.document.status))
        .1
        .clone();
    if wish.kind == OperationKind::TestFailover {
        wish.options.auto_cleanup = dice.random_bool(0.3);
    }
    wish
}

fn all(standby: protector_framework::SiteId) -> Vec<(u32, Wish)> {
    let mut wishes = vec![
        (2, plain(OperationKind::Sync)),
        (3, plain(OperationKind::TestFailover)),
        (6, plain(OperationKind::TestCleanup)),
        (2, plain(OperationKind::Reprotect)),
    ];
    let mut cleanup = plain(OperationKind::Cleanup);
    cleanup.options.site = Some(standby);
    wishes.push((1, cleanup));
    for kind in [OperationKind::Failover, OperationKind::Failback] {
        wishes.push((6, moved(kind, FailoverType::Planned, false)));
        wishes.push((2, moved(kind, FailoverType::Unplanned, false)));
        wishes.push((3, moved(kind, FailoverType::Unplanned, true)));
    }
    wishes
}

pub(super) fn plain(kind: OperationKind) -> Wish {
    Wish {
        kind,
        options: OperationOptions::default(),
        source_is_down: false,
    }
}

pub(super) fn moved(
    kind: OperationKind,
    failover_type: FailoverType,
    source_is_down: bool,
) -> Wish {
    let unplanned = failover_type == FailoverType::Unplanned;
    Wish {
        kind,
        options: OperationOptions {
            failover_type: Some(failover_type),
            force: unplanned && !source_is_down,
            ..OperationOptions::default()
        },
        source_is_down,
    }
}
