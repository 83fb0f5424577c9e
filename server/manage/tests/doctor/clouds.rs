//! What can be wrong with this site's cloud, and with the other site.

use protector_framework::{Clock as _, SystemClock};
use serde_json::json;

use crate::cloud::{Cloud, Lets};
use crate::stage::{Stage, free_port};

const MANAGE: &str = "/volume/v3/own/manageable_volumes";
const IDENTITY: &str = "/protector/v1/admin/peer/identity";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_auth_url_is_told() {
    let mut stage = Stage::new().await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    stage.set("keystone_authtoken", "auth_url", nobody);
    stage.finds("keystone", "problem", &["nothing answers", "auth_url"]);
    let mut stage = Stage::new().await;
    let elsewhere = format!("{}/identity", stage.cloud.url());
    stage.set("keystone_authtoken", "auth_url", elsewhere);
    stage.finds("keystone", "problem", &["is no Keystone", "HTTP 404"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_from_a_missing_role() {
    let stage = Stage::new().await;
    stage.cloud.lets(Lets::Nobody).await;
    let words = ["openstack user set --password-prompt protector"];
    stage.finds("credentials", "problem", &words);

    let stage = Stage::new().await;
    stage.cloud.lets(Lets::NobodyInProjects).await;
    let fix = "openstack role add --project service --user protector admin";
    stage.finds("role", "problem", &["no role in project service", fix]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_not_enough_is_told() {
    let stage = Stage::new().await;
    let body = stage.cloud.token(&["reader"]);
    stage.cloud.answers("GET", "/v3/auth/tokens", body).await;
    stage.finds("role", "problem", &["reader", "openstack role add"]);
    let stage = Stage::new().await;
    stage.cloud.refuses("GET", "/v3/projects/own", 403).await;
    stage.finds("role", "problem", &["Keystone refuses"]);
}

const ADD: &str = "openstack role add --project service --user protector";

/// What is left of what `keystone-setup.sh` grants when one role of it is taken away.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_that_is_missing_is_told_with_the_command() {
    let admin = format!("fix: {ADD} admin");
    for roles in [
        &["service"][..],
        &["reader"],
        &["service", "protector_service"],
    ] {
        let stage = Stage::new().await;
        stage.cloud.gives(roles).await;
        let found = roles.join(", ");
        stage.finds("role", "problem", &[&found, "looking up", &admin]);
    }
    // Keystone may have rules of its own, and Cinder's still ask for it.
    let stage = Stage::new().await;
    let body = stage.cloud.token(&["service"]);
    stage.cloud.answers("GET", "/v3/auth/tokens", body).await;
    stage.cloud.refuses("POST", MANAGE, 403).await;
    stage.finds("role", "problem", &["Cinder", &admin]);
    assert!(!stage.shown().contains("policy.yaml there"));

    // `admin` does whatever the other does.
    let stage = Stage::new().await;
    stage.cloud.gives(&["admin"]).await;
    assert_eq!(stage.found(), [], "{}", stage.shown());
    // Unless the policy says that it does not.
    let rule = "\"protector:peer\": \"role:service\"\n";
    std::fs::write(stage.path("policy.yaml"), rule).unwrap();
    let service = format!("fix: {ADD} service");
    stage.finds("role", "problem", &["protector:peer", &service]);
    let rule = "\"protector:peer\": \"role:relay\"\n";
    std::fs::write(stage.path("policy.yaml"), rule).unwrap();
    stage.finds("role", "problem", &["protector:peer", "policy check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_all_but_nova_take_for_an_administrator_is_a_warning() {
    let stage = Stage::new().await;
    let body = stage.cloud.token(&["service", "cloud_admin"]);
    stage.cloud.answers("GET", "/v3/auth/tokens", body).await;
    stage.finds("role", "warning", &["Nova", ADD]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_missing_at_the_other_site_is_told_from_its_cinders_policy() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    other.refuses("POST", MANAGE, 403).await;
    other.gives(&["service"]).await;
    let words = ["at site site-b: openstack role add", "admin"];
    stage.finds("cinder policy of site site-b", "problem", &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapped_project_in_which_the_account_is_no_administrator_is_told() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    stage.map(&["one", "two"]).await;
    assert_eq!(stage.found(), [], "{}", stage.shown());
    let shown = stage.shown();
    for site in ["site-a", "site-b"] {
        let told = format!("cinder policy of the projects of site {site}: ");
        assert!(shown.contains(&told), "{shown}");
    }
    // The usual one: the grant was forgotten on the site where groups go.
    let manage = "/volume/v3/two-at-2/manageable_volumes";
    other.refuses("POST", manage, 403).await;
    let words = [
        "project two-at-2: ",
        "openstack role add --project two-at-2 --user protector admin",
        "/usr/share/protector/cinder/policy.yaml",
    ];
    let check = "cinder policy of the projects of site site-b";
    stage.finds(check, "problem", &words);
    assert!(!stage.shown().contains("one-at-2"), "{}", stage.shown());
    // Or no role at all.
    other.keeps_out_of("one-at-2").await;
    let words = [
        "project one-at-2: ",
        "openstack role add --project one-at-2 --user protector admin",
        "openstack role add --project two-at-2 --user protector admin",
    ];
    stage.finds(check, "problem", &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapped_project_of_this_site_is_looked_at_too() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    stage.map(&["one"]).await;
    let manage = "/volume/v3/one-at-1/manageable_volumes";
    stage.cloud.refuses("POST", manage, 403).await;
    let check = "cinder policy of the projects of site site-a";
    stage.finds(check, "problem", &["project one-at-1: "]);

    let stage = Stage::new().await;
    stage.pair(&other).await;
    stage.map(&["one", "two"]).await;
    stage.cloud.refuses("POST", manage, 500).await;
    stage.finds(check, "warning", &["project one-at-1: ", "Cinder's log"]);
    // That one could not be asked about says nothing of the next.
    let manage = "/volume/v3/two-at-1/manageable_volumes";
    stage.cloud.refuses("POST", manage, 403).await;
    let words = [
        "project one-at-1: ",
        "project two-at-1: ",
        "--project two-at-1",
    ];
    stage.finds(check, "problem", &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_mapped_projects_the_first_are_asked_and_that_is_said() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    let names: Vec<_> = (10..70).map(|n| format!("p{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    stage.map(&names).await;
    for project in ["p59-at-2", "p60-at-2"] {
        let manage = format!("/volume/v3/{project}/manageable_volumes");
        other.refuses("POST", &manage, 403).await;
    }
    let check = "cinder policy of the projects of site site-b";
    let words = ["the first 50 of 60", "project p59-at-2: "];
    stage.finds(check, "problem", &words);
    assert!(!stage.shown().contains("p60"), "{}", stage.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_leads_nowhere_is_told() {
    let stage = Stage::new().await;
    let mut token = stage.cloud.token(&["admin"]);
    token["token"]["catalog"].as_array_mut().unwrap().pop();
    let answer = wiremock::ResponseTemplate::new(201)
        .insert_header("x-subject-token", "marked-token")
        .set_body_json(token);
    wiremock::Mock::given(wiremock::matchers::method("POST"))
        .and(wiremock::matchers::path("/v3/auth/tokens"))
        .respond_with(answer)
        .with_priority(1)
        .mount(&stage.cloud.server)
        .await;
    let words = ["the catalog has none", "openstack endpoint create"];
    stage.finds("endpoint", "problem", &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_lead_to_the_api_is_told_where_one_runs() {
    let mut stage = Stage::new().await;
    // An API runs here; the catalog names another port.
    let api = wiremock::MockServer::start().await;
    let versions = json!({"versions": [{"id": "v1", "min_version": "1.0", "max_version": "1.2"}]});
    wiremock::Mock::given(wiremock::matchers::path("/"))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_json(versions))
        .mount(&api)
        .await;
    stage.set("api", "bind_port", api.address().port());
    stage.finds("endpoint", "problem", &["openstack endpoint set"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_the_cloud_that_is_away_is_told() {
    let stage = Stage::new().await;
    stage
        .cloud
        .refuses("GET", "/volume/v3/own/limits", 500)
        .await;
    stage.finds("cloud", "problem", &["cinder:", "openstack catalog list"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cinder_that_does_not_let_volumes_be_adopted_is_told() {
    let stage = Stage::new().await;
    stage.cloud.refuses("POST", MANAGE, 403).await;
    let words = [
        "volume_extension:volume_manage",
        "/usr/share/protector/cinder/policy.yaml",
        "systemctl restart cinder-api",
    ];
    stage.finds("cinder policy", "problem", &words);

    // Or it is the other site's.
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    other.refuses("POST", MANAGE, 403).await;
    stage.finds(
        "cinder policy of site site-b",
        "problem",
        &["volume_manage"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_are_told() {
    let stage = Stage::new().await;
    let late = SystemClock::new().now() + chrono::TimeDelta::hours(1);
    stage.cloud.date(&late.to_rfc2822()).await;
    stage.finds("keystone clock", "problem", &["ahead", "chronyc"]);
    let late = SystemClock::new().now() - chrono::TimeDelta::seconds(12);
    let stage = Stage::new().await;
    stage.cloud.date(&late.to_rfc2822()).await;
    stage.finds("keystone clock", "warning", &["behind"]);

    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    let late = SystemClock::new().now() + chrono::TimeDelta::hours(1);
    other.date(&late.to_rfc2822()).await;
    stage.finds("clock of site site-b", "problem", &["ahead"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_that_does_not_answer_is_told() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    drop(other);
    stage.finds("site site-b", "problem", &["curl -i", "sync-force"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_whose_protector_is_away_is_told() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    other.refuses("GET", IDENTITY, 503).await;
    stage.finds("site site-b", "problem", &["protector:", "ss -tlnp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_that_shows_another_key_is_told() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    let shown = json!({
        "deployment_id": "11111111-2222-3333-4444-555555555555",
        "site_id": null,
        "public_key": "cd".repeat(32),
        "version": "0.1.0",
    });
    other.answers("GET", IDENTITY, shown).await;
    let words = [
        "another key",
        "openstack protector site set --peer-key KEY site-b",
    ];
    stage.finds("site site-b", "problem", &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_that_refuses_its_account_is_told() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    other.lets(Lets::Nobody).await;
    stage.finds("site site-b", "problem", &["site set site-b"]);
}
