use protector_framework::ResourceKind;
use protector_model::Mapping;
use protector_peer::SyncState;

use super::way::Loss;
use super::*;
use crate::GroupUpdate;

async fn describe(at: &Site, description: &str) -> Result<crate::GroupView, Refusal> {
    let update = GroupUpdate {
        description: Some(description.to_owned()),
        ..GroupUpdate::default()
    };
    at.control
        .update_group(actor(), at.project(), "shop", update)
        .await
}

#[tokio::test]
async fn a_change_is_made_at_the_primary_whichever_site_took_it() {
    let world = World::with_group().await;
    describe(&world.a, "one").await.unwrap();
    world.same().await;
    let changed = describe(&world.b, "two").await.unwrap();
    assert_eq!(changed.document.description, "two");
    world.same().await;
    world.move_to_b().await;
    describe(&world.a, "three").await.unwrap();
    world.same().await;
    assert_eq!(world.b.group().await.document.description, "three");
}

#[tokio::test]
async fn a_peer_that_is_away_refuses_every_change_and_nothing_is_changed() {
    let world = World::with_group().await;
    let before = world.a.group().await.head;
    for site in [&world.a, &world.b] {
        site.way.cut(true);
        let refusal = describe(site, "x").await.unwrap_err();
        assert_eq!(refusal.status, 409);
        assert_eq!(refusal.code, "protector.peer_unreachable");
        assert!(refusal.message.contains("nothing was changed"), "{refusal}");
        site.way.cut(false);
    }
    world.same().await;
    assert_eq!(world.a.group().await.head, before);
}

#[tokio::test]
async fn a_forwarded_change_whose_answer_is_lost_is_recognised() {
    let world = World::with_group().await;
    world.b.way.lose("change_group", Loss::Reply);
    describe(&world.b, "made it").await.unwrap();
    world.b.way.lose("change_group", Loss::Request);
    let refusal = describe(&world.b, "did not").await;
    assert_eq!(refused(refusal), code(409, "protector.peer_unreachable"));
    world.same().await;
    assert_eq!(world.a.group().await.document.description, "made it");
}

#[tokio::test]
async fn a_change_waits_for_an_operation_and_for_another_change() {
    let (world, _) = World::with_member().await;
    let running = world.a.start(OperationKind::Sync, Default::default()).await;
    let running = running.unwrap();
    for site in [&world.a, &world.b] {
        let refusal = describe(site, "x").await.unwrap_err();
        assert_eq!(refusal.code, "protector.busy");
        assert!(refusal.message.contains(&running.id.to_string()));
    }
    world.finish(running.id).await;
    world.a.way.lose("put_document", Loss::Reply);
    let pending = describe(&world.a, "on its way").await;
    assert_eq!(refused(pending), code(409, "protector.change_pending"));
    let second = describe(&world.a, "second").await;
    assert_eq!(refused(second), code(409, "protector.change_pending"));
    let shown = world.a.control.get_group(world.a.project(), "shop").await;
    assert!(shown.unwrap().sync_pending);
    let sync = world.a.control.sync_status(world.a.project(), "shop").await;
    let sync = sync.unwrap();
    assert_eq!(sync.state, SyncState::OutOfSync);
    assert!(sync.sites[0].pending);
}

#[tokio::test]
async fn a_name_is_taken_once_in_a_project() {
    let world = World::with_group().await;
    let other = NewGroup {
        name: "other".to_owned(),
        ..world.new_group()
    };
    let made = world
        .a
        .control
        .create_group(actor(), world.a.project(), other, None);
    let made = made.await.unwrap();
    world.finish(made.operation.id).await;
    let update = GroupUpdate {
        name: Some("shop".to_owned()),
        ..GroupUpdate::default()
    };
    let refusal = world
        .a
        .control
        .update_group(actor(), world.a.project(), "other", update);
    assert_eq!(refused(refusal.await), code(409, "protector.duplicate"));
}

