//! What removes copies.

use super::*;

#[test]
fn a_cleanup_takes_back_what_others_have_left() {
    for document in groups() {
        let of = |plan: &Plan| -> Vec<OperationId> {
            let steps = plan.steps.iter();
            steps
                .filter_map(|s| match s.action {
                    Action::TakeBack { operation } => Some(operation),
                    _ => None,
                })
                .collect()
        };
        let plans: Vec<_> = after_others(&document).map(|plan| of(&plan)).collect();
        let (one, two) = (vec![older(1)], vec![older(1), older(2)]);
        assert_eq!(plans, [vec![], two.clone(), one, two]);
    }
}

#[test]
fn the_only_copy_of_a_member_outlives_its_group_and_its_leaving() {
    let document = partial(None, false);
    for (member, cleaned) in document.members.iter().zip([false, true]) {
        let of_one = OperationOptions {
            member: Some(member.id),
            ..OperationOptions::default()
        };
        let plan = make(&document, OperationKind::RemoveMember, &of_one);
        let discards = |s: &Step| matches!(s.action, Action::DiscardVolumes);
        assert_eq!(plan.steps.iter().any(discards), cleaned, "{}", member.name);
    }
    let plan = make(
        &document,
        OperationKind::Delete,
        &OperationOptions::default(),
    );
    assert!(plan.step("discard-volumes/db").is_some());
    assert!(plan.step("discard-volumes/web").is_none());
}

#[test]
fn a_cleanup_never_names_the_copy_in_production() {
    for document in groups() {
        for kind in [OperationKind::Cleanup, OperationKind::Delete] {
            let plan = make(&document, kind, &OperationOptions::default());
            for step in plan.steps.iter().filter(|s| s.member.is_some()) {
                assert_eq!(step.site, document.standby_site(), "{kind}: {}", step.key);
            }
        }
        let here = OperationOptions {
            site: Some(document.current_primary_site_id),
            ..OperationOptions::default()
        };
        let plan = make(&document, OperationKind::Cleanup, &here);
        assert!(
            plan.steps.iter().all(|s| s.member.is_none()),
            "nothing to remove"
        );
    }
}

#[test]
fn a_cleanup_keeps_the_copy_of_a_member_that_runs_nowhere() {
    let mut document = group(&["lost", "well"], A, 1, Standby::Parked);
    let lost = document.members[0].instances.get_mut(&site(A)).unwrap();
    lost.state = InstanceState::Parked;
    let plan = make(
        &document,
        OperationKind::Cleanup,
        &OperationOptions::default(),
    );
    let cleaned: BTreeSet<MemberId> = plan.steps.iter().filter_map(|s| s.member).collect();
    assert_eq!(cleaned, BTreeSet::from([document.members[1].id]), "INV2");
}

#[test]
fn a_server_goes_before_its_volumes_and_they_are_let_go_before_they_are_destroyed() {
    let document = group(&["web"], A, 2, Standby::Parked);
    let plan = make(
        &document,
        OperationKind::Cleanup,
        &OperationOptions::default(),
    );
    let keys: Vec<_> = plan.steps.iter().map(|s| s.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "check",
            "delete-server/web",
            "release-volumes/web",
            "delete-ports/web",
            "discard-volumes/web",
            "finish"
        ]
    );
    for pair in plan.steps.windows(2) {
        assert!(plan.depends_on(&pair[1], &pair[0].key));
    }
}
