//! Secrets are sealed to the key that a site's own endpoint has shown, and to no other.

use protector_framework::{ChangeId, DeploymentId, GenericUuid as _, GroupId};
use protector_model::epoch::PutMode;
use protector_peer::{PeerError, PeerIdentity, PutDocument, Sealed, SyncState};
use uuid::Uuid;

use super::*;
use crate::{PeerServices as _, SiteChange};

/// A Protector that was installed anew, or somebody else's.
fn stranger() -> PeerIdentity {
    PeerIdentity {
        deployment_id: DeploymentId::from_untyped_uuid(Uuid::from_u128(77)),
        site_id: None,
        public_key: "5a".repeat(32),
        version: "0".to_owned(),
    }
}

async fn key_of(site: &Site) -> String {
    site.db.deployment().await.unwrap().box_public
}

async fn id_of(at: &Site, name: &str) -> SiteId {
    at.db.find_site(name).await.unwrap().unwrap().id
}

/// What the Protector of a site shows.
async fn shown_by(site: &Site) -> PeerIdentity {
    site.control.peer_identity().await.unwrap()
}

fn confirmed(key: String) -> SiteChange {
    SiteChange {
        peer_key: Some(key),
        ..SiteChange::default()
    }
}

#[tokio::test]
async fn each_site_learns_the_others_key_when_they_are_paired() {
    let world = World::registered().await;
    for (here, there) in [(&world.a, &world.b), (&world.b, &world.a)] {
        let keys = here.control.peer_keys().await.unwrap();
        let theirs = &keys[&id_of(here, there.name).await];
        assert_eq!(theirs.known, key_of(there).await);
        assert_eq!(theirs.offered, None);
        assert_eq!(
            keys[&id_of(here, here.name).await].known,
            key_of(here).await
        );
    }
}

#[tokio::test]
async fn a_request_with_a_key_of_somebody_else_gets_no_secrets() {
    let world = World::with_policy().await;
    let group = world.b.group().await.document.id;
    let forged = world.b.control.peer_document(group, &"00".repeat(32)).await;
    assert_eq!(refused(forged), code(403, "protector.peer_untrusted"));
    // A request offers nothing to confirm.
    let keys = world.b.control.peer_keys().await.unwrap();
    assert!(keys.values().all(|key| key.offered.is_none()));
    let own = key_of(&world.a).await;
    let given = world.b.control.peer_document(group, &own).await.unwrap();
    assert_eq!(given.unwrap().secrets.len(), 2);
}

#[tokio::test]
async fn another_key_is_refused_until_an_operator_confirms_it() {
    let world = World::with_policy().await;
    let before = world.a.group().await.head;
    world.a.way.pretend(Some(stranger()));

    let input = world.new_policy();
    let put = world.a.control.put_policy(
        actor(),
        world.a.project(),
        "shop",
        input,
        PolicyWrite::Replace,
        true,
    );
    let refusal = put.await.unwrap_err();
    assert_eq!(refusal.code, "protector.peer_untrusted");
    assert!(refusal.message.contains("confirm the key"), "{refusal}");
    let record = world.a.group().await;
    assert!(record.staged.is_none());
    assert_eq!(record.head, before);

    let site = world.a.control.validate_site(actor(), "site-b").await;
    let site = site.unwrap();
    assert!(!site.reach.protector);
    assert!(site.reach.details["protector"].contains("another key"));
    let keys = world.a.control.peer_keys().await.unwrap();
    assert_eq!(keys[&site.id].known, key_of(&world.b).await);
    assert_eq!(keys[&site.id].offered, Some(stranger().public_key));

    // A word that is not a key, and one for another key than the one shown.
    let bad = confirmed("no key".to_owned());
    let refusal = world.a.control.update_site(actor(), "site-b", bad).await;
    assert_eq!(fields(refusal), ["peer_key"]);
    let other = confirmed("6b".repeat(32));
    let site = world.a.control.update_site(actor(), "site-b", other).await;
    assert!(!site.unwrap().reach.protector);

    let right = confirmed(stranger().public_key);
    let site = world.a.control.update_site(actor(), "site-b", right).await;
    assert!(site.unwrap().reach.protector);
    let keys = world.a.control.peer_keys().await.unwrap();
    assert!(keys.values().all(|key| key.offered.is_none()));

    let own = confirmed(key_of(&world.a).await);
    let refusal = world.a.control.update_site(actor(), "site-a", own).await;
    assert_eq!(fields(refusal), ["peer_key"]);
}

