//! How long it would take: the longest way through the plan, each step as long as this group's steps
//! of its kind took before.

use std::collections::BTreeMap;

use crate::operation::{StepRecord, StepStatus};
use crate::plan::{Action, Plan, Step};

/// How long the steps of a group's earlier operations took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    milliseconds: BTreeMap<&'static str, Vec<u64>>,
    operations: u32,
}

impl History {
    /// Learns from an operation that went through without a person: the waits of others are no
    /// measure.
    pub fn learn(&mut self, plan: &Plan, journal: &[StepRecord]) {
        self.operations += 1;
        for step in &plan.steps {
            let record = journal.iter().find(|record| record.key == step.key);
            let Some(record) = record.filter(|r| r.status == StepStatus::Done) else {
                continue;
            };
            if let (Some(from), Some(to)) = (record.started_at, record.finished_at) {
                let took = u64::try_from((to - from).num_milliseconds()).unwrap_or(0);
                let (kind, _) = usual(&step.action);
                self.milliseconds.entry(kind).or_default().push(took);
            }
        }
    }

    /// How many operations it was learned from.
    pub fn operations(&self) -> u32 {
        self.operations
    }

    /// The median of what steps of this kind took, or what is assumed of them.
    fn milliseconds(&self, action: &Action) -> u64 {
        if let Action::Delay { seconds } = action {
            return u64::from(*seconds) * 1000;
        }
        let (kind, assumed) = usual(action);
        let Some(known) = self.milliseconds.get(kind) else {
            return assumed * 1000;
        };
        let mut known = known.clone();
        known.sort_unstable();
        known
            .get(known.len() / 2)
            .copied()
            .unwrap_or(assumed * 1000)
    }
}

/// The seconds until the last member of a plan runs. How many steps run side by side is not counted
/// in: an engine runs many.
pub(super) fn critical_path(plan: &Plan, history: &History) -> u64 {
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for step in &plan.steps {
        let begins = step.needs.iter().filter_map(|need| ends.get(&**need));
        let begins = begins.max().copied().unwrap_or(0);
        ends.insert(&step.key, begins + history.milliseconds(&step.action));
    }
    let up = |step: &&Step| matches!(step.action, Action::VerifyServer { .. });
    let last = plan
        .steps
        .iter()
        .filter(up)
        .filter_map(|step| ends.get(&*step.key))
        .max();
    last.copied().unwrap_or(0).div_ceil(1000)
}

/// A step's kind, and the seconds that one of a group without history is assumed to take on a cloud
/// of usual speed.
fn usual(action: &Action) -> (&'static str, u64) {
    match action {
        Action::CheckSites { .. } => ("check_sites", 5),
        Action::CheckTestNetworks => ("check_test_networks", 5),
        Action::EnsureVolumeGroup => ("ensure_volume_group", 5),
        Action::FillVolumeGroup => ("fill_volume_group", 10),
        Action::DeleteVolumeGroup => ("delete_volume_group", 5),
        Action::EnsureArrayGroup => ("ensure_array_group", 5),
        Action::SuspendArrayGroup | Action::HoldArrayGroup => ("suspend_array_group", 2),
        Action::DeleteArrayGroup => ("delete_array_group", 5),
        Action::CaptureMember => ("capture_member", 5),
        Action::RecaptureMember => ("recapture_member", 5),
        Action::SurveySource => ("survey_source", 5),
        Action::StopServer => ("stop_server", 60),
        Action::Replicate => ("replicate", 60),
        Action::ChoosePoint => ("choose_point", 2),
        Action::PinPoint => ("pin_point", 2),
        Action::UnpinPoint => ("unpin_point", 2),
        Action::CopyVolume { .. } => ("copy_volume", 5),
        Action::AdoptVolume { .. } => ("adopt_volume", 15),
        Action::Commit { .. } => ("commit", 2),
        Action::OverwriteVolume { .. } => ("overwrite_volume", 10),
        Action::CreatePorts { .. } => ("create_ports", 5),
        Action::BootServer { .. } => ("boot_server", 45),
        Action::ReviveServer => ("revive_server", 45),
        Action::VerifyServer { .. } => ("verify_server", 10),
        Action::ProbeServer { .. } => ("probe_server", 30),
        Action::UnlockServer => ("unlock_server", 2),
        Action::Delay { .. } => ("delay", 0),
        Action::ParkServer { .. } => ("park_server", 30),
        Action::DeleteServer => ("delete_server", 15),
        Action::ReleaseVolumes => ("release_volumes", 15),
        Action::DiscardVolumes => ("discard_volumes", 5),
        Action::DeletePorts => ("delete_ports", 5),
        Action::RemoveTestServers => ("remove_test_servers", 15),
        Action::RemoveTestVolumes => ("remove_test_volumes", 15),
        Action::ForgetMember => ("forget_member", 0),
        Action::ForgetGroup => ("forget_group", 0),
        Action::AwaitExecutor { .. } => ("await_executor", 30),
        Action::TakeBack { .. } => ("take_back", 30),
        Action::ReadBack => ("read_back", 5),
        Action::Finish => ("finish", 1),
    }
}
