//! Which steps of a plan may run now, which never will, and what must be taken back.

use std::collections::BTreeMap;

use protector_framework::{EpochId, GenericUuid as _, OperationId};
use uuid::Uuid;

use crate::document::GroupDocument;
use crate::operation::{Operation, StepRecord, StepStatus};
use crate::plan::{Action, Cancel, Plan, Step};
use crate::status::OperationKind;

/// What the runner does next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Next {
    /// Steps that may begin.
    pub run: Vec<String>,
    /// Steps that will never begin because a step they need failed.
    pub skip: Vec<String>,
    /// Nothing is left to begin or to wait for.
    pub finished: bool,
}

/// Decides from the plan and its journal alone, so that a restart decides the same.
pub fn next(plan: &Plan, journal: &[StepRecord]) -> Next {
    let status: BTreeMap<&str, StepStatus> =
        journal.iter().map(|r| (r.key.as_str(), r.status)).collect();
    let of = |key: &str| status.get(key).copied().unwrap_or(StepStatus::Pending);
    let doomed = must_compensate(plan, journal);
    let mut next = Next::default();
    let mut open = false;
    for step in &plan.steps {
        match of(&step.key) {
            StepStatus::Pending => {}
            StepStatus::Running => {
                open = true;
                continue;
            }
            _ => continue,
        }
        open = true;
        let ended = |key: &String| !matches!(of(key), StepStatus::Pending | StepStatus::Running);
        let failed = |key: &String| {
            matches!(
                of(key),
                StepStatus::Failed | StepStatus::Skipped | StepStatus::Undone
            )
        };
        let given_up = doomed && !matches!(step.action, Action::Finish);
        let starved = !step.gathers && step.needs.iter().any(failed);
        let ready = step.needs.iter().all(ended) || one_member_is_ready(plan, step, &of);
        if given_up || starved {
            next.skip.push(step.key.clone());
        } else if ready {
            next.run.push(step.key.clone());
        }
    }
    next.finished = !open;
    next
}

/// Authority that is taken alone is taken for the first member that is ready: one that takes its
/// time, or fails, holds nobody back.
fn one_member_is_ready(plan: &Plan, step: &Step, of: &impl Fn(&str) -> StepStatus) -> bool {
    if !matches!(step.action, Action::Commit { handover: false }) {
        return false;
    }
    let mut members = BTreeMap::new();
    for need in step.needs.iter().filter_map(|key| plan.step(key)) {
        let done = match (&need.action, of(&need.key)) {
            // An array that cannot stop its own points holds no rescue up.
            (Action::HoldArrayGroup, StepStatus::Failed) => true,
            (_, status) => status == StepStatus::Done,
        };
        *members.entry(need.member).or_insert(true) &= done;
    }
    // What belongs to no member is for all.
    let common = members.remove(&None).unwrap_or(true);
    common && members.values().any(|ready| *ready)
}

/// What a step that passes authority notes before it asks the old primary, and takes back when the
/// old primary has refused.
pub const SENT: &str = "sent";

/// Whether authority has passed, or may have: the old primary was asked and no answer counts yet.
pub fn may_have_passed(plan: &Plan, journal: &[StepRecord]) -> bool {
    let Some(commit) = plan.commit() else {
        return false;
    };
    journal.iter().any(|r| {
        let sent = r.output.as_ref().is_some_and(|o| o[SENT] == true);
        r.key == commit.key && (matches!(r.status, StepStatus::Done | StepStatus::Running) || sent)
    })
}

/// The epoch that an operation which moves authority begins: the same each time it is asked for, so
/// that a repeated document is the same one.
pub fn epoch_of(operation: OperationId) -> EpochId {
    EpochId::from_untyped_uuid(Uuid::new_v5(&operation.into_untyped_uuid(), b"epoch"))
}

/// Whether the group is still as the operation left it, so that its plan may go on.
pub fn is_current(
    document: &GroupDocument,
    operation: &Operation,
    plan: &Plan,
    journal: &[StepRecord],
) -> bool {
    if document.epoch.id == epoch_of(operation.id) {
        return true;
    }
    let passed = plan.commit().is_some_and(|commit| {
        journal
            .iter()
            .any(|r| r.key == commit.key && r.status == StepStatus::Done)
    });
    !passed && document.current_primary_site_id == operation.source_site_id
}

