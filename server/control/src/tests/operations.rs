use protector_db::{Claim, Quotas};
use protector_model::plan::Phase;
use protector_model::{Action, FailoverType, Plan, Step, StepStatus};
use protector_peer::OperationAction;

use super::way::Loss;
use super::*;
use crate::PeerServices as _;

fn failover(how: FailoverType, force: bool) -> OperationOptions {
    OperationOptions {
        failover_type: Some(how),
        force,
        ..OperationOptions::default()
    }
}

fn planned() -> OperationOptions {
    failover(FailoverType::Planned, false)
}

/// No operation is unfinished and no site's group is taken.
async fn nothing_runs(world: &World) {
    for site in [&world.a, &world.b] {
        assert_eq!(site.holder().await, None, "{}", site.name);
        assert!(site.db.unfinished_operations().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_operation_is_executed_where_it_has_to_be_whichever_site_took_it() {
    for from_b in [false, true] {
        let (world, _) = World::with_member().await;
        let at = if from_b { &world.b } else { &world.a };
        let started = at.start(OperationKind::Failover, planned()).await.unwrap();
        let b = world.b.db.local_site().await.unwrap().unwrap();
        for site in [&world.a, &world.b] {
            let shown = site
                .control
                .get_operation(site.project(), started.id)
                .await
                .unwrap();
            assert_eq!(shown.as_of, None);
            let shown = shown.operation;
            assert_eq!(shown.executor_site_id, b.id);
            assert_eq!(shown.actor, *actor());
            assert_eq!(site.holder().await, Some(started.id));
            let group = site.control.get_group(site.project(), "shop").await;
            assert_eq!(group.unwrap().status, GroupStatus::FailingOver);
            let second = site.start(OperationKind::Sync, Default::default()).await;
            let second = second.unwrap_err();
            assert_eq!(second.code, "protector.busy");
            assert_eq!(second.active_operation, Some(started.id));
        }
        let claim = world.a.db.claim_operation("engine", started.source_site_id);
        assert!(claim.await.unwrap().is_none(), "no engine of A takes it");
        world.finish(started.id).await;
        nothing_runs(&world).await;
    }
}

#[tokio::test]
async fn whatever_is_lost_both_sites_agree_whether_there_is_an_operation() {
    let verbs = ["identity", "create_operation"];
    for loss in [Loss::Request, Loss::Reply, Loss::Twice] {
        for verb in verbs {
            for from_b in [false, true] {
                let (world, _) = World::with_member().await;
                let at = if from_b { &world.b } else { &world.a };
                at.way.lose(verb, loss);
                let outcome = at.start(OperationKind::Failover, planned()).await;
                match outcome {
                    Ok(started) => {
                        for site in [&world.a, &world.b] {
                            assert!(site.operation(started.id).await.is_some());
                            assert_eq!(site.holder().await, Some(started.id));
                        }
                    }
                    Err(refusal) => {
                        assert_eq!(refusal.code, "protector.peer_unreachable");
                        nothing_runs(&world).await;
                        at.start(OperationKind::Failover, planned()).await.unwrap();
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_mirror_that_could_not_be_taken_back_is_found_out_later() {
    let (world, _) = World::with_member().await;
    // B executes; its mirror at A is made, then B hears nothing of A any more.
    world.b.way.lose("create_operation", Loss::ReplyThenCut);
    let refusal = world.b.start(OperationKind::Failover, planned()).await;
    assert_eq!(refused(refusal), code(409, "protector.peer_unreachable"));
    assert!(
        world.a.holder().await.is_some(),
        "the mirror holds the group"
    );
    assert_eq!(world.b.holder().await, None);
    world.b.way.cut(false);
    let early = world.b.start(OperationKind::Failover, planned()).await;
    assert_eq!(refused(early), code(409, "protector.busy"));
    world.clock.advance(Duration::from_secs(61));
    let started = world.b.start(OperationKind::Failover, planned()).await;
    assert_eq!(world.a.holder().await, Some(started.unwrap().id));
}

#[tokio::test]
async fn an_operation_that_the_other_site_has_begun_is_not_forgotten() {
    let (world, _) = World::with_member().await;
    // A hands it to B, and hears nothing from B afterwards: not even whether it is there.
    world.a.way.lose("create_operation", Loss::ReplyThenCut);
    let refusal = world.a.start(OperationKind::Failover, planned()).await;
    let refusal = refusal.unwrap_err();
    assert!(refusal.message.contains("may still appear"), "{refusal}");
    let running = world.b.holder().await.unwrap();
    world.a.way.cut(false);
    // B's engine tells A of it.
    let theirs = world.b.operation(running).await.unwrap();
    world.a.control.peer_put_mirror(&theirs).await.unwrap();
    let shown = world.a.operation(running).await.unwrap();
    assert_eq!(shown.project_id, *world.a.project());
    let again = world.a.start(OperationKind::Failover, planned()).await;
    assert_eq!(refused(again), code(409, "protector.busy"));
}

#[tokio::test]
async fn a_group_that_is_taken_at_the_peer_refuses_and_leaves_no_mirror() {
    let (world, _) = World::with_member().await;
    let running = world.b.start(OperationKind::Failover, planned()).await;
    let running = running.unwrap();
    // A's mirror is gone, as after a restore of its database.
    world.a.db.drop_mirror(running.id).await.unwrap();
    for kind in [OperationKind::Sync, OperationKind::TestFailover] {
        let refusal = world.a.start(kind, Default::default()).await;
        assert_eq!(refused(refusal), code(409, "protector.busy"));
        assert_eq!(world.a.holder().await, None);
    }
    assert_eq!(world.b.holder().await, Some(running.id));
}

#[tokio::test]
async fn an_unplanned_move_asks_nobody_at_the_lost_site_and_preempts() {
    let (world, _) = World::with_member().await;
    let older = world
        .b
        .start(OperationKind::TestFailover, Default::default());
    let older = older.await.unwrap();
    let unplanned = failover(FailoverType::Unplanned, false);
    let alive = world.b.start(OperationKind::Failover, unplanned.clone());
    let alive = alive.await.unwrap_err();
    assert_eq!(alive.code, "protector.source_reachable");
    assert!(alive.message.contains("force"));
    let forced = failover(FailoverType::Unplanned, true);
    let through_a = world
        .a
        .start(OperationKind::Failover, forced)
        .await
        .unwrap();
    assert_eq!(world.b.holder().await, Some(through_a.id));
    world.finish(through_a.id).await;

    let (world, _) = World::with_member().await;
    let older_again = world
        .b
        .start(OperationKind::TestFailover, Default::default());
    let older_again = older_again.await.unwrap();
    world.a.cloud.set_down(true).unwrap();
    world.b.way.cut(true);
    let none = Quotas {
        running_operations: 0,
        ..Quotas::default()
    };
    world
        .b
        .db
        .set_quotas(world.b.project(), &none)
        .await
        .unwrap();
    let started = world.b.start(OperationKind::Failover, unplanned).await;
    let started = started.unwrap();
    assert_eq!(world.b.holder().await, Some(started.id));
    let ended = world.b.operation(older_again.id).await.unwrap();
    assert_eq!(ended.status, OperationStatus::Cancelled);
    assert!(
        ended
            .error
            .unwrap()
            .message
            .contains(&started.id.to_string())
    );
    assert_ne!(older.id, older_again.id);
}

#[tokio::test]
async fn the_same_key_is_the_same_operation_on_both_sites() {
    let (world, _) = World::with_member().await;
    let key = Some("rescue-1");
    let first = world.a.ask(OperationKind::Failover, planned(), key).await;
    let first = first.unwrap();
    for site in [&world.a, &world.b] {
        let again = site.ask(OperationKind::Failover, planned(), key).await;
        assert_eq!(again.unwrap().id, first.id);
        let other = site.ask(OperationKind::Sync, Default::default(), key);
        assert_eq!(
            refused(other.await),
            code(409, "protector.idempotency_key_reused")
        );
    }
    // One that was given up can be asked for again under its key.
    let (world, _) = World::with_member().await;
    world.a.way.lose("create_operation", Loss::Request);
    let lost = world.a.ask(OperationKind::Failover, planned(), key).await;
    assert_eq!(refused(lost), code(409, "protector.peer_unreachable"));
    world
        .a
        .ask(OperationKind::Failover, planned(), key)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let (world, _) = World::with_member().await;
    let request = OperationRequest {
        dry_run: true,
        ..OperationRequest::default()
    };
    world.a.way.cut(true);
    let shown = world
        .a
        .control
        .start_operation(
            actor(),
            world.a.project(),
            "shop",
            OperationKind::Sync,
            request,
        )
        .await
        .unwrap();
    let Started::Plan(plan) = shown else {
        panic!("a plan was asked for");
    };
    assert!(plan.steps.iter().any(|s| s.action == Action::Replicate));
    nothing_runs(&world).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let world = World::with_policy().await;
    let empty = world.a.start(OperationKind::Failover, planned()).await;
    assert_eq!(refused(empty), code(409, "protector.wrong_state"));
    let (world, _) = World::with_member().await;
    let home = world.a.start(OperationKind::Failback, planned()).await;
    assert_eq!(refused(home), code(409, "protector.wrong_state"));
    let untyped = world.a.start(OperationKind::Failover, Default::default());
    assert_eq!(fields(untyped.await), ["action"]);
    let not_an_action = world.a.start(OperationKind::Create, Default::default());
    assert_eq!(fields(not_an_action.await), ["action"]);
    let nowhere = OperationOptions {
        site: Some("00000000-0000-0000-0000-000000000077".parse().unwrap()),
        ..OperationOptions::default()
    };
    let cleanup = world.a.start(OperationKind::Cleanup, nowhere).await;
    assert_eq!(fields(cleanup), ["site"]);
    nothing_runs(&world).await;
}

#[tokio::test]
async fn actions_reach_the_engine_that_executes() {
    let (world, _) = World::with_member().await;
    let started = world.a.start(OperationKind::Failover, planned()).await;
    let id = started.unwrap().id;
    let act = |site: &Site, action: OperationAction| {
        let (control, project) = (site.control.clone(), site.project().clone());
        async move {
            control
                .act_on_operation(actor(), &project, id, action)
                .await
        }
    };
    let steps = world.a.control.operation_steps(world.a.project(), id).await;
    assert_eq!(steps.unwrap().operation.project_id, *world.a.project());
    world.a.way.cut(true);
    let away = world.a.control.operation_steps(world.a.project(), id).await;
    assert_eq!(refused(away), code(409, "protector.peer_unreachable"));
    let away = act(&world.a, OperationAction::Cancel).await;
    assert_eq!(refused(away), code(409, "protector.peer_unreachable"));
    world.a.way.cut(false);

    world.end(id, OperationStatus::Error).await;
    world.pass(5);
    let retried = act(
        &world.a,
        OperationAction::Retry {
            force: true,
            accept_loss: false,
        },
    )
    .await;
    let retried = retried.unwrap();
    assert_eq!((retried.attempt, retried.options.force), (2, true));
    for site in [&world.a, &world.b] {
        assert_eq!(site.operation(id).await.unwrap().attempt, 2);
    }
    world.pass(5);
    let cancelled = act(&world.a, OperationAction::Cancel).await.unwrap();
    assert_eq!(cancelled.status, OperationStatus::Cancelled);
    nothing_runs(&world).await;
    let ended = act(&world.b, OperationAction::Cancel).await;
    assert_eq!(refused(ended), code(409, "protector.wrong_state"));
    let no_step = OperationAction::Skip {
        step: "x".to_owned(),
        reason: " ".to_owned(),
    };
    assert_eq!(fields(act(&world.b, no_step).await), ["reason"]);
}

/// Has an engine begun an operation at a site, with one step that has failed and may be skipped.
async fn begun(site: &Site, id: OperationId) -> Claim {
    let local = site.db.local_site().await.unwrap().unwrap().id;
    let claim = site.db.claim_operation("engine", local).await.unwrap();
    let claim = claim.unwrap();
    assert_eq!(claim.operation.id, id);
    let plan = Plan {
        operation: claim.operation.kind,
        epoch: None,
        steps: vec![Step {
            key: "unpin".to_owned(),
            site: local,
            phase: Phase::Committing,
            action: Action::UnpinPoint,
            needs: Vec::new(),
            gathers: false,
            member: None,
            calls: Vec::new(),
            undo: Vec::new(),
        }],
    };
    let mut steps = protector_model::operation::journal(&plan);
    steps[0].status = StepStatus::Failed;
    let stored = site.db.store_plan(&claim.fence, &plan, &steps).await;
    stored.unwrap();
    claim
}

#[tokio::test]
async fn a_step_is_skipped_only_while_no_engine_works_on_the_operation() {
    for at_executor in [true, false] {
        let (world, _) = World::with_member().await;
        let started = world.a.start(OperationKind::Sync, Default::default()).await;
        let id = started.unwrap().id;
        let claim = begun(&world.a, id).await;
        let at = if at_executor { &world.a } else { &world.b };
        let skip = || OperationAction::Skip {
            step: "unpin".to_owned(),
            reason: "it is gone".to_owned(),
        };
        let act = || {
            let control = &at.control;
            control.act_on_operation(actor(), at.project(), id, skip())
        };
        let refusal = act().await.unwrap_err();
        assert_eq!(refusal.code, "protector.wrong_state");
        assert!(refusal.message.contains("`running`"), "{refusal}");
        let steps = world.a.db.steps(id).await.unwrap();
        assert_eq!(steps[0].status, StepStatus::Failed, "nothing is noted");

        let waits = Operation {
            status: OperationStatus::WaitingForUser,
            ..claim.operation
        };
        let written = world.a.db.write_operation(&claim.fence, &waits).await;
        written.unwrap();
        assert_eq!(act().await.unwrap().status, OperationStatus::Queued);
        let steps = world.a.db.steps(id).await.unwrap();
        assert_eq!(steps[0].status, StepStatus::Done);
    }
}

#[tokio::test]
async fn what_a_clean_up_of_a_test_would_do_is_shown_at_either_site() {
    let (world, _) = World::with_member().await;
    let started = world
        .a
        .start(OperationKind::TestFailover, Default::default());
    let id = started.await.unwrap().id;
    let ended = Operation {
        status: OperationStatus::Completed,
        test_stands: true,
        ..begun(&world.b, id).await.operation
    };
    for site in [&world.a, &world.b] {
        let mine = site.operation(id).await.unwrap();
        let later = Operation {
            project_id: mine.project_id,
            updated_at: mine.updated_at + chrono::TimeDelta::seconds(1),
            ..ended.clone()
        };
        site.db.update_mirror(&later).await.unwrap();
    }
    let mut plans = Vec::new();
    for site in [&world.a, &world.b] {
        let request = OperationRequest {
            dry_run: true,
            ..OperationRequest::default()
        };
        let asked = site.control.start_operation(
            actor(),
            site.project(),
            "shop",
            OperationKind::TestCleanup,
            request,
        );
        match asked.await.unwrap() {
            Started::Plan(plan) => plans.push(plan),
            Started::Operation(operation) => panic!("{operation:?}"),
        }
    }
    assert_eq!(plans[0], plans[1]);
    assert!(!plans[0].steps.is_empty());
}

#[tokio::test]
async fn an_operation_of_another_project_does_not_exist() {
    let (world, _) = World::with_member().await;
    let started = world.a.start(OperationKind::Sync, Default::default()).await;
    let other = ProjectId::from("another");
    let hidden = world
        .a
        .control
        .get_operation(&other, started.unwrap().id)
        .await;
    assert_eq!(refused(hidden), code(404, "protector.not_found"));
}

/// Ends a failover at site B, which executes it: the other site is told neither how the operation
/// stands nor what the document has become since the group moved.
async fn ended_at_b_alone(world: &World, id: OperationId) {
    world.move_to_b().await;
    let base = world.b.group().await.head.base();
    let mut next = world
        .b
        .group()
        .await
        .document
        .next_version(Default::default());
    next.failover_count += 1;
    let bytes = next.to_bytes().unwrap();
    let written = world.b.db.write_local(&base, &bytes, None, false);
    written.await.unwrap();
    world.end_at(&world.b, id, OperationStatus::Completed).await;
}

#[tokio::test]
async fn the_next_operation_can_begin_at_either_site_as_soon_as_one_has_ended() {
    for from_b in [false, true] {
        let (world, _) = World::with_member().await;
        let at = if from_b { &world.b } else { &world.a };
        let first = at.start(OperationKind::Failover, planned()).await.unwrap();
        ended_at_b_alone(&world, first.id).await;
        assert_eq!(world.a.holder().await, Some(first.id), "A is not told yet");
        let second = at.start(OperationKind::Failback, planned()).await.unwrap();
        for site in [&world.a, &world.b] {
            assert_eq!(site.holder().await, Some(second.id), "{}", site.name);
        }
        let told = world.a.operation(first.id).await.unwrap();
        assert_eq!(told.status, OperationStatus::Completed);
        assert_eq!(world.a.group().await.document.failover_count, 1);
    }
}

#[tokio::test]
async fn a_state_that_only_the_other_site_knows_is_asked_for_before_a_request_is_refused() {
    for dry_run in [false, true] {
        let (world, _) = World::with_member().await;
        // The group has moved; A has seen the operation's end and not the document.
        let record = world.a.group().await;
        world.move_to_b().await;
        world
            .a
            .db
            .replace_head(None, &record.bytes, false)
            .await
            .unwrap();
        let request = OperationRequest {
            options: planned(),
            dry_run,
            idempotency_key: None,
        };
        let started = world.a.control.start_operation(
            actor(),
            world.a.project(),
            "shop",
            OperationKind::Failback,
            request,
        );
        match started.await {
            Ok(_) => assert!(!dry_run),
            // The state is right now, and the planner is asked: it wants a blueprint.
            Err(refusal) => assert!(dry_run && refusal.message.contains("captured"), "{refusal}"),
        }
        world.same().await;
    }
}

#[tokio::test]
async fn what_a_silent_site_was_last_heard_of_is_told_with_its_age() {
    let (world, _) = World::with_member().await;
    let running = world.a.start(OperationKind::Failover, planned()).await;
    let running = running.unwrap();
    world.pass(40);
    world.a.way.cut(true);
    let refusal = world.a.start(OperationKind::Sync, Default::default()).await;
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.code, "protector.busy");
    assert_eq!(refusal.active_operation, Some(running.id));
    assert!(refusal.message.contains("40 s ago"), "{refusal}");
}

#[tokio::test]
async fn a_change_can_be_made_at_the_primary_as_soon_as_the_other_sites_operation_has_ended() {
    let (world, _) = World::with_member().await;
    let test = OperationKind::TestFailover;
    let started = world.a.start(test, Default::default()).await.unwrap();
    let b = world.b.db.local_site().await.unwrap().unwrap();
    assert_eq!(started.executor_site_id, b.id);
    world
        .end_at(&world.b, started.id, OperationStatus::Cancelled)
        .await;
    world.put_policy(&world.a, PolicyWrite::Replace).await;
    assert_eq!(world.a.holder().await, None);
}

#[tokio::test]
async fn an_operation_of_the_other_site_is_shown_as_it_is_or_with_the_time_it_was_so() {
    let (world, _) = World::with_member().await;
    let started = world.a.start(OperationKind::Failover, planned()).await;
    let started = started.unwrap();
    let (control, project) = (&world.a.control, world.a.project());
    world.pass(5);
    world.a.way.cut(true);
    let seen = control.get_operation(project, started.id).await.unwrap();
    assert_eq!(seen.as_of, Some(started.updated_at));
    world.a.way.cut(false);
    ended_at_b_alone(&world, started.id).await;
    let page = Default::default();
    let listed = control.page_operations(Some(project), None, &page).await;
    let listed = listed.unwrap();
    let listed = listed.iter().find(|seen| seen.operation.id == started.id);
    assert!(listed.unwrap().as_of.is_some(), "nobody was asked");
    let seen = control.get_operation(project, started.id).await.unwrap();
    assert_eq!(seen.as_of, None);
    assert_eq!(seen.operation.status, OperationStatus::Completed);
    world.same().await;
    // It is over: nothing about it can be old.
    world.a.way.cut(true);
    let seen = control.get_operation(project, started.id).await.unwrap();
    assert_eq!(seen.as_of, None);
}
