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
