use protector_framework::{
    ArrayGroupName, CallCtx, EnsureGroup, ExposeSecret as _, SetGroupVolumes, StartReplication,
};
use protector_model::document::InstanceVolume;

use super::*;
use crate::{PolicyView, Services};

async fn put(
    at: &Site,
    policy: PolicyInput,
    write: PolicyWrite,
    is_admin: bool,
) -> Result<PolicyView, Refusal> {
    at.control
        .put_policy(actor(), at.project(), "shop", policy, write, is_admin)
        .await
}

#[tokio::test]
async fn both_sites_hold_the_tokens_and_nobody_is_shown_them() {
    for from_b in [false, true] {
        let world = World::with_group().await;
        let at = if from_b { &world.b } else { &world.a };
        let view = put(at, world.new_policy(), PolicyWrite::Create, true).await;
        let view = view.unwrap();
        assert!(view.created);
        world.same().await;
        for site in [&world.a, &world.b] {
            let record = site.group().await;
            let owner = protector_reach::policy_owner(record.document.id);
            let tokens = site.db.secrets_of(&owner).await.unwrap();
            assert_eq!(tokens.len(), 2, "{}", site.name);
            for token in tokens.values() {
                assert_eq!(token.expose_secret(), ARRAY_TOKEN);
            }
            assert!(
                !String::from_utf8(record.bytes)
                    .unwrap()
                    .contains(ARRAY_TOKEN)
            );
            let shown = site.control.get_policy(site.project(), "shop").await;
            assert!(!format!("{shown:?}").contains(ARRAY_TOKEN));
            assert!(!site.way.sent().contains(ARRAY_TOKEN), "sealed on the way");
            let events = site.db.page_audit(&Default::default()).await.unwrap();
            assert!(!format!("{events:?}").contains(ARRAY_TOKEN));
        }
        let again = put(at, world.new_policy(), PolicyWrite::Create, true).await;
        assert_eq!(refused(again), code(409, "protector.duplicate"));
    }
}

#[tokio::test]
async fn a_kept_token_is_used_and_only_where_it_was_given_for() {
    let world = World::with_policy().await;
    for mask in [None, Some("********".into())] {
        let mut policy = world.new_policy();
        policy.primary.api_token = mask.clone();
        policy.secondary.api_token = mask;
        policy.rpo_minutes = 20;
        let put = put(&world.b, policy, PolicyWrite::Replace, false).await;
        assert!(!put.unwrap().created);
    }
    let policy = world.a.control.get_policy(world.a.project(), "shop").await;
    assert_eq!(policy.unwrap().policy.rpo_minutes, 20);
    world.same().await;
    let mut elsewhere = world.new_policy();
    elsewhere.primary.url = format!("{}-other", elsewhere.primary.url);
    elsewhere.primary.api_token = None;
    let refusal = put(&world.a, elsewhere, PolicyWrite::Replace, true).await;
    assert_eq!(fields(refusal), ["primary_fa_api_token"]);
}

#[tokio::test]
async fn arrays_are_asked_before_a_policy_names_them() {
    let world = World::with_group().await;
    let ask = |change: fn(&mut PolicyInput), is_admin: bool| {
        let mut policy = world.new_policy();
        change(&mut policy);
        put(&world.a, policy, PolicyWrite::Replace, is_admin)
    };
    assert_eq!(
        fields(ask(|_| {}, false).await),
        ["primary_fa_url", "secondary_fa_url"],
        "a tenant names only what the administrator allows"
    );
    assert_eq!(
        fields(ask(|p| p.driver = "no-such".to_owned(), true).await),
        ["driver"]
    );
    assert_eq!(
        fields(ask(|p| p.primary.api_token = None, true).await),
        ["primary_fa_api_token"]
    );
    assert_eq!(
        fields(ask(|p| p.secondary.api_token = Some("wrong".into()), true).await),
        ["secondary_fa_api_token"]
    );
    assert_eq!(
        fields(ask(|p| p.secondary.url = p.primary.url.clone(), true).await),
        ["secondary_fa_url"]
    );
    let numbers = ask(
        |p| {
            p.rpo_minutes = 0;
            p.retention.points = Some(0);
        },
        true,
    );
    assert_eq!(fields(numbers.await), ["rpo_minutes", "retention"]);
    assert_eq!(
        fields(ask(|p| p.replication_interval = Some(601), true).await),
        ["replication_interval"]
    );
    assert_eq!(
        fields(
            ask(
                |p| {
                    p.secondary_backend_host = Some("nowhere".to_owned());
                    p.test_volume_type_id = Some("none".into());
                },
                true
            )
            .await
        ),
        ["secondary_backend_host", "test_volume_type_id"]
    );
    world.b.array.set_down(true).unwrap();
    assert_eq!(
        refused(ask(|_| {}, true).await),
        code(409, "protector.array_unreachable")
    );
    world.b.array.set_down(false).unwrap();
    let cut = LinkSettings::cut();
    world.a.array.link(&world.b.array, &cut).unwrap();
    assert_eq!(
        refused(ask(|_| {}, true).await),
        code(409, "protector.arrays_not_linked")
    );
    assert!(world.a.group().await.document.policy.is_none());
}

