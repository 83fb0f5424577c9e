//! What is refused, and when a plan ends.

use super::*;

#[test]
fn nothing_leaves_a_group_while_a_test_of_it_stands() {
    let document = group(&["app"], A, 1, Standby::Nothing);
    for (kind, member) in [
        (OperationKind::Delete, None),
        (OperationKind::RemoveMember, Some(document.members[0].id)),
    ] {
        let options = OperationOptions {
            member,
            ..OperationOptions::default()
        };
        let refused = check(&document, kind, &options, Some(older(1)));
        assert_eq!(refused, Err(RequestRefused::TestThere(older(1))), "INV5");
        assert!(check(&document, kind, &options, None).is_ok());
    }
}

#[test]
fn what_only_the_primary_may_do_ends_when_authority_has_moved_on() {
    for kind in [OperationKind::RemoveMember, OperationKind::Reprotect] {
        let document = group(&["app"], A, 1, Standby::Parked);
        let options = OperationOptions {
            member: (kind == OperationKind::RemoveMember).then_some(document.members[0].id),
            ..OperationOptions::default()
        };
        let plan = make(&document, kind, &options);
        let operation = under_way(&document, kind, options);
        let moved = group(&["app"], B, 1, Standby::Parked);
        for step in &plan.steps {
            assert!(may_run(&document, &operation, &plan, step), "{}", step.key);
            let goes_on = may_run(&moved, &operation, &plan, step);
            let only_ends = matches!(step.action, Action::Finish | Action::UnpinPoint);
            assert_eq!(goes_on, only_ends, "INV1: {kind} {}", step.key);
        }
    }
}

fn under_way(
    document: &GroupDocument,
    kind: OperationKind,
    options: OperationOptions,
) -> Operation {
    let way = direction(document, kind, &options);
    Operation {
        id: older(7),
        group_id: document.id,
        project_id: "project".into(),
        kind,
        options,
        status: OperationStatus::Running,
        phase: String::new(),
        progress: 0,
        source_site_id: way.source,
        target_site_id: way.target,
        executor_site_id: way.executor,
        steps_completed: 0,
        steps_failed: 0,
        was_running: None,
        test_stands: false,
        error: None,
        result: None,
        actor: Actor::engine("req-test"),
        attempt: 1,
        created_at: at(),
        updated_at: at(),
        started_at: None,
        finished_at: None,
    }
}

#[test]
fn what_is_not_mapped_or_never_captured_is_named() {
    let mut document = group(&["web", "db"], A, 1, Standby::Nothing);
    document.mappings.retain(|m| m.kind != ResourceKind::Subnet);
    let options = moves(true);
    let way = direction(&document, OperationKind::Failover, &options);
    let ask = |document: &GroupDocument, options: &OperationOptions| {
        plan(document, OperationKind::Failover, options, &way, None)
    };
    let error = ask(&document, &options).unwrap_err();
    let PlanError::Unmapped(missing) = &error else {
        panic!("{error}")
    };
    assert_eq!(missing.len(), 2);
    assert!(error.to_string().contains("subnet"), "{error}");

    let mut document = group(&["web", "db"], A, 1, Standby::Nothing);
    document.members[1].blueprint = None;
    assert_eq!(
        ask(&document, &options).unwrap_err(),
        PlanError::NotCaptured("db".to_owned())
    );
    // Without the source, the others are not held up for it.
    let plan = ask(&document, &moves(false)).unwrap();
    assert!(plan.step("boot/web").is_some() && plan.step("boot/db").is_none());
}
