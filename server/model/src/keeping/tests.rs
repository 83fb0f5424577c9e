use std::collections::BTreeMap;

use protector_framework::{EpochId, GenericUuid as _, GroupId, ReplicationMode};
use uuid::Uuid;

use super::*;
use crate::actor::Actor;
use crate::epoch::Epoch;
use crate::loss::Loss;
use crate::operation::{OperationOptions, OperationResult, StepStatus};
use crate::plan::{Action, Phase, Step};
use crate::status::GroupStatus;

fn site(n: u128) -> SiteId {
    SiteId::from_untyped_uuid(Uuid::from_u128(n))
}

fn id(n: u128) -> OperationId {
    OperationId::from_untyped_uuid(Uuid::from_u128(n))
}

fn epoch(n: u128) -> EpochId {
    EpochId::from_untyped_uuid(Uuid::from_u128(n))
}

/// A moment, in days.
fn day(n: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    start + TimeDelta::days(n)
}

fn document() -> GroupDocument {
    GroupDocument {
        id: GroupId::from_untyped_uuid(Uuid::from_u128(77)),
        epoch: Epoch::first(epoch(1), site(1)),
        version: 1,
        name: "shop".to_owned(),
        description: String::new(),
        projects: BTreeMap::new(),
        primary_site_id: site(1),
        secondary_site_id: site(2),
        current_primary_site_id: site(1),
        replication_type: ReplicationMode::Async,
        volume_types: BTreeMap::new(),
        volume_groups: BTreeMap::new(),
        status: GroupStatus::Active,
        status_reason: None,
        failover_count: 0,
        members: Vec::new(),
        policy: None,
        mappings: Vec::new(),
        deleted: false,
        given_up: None,
        created_at: day(0),
        updated_at: day(0),
        unknown: BTreeMap::new(),
    }
}

/// An operation of day `n` that has completed.
fn operation(n: u32, kind: OperationKind) -> Operation {
    let at = day(i64::from(n));
    Operation {
        id: id(n.into()),
        group_id: document().id,
        project_id: "p".into(),
        kind,
        options: OperationOptions::default(),
        status: OperationStatus::Completed,
        phase: String::new(),
        progress: 100,
        source_site_id: site(1),
        target_site_id: site(2),
        executor_site_id: site(2),
        steps_completed: 0,
        steps_failed: 0,
        was_running: None,
        test_stands: false,
        error: None,
        result: None,
        actor: Actor::engine("req-test"),
        attempt: 1,
        created_at: at,
        updated_at: at,
        started_at: Some(at),
        finished_at: Some(at),
    }
}

/// A plan with one step that can be taken back, and its journal.
fn stop(kind: OperationKind, epoch: EpochId, status: StepStatus) -> (Plan, Vec<StepRecord>) {
    let step = Step {
        key: "stop".to_owned(),
        site: site(1),
        phase: Phase::Checking,
        action: Action::StopServer,
        needs: Vec::new(),
        gathers: false,
        member: None,
        calls: Vec::new(),
        undo: Vec::new(),
    };
    let mut record = StepRecord::pending("stop", 0);
    record.attempt = 1;
    record.status = status;
    let plan = Plan {
        operation: kind,
        epoch: Some(epoch),
        steps: vec![step],
    };
    (plan, vec![record])
}

fn around<'a>(document: &'a GroupDocument, all: &'a [Operation]) -> Around<'a> {
    Around {
        document: Some(document),
        met_at: Some(day(1000)),
        holders: [None, None],
        all,
        local: Some(site(2)),
    }
}

fn needs(operation: &Operation, all: &[Operation]) -> Option<Need> {
    need(operation, None, &[], &around(&document(), all))
}

#[test]
fn the_latest_of_a_kind_stays_and_older_ones_go() {
    let all = [1, 2, 3].map(|n| operation(n, OperationKind::Sync));
    let kept: Vec<_> = all.iter().map(|one| needs(one, &all)).collect();
    assert_eq!(kept, [None, None, Some(Need::Latest)]);
    // A failed one is dealt with once anything has completed after it.
    let mut failed = operation(4, OperationKind::Sync);
    failed.status = OperationStatus::Error;
    let before = [&all[..], &[failed.clone()]].concat();
    assert_eq!(needs(&failed, &before), Some(Need::Latest));
    let after = [&before[..], &[operation(5, OperationKind::Sync)]].concat();
    assert_eq!(needs(&failed, &after), None);
}

