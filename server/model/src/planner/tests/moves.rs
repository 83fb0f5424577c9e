//! What moves a group.

use super::*;

#[test]
fn nothing_starts_or_is_overwritten_on_the_target_before_authority_has_passed() {
    for (document, plan) in every_plan() {
        let Some(commit) = plan.commit() else {
            continue;
        };
        let target = document.standby_site();
        assert_eq!(commit.site, target);
        for step in &plan.steps {
            let irreversible = matches!(
                step.action,
                Action::OverwriteVolume { .. }
                    | Action::CreatePorts { .. }
                    | Action::BootServer { .. }
                    | Action::ReviveServer
                    | Action::ParkServer { .. }
                    | Action::SuspendArrayGroup
                    | Action::FillVolumeGroup
                    | Action::UnpinPoint
            );
            assert_eq!(
                irreversible,
                irreversible && plan.depends_on(step, &commit.key),
                "{}",
                step.key
            );
            if plan.depends_on(commit, &step.key) && changes(step) {
                // The group of a standby site takes no points as it is.
                let resumable = matches!(
                    step.action,
                    Action::EnsureArrayGroup
                        | Action::Replicate
                        | Action::SurveySource
                        | Action::HoldArrayGroup
                );
                assert!(step.action.has_undo() || resumable, "{} stays", step.key);
            }
        }
    }
}

#[test]
fn a_move_waits_for_whoever_gave_way_before_it_changes_anything() {
    for document in groups() {
        let plan = after_others(&document).next().unwrap();
        let awaited = format!("await/{}", older(1));
        assert!(plan.step(&awaited).is_some());
        for step in plan.steps.iter().filter(|s| changes(s)) {
            assert!(plan.depends_on(step, &awaited), "{}", step.key);
        }
        let point = plan.step("point").unwrap();
        assert!(!plan.depends_on(point, &awaited), "looking is free");
    }
}

#[test]
fn an_unplanned_move_never_touches_the_source() {
    for document in groups() {
        let plan = make(&document, the_move(&document), &moves(false));
        let target = document.standby_site();
        for step in &plan.steps {
            assert_eq!(step.site, target, "{}", step.key);
            if let Action::CheckSites { sites } = &step.action {
                assert_eq!(*sites, [target]);
            }
        }
    }
}

#[test]
fn a_member_that_never_came_up_there_goes_home_from_what_was_kept() {
    let unbuilt = Instance {
        server_id: None,
        ..instance(InstanceState::Incomplete, 2, "web")
    };
    for (copy, all) in [(Some(unbuilt), false), (None, false), (None, true)] {
        for planned in [true, false] {
            let document = partial(copy.clone(), all);
            let plan = make(&document, OperationKind::Failback, &moves(planned));
            let of_web: Vec<&str> = plan
                .steps
                .iter()
                .filter(|s| s.member == Some(document.members[0].id))
                .map(|s| s.key.as_str())
                .collect();
            assert_eq!(of_web, ["revive/web", "verify/web", "probe/web"]);
            let commit = plan.commit().unwrap();
            assert!(plan.depends_on(plan.step("revive/web").unwrap(), &commit.key));
            assert_eq!(plan.step("pin").is_none(), all);
            assert_eq!(plan.step("sync").is_some(), planned && !all);
        }
    }
}

#[test]
fn inv1_a_member_that_may_run_there_is_not_taken_for_one_that_never_did() {
    let built = instance(InstanceState::Incomplete, 2, "web");
    let mut unknown = partial(None, false);
    unknown.members[0].status = MemberStatus::FailingOver;
    for document in [partial(Some(built), false), unknown] {
        let kind = OperationKind::Failback;
        let (home, planned) = (direction(&document, kind, &moves(true)), moves(true));
        let refused = plan(&document, kind, &planned, &home, None);
        assert!(
            matches!(refused, Err(PlanError::Unfinished { .. })),
            "{refused:?}"
        );
        // Without the source its data comes from a point, or it is not recovered.
        let plan = make(&document, kind, &moves(false));
        assert!(plan.step("overwrite/web/0").is_some());
    }
}

#[test]
fn a_source_is_stopped_before_its_last_point_and_parked_when_its_successor_runs() {
    for document in groups() {
        let plan = make(&document, the_move(&document), &moves(true));
        let (source, target) = (document.current_primary_site_id, document.standby_site());
        let of = |is: &dyn Fn(&Action) -> bool| -> Vec<&Step> {
            plan.steps.iter().filter(|s| is(&s.action)).collect()
        };
        let stops = of(&|a| matches!(a, Action::StopServer));
        let parks = of(&|a| matches!(a, Action::ParkServer { quarantine: false }));
        assert_eq!(stops.len(), document.members.len());
        assert_eq!(parks.len(), document.members.len());
        let sync = plan.step("sync").unwrap();
        let point = of(&|a| matches!(a, Action::ChoosePoint))[0];
        assert!(plan.depends_on(point, &sync.key));
        for stop in stops {
            assert_eq!(stop.site, source);
            assert!(plan.depends_on(sync, &stop.key));
        }
        for park in parks {
            let verify = plan
                .steps
                .iter()
                .find(|s| {
                    s.member == park.member
                        && matches!(s.action, Action::VerifyServer { test: false })
                })
                .unwrap();
            assert_eq!((park.site, verify.site), (source, target));
            assert!(plan.depends_on(park, &verify.key) && !park.gathers);
        }
    }
}