/// Whether a step may touch a site now. What follows the passing of authority needs the very epoch
/// that it began; what takes a copy out of use must not meet the site that has authority.
pub fn may_run(document: &GroupDocument, operation: &Operation, plan: &Plan, step: &Step) -> bool {
    let primary = document.current_primary_site_id;
    match plan.commit() {
        Some(commit) if plan.depends_on(step, &commit.key) => {
            matches!(step.action, Action::Finish | Action::UnpinPoint)
                || document.epoch.id == epoch_of(operation.id)
        }
        Some(_) => !matches!(step.action, Action::StopServer) || primary == step.site,
        None => match step.action {
            Action::Finish | Action::UnpinPoint => true,
            Action::ParkServer { .. } => primary != step.site,
            Action::SuspendArrayGroup if operation.kind == OperationKind::Quarantine => {
                primary != step.site
            }
            _ => !is_the_primarys(operation.kind) || primary == operation.source_site_id,
        },
    }
}

/// Whether only the primary may do this: when authority has moved on, what it would still do harms
/// what runs on the other site.
fn is_the_primarys(kind: OperationKind) -> bool {
    matches!(
        kind,
        OperationKind::Create
            | OperationKind::Delete
            | OperationKind::AddMember
            | OperationKind::RemoveMember
            | OperationKind::Sync
            | OperationKind::Reprotect
    )
}

/// Why an operation is not opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what the operation did was taken back; ask for a new one")]
pub struct TakenBack;

/// Makes what failed or was skipped pending again, and names those steps.
///
/// A move that failed before its commit point is not run forward again: its recovery point is older
/// than what the source has written since. What of it could not be taken back is taken back again.
///
/// # Errors
/// `TakenBack` where nothing of such a move is left to take back.
pub fn reopen(plan: &Plan, journal: &mut [StepRecord]) -> Result<Vec<String>, TakenBack> {
    if let Some(finish) = unwritten_end(plan, journal) {
        return Ok(vec![finish]);
    }
    if has_removed(plan, journal) {
        return reopen_removal(plan, journal);
    }
    if plan.commit().is_some() && must_compensate(plan, journal) {
        return match to_undo(plan, journal).is_empty() {
            true => Err(TakenBack),
            false => Ok(Vec::new()),
        };
    }
    let failed: Vec<String> = journal
        .iter()
        .filter(|r| !matches!(r.status, StepStatus::Done | StepStatus::Pending))
        .map(|r| r.key.clone())
        .collect();
    let mut reopened = Vec::new();
    for record in journal {
        let again = failed.contains(&record.key)
            || plan.step(&record.key).is_some_and(|step| {
                record.status == StepStatus::Done
                    && !acts_once(plan, &step.action)
                    && failed.iter().any(|key| plan.depends_on(step, key))
            });
        if again {
            record.status = StepStatus::Pending;
            record.error = None;
            reopened.push(record.key.clone());
        }
    }
    Ok(reopened)
}

/// Whether a step removes what the operation itself has made: a test that cleans up after itself.
fn removes_own(plan: &Plan, step: &Step) -> bool {
    let removes = matches!(
        step.action,
        Action::RemoveTestServers | Action::RemoveTestVolumes | Action::UnpinPoint
    );
    plan.operation == OperationKind::TestFailover && removes
}

/// Whether a test has begun to remove what it made.
fn has_removed(plan: &Plan, journal: &[StepRecord]) -> bool {
    let mut steps = plan.steps.iter().filter(|step| removes_own(plan, step));
    steps.any(|step| {
        let mut records = journal.iter().filter(|r| r.key == step.key);
        records.any(|r| matches!(r.status, StepStatus::Done | StepStatus::Failed))
    })
}

/// Whether there is something of a test: it has begun to make copies and has not removed them.
pub fn test_stands(plan: &Plan, journal: &[StepRecord]) -> bool {
    let begun = |step: &Step| {
        let mut records = journal.iter().filter(|r| r.key == step.key);
        records.any(|r| r.attempt > 0 && r.status != StepStatus::Undone)
    };
    let made = plan.steps.iter().any(|s| s.action.has_undo() && begun(s));
    plan.operation == OperationKind::TestFailover && made && !has_cleaned_up(plan, journal)
}

