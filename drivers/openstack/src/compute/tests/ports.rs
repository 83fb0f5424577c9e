//! Ports: the MAC is their natural key.

use protector_framework::{
    AddressPair, EnsurePort, ErrorKind, FindPort, FixedIp, PortRef, ResourceId,
};
use serde_json::{Value, json};

use super::Made;
use crate::testing::{FakeCloud, TENANT, ctx, query, token_of};

const PORTS: &str = "/network/v2.0/ports";
const MAC: &str = "fa:16:3e:00:00:01";

fn port(project: &str) -> Value {
    json!({
        "id": "p1", "name": "eth0", "network_id": "n1", "mac_address": MAC, "project_id": project,
        "device_id": "", "fixed_ips": [{"subnet_id": "s1", "ip_address": "10.0.0.5"}],
        "security_groups": ["g1"],
    })
}

fn ask() -> EnsurePort {
    EnsurePort::new("n1", MAC.to_uppercase())
        .name("eth0")
        .fixed_ips([FixedIp::new("s1", "10.0.0.5"), FixedIp::new("s2", "")])
        .security_groups([ResourceId::from("g1")])
        .allowed_address_pairs([AddressPair::new("10.0.0.9").mac_address(Some(MAC.to_owned()))])
        .port_security_enabled(Some(true))
        .vnic_type(Some("normal".to_owned()))
        .description("d")
}

#[tokio::test]
async fn a_port_is_made_by_the_service_for_the_project() {
    let cloud = FakeCloud::start().await;
    cloud.says("GET", PORTS, 200, json!({"ports": []})).await;
    cloud
        .says("POST", PORTS, 201, json!({"port": port(TENANT)}))
        .await;
    let made = cloud.trusted().ensure_port(&ctx(), ask()).await.unwrap();
    assert_eq!((made.id.as_str(), made.device_id), ("p1", None));
    let looked = cloud.seen("GET", PORTS).await;
    assert_eq!(token_of(&looked[0]), "trust");
    assert_eq!(query(&looked[0], "mac_address").as_deref(), Some(MAC));
    assert_eq!(query(&looked[0], "network_id").as_deref(), Some("n1"));
    let sent = cloud.seen("POST", PORTS).await;
    // A tenant may not choose MAC and address on a network that is only shared with it.
    assert_eq!(token_of(&sent[0]), TENANT);
    assert_eq!(
        sent[0].body_json::<Value>().unwrap(),
        json!({"port": {
            "network_id": "n1", "mac_address": MAC, "name": "eth0", "description": "d",
            "fixed_ips": [{"subnet_id": "s1", "ip_address": "10.0.0.5"}, {"subnet_id": "s2"}],
            "security_groups": ["g1"],
            "allowed_address_pairs": [{"ip_address": "10.0.0.9", "mac_address": MAC}],
            "port_security_enabled": true, "binding:vnic_type": "normal",
        }})
    );
}

#[tokio::test]
async fn a_port_that_is_there_is_the_reply() {
    let cloud = FakeCloud::start().await;
    cloud
        .says("GET", PORTS, 200, json!({"ports": [port(TENANT)]}))
        .await;
    let made = cloud.compute().ensure_port(&ctx(), ask()).await.unwrap();
    assert_eq!(made.id.as_str(), "p1");
    assert!(cloud.changes().await.is_empty());
}

#[tokio::test]
async fn a_port_whose_answer_is_lost_is_found_and_not_made_twice() {
    let cloud = FakeCloud::start().await;
    let made = Made::default();
    made.shown(&cloud, PORTS, "ports", port(TENANT)).await;
    made.by_lost(&cloud, PORTS).await;
    let driver = cloud.compute();
    let first = driver.ensure_port(&ctx(), ask()).await.unwrap();
    let again = driver.ensure_port(&ctx(), ask()).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(cloud.seen("POST", PORTS).await.len(), 1);
}

#[tokio::test]
async fn a_refusal_is_told_as_what_it_is() {
    for (status, kind_of, kind) in [
        (409, "MacAddressInUse", ErrorKind::Conflict),
        (409, "IpAddressAlreadyAllocated", ErrorKind::Conflict),
        (409, "IpAddressGenerationFailure", ErrorKind::QuotaExceeded),
        (409, "OverQuota", ErrorKind::QuotaExceeded),
        (404, "NetworkNotFound", ErrorKind::NotFound),
        (400, "InvalidInput", ErrorKind::InvalidRequest),
    ] {
        let cloud = FakeCloud::start().await;
        // The MAC is on a port of somebody else's, which an admin is shown.
        cloud
            .says("GET", PORTS, 200, json!({"ports": [port("other")]}))
            .await;
        let body = json!({"NeutronError": {"type": kind_of, "message": "m", "detail": ""}});
        cloud.says("POST", PORTS, status, body).await;
        let error = cloud
            .compute()
            .ensure_port(&ctx(), ask())
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{kind_of}: {error}");
        let found = cloud
            .compute()
            .find_port(&ctx(), FindPort::new("n1", MAC))
            .await;
        assert_eq!(found.unwrap(), None);
    }
}

#[tokio::test]
async fn only_the_projects_own_ports_are_deleted() {
    let at = |id: &str| format!("{PORTS}/{id}");
    let cloud = FakeCloud::start().await;
    cloud
        .says("GET", &at("p1"), 200, json!({"port": port(TENANT)}))
        .await;
    cloud
        .says("GET", &at("p2"), 200, json!({"port": port("other")}))
        .await;
    cloud.says("GET", &at("p3"), 404, json!({})).await;
    cloud
        .on("DELETE", &at("p1"))
        .respond_with(wiremock::ResponseTemplate::new(204))
        .mount(&cloud.server)
        .await;
    let driver = cloud.compute();
    driver
        .delete_port(&ctx(), PortRef::new("p1"))
        .await
        .unwrap();
    let error = driver
        .delete_port(&ctx(), PortRef::new("p2"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    driver
        .delete_port(&ctx(), PortRef::new("p3"))
        .await
        .unwrap();
    assert_eq!(cloud.changes().await, [format!("DELETE {}", at("p1"))]);
}
