//! Every fault at every step of every operation, one by one: a history that leads through all
//! situations again and again until each step in each of them has met the fault.

mod life;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protector_framework::OperationId;
use protector_model::{FailoverType, GroupStatus, InstanceState, OperationKind};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::people::{Wish, moved, plain};
use super::{Cell, FaultKind, History, SERVERS, Tally};
use crate::world::{Draw, action_name};

/// Rounds through all situations after which a step that was never begun will not be.
const ROUNDS: usize = 40;
/// Rounds in which nothing new was met, before the history ends.
const QUIET: usize = 2;

/// What one fault has met.
#[derive(Debug)]
pub struct Matrix {
    fault: FaultKind,
    met: BTreeSet<(String, String)>,
    /// Steps that the fault cannot meet, and why.
    unfit: BTreeMap<(String, String), &'static str>,
    /// Operations that had their share.
    had: BTreeSet<OperationId>,
}

/// What became of a fault at each step.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What the history came to; its `met` are the cells that are covered.
    pub tally: Tally,
    /// The cells that make no sense, and why.
    pub unfit: BTreeMap<Cell, &'static str>,
}

impl Matrix {
    fn new(fault: FaultKind) -> Self {
        Self {
            fault,
            met: BTreeSet::new(),
            unfit: BTreeMap::new(),
            had: BTreeSet::new(),
        }
    }

    /// Decides for one operation: the first step that has not met the fault yet meets it.
    pub(super) fn drawing(
        matrix: &Arc<Mutex<Self>>,
        id: OperationId,
        named: String,
        dice: &mut StdRng,
    ) -> Draw {
        let matrix = matrix.clone();
        let mut dice = StdRng::seed_from_u64(dice.random());
        Box::new(move |operation, step| {
            let mut matrix = matrix.lock().unwrap();
            let row = match operation.id == id {
                true => named.clone(),
                false => operation.kind.to_string(),
            };
            let at = (row, action_name(&step.action));
            if let Err(why) = matrix.fault.fits(step) {
                matrix.unfit.insert(at, why);
                return None;
            }
            if matrix.had.contains(&operation.id) || matrix.met.contains(&at) {
                return None;
            }
            let trouble = matrix.fault.at(step, &mut dice)?;
            // What people ask for once more may well be asked for when nothing is done any more.
            matrix.had.insert(operation.id);
            matrix.met.insert(at);
            Some(trouble)
        })
    }
}

/// Situations in an order in which one leads to the next.
const SITUATIONS: &[Situation] = &[
    Situation::Sync,
    Situation::RemoveMember,
    Situation::AddMember,
    Situation::Test,
    Situation::TestCleanup,
    Situation::TestAndClean,
    Situation::PlannedFailover,
    Situation::Reprotect,
    Situation::PlannedFailback,
    Situation::UnplannedFailover { dark: true },
    Situation::UnplannedFailback { dark: true },
    Situation::UnplannedFailover { dark: false },
    Situation::UnplannedFailback { dark: false },
    // With what was sent back meanwhile, and not with what was kept.
    Situation::UnplannedFailover { dark: true },
    Situation::Reprotect,
    Situation::UnplannedFailback { dark: true },
    Situation::UnplannedFailover { dark: false },
    Situation::Reprotect,
    Situation::UnplannedFailback { dark: false },
    Situation::PlannedFailover,
    Situation::Cleanup,
    Situation::PlannedFailbackOfLost,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    Sync,
    AddMember,
    RemoveMember,
    Test,
    TestCleanup,
    TestAndClean,
    PlannedFailover,
    PlannedFailback,
    PlannedFailbackOfLost,
    UnplannedFailover { dark: bool },
    UnplannedFailback { dark: bool },
    Reprotect,
    Cleanup,
}

/// Lets a fault meet every step that it can meet, each once.
///
/// # Panics
/// Where a promise is broken. The message tells the history.
pub async fn live(fault: FaultKind, seed: u64) -> Report {
    let matrix = Arc::new(Mutex::new(Matrix::new(fault)));
    let mut history = History::new(seed).await;
    let (mut quiet, mut rounds) = (0, 0);
    while quiet < QUIET && rounds < ROUNDS {
        let before = matrix.lock().unwrap().met.len();
        for situation in SITUATIONS {
            history.enter(*situation, &matrix).await;
        }
        rounds += 1;
        let after = matrix.lock().unwrap().met.len();
        quiet = if after > before { 0 } else { quiet + 1 };
    }
    history.tally += life::of_groups(&history.world, &matrix, seed).await;
    let mut report = Report {
        tally: history.tally,
        ..Report::default()
    };
    let matrix = matrix.lock().unwrap();
    for (operation, step) in &matrix.met {
        report.tally.meet(operation.clone(), step.clone(), fault);
    }
    for ((operation, step), why) in &matrix.unfit {
        let cell = Cell {
            operation: operation.clone(),
            step: step.clone(),
            fault,
        };
        report.unfit.insert(cell, why);
    }
    report
}