/// Whether a test has removed all that it made, however the test itself went.
fn has_cleaned_up(plan: &Plan, journal: &[StepRecord]) -> bool {
    let mut removal = plan.steps.iter().filter(|step| removes_own(plan, step));
    // What a person has left out is still there.
    let left = |r: &StepRecord| r.output.as_ref().is_some_and(|o| o["skipped"].is_string());
    let done = |step: &Step| {
        let mut records = journal.iter().filter(|r| r.key == step.key);
        records.any(|r| r.status == StepStatus::Done && !left(r))
    };
    has_removed(plan, journal) && removal.all(done)
}

/// Of a test that has begun to remove what it made only the rest of that is tried again.
fn reopen_removal(plan: &Plan, journal: &mut [StepRecord]) -> Result<Vec<String>, TakenBack> {
    if has_cleaned_up(plan, journal) {
        return Err(TakenBack);
    }
    let mut reopened = Vec::new();
    for record in journal {
        let again = plan.step(&record.key).is_some_and(|step| {
            removes_own(plan, step) && record.status != StepStatus::Done
                || matches!(step.action, Action::Finish)
        });
        if again {
            record.status = StepStatus::Pending;
            record.error = None;
            reopened.push(record.key.clone());
        }
    }
    Ok(reopened)
}

/// Makes the last step pending again where it alone has failed of an operation that was given up: what
/// there is was not written down, and nothing else is to be done.
fn unwritten_end(plan: &Plan, journal: &mut [StepRecord]) -> Option<String> {
    let is_finish = |key: &str| {
        let step = plan.step(key);
        step.is_some_and(|step| matches!(step.action, Action::Finish))
    };
    let given_up = |r: &StepRecord| matches!(r.status, StepStatus::Skipped | StepStatus::Undone);
    let failed = |r: &StepRecord| r.status == StepStatus::Failed;
    let alone = journal
        .iter()
        .filter(|r| failed(r))
        .all(|r| is_finish(&r.key));
    if !alone || !journal.iter().any(given_up) || !to_undo(plan, journal).is_empty() {
        return None;
    }
    let end = journal.iter_mut().find(|r| failed(r))?;
    end.status = StepStatus::Pending;
    end.error = None;
    Some(end.key.clone())
}

/// Whether all went well but the writing down of what there is.
pub fn is_unwritten(plan: &Plan, journal: &[StepRecord]) -> bool {
    let ill = |r: &&StepRecord| !matches!(r.status, StepStatus::Done);
    let mut ill = journal.iter().filter(ill).peekable();
    ill.peek().is_some()
        && ill.all(|r| {
            let step = plan.step(&r.key);
            r.status == StepStatus::Failed
                && step.is_some_and(|step| matches!(step.action, Action::Finish))
        })
}

/// Steps that went on without one that failed are done again, because they saw less than there will
/// be; but no data is written twice over what may run by now, and what a move has removed or put away
/// is not looked for again: there is a new copy in its place.
fn acts_once(plan: &Plan, action: &Action) -> bool {
    match action {
        Action::OverwriteVolume { .. }
        | Action::CopyVolume { .. }
        | Action::AdoptVolume { .. }
        | Action::Commit { .. } => true,
        Action::DeleteServer
        | Action::ReleaseVolumes
        | Action::DeletePorts
        | Action::DiscardVolumes
        | Action::ParkServer { quarantine: true } => plan.commit().is_some(),
        _ => false,
    }
}

/// Whether a person may leave a step out: nothing that decides which copy is right relies on it.
pub fn may_be_skipped(plan: &Plan, key: &str) -> bool {
    let Some(step) = plan.step(key) else {
        return false;
    };
    step.action.declaration().skippable
        && plan
            .commit()
            .is_none_or(|commit| !plan.depends_on(commit, key))
}

/// Whether the plan failed before it passed authority, so that everything it did is to be taken
/// back. With the old primary's consent any failure before that point counts; without it, members
/// fail one by one and only the passing itself can.
pub fn must_compensate(plan: &Plan, journal: &[StepRecord]) -> bool {
    let Some(commit) = plan.commit() else {
        return false;
    };
    let handover = matches!(commit.action, Action::Commit { handover: true });
    let failed = journal.iter().any(|r| {
        matches!(r.status, StepStatus::Failed | StepStatus::Undone)
            && (r.key == commit.key || (handover && plan.depends_on(commit, &r.key)))
    });
    failed && !may_have_passed(plan, journal)
}

