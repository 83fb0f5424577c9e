//! Microversions.

use protector_framework::ErrorKind;
use serde_json::json;

use super::{session, trip};
use crate::session::{Call, Service};
use crate::testing::FakeCloud;

const SERVERS: &str = "/compute/v2.1/servers";

#[tokio::test]
async fn a_call_asks_for_what_it_wants_or_the_most_there_is() {
    for (has, sent) in [("2.100", "compute 2.87"), ("2.60", "compute 2.60")] {
        let cloud = FakeCloud::with_versions(has, "3.62").await;
        cloud
            .says("GET", SERVERS, 200, json!({"servers": []}))
            .await;
        let session = session(&cloud);
        for _ in 0..2 {
            let call = Call::get(Service::Compute, ["servers"]).at(2, 87);
            session.send(&trip(&cloud), call).await.unwrap();
        }
        for request in cloud.seen("GET", SERVERS).await {
            assert_eq!(request.headers["openstack-api-version"], sent);
        }
        assert_eq!(
            cloud.seen("GET", "/compute/v2.1/").await.len(),
            1,
            "asked once"
        );
    }
}

#[tokio::test]
async fn a_call_that_needs_more_is_not_sent() {
    let cloud = FakeCloud::with_versions("2.60", "3.62").await;
    cloud
        .says("GET", SERVERS, 200, json!({"servers": []}))
        .await;
    let call = Call::get(Service::Compute, ["servers"]).needs(2, 73);
    let error = session(&cloud)
        .send(&trip(&cloud), call)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(
        error.message.contains("2.73") && error.message.contains("2.60"),
        "{error}"
    );
    assert!(cloud.seen("GET", SERVERS).await.is_empty());
}

#[tokio::test]
async fn a_call_that_asks_for_none_sends_none() {
    let cloud = FakeCloud::start().await;
    cloud
        .says("GET", SERVERS, 200, json!({"servers": []}))
        .await;
    let call = Call::get(Service::Compute, ["servers"]);
    session(&cloud).send(&trip(&cloud), call).await.unwrap();
    let sent = cloud.seen("GET", SERVERS).await;
    assert!(!sent[0].headers.contains_key("openstack-api-version"));
}
