//! What holds of every plan.

use super::*;

#[test]
fn keys_are_unique_and_needs_stand_before() {
    for (_, plan) in every_plan() {
        let mut seen = BTreeSet::new();
        for step in &plan.steps {
            for need in &step.needs {
                assert!(
                    seen.contains(need),
                    "{}: {} needs {need}",
                    plan.operation,
                    step.key
                );
            }
            assert!(
                seen.insert(step.key.clone()),
                "{}: {}",
                plan.operation,
                step.key
            );
        }
        let last = plan.steps.last().unwrap();
        assert!(matches!(last.action, Action::Finish) && last.gathers);
    }
}

#[test]
fn nothing_is_left_to_itself() {
    for (_, plan) in every_plan() {
        let finish = plan.steps.last().unwrap();
        for step in plan.steps.iter().filter(|s| s.key != finish.key) {
            assert!(
                plan.depends_on(finish, &step.key),
                "{}: nobody waits for {}",
                plan.operation,
                step.key
            );
        }
    }
}

#[test]
fn every_step_that_changes_something_says_by_which_calls() {
    for (_, plan) in every_plan() {
        // A verification only gives settings back that were held back, where there are any.
        let verifies = |step: &&Step| matches!(step.action, Action::VerifyServer { .. });
        for step in plan.steps.iter().filter(|step| !verifies(step)) {
            assert_eq!(
                !step.calls.is_empty(),
                changes(step),
                "{}: {}",
                plan.operation,
                step.key
            );
        }
    }
}

#[test]
fn what_can_be_taken_back_says_by_which_calls() {
    for (_, plan) in every_plan() {
        for step in &plan.steps {
            let portless = step.calls.is_empty();
            assert_eq!(
                !step.undo.is_empty(),
                step.action.has_undo() && !portless,
                "{}: {}",
                plan.operation,
                step.key
            );
        }
    }
}

#[test]
fn a_step_that_changes_something_is_not_dropped_in_its_midst_but_for_a_transfer() {
    for (_, plan) in every_plan() {
        for step in &plan.steps {
            let declared = step.action.declaration();
            if declared.is_cancel_safe() && changes(step) {
                assert_eq!(step.action, Action::Replicate, "{}", step.key);
            }
            assert!(!declared.idempotent_by.is_empty());
        }
    }
}

#[test]
fn the_same_request_makes_the_same_plan() {
    for document in groups() {
        let kind = the_move(&document);
        let (one, two) = (
            make(&document, kind, &moves(true)),
            make(&document, kind, &moves(true)),
        );
        assert_eq!(one.hash(), two.hash());
        // A plan is stored and read again.
        let text = serde_json::to_vec(&one).unwrap();
        assert_eq!(serde_json::from_slice::<Plan>(&text).unwrap(), one);
    }
}

#[test]
fn twins_are_told_apart_by_their_ids() {
    let document = group(&["web", "web"], A, 1, Standby::Nothing);
    let plan = make(&document, OperationKind::Failover, &moves(true));
    let boots: Vec<_> = plan
        .steps
        .iter()
        .filter(|s| matches!(s.action, Action::BootServer { .. }))
        .map(|s| s.key.clone())
        .collect();
    assert_eq!(boots.len(), 2);
    assert!(
        boots.iter().all(|key| key.starts_with("boot/web~")),
        "{boots:?}"
    );
}