/// The steps to take back: servers that were stopped before all else, because everybody waits for
/// them, then the rest; of each the last one first.
pub fn to_undo<'a>(plan: &'a Plan, journal: &[StepRecord]) -> Vec<&'a Step> {
    // A step that was begun may have taken effect, whatever became of it afterwards.
    let began = |key: &str| {
        let mut records = journal.iter().filter(|r| r.key == key);
        records.any(|r| r.attempt > 0 && r.status != StepStatus::Undone)
    };
    let undo = |s: &&Step| s.action.has_undo() && began(&s.key);
    let (stops, rest): (Vec<&Step>, Vec<&Step>) = plan
        .steps
        .iter()
        .rev()
        .filter(undo)
        .partition(|s| is_stop(s));
    stops.into_iter().chain(rest).collect()
}

/// Those of them that may be taken back now, side by side. A step waits for what was built on it;
/// what was stopped waits only for the servers that boot before it. `failed`: those that could not
/// be taken back. What is beneath them stays, but a server that does not start keeps no other one
/// from starting.
pub fn undo_next<'a>(
    plan: &'a Plan,
    journal: &[StepRecord],
    under_way: &[String],
    failed: &[String],
) -> Vec<&'a Step> {
    let open = to_undo(plan, journal);
    let may = |step: &&Step| {
        let blocks = |other: &&&Step| {
            is_stop(other) == is_stop(step)
                && plan.depends_on(other, &step.key)
                && !(is_stop(other) && failed.contains(&other.key))
        };
        !under_way.contains(&step.key)
            && !failed.contains(&step.key)
            && !open.iter().any(|other| blocks(&other))
    };
    open.iter().copied().filter(may).collect()
}

fn is_stop(step: &Step) -> bool {
    matches!(step.action, Action::StopServer)
}

/// Whether anything but the writing of the end is left to give up or to take back.
pub fn may_be_cancelled(plan: &Plan, journal: &[StepRecord]) -> bool {
    let open = |r: &StepRecord| matches!(r.status, StepStatus::Pending | StepStatus::Running);
    let more = journal.iter().filter(|r| open(r)).any(|r| {
        let step = plan.step(&r.key);
        step.is_some_and(|step| step.action.declaration().cancel != Cancel::Never)
    });
    let begun = journal
        .iter()
        .any(|r| matches!(r.status, StepStatus::Skipped));
    let half = begun && !to_undo(plan, journal).is_empty();
    (more || half) && !may_have_passed(plan, journal)
}

#[cfg(test)]
mod tests {
    use protector_framework::GenericUuid as _;
    use uuid::Uuid;

    use super::*;
    use crate::plan::Phase;

    fn step(key: &str, action: Action, needs: &[&str], gathers: bool) -> Step {
        Step {
            key: key.to_owned(),
            site: protector_framework::SiteId::from_untyped_uuid(Uuid::nil()),
            phase: Phase::Checking,
            action,
            needs: needs.iter().map(|s| (*s).to_owned()).collect(),
            gathers,
            member: None,
            calls: Vec::new(),
            undo: Vec::new(),
        }
    }

    fn planned() -> Plan {
        Plan {
            operation: OperationKind::Failover,
            epoch: None,
            steps: vec![
                step("stop/a", Action::StopServer, &[], false),
                step("stop/b", Action::StopServer, &[], false),
                step(
                    "commit",
                    Action::Commit { handover: true },
                    &["stop/a", "stop/b"],
                    false,
                ),
                step(
                    "boot/a",
                    Action::BootServer { test: false },
                    &["commit"],
                    false,
                ),
                step(
                    "boot/b",
                    Action::BootServer { test: false },
                    &["commit"],
                    false,
                ),
                step("finish", Action::Finish, &["boot/a", "boot/b"], true),
            ],
        }
    }

    fn journal(plan: &Plan, ended: &[(&str, StepStatus)]) -> Vec<StepRecord> {
        let mut journal = crate::operation::journal(plan);
        for (key, status) in ended {
            for record in journal.iter_mut().filter(|r| r.key == *key) {
                record.status = *status;
                record.attempt = u32::from(*status != StepStatus::Pending);
            }
        }
        journal
    }