#[tokio::test]
async fn a_key_that_is_shown_again_needs_no_confirmation() {
    let world = World::with_policy().await;
    world.a.way.pretend(Some(stranger()));
    world
        .a
        .control
        .validate_site(actor(), "site-b")
        .await
        .unwrap();
    world.a.way.pretend(None);
    world.put_policy(&world.a, PolicyWrite::Replace).await;
    let keys = world.a.control.peer_keys().await.unwrap();
    assert!(keys.values().all(|key| key.offered.is_none()));
}

#[tokio::test]
async fn a_key_that_is_not_known_yet_is_asked_for_at_the_sites_own_endpoint() {
    let world = World::new().await;
    // Site B cannot reach site A while it is paired.
    world.b.way.cut(true);
    let world = world.pair().await;
    let keys = world.b.control.peer_keys().await.unwrap();
    assert_eq!(keys.len(), 1, "only its own");
    world.make_group().await;
    world.put_policy(&world.a, PolicyWrite::Create).await;
    let group = world.b.group().await.document.id;
    let own = key_of(&world.a).await;
    let refusal = world.b.control.peer_document(group, &own).await;
    assert_eq!(refused(refusal), code(409, "protector.peer_unreachable"));

    world.b.way.cut(false);
    let forged = world.b.control.peer_document(group, &"00".repeat(32)).await;
    assert_eq!(refused(forged), code(403, "protector.peer_untrusted"));
    let given = world.b.control.peer_document(group, &own).await.unwrap();
    assert_eq!(given.unwrap().secrets.len(), 2);
}

#[tokio::test]
async fn a_further_site_that_comes_in_a_request_is_not_trusted() {
    let world = World::registered().await;
    let third = NewSite {
        name: "site-c".to_owned(),
        ..world.a.as_new(Some(credentials()))
    };
    let made = world.a.control.register_site(actor(), third).await;
    let id = made.unwrap().site.id;
    let way = Handle::default();
    way.pretend(Some(stranger()));
    let to = world.b.control.clone();
    world.b.reach.join(id, Arc::new(way.way(to)));

    let remote = world.b.reach.remote(id).await.unwrap();
    let shown = remote.identity().await;
    assert!(matches!(&shown, Err(PeerError::Untrusted(why)) if why.contains("validate")));
    // Whatever makes this site tell what it knows, that one is not told.
    world
        .b
        .control
        .validate_site(actor(), "site-a")
        .await
        .unwrap();
    assert_eq!(way.sent().matches("sites").count(), 0, "{}", way.sent());

    let validated = world.b.control.validate_site(actor(), "site-c").await;
    assert!(validated.unwrap().reach.protector);
    assert_eq!(
        remote.identity().await.unwrap().public_key,
        stranger().public_key
    );
}

