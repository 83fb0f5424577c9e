//! Lists in pages.

use protector_framework::ErrorKind;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;
use wiremock::matchers::{query_param, query_param_is_missing};

use super::{session, trip};
use crate::session::{Call, Service};
use crate::testing::FakeCloud;

const GROUPS: &str = "/volume/v3/tenant/groups";

/// A list of two pages whose first names the second with these links.
async fn two_pages(cloud: &FakeCloud, at: &str, links: Value) {
    let mut first = json!({"groups": [1, 2]});
    for (name, value) in links.as_object().unwrap() {
        first[name] = value.clone();
    }
    cloud
        .on("GET", at)
        .and(query_param_is_missing("marker"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .mount(&cloud.server)
        .await;
    cloud
        .on("GET", at)
        .and(query_param("marker", "2"))
        .and(query_param("all", "a b"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"groups": [3]})))
        .mount(&cloud.server)
        .await;
}

#[tokio::test]
async fn links_are_followed_under_every_name_that_services_give_them() {
    let href = "http://a-proxy.invalid/elsewhere?all=a+b&marker=2";
    let list = json!([{"rel": "next", "href": href}]);
    for links in [
        json!({"groups_links": list}),
        // Cinder, for groups and volume types.
        json!({"group_links": list}),
        // Keystone.
        json!({"links": {"self": "x", "next": href, "previous": null}}),
    ] {
        let cloud = FakeCloud::start().await;
        two_pages(&cloud, GROUPS, links).await;
        let call = Call::get(Service::Volume, ["groups"]);
        let all: Vec<u32> = session(&cloud)
            .list(&trip(&cloud), call, "groups")
            .await
            .unwrap();
        assert_eq!(all, [1, 2, 3]);
    }
}

#[tokio::test]
async fn a_list_that_links_in_a_circle_is_given_up() {
    let cloud = FakeCloud::start().await;
    for (marker, other) in [("1", "2"), ("2", "1")] {
        let page = json!({"groups": [1], "links": {"next": format!("?marker={other}")}});
        cloud
            .on("GET", GROUPS)
            .and(query_param("marker", marker))
            .respond_with(ResponseTemplate::new(200).set_body_json(page))
            .mount(&cloud.server)
            .await;
    }
    let call = Call::get(Service::Volume, ["groups"]).query("marker", "1");
    let error = session(&cloud)
        .list::<u32>(&trip(&cloud), call, "groups")
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
}
