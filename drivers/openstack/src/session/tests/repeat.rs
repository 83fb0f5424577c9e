//! What is sent again, how long after, and when it is given up.

use std::time::Duration;

use protector_framework::{ErrorKind, Retry};
use serde_json::json;
use wiremock::ResponseTemplate;

use super::{session, trip};
use crate::session::{Call, Service};
use crate::testing::FakeCloud;

const PORTS: &str = "/network/v2.0/ports";

fn look() -> Call {
    Call::get(Service::Network, ["ports"])
}

fn create() -> Call {
    Call::post(Service::Network, ["ports"], json!({"port": {}}))
}

#[tokio::test]
async fn a_look_is_repeated_and_a_create_is_not() {
    for (status, looks, creates) in [
        // The service may have done it before the proxy gave up.
        (502, 4, 1),
        (503, 4, 1),
        (504, 4, 1),
        // The service has refused it, so it is not done.
        (429, 4, 4),
        // The service's own failure is not known to pass.
        (500, 1, 1),
        (409, 1, 1),
    ] {
        let cloud = FakeCloud::start().await;
        cloud.says("GET", PORTS, status, json!({})).await;
        cloud.says("POST", PORTS, status, json!({})).await;
        let session = session(&cloud);
        session.send(&trip(&cloud), look()).await.err().unwrap();
        session.send(&trip(&cloud), create()).await.err().unwrap();
        assert_eq!(cloud.seen("GET", PORTS).await.len(), looks, "GET {status}");
        assert_eq!(
            cloud.seen("POST", PORTS).await.len(),
            creates,
            "POST {status}"
        );
    }
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_for_a_look_only() {
    let cloud = FakeCloud::start().await;
    cloud.loses("GET", PORTS, || ()).await;
    cloud.loses("POST", PORTS, || ()).await;
    let session = session(&cloud);
    for call in [look(), create()] {
        let error = session.send(&trip(&cloud), call).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
        assert!(
            error.message.contains("broke before the whole answer"),
            "{error}"
        );
    }
    assert_eq!(cloud.seen("GET", PORTS).await.len(), 4);
    assert_eq!(cloud.seen("POST", PORTS).await.len(), 1);
}

#[tokio::test]
async fn it_works_once_the_service_is_back() {
    let cloud = FakeCloud::start().await;
    cloud.says_once("GET", PORTS, 503, json!({})).await;
    cloud.says_once("GET", PORTS, 503, json!({})).await;
    cloud.says("GET", PORTS, 200, json!({"ports": []})).await;
    session(&cloud).send(&trip(&cloud), look()).await.unwrap();
    let waits = cloud.clock.waits();
    assert_eq!(waits.len(), 2);
    assert!(waits[0] >= Duration::from_millis(500) && waits[1] >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_service_that_says_when_is_obeyed() {
    let busy = |after: &str| {
        ResponseTemplate::new(429)
            .insert_header("retry-after", after)
            .set_body_json(json!({"overLimit": {"message": "slow down"}}))
    };
    let cloud = FakeCloud::start().await;
    cloud
        .on("GET", PORTS)
        .respond_with(busy("7"))
        .up_to_n_times(1)
        .mount(&cloud.server)
        .await;
    cloud.says("GET", PORTS, 200, json!({"ports": []})).await;
    session(&cloud).send(&trip(&cloud), look()).await.unwrap();
    assert_eq!(cloud.clock.waits(), [Duration::from_secs(7)]);

    // Longer than the call may take: the caller is told.
    let cloud = FakeCloud::start().await;
    cloud
        .on("GET", PORTS)
        .respond_with(busy("3600"))
        .mount(&cloud.server)
        .await;
    let error = session(&cloud)
        .send(&trip(&cloud), look())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry, Retry::After(3600));
    assert_eq!(cloud.seen("GET", PORTS).await.len(), 1);

    // The clock stands at 2027-01-15 08:00:00.
    let cloud = FakeCloud::start().await;
    let date = busy("Fri, 15 Jan 2027 09:00:00 GMT");
    cloud
        .on("GET", PORTS)
        .respond_with(date)
        .mount(&cloud.server)
        .await;
    let error = session(&cloud)
        .send(&trip(&cloud), look())
        .await
        .err()
        .unwrap();
    assert_eq!(error.retry, Retry::After(3600), "{error}");
}

#[tokio::test]
async fn a_service_that_never_answers_costs_no_more_than_the_deadline() {
    let cloud = FakeCloud::start().await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(3600));
    cloud
        .on("POST", PORTS)
        .respond_with(never)
        .mount(&cloud.server)
        .await;
    let session = session(&cloud);
    session.token(&trip(&cloud)).await.unwrap();
    let trip = trip(&cloud);
    let call = session.send(&trip, create());
    let clock = async {
        while cloud.seen("POST", PORTS).await.is_empty() {
            tokio::task::yield_now().await;
        }
        cloud.clock.advance(Duration::from_secs(60));
    };
    let (answer, ()) = tokio::join!(call, clock);
    let error = answer.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(error.remote_call.as_deref(), Some("POST /ports"));
    assert!(
        error
            .message
            .contains("whether it took effect is not known"),
        "{error}"
    );

    // A verb whose time is over sends nothing more.
    let error = session.send(&trip, look()).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(cloud.seen("GET", PORTS).await.is_empty());
}

#[tokio::test]
async fn both_sides_can_find_the_call_in_their_logs() {
    let cloud = FakeCloud::start().await;
    cloud
        .on("GET", PORTS)
        .respond_with(
            ResponseTemplate::new(409)
                .insert_header("x-openstack-request-id", "req-theirs")
                .set_body_json(json!({"NeutronError": {"type": "T", "message": "m"}})),
        )
        .mount(&cloud.server)
        .await;
    let error = session(&cloud)
        .send(&trip(&cloud), look())
        .await
        .err()
        .unwrap();
    assert_eq!(error.remote_request_id.as_deref(), Some("req-theirs"));
    assert_eq!(error.remote_call.as_deref(), Some("GET /ports"));
    assert!(error.message.contains("T: m"), "{error}");
    let sent = cloud.seen("GET", PORTS).await;
    assert_eq!(
        sent[0].headers["x-openstack-request-id"],
        crate::testing::ctx().request_id.as_str()
    );
}