#[test]
fn tiers_stop_from_the_last_and_start_from_the_first() {
    let document = group(&["web", "db", "app"], A, 1, Standby::Nothing);
    let plan = make(&document, OperationKind::Failover, &moves(true));
    let step = |key: &str| plan.step(key).unwrap();
    assert!(plan.depends_on(step("stop/web"), "stop/db"));
    assert!(plan.depends_on(step("stop/db"), "stop/app"));
    assert!(plan.depends_on(step("boot/db"), "verify/web"));
    assert!(plan.depends_on(step("boot/app"), "verify/db"));
    // A tier that failed does not hold the next one up.
    assert!(step("tier/1").gathers && step("tier/2").gathers);
}

#[test]
fn the_way_home_mirrors_the_way_out() {
    for standby in [Standby::Nothing, Standby::Parked] {
        let names = ["web", "db", "app"];
        let out = make(
            &group(&names, A, 2, standby),
            OperationKind::Failover,
            &moves(true),
        );
        let home = make(
            &group(&names, B, 2, standby),
            OperationKind::Failback,
            &moves(true),
        );
        let swapped: Vec<_> = out
            .steps
            .iter()
            .map(|s| {
                let there = if s.site == site(A) { site(B) } else { site(A) };
                (s.key.clone(), there, s.needs.clone(), s.gathers)
            })
            .collect();
        let is: Vec<_> = home
            .steps
            .iter()
            .map(|s| (s.key.clone(), s.site, s.needs.clone(), s.gathers))
            .collect();
        assert_eq!(is, swapped);
    }
}

#[test]
fn a_member_is_overwritten_where_its_copy_is_kept_and_built_where_it_is_not() {
    for document in groups() {
        let plan = make(&document, the_move(&document), &moves(true));
        let target = document.standby_site();
        for member in &document.members {
            let does = |is: &dyn Fn(&Action) -> bool| {
                plan.steps
                    .iter()
                    .filter(|s| s.member == Some(member.id) && is(&s.action))
                    .count()
            };
            let slots = member.blueprint.as_ref().unwrap().volumes.len();
            let kept = member.has_parked_copy(target);
            let (over, anew) = if kept { (slots, 0) } else { (0, slots) };
            assert_eq!(does(&|a| matches!(a, Action::OverwriteVolume { .. })), over);
            assert_eq!(does(&|a| matches!(a, Action::CopyVolume { .. })), anew);
            assert_eq!(
                does(&|a| matches!(a, Action::ReviveServer)),
                usize::from(kept)
            );
            assert_eq!(
                does(&|a| matches!(a, Action::BootServer { .. })),
                usize::from(!kept)
            );
        }
    }
}

#[test]
fn what_is_left_of_a_copy_is_removed_before_one_is_made_anew() {
    for document in groups() {
        let target = document.standby_site();
        let kept = |m: &&Member| m.has_parked_copy(target);
        let Some(member) = document.members.iter().find(kept) else {
            continue;
        };
        for planned in [true, false] {
            let (kind, options) = (the_move(&document), moves(planned));
            let before = Before {
                removed: &[member.id],
                ..Before::default()
            };
            let direction = direction(&document, kind, &options);
            let plan = plan_after(&document, kind, &options, &direction, &before).unwrap();
            let mut its = plan.steps.iter().filter(|s| s.member == Some(member.id));
            let gone = its.find(|s| s.action == Action::DiscardVolumes).unwrap();
            for step in its {
                match step.action {
                    Action::CopyVolume { .. } => assert!(plan.depends_on(step, &gone.key)),
                    Action::OverwriteVolume { .. } | Action::ReviveServer => {
                        panic!("{} starts what is gone", step.key)
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn what_is_overwritten_is_in_no_point_that_is_taken_after_authority_has_passed() {
    for (_, plan) in every_plan() {
        let over = |s: &&Step| matches!(s.action, Action::OverwriteVolume { .. });
        let Some(commit) = plan
            .commit()
            .filter(|_| plan.steps.iter().any(|s| over(&s)))
        else {
            continue;
        };
        let held = |s: &&Step| s.action == Action::HoldArrayGroup && s.site == commit.site;
        let held = plan.steps.iter().find(held).unwrap();
        assert!(plan.depends_on(commit, &held.key));
    }
}
