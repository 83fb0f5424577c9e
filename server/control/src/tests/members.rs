use protector_db::{Condition, Page};
use protector_framework::{ResourceKind, ServerRef};
use protector_model::{GroupDocument, Mapping, Member, MemberStatus};

use super::way::Loss;
use super::*;
use crate::MemberChange;

async fn add(world: &World, at: &Site, new: NewMember) -> Result<crate::MemberStarted, Refusal> {
    let _ = world;
    at.control
        .add_member(actor(), at.project(), "shop", new, None)
        .await
}

#[tokio::test]
async fn a_server_is_added_from_either_site() {
    for from_b in [false, true] {
        let world = World::with_policy().await;
        let at = if from_b { &world.b } else { &world.a };
        let server = world.new_server("web");
        let started = add(&world, at, member(&server)).await.unwrap();
        assert_eq!(started.member.member.name, "web");
        assert_eq!(started.member.member.boot_tier, 3);
        assert_eq!(started.member.primary_server_id, Some(server.clone()));
        assert_eq!(
            started.operation.options.member,
            Some(started.member.member.id)
        );
        world.same().await;
        assert_eq!(world.b.group().await.document.members.len(), 1);
        world.finish(started.operation.id).await;
        let twice = add(&world, at, member(&server)).await;
        assert_eq!(refused(twice), code(409, "protector.duplicate"));
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_protected_is_refused_with_every_reason() {
    let world = World::with_policy().await;
    let server = world.new_server("web");
    let tenant = world.a.tenant();
    let volumes = tenant.server(&server).unwrap().volumes;
    tenant.set_volume_kind(&volumes[0].id, true, false).unwrap();
    tenant.set_volume_kind(&volumes[1].id, false, true).unwrap();
    let refusal = add(&world, &world.a, member(&server)).await.unwrap_err();
    assert_eq!(refusal.status, 400);
    assert_eq!(refusal.fields.len(), 2, "{refusal}");
    assert!(refusal.message.contains("is encrypted"));
    assert!(refusal.message.contains("several servers"));
    assert!(refusal.message.contains(volumes[0].id.as_str()));

    let plain = tenant.create_volume("plain", 1, &world.a.has.plain_type, true);
    world.pass(10);
    let mut new = NewServer {
        name: "plain".to_owned(),
        volumes: vec![plain.unwrap()],
        networks: vec![world.a.has.network.clone()],
        ..NewServer::default()
    };
    let server = tenant.create_server(&world.a.has.flavor, &new).unwrap();
    world.pass(10);
    let refusal = add(&world, &world.a, member(&server)).await.unwrap_err();
    assert!(refusal.message.contains("is of type"), "{refusal}");

    new.volumes.clear();
    new.image_root = true;
    let server = tenant.create_server(&world.a.has.flavor, &new).unwrap();
    world.pass(10);
    let refusal = add(&world, &world.a, member(&server)).await.unwrap_err();
    assert!(refusal.message.contains("hypervisor"), "{refusal}");

    let unknown = add(&world, &world.a, member(&"nobody".into())).await;
    assert_eq!(fields(unknown), ["server_id"]);
    let high = NewMember {
        boot_tier: Some(6),
        ..member(&server)
    };
    assert_eq!(fields(add(&world, &world.a, high).await), ["boot_tier"]);
    assert!(world.a.group().await.document.members.is_empty());
}

#[tokio::test]
async fn a_member_whose_operation_cannot_start_is_forgotten_again() {
    let world = World::with_policy().await;
    let server = world.new_server("web");
    world.a.way.lose("create_operation", Loss::Request);
    let refusal = add(&world, &world.a, member(&server)).await;
    assert_eq!(refused(refusal), code(409, "protector.peer_unreachable"));
    world.same().await;
    assert!(world.b.group().await.document.members.is_empty());
    add(&world, &world.a, member(&server)).await.unwrap();
}

#[tokio::test]
async fn a_key_adds_one_member_and_a_quota_counts_them() {
    let world = World::with_policy().await;
    let server = world.new_server("web");
    let ask = || async {
        world
            .b
            .control
            .add_member(
                actor(),
                world.b.project(),
                "shop",
                member(&server),
                Some("k"),
            )
            .await
    };
    let first = ask().await.unwrap();
    let again = ask().await.unwrap();
    assert_eq!(first.operation.id, again.operation.id);
    assert_eq!(first.member.member.id, again.member.member.id);
    world.finish(first.operation.id).await;
    let quotas = protector_db::Quotas {
        members_per_group: 1,
        ..Default::default()
    };
    world
        .a
        .db
        .set_quotas(world.a.project(), &quotas)
        .await
        .unwrap();
    let second = world.new_server("db");
    let refusal = add(&world, &world.a, member(&second)).await;
    assert_eq!(refused(refusal), code(403, "protector.quota_exceeded"));
}

#[tokio::test]
async fn a_member_moves_in_the_boot_order_and_leaves_by_an_operation() {
    let (world, _) = World::with_member().await;
    let project = world.b.project();
    let members = world
        .b
        .control
        .page_members(project, "shop", &Page::default())
        .await;
    let id = members.unwrap()[0].member.id;
    let change = MemberChange {
        boot_tier: Some(1),
        probe: Some(Some(protector_model::Probe {
            console: "login:".to_owned(),
            timeout: 30,
        })),
        ..MemberChange::default()
    };
    let changed = world
        .b
        .control
        .update_member(actor(), project, "shop", id, change)
        .await;
    let changed = changed.unwrap().member;
    assert_eq!(changed.boot_tier, 1);
    assert_eq!(changed.probe.unwrap().timeout, 30);
    world.same().await;
    let none = MemberChange {
        probe: Some(None),
        ..MemberChange::default()
    };
    let changed = world
        .a
        .control
        .update_member(actor(), world.a.project(), "shop", id, none)
        .await;
    assert_eq!(changed.unwrap().member.probe, None);
    world.same().await;
    let by_tier = |tier: &str| Page {
        filters: vec![("boot_tier".to_owned(), tier.to_owned())],
        ..Page::default()
    };
    let (by_tier_1, by_tier_2) = (by_tier("1"), by_tier("2"));
    let control = &world.a.control;
    let found = control.page_members(world.a.project(), "shop", &by_tier_1);
    assert_eq!(found.await.unwrap().len(), 1);
    let found = control.page_members(world.a.project(), "shop", &by_tier_2);
    assert!(found.await.unwrap().is_empty());
    // What an entry shows, as the gate hands it over, is met by that entry.
    let made = found_at(&world).await;
    for (condition, expected) in [
        (Condition::AtMost(made.clone()), 1),
        (Condition::AtLeast(made.clone()), 1),
        (Condition::Above(made.clone()), 0),
        (Condition::Below(made), 0),
        (Condition::In(vec!["x".to_owned()]), 0),
    ] {
        let page = Page {
            conditions: vec![("created_at".to_owned(), condition)],
            ..Page::default()
        };
        let found = control.page_members(world.a.project(), "shop", &page).await;
        assert_eq!(found.unwrap().len(), expected, "{page:?}");
    }
    let bad = Page {
        sort: vec![("colour".to_owned(), false)],
        ..Page::default()
    };
    let bad = control.page_members(world.a.project(), "shop", &bad).await;
    assert_eq!(fields(bad), ["colour"]);

    let leaving = world
        .a
        .control
        .remove_member(actor(), world.a.project(), "shop", id, None)
        .await
        .unwrap();
    assert_eq!(leaving.kind, OperationKind::RemoveMember);
    let member = world.b.group().await.document.members.remove(0);
    assert_eq!(member.status, MemberStatus::Removing);
}

#[tokio::test]
async fn what_a_copy_will_not_have_is_said_beforehand() {
    let (world, server) = World::with_member().await;
    let document = world.a.group().await.document;
    let mut member = document.members[0].clone();
    let here = member.blueprint_site;
    let cloud = world
        .a
        .reach
        .compute(here, world.a.project())
        .await
        .unwrap();
    let ctx = world.a.control.ctx(actor());
    let captured = cloud.capture_server(&ctx, ServerRef::new(&server)).await;
    let mut blueprint = captured.unwrap();
    let told = |document: &GroupDocument, member: &Member| -> Vec<String> {
        let lost = crate::view::member(document, member).not_carried_over;
        lost.into_iter().map(|(field, _)| field).collect()
    };
    blueprint.availability_zone = None;
    member.blueprint = Some(blueprint.clone());
    assert!(told(&document, &member).is_empty());

    blueprint.server_group = Some("apart".into());
    blueprint.keypair = Some("key".to_owned());
    blueprint.availability_zone = Some("az-1".to_owned());
    blueprint.ports[0].floating_ip = Some("203.0.113.9".to_owned());
    member.blueprint = Some(blueprint);
    let all = [
        "server_group",
        "keypair",
        "availability_zone",
        "floating_ip",
    ];
    assert_eq!(told(&document, &member), all);

    let mut mapped = document.clone();
    mapped.mappings = vec![Mapping {
        kind: ResourceKind::Keypair,
        primary_id: "key".into(),
        secondary_id: "key-b".into(),
    }];
    let left = ["server_group", "availability_zone", "floating_ip"];
    assert_eq!(told(&mapped, &member), left);
}

/// When the group's one member was made, in the form in which times are kept.
async fn found_at(world: &World) -> String {
    let members = world.a.group().await.document.members;
    members[0]
        .created_at
        .to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