#[tokio::test]
async fn a_way_that_leads_back_here_is_not_the_other_site() {
    let world = World::with_policy().await;
    let own = shown_by(&world.a).await;
    let half = [
        PeerIdentity {
            public_key: stranger().public_key,
            ..own.clone()
        },
        PeerIdentity {
            deployment_id: stranger().deployment_id,
            ..own.clone()
        },
        own.clone(),
    ];
    let site = id_of(&world.a, "site-b").await;
    let known = key_of(&world.b).await;
    for shown in half {
        world.a.way.pretend(Some(shown.clone()));
        let remote = world.a.reach.remote(site).await.unwrap();
        let told = remote.identity().await;
        assert!(matches!(told, Err(PeerError::Untrusted(_))), "{told:?}");
        let sent = world.a.way.sent().len();
        let put = world.a.control.put_policy(
            actor(),
            world.a.project(),
            "shop",
            world.new_policy(),
            PolicyWrite::Replace,
            true,
        );
        assert_eq!(put.await.unwrap_err().code, "protector.peer_untrusted");
        assert!(!world.a.way.sent()[sent..].contains("document"));

        let validated = world.a.control.validate_site(actor(), "site-b").await;
        let validated = validated.unwrap();
        assert!(!validated.is_local && !validated.reach.protector);
        let local = world.a.db.local_site().await.unwrap().unwrap();
        assert_eq!(local.name, "site-a");
        let keys = world.a.control.peer_keys().await.unwrap();
        assert_eq!(keys[&site].known, known);
    }
    // Nor can it be made so by hand.
    let change = confirmed(own.public_key);
    let refusal = world.a.control.update_site(actor(), "site-b", change).await;
    assert_eq!(fields(refusal), ["peer_key"]);
}

#[tokio::test]
async fn what_this_site_tells_itself_is_not_the_other_sites_word() {
    let (world, _) = World::with_member().await;
    let moved = world.a.start(OperationKind::Failover, planned()).await;
    let id = moved.unwrap().id;
    let site = id_of(&world.a, "site-b").await;
    let back = Handle::default().way(world.a.control.clone());
    world.a.reach.join(site, Arc::new(back));

    let control = &world.a.control;
    let status = control.sync_status(world.a.project(), "shop").await;
    assert_ne!(status.unwrap().state, SyncState::InSync);
    let shown = control.get_operation(world.a.project(), id).await.unwrap();
    assert!(shown.as_of.is_some(), "it is what was last heard");
    let remote = world.a.reach.remote(site).await.unwrap();
    let group = world.a.group().await.document.id;
    let own = key_of(&world.a).await;
    assert!(untrusted(remote.heads().await));
    assert!(untrusted(remote.document(group, &own).await));
    assert!(untrusted(remote.get_operation(id).await));
}

fn untrusted<T>(told: Result<T, PeerError>) -> bool {
    matches!(told, Err(PeerError::Untrusted(_)))
}

fn planned() -> OperationOptions {
    OperationOptions {
        failover_type: Some(protector_model::FailoverType::Planned),
        ..OperationOptions::default()
    }
}

#[tokio::test]
async fn a_stranger_at_the_own_endpoint_does_not_take_this_sites_place() {
    let world = World::registered().await;
    let site = id_of(&world.a, "site-a").await;
    let way = Handle::default();
    way.pretend(Some(stranger()));
    let to = world.a.control.clone();
    world.a.reach.join(site, Arc::new(way.way(to)));
    let validated = world.a.control.validate_site(actor(), "site-a").await;
    let validated = validated.unwrap();
    assert!(validated.is_local && !validated.reach.protector);
    assert!(!world.a.db.peer_keys().await.unwrap().contains_key(&site));

    // One that was registered with a wrong address is another one's once that is corrected.
    let moved = SiteChange {
        region_name: Some("elsewhere".to_owned()),
        ..SiteChange::default()
    };
    world.pass(1);
    let updated = world.a.control.update_site(actor(), "site-a", moved).await;
    let updated = updated.unwrap();
    assert!(!updated.is_local && updated.reach.protector);
}