#[tokio::test]
async fn mappings_name_resources_that_exist_and_are_clear_both_ways() {
    let world = World::with_group().await;
    let map = |primary: &protector_framework::ResourceId,
               secondary: &protector_framework::ResourceId| Mapping {
        kind: ResourceKind::Network,
        primary_id: primary.clone(),
        secondary_id: secondary.clone(),
    };
    let (a, b) = (&world.a.has, &world.b.has);
    let set = |at: &'static str, list: Vec<Mapping>| {
        let site = if at == "a" { &world.a } else { &world.b };
        let (control, project) = (site.control.clone(), site.project().clone());
        async move { control.set_mappings(actor(), &project, "shop", list).await }
    };
    let mut test = map(&a.network, &b.test_network);
    test.kind = ResourceKind::TestNetwork;
    let good = vec![map(&a.network, &b.network), test];
    assert_eq!(set("b", good.clone()).await.unwrap(), good);
    assert_eq!(
        world
            .a
            .control
            .get_mappings(world.a.project(), "shop")
            .await
            .unwrap(),
        good
    );
    let twice = vec![
        map(&a.network, &b.network),
        map(&a.test_network, &b.network),
    ];
    assert_eq!(fields(set("a", twice).await), ["resource_mappings"]);
    let wrong = vec![
        map(&a.network, &b.network),
        map(&"nowhere".into(), &"neither".into()),
    ];
    assert_eq!(
        fields(set("a", wrong.clone()).await),
        [
            "resource_mappings[1].primary_id",
            "resource_mappings[1].secondary_id"
        ]
    );
    // A cloud that is down does not keep its mappings from being changed.
    world.b.cloud.set_down(true).unwrap();
    let half = vec![map(&a.network, &"neither".into())];
    set("a", half).await.unwrap();
}

#[tokio::test]
async fn two_claims_are_shown_and_a_person_names_the_winner() {
    let world = World::with_group().await;
    let mut theirs = world
        .b
        .group()
        .await
        .document
        .next_version(Default::default());
    theirs.epoch = theirs.epoch.next(
        "00000000-0000-0000-0000-0000000000e1".parse().unwrap(),
        theirs.secondary_site_id,
    );
    theirs.current_primary_site_id = theirs.secondary_site_id;
    let bytes = theirs.to_bytes().unwrap();
    world.b.db.replace_head(None, &bytes, true).await.unwrap();
    let alone = world
        .a
        .control
        .sync_force(actor(), world.a.project(), "shop", Some("site-a"), true)
        .await
        .unwrap();
    assert_eq!(alone.state, SyncState::Conflict);
    let unnamed = world
        .a
        .control
        .sync_force(actor(), world.a.project(), "shop", None, false)
        .await;
    assert_eq!(refused(unnamed), code(409, "protector.conflict"));
    let won = world
        .a
        .control
        .sync_force(actor(), world.a.project(), "shop", Some("site-b"), false)
        .await
        .unwrap();
    assert_eq!(won.state, SyncState::InSync);
    let events = world.a.db.page_audit(&Default::default()).await.unwrap();
    let counted = names(&events, |event| &event.action);
    assert_eq!(counted["protection_group.sync_force"], 3, "{counted:?}");
    assert!(counted.contains_key("protection_group.create"));
}

#[tokio::test]
async fn sync_status_says_who_lacks_what_and_since_when() {
    let world = World::with_group().await;
    let status = async |site: &Site| {
        let asked = site.control.sync_status(site.project(), "shop");
        asked.await.unwrap().sites
    };
    world.put_policy(&world.a, PolicyWrite::Create).await;
    let agreed = world.a.group().await.peer.last_success_at;
    assert!(agreed.is_some());
    let shown = world.a.control.get_group(world.a.project(), "shop").await;
    assert_eq!(shown.unwrap().synced_at, agreed);
    // Bookkeeping that A has not told yet.
    world.pass(10);
    let record = world.a.group().await;
    let at = record.document.updated_at + chrono::TimeDelta::seconds(7);
    let next = record.document.next_version(at).to_bytes().unwrap();
    let base = record.head.base();
    let written = world.a.db.write_local(&base, &next, None, false).await;
    written.unwrap();
    let [mine, theirs] = status(&world.a).await.try_into().unwrap();
    assert_eq!((mine.pending, mine.pending_since), (true, Some(at)));
    assert_eq!((theirs.pending, theirs.pending_since), (false, None));
    let [mine, theirs] = status(&world.b).await.try_into().unwrap();
    assert!(!mine.pending);
    assert!(theirs.pending && theirs.pending_since.is_some());
    // What the other site held when it was last heard.
    world.a.way.cut(true);
    let [_, theirs] = status(&world.a).await.try_into().unwrap();
    assert_eq!(theirs.version, Some(record.head.version));
    assert_eq!(theirs.last_success_at, agreed);
    assert!(theirs.last_error.is_some());
}
