use protector_db::Page;
use protector_model::{FailoverType, GroupChange};
use protector_peer::ForwardedChange;

use super::way::Loss;
use super::*;
use crate::PeerServices as _;

async fn create(world: &World, at: &Site) -> Result<crate::GroupStarted, Refusal> {
    at.control
        .create_group(actor(), at.project(), world.new_group(), None)
        .await
}

#[tokio::test]
async fn a_group_is_made_on_both_sites_from_either() {
    for from_b in [false, true] {
        let world = World::registered().await;
        let at = if from_b { &world.b } else { &world.a };
        let made = create(&world, at).await.unwrap();
        world.same().await;
        let group = &made.group;
        assert_eq!(group.status, GroupStatus::Creating);
        assert_eq!(group.active_operation, Some(made.operation.id));
        assert_eq!(
            group.document.volume_types[&group.document.secondary_site_id], world.b.has.volume_type,
            "the only one that fits is chosen"
        );
        for site in [&world.a, &world.b] {
            let shown = site
                .control
                .get_group(site.project(), "shop")
                .await
                .unwrap();
            assert_eq!(shown.project_id, *site.project());
            let operation = site.operation(made.operation.id).await.unwrap();
            assert_eq!(operation.project_id, *site.project());
            assert_eq!(operation.executor_site_id, group.document.primary_site_id);
            assert_eq!(site.holder().await, Some(made.operation.id));
        }
        let other = ProjectId::from("another");
        let hidden = world.a.control.get_group(&other, "shop").await;
        assert_eq!(refused(hidden), code(404, "protector.not_found"));
    }
}

#[tokio::test]
async fn a_peer_that_is_away_leaves_no_trace_of_a_group() {
    for from_b in [false, true] {
        let world = World::registered().await;
        let at = if from_b { &world.b } else { &world.a };
        at.way.cut(true);
        let refusal = create(&world, at).await.unwrap_err();
        assert_eq!(refusal.status, 409);
        assert_eq!(refusal.code, "protector.peer_unreachable");
        assert!(refusal.message.contains("remote site unreachable"));
        world.no_trace().await;
        at.way.cut(false);
        create(&world, at).await.unwrap();
    }
}

#[tokio::test]
async fn a_lost_answer_about_a_new_group_is_found_out() {
    let world = World::registered().await;
    world.b.way.lose("create_group", Loss::Reply);
    create(&world, &world.b).await.unwrap();
    world.same().await;

    let world = World::registered().await;
    world.b.way.lose("create_group", Loss::Request);
    let refusal = create(&world, &world.b).await;
    assert_eq!(refused(refusal), code(409, "protector.peer_unreachable"));
    world.no_trace().await;
}

#[tokio::test]
async fn a_creation_that_broke_off_is_taken_up_by_the_same_request() {
    let world = World::registered().await;
    world.a.way.lose("create_operation", Loss::Request);
    let refusal = create(&world, &world.a).await;
    assert_eq!(refused(refusal), code(409, "protector.peer_unreachable"));
    assert_eq!(world.a.holder().await, None);
    assert_eq!(world.b.holder().await, None);
    let made = create(&world, &world.a).await.unwrap();
    assert_eq!(world.b.holder().await, Some(made.operation.id));
    let twin = create(&world, &world.a).await;
    assert_eq!(refused(twin), code(409, "protector.duplicate"));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let world = World::registered().await;
    let ask = |new: NewGroup| {
        world
            .a
            .control
            .create_group_at(new, world.a.project().clone())
    };
    let bad = NewGroup {
        name: String::new(),
        primary_site: "nowhere".to_owned(),
        ..world.new_group()
    };
    assert_eq!(fields(ask(bad).await), ["name", "primary_site_id"]);
    let same = NewGroup {
        secondary_site: "site-a".to_owned(),
        ..world.new_group()
    };
    assert_eq!(fields(ask(same).await), ["secondary_site_id"]);
    let plain = NewGroup {
        volume_type_id: world.a.has.plain_type.clone(),
        ..world.new_group()
    };
    assert_eq!(fields(ask(plain).await), ["volume_type_id"]);
    let sync = NewGroup {
        replication_type: ReplicationMode::Sync,
        ..world.new_group()
    };
    assert_eq!(fields(ask(sync).await), ["volume_type_id"]);
    let two = world.b.cloud.add_volume_type(
        "also",
        &[
            ("replication_enabled", "<is> True"),
            ("replication_type", "<in> async"),
        ],
    );
    let refusal = ask(world.new_group()).await.unwrap_err();
    assert_eq!(refusal.fields[0].0, "secondary_volume_type_id");
    assert!(refusal.message.contains(two.unwrap().as_str()));
    let stranger = world
        .a
        .control
        .create_group_at(world.new_group(), "p9".into());
    assert_eq!(
        refused(stranger.await),
        code(409, "protector.no_tenant_mapping")
    );
    world.no_trace().await;
}

impl Control {
    async fn create_group_at(
        &self,
        new: NewGroup,
        project: ProjectId,
    ) -> Result<crate::GroupStarted, Refusal> {
        self.create_group(actor(), &project, new, None).await
    }
}

