//! How far an operation is, for people: by the weight of what its steps do, not by their number.

use crate::operation::{StepProgress, StepRecord, StepStatus};
use crate::plan::{Action, Plan};

/// 0 to 99 while anything is left to do; whoever ends an operation says 100.
pub fn percent(plan: &Plan, journal: &[StepRecord]) -> u8 {
    let (mut all, mut done) = (0.0, 0.0);
    for step in &plan.steps {
        let weight = weight(&step.action);
        all += weight;
        if let Some(record) = journal.iter().find(|r| r.key == step.key) {
            done += weight * share(record);
        }
    }
    if all == 0.0 {
        return 0;
    }
    // Between 0 and 99 by construction.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let percent = (done * 99.0 / all).floor() as u8;
    percent
}

/// What part of a step is done.
fn share(record: &StepRecord) -> f64 {
    match record.status {
        StepStatus::Done => 1.0,
        StepStatus::Running => record.progress.as_ref().map_or(0.0, transferred),
        StepStatus::Pending | StepStatus::Failed | StepStatus::Skipped | StepStatus::Undone => 0.0,
    }
}

/// What part of a transfer has arrived; nothing is said of one whose size is not known.
#[allow(clippy::cast_precision_loss)]
fn transferred(progress: &StepProgress) -> f64 {
    match progress.total {
        Some(total) if total > 0 => (progress.done as f64 / total as f64).clamp(0.0, 1.0),
        _ => 0.0,
    }
}

/// How long a step takes compared with others, roughly.
fn weight(action: &Action) -> f64 {
    match action {
        Action::Replicate => 20.0,
        Action::BootServer { .. } | Action::ReviveServer | Action::OverwriteVolume { .. } => 8.0,
        Action::StopServer
        | Action::ParkServer { .. }
        | Action::AdoptVolume { .. }
        | Action::ReleaseVolumes
        | Action::RemoveTestServers
        | Action::RemoveTestVolumes
        | Action::DeleteServer
        | Action::TakeBack { .. } => 4.0,
        Action::CopyVolume { .. }
        | Action::VerifyServer { .. }
        | Action::ProbeServer { .. }
        | Action::EnsureVolumeGroup
        | Action::FillVolumeGroup
        | Action::DeleteVolumeGroup
        | Action::EnsureArrayGroup
        | Action::DiscardVolumes
        | Action::CreatePorts { .. } => 2.0,
        Action::Delay { seconds } => 1.0 + f64::from(*seconds) / 10.0,
        Action::CheckSites { .. }
        | Action::CheckTestNetworks
        | Action::UnlockServer
        | Action::SuspendArrayGroup
        | Action::HoldArrayGroup
        | Action::DeleteArrayGroup
        | Action::CaptureMember
        | Action::RecaptureMember
        | Action::SurveySource
        | Action::ChoosePoint
        | Action::PinPoint
        | Action::UnpinPoint
        | Action::Commit { .. }
        | Action::DeletePorts
        | Action::ForgetMember
        | Action::ForgetGroup
        | Action::AwaitExecutor { .. }
        | Action::ReadBack
        | Action::Finish => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use protector_framework::GenericUuid as _;
    use uuid::Uuid;

    use super::*;
    use crate::operation::journal;
    use crate::plan::{Phase, Step};
    use crate::status::OperationKind;

    fn plan() -> Plan {
        let step = |key: &str, action| Step {
            key: key.to_owned(),
            site: protector_framework::SiteId::from_untyped_uuid(Uuid::nil()),
            phase: Phase::Checking,
            action,
            needs: Vec::new(),
            gathers: false,
            member: None,
            calls: Vec::new(),
            undo: Vec::new(),
        };
        Plan {
            operation: OperationKind::Sync,
            epoch: None,
            steps: vec![
                step("check", Action::ReadBack),
                step("sync", Action::Replicate),
                step("finish", Action::Finish),
            ],
        }
    }

    #[test]
    fn a_long_transfer_counts_for_more_than_a_look_and_moves_with_its_bytes() {
        let plan = plan();
        let mut journal = journal(&plan);
        assert_eq!(percent(&plan, &journal), 0);
        journal[0].status = StepStatus::Done;
        assert_eq!(percent(&plan, &journal), 4);
        journal[1].status = StepStatus::Running;
        journal[1].progress = Some(StepProgress {
            done: 50,
            total: Some(100),
            unit: "bytes".to_owned(),
        });
        assert_eq!(percent(&plan, &journal), 49);
        for record in &mut journal {
            record.status = StepStatus::Done;
        }
        assert_eq!(
            percent(&plan, &journal),
            99,
            "its end is still to be written"
        );
    }

    #[test]
    fn a_transfer_of_unknown_size_claims_nothing() {
        let plan = plan();
        let mut journal = journal(&plan);
        journal[1].status = StepStatus::Running;
        journal[1].progress = Some(StepProgress {
            done: 50,
            total: None,
            unit: "bytes".to_owned(),
        });
        assert_eq!(percent(&plan, &journal), 0);
    }
}
