use protector_framework::{DriverError, ErrorKind, ExposeSecret as _, SecretString};
use protector_model::SiteStatus;
use protector_model::site::Account;

use super::*;
use crate::SiteChange;

#[tokio::test]
async fn one_registration_serves_both_sites() {
    let world = World::registered().await;
    let here = world.a.db.list_sites().await.unwrap();
    let there = world.b.db.list_sites().await.unwrap();
    let ids = |sites: &[protector_model::Site]| -> Vec<_> { sites.iter().map(|s| s.id).collect() };
    assert_eq!(ids(&here), ids(&there));
    assert_eq!(
        here.iter().map(|s| s.is_local).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(
        there.iter().map(|s| s.is_local).collect::<Vec<_>>(),
        [false, true]
    );
    for site in &there {
        let owner = protector_reach::site_owner(site.id);
        let password = world.b.db.get_secret(&owner, "password").await.unwrap();
        assert_eq!(password.unwrap().expose_secret(), PROTECTOR_PASSWORD);
    }
    assert!(
        !world.a.way.sent().contains(PROTECTOR_PASSWORD),
        "passwords travel sealed"
    );
    let mappings = world.b.db.page_tenant_mappings(&Default::default()).await;
    assert_eq!(mappings.unwrap().len(), 1);
    let site = world.b.control.validate_site(actor(), "site-a").await;
    let site = site.unwrap();
    assert_eq!(site.status, SiteStatus::Active);
    assert!(site.reach.keystone && site.reach.neutron && site.reach.protector);
}

#[tokio::test]
async fn a_site_with_the_same_data_is_the_same_site() {
    let world = World::registered().await;
    let again = world.a.as_new(Some(credentials()));
    let found = world.a.control.register_site(actor(), again.clone()).await;
    assert!(!found.unwrap().created);
    let other = NewSite {
        region_name: "elsewhere".to_owned(),
        ..again
    };
    let refusal = world.a.control.register_site(actor(), other).await;
    assert_eq!(refused(refusal), code(409, "protector.duplicate"));
    let bad = NewSite {
        name: " ".to_owned(),
        site_type: "no-such".to_owned(),
        ..world.a.as_new(None)
    };
    let refusal = world.a.control.register_site(actor(), bad).await;
    assert_eq!(fields(refusal), ["name", "site_type"]);
}

#[tokio::test]
async fn a_site_without_credentials_gets_the_services_own_or_stays_registered() {
    let world = World::new().await;
    let made = world.a.control.register_site(actor(), world.a.as_new(None));
    let made = made.await.unwrap();
    assert_eq!(made.site.status, SiteStatus::Active);
    assert_eq!(made.site.account.username.as_deref(), Some(PROTECTOR_USER));

    let refuses = protector_driver_mock::world::Script {
        rules: vec![protector_driver_mock::world::Rule::new(
            "check",
            protector_driver_mock::world::Fault::Error {
                kind: ErrorKind::Unauthorized,
                message: "401".to_owned(),
            },
        )],
    };
    world.b.cloud.set_faults(&refuses).unwrap();
    let made = world.a.control.register_site(actor(), world.b.as_new(None));
    let made = made.await.unwrap().site;
    assert_eq!(made.status, SiteStatus::Registered);
    assert!(made.status_reason.unwrap().contains("401"));
    assert_eq!(made.account, Account::default());
    let validated = world.a.control.validate_site(actor(), "site-b").await;
    assert_eq!(validated.unwrap().status, SiteStatus::Registered);

    world.b.cloud.set_faults(&Default::default()).unwrap();
    let change = SiteChange {
        credentials: Some(credentials()),
        ..SiteChange::default()
    };
    world.pass(1);
    let changed = world.a.control.update_site(actor(), "site-b", change).await;
    assert_eq!(changed.unwrap().status, SiteStatus::Active);
}

#[tokio::test]
async fn validation_tells_an_account_that_is_refused_from_a_cloud_that_is_away() {
    let world = World::registered().await;
    world.b.cloud.set_down(true).unwrap();
    let site = world.a.control.validate_site(actor(), "site-b").await;
    let site = site.unwrap();
    assert_eq!(site.status, SiteStatus::Unreachable);
    assert!(!site.reach.nova && site.reach.details.contains_key("nova"));
    world.b.cloud.set_down(false).unwrap();
    let change = SiteChange {
        credentials: Some(Credentials {
            password: Some(SecretString::from("wrong")),
            ..credentials()
        }),
        ..SiteChange::default()
    };
    world.pass(1);
    let site = world.a.control.update_site(actor(), "site-b", change).await;
    assert_eq!(site.unwrap().status, SiteStatus::Error);
}

#[tokio::test]
async fn a_site_in_use_stays_and_an_unused_one_goes_on_both_sides() {
    let world = World::with_group().await;
    let refusal = world.a.control.delete_site(actor(), "site-b").await;
    assert_eq!(refused(refusal), code(409, "protector.in_use"));

    let world = World::registered().await;
    world
        .a
        .control
        .register_site(
            actor(),
            NewSite {
                name: "site-c".to_owned(),
                ..world.a.as_new(Some(credentials()))
            },
        )
        .await
        .unwrap();
    assert!(world.b.db.find_site("site-c").await.unwrap().is_some());
    // It would come back from a site that does not learn of it.
    world.a.way.cut(true);
    let refusal = world.a.control.delete_site(actor(), "site-c").await;
    assert_eq!(refused(refusal), code(409, "protector.peer_unreachable"));
    world.a.way.cut(false);
    let site = world.a.db.find_site("site-c").await.unwrap().unwrap();
    world.join(site.id, &world.b);
    world
        .a
        .control
        .delete_site(actor(), "site-c")
        .await
        .unwrap();
    assert!(world.b.db.find_site("site-c").await.unwrap().is_none());
}

#[tokio::test]
async fn a_tenant_mapping_needs_projects_that_exist() {
    let world = World::registered().await;
    let mapping = NewTenantMapping {
        primary_site: "site-a".to_owned(),
        primary_project_id: "nobody".into(),
        secondary_site: "site-b".to_owned(),
        secondary_project_id: world.b.has.project.clone(),
    };
    let refusal = world.a.control.create_tenant_mapping(actor(), mapping);
    assert_eq!(fields(refusal.await), ["primary_project_id"]);
    let known = world.a.db.page_tenant_mappings(&Default::default()).await;
    let known = known.unwrap().remove(0);
    world
        .b
        .control
        .delete_tenant_mapping(actor(), known.id)
        .await
        .unwrap();
    let left = world.a.db.page_tenant_mappings(&Default::default()).await;
    assert!(left.unwrap().is_empty());
}

#[tokio::test]
async fn a_trust_is_made_with_the_callers_token_and_never_shown() {
    let world = World::registered().await;
    let token = world
        .a
        .cloud
        .issue_token(&world.a.has.user, world.a.project())
        .unwrap();
    let made = world
        .a
        .control
        .create_trust(actor(), world.a.project(), &token)
        .await
        .unwrap();
    assert_eq!(made.trust.roles, ["member"], "only roles the token has");
    assert_eq!(made.trust.id.as_str(), "");
    let listed = world.a.control.list_trusts(world.a.project()).await;
    assert_eq!(listed.unwrap().len(), 1);
    // Enrolled again: the identity service has the trust already, and keeps it.
    let again = world
        .a
        .control
        .create_trust(actor(), world.a.project(), &token)
        .await;
    again.unwrap();
    let user = &world.a.has.user;
    assert_eq!(world.a.cloud.trusts(user).unwrap().len(), 1);
    let foreign = world
        .a
        .control
        .create_trust(actor(), &world.a.has.service_project, &token)
        .await;
    assert_eq!(refused(foreign), code(403, "protector.forbidden"));
    assert_eq!(world.a.cloud.trusts(user).unwrap().len(), 1, "it stays");
    world
        .a
        .control
        .delete_trust(actor(), world.a.project(), &token)
        .await
        .unwrap();
    let listed = world.a.control.list_trusts(world.a.project()).await;
    assert!(listed.unwrap().is_empty());
}

#[tokio::test]
async fn health_asks_the_arrays() {
    let world = World::with_policy().await;
    world
        .a
        .db
        .heartbeat("protector-engine", "host")
        .await
        .unwrap();
    let health = world.a.control.health(actor()).await.unwrap();
    assert!(health.ok, "{health:?}");
    assert_eq!(health.arrays.len(), 2);
    world.b.array.set_down(true).unwrap();
    let health = world.a.control.health(actor()).await.unwrap();
    assert!(!health.ok);
    let down: Vec<_> = health.arrays.iter().filter(|a| !a.reachable).collect();
    assert_eq!(down.len(), 1);
    assert!(down[0].detail.is_some());
}

#[test]
fn a_driver_error_of_the_other_site_is_no_fault_of_this_one() {
    let mut site = protector_model::Site {
        id: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
        name: "x".to_owned(),
        description: String::new(),
        site_type: "mock".to_owned(),
        auth_url: String::new(),
        region_name: String::new(),
        account: Account::default(),
        status: SiteStatus::Active,
        status_reason: None,
        is_local: true,
        reach: Default::default(),
        created_at: Default::default(),
        updated_at: Default::default(),
    };
    let away = DriverError::new(ErrorKind::Unreachable, "away");
    assert_eq!(crate::convert::site_refused(&site, &away).status, 503);
    site.is_local = false;
    assert_eq!(crate::convert::site_refused(&site, &away).status, 409);
}

#[tokio::test]
async fn a_deployments_own_site_is_not_made_another_one() {
    let world = World::registered().await;
    let to_b = SiteChange {
        auth_url: Some(format!("{}/", world.b.cloud.auth_url())),
        region_name: Some(world.b.name.to_owned()),
        ..SiteChange::default()
    };
    let before = world.a.db.local_site().await.unwrap();
    let refusal = world.a.control.update_site(actor(), "site-a", to_b).await;
    assert_eq!(refused(refusal), code(409, "protector.duplicate"));
    assert_eq!(world.a.db.local_site().await.unwrap(), before);
}

#[tokio::test]
async fn a_deployments_own_site_with_groups_is_not_given_to_whoever_answers_elsewhere() {
    let world = World::with_group().await;
    let before = world.a.db.local_site().await.unwrap().unwrap();
    let way = Handle::default();
    let stranger = protector_peer::PeerIdentity {
        deployment_id: "00000000-0000-0000-0000-0000000000dd".parse().unwrap(),
        site_id: None,
        public_key: "ab".repeat(32),
        version: "0.1.0".to_owned(),
    };
    way.pretend(Some(stranger));
    let to = world.a.control.clone();
    world.a.reach.join(before.id, Arc::new(way.way(to)));
    let moved = SiteChange {
        region_name: Some("elsewhere".to_owned()),
        ..SiteChange::default()
    };
    world.pass(1);
    let refusal = world.a.control.update_site(actor(), "site-a", moved).await;
    assert_eq!(refused(refusal), code(409, "protector.duplicate"));
    assert_eq!(world.a.db.local_site().await.unwrap(), Some(before));
}