#[tokio::test]
async fn the_same_key_makes_one_group() {
    let world = World::registered().await;
    let ask = |name: &str| {
        let new = NewGroup {
            name: name.to_owned(),
            ..world.new_group()
        };
        world
            .a
            .control
            .create_group(actor(), &world.a.has.project, new, Some("key-1"))
    };
    let first = ask("shop").await.unwrap();
    let again = ask("shop").await.unwrap();
    assert_eq!(again.operation.id, first.operation.id);
    assert_eq!(again.group.document.id, first.group.document.id);
    let other = ask("other").await;
    assert_eq!(
        refused(other),
        code(409, "protector.idempotency_key_reused")
    );
}

#[tokio::test]
async fn quotas_hold() {
    let world = World::registered().await;
    let quotas = protector_db::Quotas {
        protection_groups: 1,
        ..Default::default()
    };
    let set = world
        .a
        .control
        .set_quotas(actor(), world.a.project(), quotas);
    set.await.unwrap();
    create(&world, &world.a).await.unwrap();
    let second = NewGroup {
        name: "second".to_owned(),
        ..world.new_group()
    };
    let refusal = world
        .a
        .control
        .create_group_at(second.clone(), world.a.project().clone());
    let refusal = refusal.await.unwrap_err();
    assert_eq!(refusal.status, 403);
    assert_eq!(refusal.title, "Quota exceeded");
    let unlimited = protector_db::Quotas {
        protection_groups: -1,
        running_operations: 1,
        ..Default::default()
    };
    let set = world
        .a
        .control
        .set_quotas(actor(), world.a.project(), unlimited);
    set.await.unwrap();
    let refusal = world
        .a
        .control
        .create_group_at(second, world.a.project().clone());
    let refusal = refusal.await.unwrap_err();
    assert!(refusal.message.contains("running operations"), "{refusal}");
    let nonsense = protector_db::Quotas {
        members_per_group: -2,
        ..Default::default()
    };
    let refusal = world
        .a
        .control
        .set_quotas(actor(), world.a.project(), nonsense);
    assert_eq!(fields(refusal.await), ["members_per_group"]);
}

#[tokio::test]
async fn deleting_a_group_is_an_operation_on_both_sites() {
    let world = World::with_group().await;
    let deleted = world
        .b
        .control
        .delete_group(actor(), world.b.project(), "shop", None)
        .await
        .unwrap();
    assert_eq!(deleted.kind, OperationKind::Delete);
    assert_eq!(world.a.holder().await, Some(deleted.id));
    let shown = world.b.control.get_group(world.b.project(), "shop").await;
    assert_eq!(shown.unwrap().status, GroupStatus::Deleting);
    world.finish(deleted.id).await;
    let record = world.a.group().await;
    let mut gone = record.document.next_version(Default::default());
    gone.deleted = true;
    let bytes = gone.to_bytes().unwrap();
    for site in [&world.a, &world.b] {
        site.db.replace_head(None, &bytes, false).await.unwrap();
        let hidden = site.control.get_group(site.project(), "shop").await;
        assert_eq!(refused(hidden), code(404, "protector.not_found"));
    }
    let late = ForwardedChange {
        change: GroupChange::SetMappings {
            mappings: Vec::new(),
        },
        secrets: Default::default(),
        actor: actor().clone(),
    };
    let refusal = world.a.control.peer_change_group(gone.id, &late).await;
    assert_eq!(refused(refusal), code(404, "protector.not_found"));
    create(&world, &world.a).await.unwrap();
}

#[tokio::test]
async fn a_list_is_filtered_and_sorted_by_the_status_that_is_shown() {
    let (world, _) = World::with_member().await;
    let by = |status: GroupStatus| Page {
        filters: vec![("status".to_owned(), status.to_string())],
        sort: vec![("status".to_owned(), false)],
        limit: Some(5),
        ..Page::default()
    };
    let found = async |status: GroupStatus| {
        let page = by(status);
        let shown = world.a.control.page_groups(world.a.project(), &page);
        let shown = shown.await.unwrap();
        assert!(shown.iter().all(|group| group.status == status));
        shown.len()
    };
    assert_eq!(found(GroupStatus::Active).await, 1);
    // While each kind of operation runs, and while a test is there.
    for kind in [
        OperationKind::Sync,
        OperationKind::TestFailover,
        OperationKind::TestCleanup,
        OperationKind::Failover,
    ] {
        let options = OperationOptions {
            failover_type: (kind == OperationKind::Failover).then_some(FailoverType::Planned),
            ..OperationOptions::default()
        };
        let started = world.a.start(kind, options).await.unwrap();
        let shown = kind
            .group_status_while_running()
            .unwrap_or(GroupStatus::Active);
        for status in GroupStatus::ALL {
            assert_eq!(
                found(*status).await,
                usize::from(*status == shown),
                "{kind}"
            );
        }
        world.finish(started.id).await;
        let test = kind == OperationKind::TestFailover;
        assert_eq!(found(GroupStatus::Testing).await, usize::from(test));
    }
    let group = world.a.group().await;
    let id = group.document.id;
    world
        .a
        .db
        .set_conflict(id, Some(&group.head))
        .await
        .unwrap();
    assert_eq!(found(GroupStatus::Conflict).await, 1);
    assert_eq!(found(GroupStatus::Active).await, 0);
}