    #[test]
    fn independent_steps_run_together() {
        let plan = planned();
        assert_eq!(next(&plan, &journal(&plan, &[])).run, ["stop/a", "stop/b"]);
    }

    #[test]
    fn a_failure_before_the_commit_point_dooms_the_plan_but_not_its_finish() {
        let plan = planned();
        let mut journal = journal(
            &plan,
            &[("stop/a", StepStatus::Done), ("stop/b", StepStatus::Failed)],
        );
        assert!(must_compensate(&plan, &journal));
        assert_eq!(next(&plan, &journal).skip, ["commit", "boot/a", "boot/b"]);
        for record in journal
            .iter_mut()
            .filter(|r| r.status == StepStatus::Pending)
        {
            record.status = if record.key == "finish" {
                StepStatus::Pending
            } else {
                StepStatus::Skipped
            };
        }
        assert_eq!(next(&plan, &journal).run, ["finish"]);
        let undo: Vec<_> = to_undo(&plan, &journal)
            .iter()
            .map(|s| s.key.as_str())
            .collect();
        assert_eq!(undo, ["stop/b", "stop/a"]);
    }

    #[test]
    fn stopped_servers_run_again_first_and_nothing_is_removed_under_what_stands_on_it() {
        let plan = Plan {
            operation: OperationKind::Failover,
            epoch: None,
            steps: vec![
                step("stop/web", Action::StopServer, &[], false),
                step("stop/db", Action::StopServer, &["stop/web"], false),
                step("pin", Action::PinPoint, &["stop/db"], false),
                step("copy/a", COPY, &["pin"], false),
                step("copy/b", COPY, &["pin"], false),
                step("adopt/a", ADOPT, &["copy/a"], false),
                step(
                    "commit",
                    Action::Commit { handover: true },
                    &["adopt/a"],
                    false,
                ),
            ],
        };
        let done: Vec<_> = ["stop/web", "stop/db", "pin", "copy/a", "copy/b", "adopt/a"]
            .map(|key| (key, StepStatus::Done))
            .into();
        let journal = journal(&plan, &done);
        let next = |under_way: &[&str], failed: &[&str]| {
            let owned = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect::<Vec<_>>();
            let next = undo_next(&plan, &journal, &owned(under_way), &owned(failed));
            next.iter().map(|s| s.key.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(next(&[], &[]), ["stop/db", "adopt/a", "copy/b"]);
        assert_eq!(next(&["stop/db"], &[]), ["adopt/a", "copy/b"]);
        assert_eq!(next(&[], &["stop/db", "adopt/a"]), ["stop/web", "copy/b"]);
    }

    const COPY: Action = Action::CopyVolume {
        slot: 0,
        test: false,
    };
    const ADOPT: Action = Action::AdoptVolume {
        slot: 0,
        test: false,
    };

    #[test]
    fn only_what_has_more_to_do_than_to_write_its_end_can_be_cancelled() {
        let plan = planned();
        let stops = [("stop/a", StepStatus::Done), ("stop/b", StepStatus::Done)];
        assert!(may_be_cancelled(&plan, &journal(&plan, &stops)));
        let all: Vec<_> = plan.steps[..5]
            .iter()
            .map(|s| (s.key.as_str(), StepStatus::Skipped))
            .collect();
        let mut skipped = journal(&plan, &all);
        assert!(may_be_cancelled(&plan, &skipped), "it is not taken back");
        for record in &mut skipped {
            record.attempt = 0;
        }
        assert!(!may_be_cancelled(&plan, &skipped));
    }

    #[test]
    fn authority_is_taken_alone_for_the_first_member_that_is_ready() {
        let of = |member: u128, mut step: Step| {
            step.member = Some(protector_framework::MemberId::from_untyped_uuid(
                Uuid::from_u128(member),
            ));
            step
        };
        let test = false;
        let adopt = |slot| Action::AdoptVolume { slot, test };
        let needs = ["pin", "adopt/a/0", "adopt/a/1", "adopt/b/0"];
        let plan = Plan {
            operation: OperationKind::Failover,
            epoch: None,
            steps: vec![
                step("pin", Action::PinPoint, &[], false),
                of(1, step("adopt/a/0", adopt(0), &["pin"], false)),
                of(1, step("adopt/a/1", adopt(1), &["pin"], false)),
                of(2, step("adopt/b/0", adopt(0), &["pin"], false)),
                step("commit", Action::Commit { handover: false }, &needs, true),
            ],
        };
        let commits = |ended: &[(&str, StepStatus)]| {
            next(&plan, &journal(&plan, ended))
                .run
                .contains(&"commit".to_owned())
        };
        use StepStatus::{Done, Failed, Running};
        assert!(!commits(&[("pin", Done), ("adopt/a/0", Done)]), "half");
        assert!(!commits(&[("pin", Running), ("adopt/b/0", Done)]), "no pin");
        assert!(commits(&[("pin", Done), ("adopt/b/0", Done)]));
        let slow = [
            ("pin", Done),
            ("adopt/a/0", Running),
            ("adopt/a/1", Failed),
            ("adopt/b/0", Done),
        ];
        assert!(commits(&slow));
    }

    #[test]
    fn a_failure_after_it_stays_with_its_member() {
        let plan = planned();
        let journal = journal(
            &plan,
            &[
                ("stop/a", StepStatus::Done),
                ("stop/b", StepStatus::Done),
                ("commit", StepStatus::Done),
                ("boot/a", StepStatus::Failed),
            ],
        );
        assert!(!must_compensate(&plan, &journal));
        assert_eq!(next(&plan, &journal).run, ["boot/b"]);
    }

    #[test]
    fn a_move_that_was_taken_back_is_not_run_forward_with_its_old_point() {
        let plan = planned();
        let mut taken_back = journal(
            &plan,
            &[
                ("stop/a", StepStatus::Undone),
                ("stop/b", StepStatus::Undone),
                ("commit", StepStatus::Failed),
            ],
        );
        assert_eq!(reopen(&plan, &mut taken_back), Err(TakenBack));
        // What could not be taken back is taken back again, and nothing else is done.
        let mut half = journal(
            &plan,
            &[("stop/a", StepStatus::Done), ("stop/b", StepStatus::Failed)],
        );
        assert_eq!(reopen(&plan, &mut half), Ok(Vec::new()));
        assert!(must_compensate(&plan, &half));
    }

    #[test]
    fn a_retry_of_what_was_given_up_only_writes_down_what_there_is() {
        let plan = planned();
        let mut cancelled = journal(
            &plan,
            &[
                ("stop/a", StepStatus::Undone),
                ("stop/b", StepStatus::Skipped),
                ("commit", StepStatus::Skipped),
                ("boot/a", StepStatus::Skipped),
                ("boot/b", StepStatus::Skipped),
                ("finish", StepStatus::Failed),
            ],
        );
        for record in cancelled.iter_mut().filter(|r| r.key != "stop/a") {
            record.attempt = 0;
        }
        assert_eq!(reopen(&plan, &mut cancelled).unwrap(), ["finish"]);
        assert_eq!(next(&plan, &cancelled).run, ["finish"]);
    }

    #[test]
    fn a_retry_after_the_commit_point_repeats_what_failed_and_what_went_on_without_it() {
        let plan = planned();
        let mut partial = journal(
            &plan,
            &[
                ("stop/a", StepStatus::Done),
                ("stop/b", StepStatus::Done),
                ("commit", StepStatus::Done),
                ("boot/a", StepStatus::Failed),
                ("boot/b", StepStatus::Done),
                ("finish", StepStatus::Done),
            ],
        );
        assert_eq!(reopen(&plan, &mut partial).unwrap(), ["boot/a", "finish"]);
    }

    #[test]
    fn only_what_nothing_relies_on_may_be_skipped() {
        let plan = planned();
        for key in ["stop/a", "commit", "boot/a", "finish", "nothing"] {
            assert!(!may_be_skipped(&plan, key), "{key}");
        }
    }

    #[test]
    fn a_commit_that_may_have_been_sent_is_never_compensated() {
        let plan = planned();
        let journal = journal(
            &plan,
            &[
                ("stop/a", StepStatus::Failed),
                ("commit", StepStatus::Running),
            ],
        );
        assert!(!must_compensate(&plan, &journal));
    }
}