impl History {
    /// Brings the group into a situation without trouble, and then asks with trouble.
    async fn enter(&mut self, situation: Situation, matrix: &Arc<Mutex<Matrix>>) {
        self.matrix = None;
        let wish = self.bring(situation).await;
        let ahead = matrix.lock().unwrap().fault == FaultKind::ClockAhead;
        if ahead && wish.options.failover_type == Some(FailoverType::Unplanned) {
            // By then it is past what the clock has said, and something has been sent since.
            self.world.clock.advance(Duration::from_secs(3 * 3600));
            self.have(&plain(OperationKind::Sync), Default::default())
                .await;
        }
        self.guests_write().await;
        self.matrix = Some(matrix.clone());
        self.have(&wish, Default::default()).await;
        if let Some(id) = self.left.take() {
            self.take_up_again(id).await;
        }
        self.matrix = None;
    }

    async fn bring(&mut self, situation: Situation) -> Wish {
        let planned = FailoverType::Planned;
        let home = moved(OperationKind::Failback, planned, false);
        let away = moved(OperationKind::Failover, planned, false);
        // Whatever was left half done comes to a good end first.
        for _ in 0..4 {
            let document = self.world.document(self.world.primary().await).await;
            let runs_home = document.is_home();
            let settled = matches!(
                document.status,
                GroupStatus::Active | GroupStatus::FailedOver
            );
            let wants_home = situation.begins_at_home();
            let test = self.world.record(&self.world.a).await.test_operation;
            let wants_test = situation == Situation::TestCleanup;
            let members = document.members.len() == SERVERS.len();
            let wants_members = situation != Situation::AddMember;
            if !settled {
                let back = match runs_home {
                    true => moved(OperationKind::Failover, FailoverType::Unplanned, false),
                    false => moved(OperationKind::Failback, FailoverType::Unplanned, false),
                };
                self.have(&back, Default::default()).await;
            } else if wants_home.is_some_and(|home| home != runs_home) {
                let there = if runs_home { &away } else { &home };
                self.have(there, Default::default()).await;
            } else if wants_test != test.is_some() {
                let kind = match wants_test {
                    true => OperationKind::TestFailover,
                    false => OperationKind::TestCleanup,
                };
                self.have(&plain(kind), Default::default()).await;
            } else if members != wants_members {
                let wish = self.membership(wants_members).await;
                self.have(&wish, Default::default()).await;
            } else if situation == Situation::PlannedFailbackOfLost && self.is_parked().await {
                self.have(&plain(OperationKind::Cleanup), Default::default())
                    .await;
            } else {
                break;
            }
        }
        match situation {
            Situation::AddMember => self.membership(true).await,
            Situation::RemoveMember => self.membership(false).await,
            other => other.wish(),
        }
    }

    /// Whether the site where the group does not run keeps its copies.
    async fn is_parked(&self) -> bool {
        let document = self.world.document(self.world.primary().await).await;
        let standby = document.standby_site();
        document.members.iter().any(|member| {
            let copy = member.instance(standby);
            copy.is_some_and(|copy| copy.state == InstanceState::Parked)
        })
    }

    /// The second server leaves the group, or comes back.
    async fn membership(&mut self, joins: bool) -> Wish {
        let name = SERVERS[1];
        let primary = self.world.primary().await.clone();
        if joins {
            let servers = primary.look().cloud.servers;
            let server = servers.iter().find(|server| server.name == name).unwrap();
            let mut wish = plain(OperationKind::AddMember);
            wish.options = self.world.join(name, &server.id, 2).await;
            return wish;
        }
        let member = self.world.member(&primary, name).await.id;
        self.world
            .change(protector_model::GroupChange::StartRemoving { member })
            .await;
        let mut wish = plain(OperationKind::RemoveMember);
        wish.options.member = Some(member);
        wish
    }
}

impl Situation {
    /// Whether the group runs at home when it begins; `None`: either will do.
    fn begins_at_home(self) -> Option<bool> {
        match self {
            Self::Sync => None,
            // Only the secondary has a test network.
            Self::Test
            | Self::TestCleanup
            | Self::TestAndClean
            | Self::AddMember
            | Self::RemoveMember
            | Self::PlannedFailover
            | Self::UnplannedFailover { .. } => Some(true),
            Self::PlannedFailback
            | Self::PlannedFailbackOfLost
            | Self::UnplannedFailback { .. }
            | Self::Reprotect
            | Self::Cleanup => Some(false),
        }
    }

    fn wish(self) -> Wish {
        let (out, back) = (OperationKind::Failover, OperationKind::Failback);
        match self {
            Self::Sync => plain(OperationKind::Sync),
            Self::AddMember => plain(OperationKind::AddMember),
            Self::RemoveMember => plain(OperationKind::RemoveMember),
            Self::Test => plain(OperationKind::TestFailover),
            Self::TestCleanup => plain(OperationKind::TestCleanup),
            Self::TestAndClean => {
                let mut wish = plain(OperationKind::TestFailover);
                wish.options.auto_cleanup = true;
                wish
            }
            Self::PlannedFailover => moved(out, FailoverType::Planned, false),
            Self::PlannedFailback | Self::PlannedFailbackOfLost => {
                moved(back, FailoverType::Planned, false)
            }
            Self::UnplannedFailover { dark } => moved(out, FailoverType::Unplanned, dark),
            Self::UnplannedFailback { dark } => moved(back, FailoverType::Unplanned, dark),
            Self::Reprotect => plain(OperationKind::Reprotect),
            Self::Cleanup => plain(OperationKind::Cleanup),
        }
    }
}