async fn tokens(site: &Site) -> Vec<String> {
    let owner = protector_reach::policy_owner(site.group().await.document.id);
    let kept = site.db.secrets_of(&owner).await.unwrap();
    kept.values()
        .map(|token| token.expose_secret().to_owned())
        .collect()
}

#[tokio::test]
async fn a_policy_goes_with_its_tokens_unless_it_protects_somebody() {
    for from_b in [false, true] {
        let world = World::with_policy().await;
        let at = if from_b { &world.b } else { &world.a };
        let gone = at.control.delete_policy(actor(), at.project(), "shop");
        gone.await.unwrap();
        for site in [&world.a, &world.b] {
            assert!(tokens(site).await.is_empty(), "{}", site.name);
            let gone = site.control.get_policy(site.project(), "shop").await;
            assert_eq!(refused(gone), code(404, "protector.not_found"));
        }
    }
    let (world, _) = World::with_member().await;
    let refusal = world
        .a
        .control
        .delete_policy(actor(), world.a.project(), "shop")
        .await;
    assert_eq!(refused(refusal), code(409, "protector.wrong_state"));
}

#[tokio::test]
async fn a_recovery_point_names_the_members_it_holds() {
    let (world, _) = World::with_member().await;
    let volume = world.a.array.volumes().unwrap().remove(0);
    let mut next = world
        .a
        .group()
        .await
        .document
        .next_version(Default::default());
    let name = ArrayGroupName::from(next.remote_name());
    let site = next.primary_site_id;
    let mut late = next.members[0].clone();
    late.id = "00000000-0000-0000-0000-0000000000aa".parse().unwrap();
    late.name = "late".to_owned();
    next.members.push(late);
    let copy = next.members[0].instances.get_mut(&site).unwrap();
    copy.volumes = vec![InstanceVolume {
        id: "v".into(),
        array_name: volume.name.clone(),
        serial: volume.serial,
    }];
    let bytes = next.to_bytes().unwrap();
    for site in [&world.a, &world.b] {
        site.db.replace_head(None, &bytes, false).await.unwrap();
    }
    let array = world.a.reach.storage(&next, site).await.unwrap();
    let ctx = CallCtx::new("req-test", Duration::from_secs(10));
    let target = world.b.array.identity().unwrap();
    array
        .ensure_group(
            &ctx,
            EnsureGroup::new(&name, ReplicationMode::Async, target),
        )
        .await
        .unwrap();
    array
        .set_group_volumes(&ctx, SetGroupVolumes::new(&name, vec![volume.name]))
        .await
        .unwrap();
    array
        .start_replication(&ctx, StartReplication::new(&name, "point-1"))
        .await
        .unwrap();
    world.pass(10);
    for site in [&world.a, &world.b] {
        let points = site
            .control
            .recovery_points(actor(), site.project(), "shop")
            .await
            .unwrap();
        assert_eq!(points.len(), 1, "{points:?}");
        let point = &points[0];
        assert!(point.complete && point.usable);
        assert_eq!(point.members[0].1, "web");
        assert_eq!(point.missing[0].1, "late");
    }
}

#[tokio::test]
async fn all_of_it_is_one_object() {
    let world = World::new().await;
    let services: Arc<dyn Services> = Arc::new(world.a.control.clone());
    assert!(services.list_drivers().await.unwrap().known.len() >= 3);
    let unsure = services.peer_heads().await;
    assert_eq!(refused(unsure), code(409, "protector.no_local_site"));
    let nobody: Arc<dyn Services> = Arc::new(crate::NoServices);
    assert_eq!(nobody.list_drivers().await.unwrap_err().status, 503);
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_takes_the_tokens_along_all_the_same() {
    let world = World::with_policy().await;
    let (local, other) = (&world.a, &world.b);
    world.a.way.lose("put_document", way::Loss::Reply);
    let gone = local
        .control
        .delete_policy(actor(), local.project(), "shop");
    assert_eq!(refused(gone.await), code(409, "protector.change_pending"));
    assert!(tokens(other).await.is_empty());
    world.pass(60);
    let (mine, theirs) = (
        local.db.local_site().await.unwrap().unwrap().id,
        other.db.local_site().await.unwrap().unwrap().id,
    );
    let link = local.control.link(mine, theirs).await.unwrap();
    assert_eq!(link.settle_stages().await.unwrap().len(), 1);
    assert!(tokens(local).await.is_empty());
    world.same().await;
}

#[tokio::test]
async fn a_token_that_was_changed_is_changed_on_both_sites() {
    let world = World::with_policy().await;
    let newer = "marked-newer-token";
    world.new_token(&world.a, newer);
    let mut policy = world.new_policy();
    policy.primary.api_token = Some(newer.into());
    let changed = put(&world.a, policy, PolicyWrite::Replace, true).await;
    changed.unwrap();
    for site in [&world.a, &world.b] {
        let mut kept = tokens(site).await;
        kept.sort();
        assert_eq!(kept, [ARRAY_TOKEN, newer], "{}", site.name);
    }
}
