//! Tests beside production.

use super::*;

#[test]
fn no_test_stands_among_the_servers_of_production() {
    for mut document in groups() {
        for mapping in &mut document.mappings {
            if mapping.kind == ResourceKind::TestNetwork {
                mapping.primary_id = "net".into();
                mapping.secondary_id = "net-b".into();
            }
        }
        let plain = OperationOptions::default();
        let kind = OperationKind::TestFailover;
        let direction = direction(&document, kind, &plain);
        let refused = plan(&document, kind, &plain, &direction, None);
        assert!(
            matches!(refused, Err(PlanError::TestOnProduction { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_probe_holds_up_nothing_but_the_end() {
    for (_, plan) in every_plan() {
        let probes = plan.steps.iter();
        let probes = probes.filter(|s| matches!(s.action, Action::ProbeServer { .. }));
        for probe in probes {
            for step in plan.steps.iter().filter(|s| plan.depends_on(s, &probe.key)) {
                let cleans = matches!(
                    step.action,
                    Action::Finish
                        | Action::RemoveTestServers
                        | Action::RemoveTestVolumes
                        | Action::UnpinPoint
                );
                assert!(cleans, "{} waits for {}", step.key, probe.key);
            }
        }
    }
}

#[test]
fn a_test_stays_on_the_standby_site_and_all_it_makes_is_removed() {
    for document in groups() {
        let test = make(
            &document,
            OperationKind::TestFailover,
            &OperationOptions::default(),
        );
        let clean = make(
            &document,
            OperationKind::TestCleanup,
            &OperationOptions::default(),
        );
        assert!(test.commit().is_none() && clean.commit().is_none());
        for step in test.steps.iter().chain(&clean.steps) {
            assert_eq!(step.site, document.standby_site(), "{}", step.key);
            let allowed = match &step.action {
                Action::CopyVolume { test, .. }
                | Action::AdoptVolume { test, .. }
                | Action::CreatePorts { test }
                | Action::BootServer { test }
                | Action::VerifyServer { test }
                | Action::ProbeServer { test } => *test,
                Action::CheckSites { sites } => *sites == [document.standby_site()],
                Action::CheckTestNetworks
                | Action::ChoosePoint
                | Action::PinPoint
                | Action::UnpinPoint
                | Action::Delay { .. }
                | Action::RemoveTestServers
                | Action::RemoveTestVolumes
                | Action::Finish => true,
                _ => false,
            };
            assert!(allowed, "{}", step.key);
        }
        let members = |plan: &Plan, is: &dyn Fn(&Action) -> bool| -> BTreeSet<_> {
            plan.steps
                .iter()
                .filter(|s| is(&s.action))
                .filter_map(|s| s.member)
                .collect()
        };
        let booted = members(&test, &|a| matches!(a, Action::BootServer { .. }));
        assert_eq!(
            booted,
            members(&clean, &|a| matches!(a, Action::RemoveTestServers))
        );
        assert_eq!(
            booted,
            members(&clean, &|a| matches!(a, Action::RemoveTestVolumes))
        );
    }
}