#[test]
fn nothing_of_a_group_goes_while_an_operation_of_it_is_unfinished() {
    let mut running = operation(3, OperationKind::Sync);
    running.status = OperationStatus::WaitingForUser;
    let all = [
        operation(1, OperationKind::Sync),
        operation(2, OperationKind::Sync),
        running,
    ];
    assert_eq!(needs(&all[0], &all), Some(Need::Unfinished));
}

#[test]
fn inv5_a_journal_stays_while_it_tells_what_was_not_taken_back() {
    let kind = OperationKind::Sync;
    let mut cancelled = operation(1, kind);
    cancelled.status = OperationStatus::Cancelled;
    let all = [cancelled.clone(), operation(2, kind), operation(3, kind)];
    let document = document();
    let around = around(&document, &all);
    for (status, expected) in [
        (StepStatus::Done, Some(Need::Owner)),
        (StepStatus::Failed, Some(Need::Owner)),
        (StepStatus::Undone, None),
    ] {
        let (plan, journal) = stop(kind, epoch(9), status);
        assert_eq!(need(&cancelled, Some(&plan), &journal, &around), expected);
    }
    // Also of a group that is deleted.
    let gone = GroupDocument {
        deleted: true,
        ..document.clone()
    };
    let around = Around {
        document: Some(&gone),
        ..around
    };
    let (plan, journal) = stop(kind, epoch(9), StepStatus::Done);
    let of_gone = need(&cancelled, Some(&plan), &journal, &around);
    assert_eq!(of_gone, Some(Need::Owner));
    assert_eq!(need(&all[2], None, &[], &around), None);
}

#[test]
fn what_tells_of_the_copies_of_this_epoch_stays() {
    let kind = OperationKind::Cleanup;
    let all = [operation(1, kind), operation(2, kind)];
    let document = document();
    let around = around(&document, &all);
    let (now, journal) = stop(kind, epoch(1), StepStatus::Done);
    let (before, _) = stop(kind, epoch(9), StepStatus::Done);
    let of = |plan| need(&all[0], Some(plan), &journal, &around);
    assert_eq!(of(&now), Some(Need::Epoch));
    assert_eq!(of(&before), None);
}

#[test]
fn a_move_stays_until_a_later_one_in_its_direction_has_completed() {
    let there = |n| operation(n, OperationKind::Failover);
    let mut home = operation(2, OperationKind::Failback);
    home.target_site_id = site(1);
    let all = [there(1), home];
    assert_eq!(needs(&all[0], &all), Some(Need::Move));
    let all = [&all[..], &[there(3), there(4)]].concat();
    assert_eq!(needs(&all[0], &all), None);
    assert_eq!(needs(&all[1], &all), Some(Need::Move));
}

#[test]
fn a_statement_of_loss_stays_until_it_is_complete_and_keeps_its_quarantine() {
    let mut moved = operation(1, OperationKind::Failover);
    let quarantine = operation(2, OperationKind::Quarantine);
    let later = [
        operation(3, OperationKind::Failover),
        operation(4, OperationKind::Quarantine),
    ];
    for (completed_at, expected) in [(None, Some(Need::Loss)), (Some(day(2)), None)] {
        let loss = Loss {
            completed_at,
            ..Loss::default()
        };
        moved.result = Some(OperationResult {
            loss: Some(loss),
            ..OperationResult::default()
        });
        let all = [&[moved.clone(), quarantine.clone()], &later[..]].concat();
        assert_eq!(needs(&moved, &all), expected);
        assert_eq!(needs(&quarantine, &all), expected);
    }
}

#[test]
fn what_the_other_site_may_not_know_stays() {
    let all = [1, 2].map(|n| operation(n, OperationKind::Sync));
    let document = document();
    let at = |met_at| {
        let around = Around {
            met_at,
            ..around(&document, &all)
        };
        need(&all[0], None, &[], &around)
    };
    assert_eq!(at(None), Some(Need::Peer));
    assert_eq!(at(Some(day(1))), Some(Need::Peer));
    assert_eq!(at(Some(day(2))), None);
    // The other site tells this one of its own.
    let theirs = Around {
        met_at: None,
        local: Some(site(1)),
        ..around(&document, &all)
    };
    assert_eq!(need(&all[0], None, &[], &theirs), None);
}