#[tokio::test]
async fn a_site_that_hears_of_itself_looks_at_id_and_key() {
    let world = World::new().await;
    for at in [&world.a, &world.b] {
        at.join_own().await;
    }
    let a = world.register(&world.a).await;
    world.join(a, &world.a);
    world
        .a
        .control
        .validate_site(actor(), "site-a")
        .await
        .unwrap();
    let made = world
        .a
        .control
        .register_site(actor(), world.b.as_new(Some(credentials())));
    let b = made.await.unwrap().site.id;
    let at_home = Handle::default();
    at_home.pretend(Some(PeerIdentity {
        public_key: stranger().public_key,
        ..shown_by(&world.b).await
    }));
    for (from, way) in [(&world.a, &world.a.way), (&world.b, &at_home)] {
        let to = world.b.control.clone();
        from.reach.join(b, Arc::new(way.way(to)));
    }
    world
        .a
        .control
        .validate_site(actor(), "site-b")
        .await
        .unwrap();
    assert!(world.b.db.find_site("site-b").await.unwrap().is_some());
    assert_eq!(world.b.db.local_site().await.unwrap(), None);

    at_home.pretend(None);
    world
        .a
        .control
        .validate_site(actor(), "site-b")
        .await
        .unwrap();
    let local = world.b.db.local_site().await.unwrap().unwrap();
    assert_eq!(local.name, "site-b");
}

#[tokio::test]
async fn a_look_learns_nothing() {
    let world = World::registered().await;
    let third = NewSite {
        name: "site-c".to_owned(),
        ..world.a.as_new(Some(credentials()))
    };
    let made = world.a.control.register_site(actor(), third).await;
    let id = made.unwrap().site.id;
    let way = Handle::default();
    way.pretend(Some(stranger()));
    world
        .b
        .reach
        .join(id, Arc::new(way.way(world.a.control.clone())));
    let site = world.b.db.get_site(id).await.unwrap().unwrap();
    let seen = world.b.reach.examine(&site, "req-look").await.unwrap();
    assert!(!seen.reach.protector && seen.is_local.is_none(), "{seen:?}");
    assert!(!world.b.db.peer_keys().await.unwrap().contains_key(&id));
    // It sees the one that is known, and what that one shows in its place.
    let site = id_of(&world.b, "site-a").await;
    let site = world.b.db.get_site(site).await.unwrap().unwrap();
    let seen = world.b.reach.examine(&site, "req-look").await.unwrap();
    assert!(seen.reach.protector);
    world.b.way.pretend(Some(stranger()));
    let seen = world.b.reach.examine(&site, "req-look").await.unwrap();
    assert!(!seen.reach.protector);
    let keys = world.b.db.peer_keys().await.unwrap();
    assert_eq!(keys[&site.id].offered, Some(stranger().public_key));
}

#[tokio::test]
async fn only_the_known_site_can_say_that_it_knows_no_operation() {
    let world = World::with_policy().await;
    let site = id_of(&world.a, "site-b").await;
    let remote = world.a.reach.remote(site).await.unwrap();
    let nobody = OperationId::from_untyped_uuid(Uuid::from_u128(9));
    assert_eq!(remote.get_operation(nobody).await, Ok(None));
    world.a.way.pretend(Some(stranger()));
    let told = remote.get_operation(nobody).await;
    assert!(matches!(told, Err(PeerError::Untrusted(_))), "{told:?}");
}

#[tokio::test]
async fn a_document_that_is_not_the_paths_or_not_for_this_site_is_refused() {
    let world = World::with_policy().await;
    let record = world.a.group().await;
    let put = |document: String, secrets: Sealed| PutDocument {
        change_id: ChangeId::from_untyped_uuid(Uuid::from_u128(5)),
        mode: PutMode::Push,
        base: None,
        document,
        secrets,
    };
    let own = key_of(&world.b).await;
    let group = record.document.id;
    let read = world.a.control.peer_document(group, &own).await.unwrap();
    let read = read.unwrap();
    let other = GroupId::from_untyped_uuid(Uuid::from_u128(66));
    for (path, put, field) in [
        (other, put(read.document.clone(), Sealed::new()), "document"),
        (
            group,
            put("no base64".to_owned(), Sealed::new()),
            "document",
        ),
        (group, put("e30=".to_owned(), Sealed::new()), "document"),
        // Sealed to B, sent to A.
        (
            group,
            put(read.document.clone(), read.secrets.clone()),
            "secrets",
        ),
    ] {
        let refusal = world.a.control.peer_put_document(path, &put).await;
        assert_eq!(fields(refusal), [field]);
    }
    assert_eq!(world.a.group().await.head, record.head);
}
