//! What changes servers, and in which of their states.

use std::sync::Arc;

use protector_framework::{
    ComputeDriver, ErrorKind, FindServer, GetConsole, Result, ServerRef, ServerStatus,
    SetDeleteOnTermination,
};
use serde_json::{Value, json};

use super::server;
use crate::testing::{FakeCloud, OWN, TENANT, ctx, query, token_of};

const SERVER: &str = "/compute/v2.1/servers/s1";
const ACTION: &str = "/compute/v2.1/servers/s1/action";

async fn cloud_with(server: Value) -> FakeCloud {
    let cloud = FakeCloud::start().await;
    cloud
        .says("GET", SERVER, 200, json!({"server": server}))
        .await;
    cloud.says("POST", ACTION, 202, json!({})).await;
    cloud
}

fn at_task(status: &str, task: &str) -> Value {
    let mut body = server("s1", status);
    body["OS-EXT-STS:task_state"] = json!(task);
    body
}

async fn act(driver: &Arc<dyn ComputeDriver>, verb: &str) -> Result<()> {
    let server = ServerRef::new("s1");
    match verb {
        "stop" => driver.stop_server(&ctx(), server).await,
        "start" => driver.start_server(&ctx(), server).await,
        "park" => driver.park_server(&ctx(), server).await,
        "unpark" => driver.unpark_server(&ctx(), server).await,
        "lock" => driver.lock_server(&ctx(), server).await,
        "unlock" => driver.unlock_server(&ctx(), server).await,
        _ => driver.delete_server(&ctx(), server).await,
    }
}

/// The only action that was sent, and whose token it carried.
async fn sent(cloud: &FakeCloud) -> Option<(Value, String)> {
    let sent = cloud.seen("POST", ACTION).await;
    assert!(sent.len() < 2);
    let first = sent.first()?;
    Some((first.body_json().unwrap(), token_of(first)))
}

#[tokio::test]
async fn each_verb_does_in_each_state_what_it_promises() {
    let conflict = Err(ErrorKind::Conflict);
    let busy = Err(ErrorKind::Busy);
    for (verb, body, expected) in [
        ("stop", server("s1", "ACTIVE"), Ok(Some("os-stop"))),
        ("stop", server("s1", "SHUTOFF"), Ok(None)),
        ("stop", server("s1", "SHELVED_OFFLOADED"), Ok(None)),
        ("stop", at_task("ACTIVE", "powering-off"), Ok(None)),
        // Off, and somebody has just started it.
        ("stop", at_task("SHUTOFF", "powering-on"), busy),
        ("stop", at_task("SHELVED_OFFLOADED", "unshelving"), busy),
        ("stop", server("s1", "PAUSED"), conflict),
        ("stop", server("s1", "BUILD"), busy),
        ("start", server("s1", "SHUTOFF"), Ok(Some("os-start"))),
        ("start", server("s1", "ACTIVE"), Ok(None)),
        ("start", server("s1", "SHELVED_OFFLOADED"), conflict),
        ("start", at_task("ACTIVE", "powering-off"), busy),
        ("park", server("s1", "SHUTOFF"), Ok(Some("shelve"))),
        ("park", server("s1", "SHELVED"), Ok(Some("shelveOffload"))),
        ("park", server("s1", "SHELVED_OFFLOADED"), Ok(None)),
        ("park", at_task("SHUTOFF", "shelving"), Ok(None)),
        ("park", at_task("SHELVED_OFFLOADED", "unshelving"), busy),
        ("park", server("s1", "ACTIVE"), conflict),
        (
            "unpark",
            server("s1", "SHELVED_OFFLOADED"),
            Ok(Some("unshelve")),
        ),
        ("unpark", server("s1", "ACTIVE"), Ok(None)),
        (
            "unpark",
            at_task("SHELVED_OFFLOADED", "unshelving"),
            Ok(None),
        ),
        ("unpark", at_task("ACTIVE", "powering-off"), busy),
        ("unpark", server("s1", "SHUTOFF"), conflict),
        ("unlock", server("s1", "ACTIVE"), Ok(None)),
    ] {
        let cloud = cloud_with(body.clone()).await;
        let done = act(&cloud.compute(), verb).await;
        let action = sent(&cloud)
            .await
            .map(|(body, _)| body.as_object().unwrap().keys().next().unwrap().clone());
        let done = done.map(|()| action.as_deref()).map_err(|error| error.kind);
        assert_eq!(done, expected, "{verb} {body}");
    }
}

#[tokio::test]
async fn what_somebody_else_has_done_meanwhile_is_success() {
    for (verb, before, after) in [
        ("stop", "ACTIVE", "SHUTOFF"),
        ("start", "SHUTOFF", "ACTIVE"),
        ("park", "SHUTOFF", "SHELVED_OFFLOADED"),
        ("unpark", "SHELVED_OFFLOADED", "ACTIVE"),
    ] {
        let cloud = FakeCloud::start().await;
        let shown = |status| json!({"server": server("s1", status)});
        cloud.says_once("GET", SERVER, 200, shown(before)).await;
        cloud.says("GET", SERVER, 200, shown(after)).await;
        let refusal = json!({"conflictingRequest": {"message": "in another state"}});
        cloud.says("POST", ACTION, 409, refusal).await;
        let done = act(&cloud.compute(), verb).await;
        assert!(done.is_ok(), "{verb}: {done:?}");
    }
}

#[tokio::test]
async fn a_locked_server_is_changed_with_the_services_own_rights() {
    for (locked, whose) in [(false, "trust"), (true, TENANT)] {
        let mut body = server("s1", "ACTIVE");
        body["locked"] = json!(locked);
        let cloud = cloud_with(body).await;
        act(&cloud.trusted(), "stop").await.unwrap();
        assert_eq!(sent(&cloud).await.unwrap().1, whose);
    }
}

#[tokio::test]
async fn a_lock_is_made_from_outside_the_project() {
    let cloud = cloud_with(server("s1", "SHUTOFF")).await;
    act(&cloud.trusted(), "lock").await.unwrap();
    let (body, whose) = sent(&cloud).await.unwrap();
    assert_eq!(
        whose, OWN,
        "the owner could undo a lock made in its own project"
    );
    assert!(body["lock"]["locked_reason"].is_string());

    // Reasons came with 2.73.
    let cloud = FakeCloud::with_versions("2.72", "3.62").await;
    cloud
        .says(
            "GET",
            SERVER,
            200,
            json!({"server": server("s1", "SHUTOFF")}),
        )
        .await;
    cloud.says("POST", ACTION, 202, json!({})).await;
    act(&cloud.compute(), "lock").await.unwrap();
    assert_eq!(sent(&cloud).await.unwrap().0, json!({"lock": null}));

    let cloud = cloud_with(server("s1", "SHUTOFF")).await;
    let only = json!({"projects": [{"id": TENANT, "name": "web"}]});
    cloud.says("GET", "/v3/auth/projects", 200, only).await;
    let error = act(&cloud.compute(), "lock").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(
        error.message.contains("grant the account the role `admin`"),
        "{error}"
    );
    assert!(cloud.changes().await.is_empty());
}

#[tokio::test]
async fn anothers_server_does_not_exist() {
    let mut body = server("s1", "ACTIVE");
    body["tenant_id"] = json!("other");
    let cloud = cloud_with(body).await;
    let driver = cloud.compute();
    for verb in ["stop", "start", "park", "unpark", "lock", "unlock"] {
        assert_eq!(
            act(&driver, verb).await.unwrap_err().kind,
            ErrorKind::NotFound,
            "{verb}"
        );
    }
    act(&driver, "delete").await.unwrap();
    let keep = SetDeleteOnTermination::new("s1", "v1", false);
    let error = driver
        .set_delete_on_termination(&ctx(), keep)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(cloud.changes().await.is_empty());
}

#[tokio::test]
async fn a_refusal_while_the_cloud_is_busy_is_busy() {
    let cloud = FakeCloud::start().await;
    let free = json!({"server": server("s1", "ACTIVE")});
    cloud.says_once("GET", SERVER, 200, free).await;
    let busy = json!({"server": at_task("ACTIVE", "migrating")});
    cloud.says("GET", SERVER, 200, busy).await;
    let refusal = json!({"conflictingRequest": {"message": "task_state migrating"}});
    cloud.says("POST", ACTION, 409, refusal).await;
    let error = act(&cloud.compute(), "stop").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(error.is_transient());
}

#[tokio::test]
async fn deleting_ends_with_no_server() {
    let cloud = cloud_with(server("s1", "SHUTOFF")).await;
    cloud
        .on("DELETE", SERVER)
        .respond_with(wiremock::ResponseTemplate::new(204))
        .mount(&cloud.server)
        .await;
    act(&cloud.compute(), "delete").await.unwrap();
    assert_eq!(cloud.changes().await, [format!("DELETE {SERVER}")]);

    let cloud = cloud_with(at_task("ACTIVE", "deleting")).await;
    act(&cloud.compute(), "delete").await.unwrap();
    assert!(cloud.changes().await.is_empty());

    let cloud = FakeCloud::start().await;
    cloud.says("GET", SERVER, 404, json!({})).await;
    act(&cloud.compute(), "delete").await.unwrap();
}

#[tokio::test]
async fn a_server_is_told_as_it_is() {
    let mut body = at_task("ERROR", "spawning");
    body["fault"] = json!({"code": 500, "message": "No valid host"});
    body["tags"] = json!(["t"]);
    body["locked"] = json!(true);
    let cloud = cloud_with(body).await;
    let now = cloud
        .compute()
        .get_server(&ctx(), ServerRef::new("s1"))
        .await
        .unwrap();
    assert_eq!(now.status, ServerStatus::Error);
    assert_eq!(now.raw_status, "ERROR (spawning)");
    assert!(now.busy && now.locked && now.volumes[0].delete_on_termination);
    assert_eq!(
        (now.fault.as_deref(), now.tags),
        (Some("No valid host"), vec!["t".to_owned()])
    );
}

#[tokio::test]
async fn tagged_servers_come_oldest_first() {
    let cloud = FakeCloud::start().await;
    let at = "/compute/v2.1/servers/detail";
    // Nova lists a server for a moment after it has called it deleted.
    let listed = json!({"servers": [server("s0", "DELETED"), server("s1", "ACTIVE")]});
    cloud.says("GET", at, 200, listed).await;
    let found = cloud
        .compute()
        .find_servers(&ctx(), FindServer::new("a b"))
        .await
        .unwrap();
    let ids: Vec<_> = found.iter().map(|server| server.id.as_str()).collect();
    assert_eq!(ids, ["s1"]);
    let asked = cloud.seen("GET", at).await;
    for (name, value) in [
        ("tags", "a b"),
        ("sort_key", "created_at"),
        ("sort_dir", "asc"),
    ] {
        assert_eq!(query(&asked[0], name).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn what_happens_to_a_volume_is_set() {
    let cloud = cloud_with(server("s1", "SHUTOFF")).await;
    let at = format!("{SERVER}/os-volume_attachments/v1");
    cloud
        .on("PUT", &at)
        .respond_with(wiremock::ResponseTemplate::new(202))
        .mount(&cloud.server)
        .await;
    let keep = SetDeleteOnTermination::new("s1", "v1", false);
    cloud
        .trusted()
        .set_delete_on_termination(&ctx(), keep)
        .await
        .unwrap();
    let sent = cloud.seen("PUT", &at).await;
    assert_eq!(token_of(&sent[0]), TENANT);
    assert_eq!(
        sent[0].body_json::<Value>().unwrap(),
        json!({"volumeAttachment": {"volumeId": "v1", "delete_on_termination": false}})
    );
}

#[tokio::test]
async fn the_end_of_a_console_is_read_and_one_that_is_not_there_yet_is_waited_for() {
    let cloud = FakeCloud::start().await;
    let ask = || GetConsole::new("s1", 50_u32);
    let body = json!({"server": server("s1", "ACTIVE")});
    cloud.says("GET", SERVER, 200, body).await;
    let output = json!({"output": "booting\nweb login: "});
    cloud.says_once("POST", ACTION, 200, output).await;
    cloud.says("POST", ACTION, 409, json!({})).await;
    let driver = cloud.compute();
    assert!(driver.capabilities().console);
    let console = driver.get_console(&ctx(), ask()).await.unwrap();
    assert!(console.text.ends_with("login: "));
    let sent: Value = cloud.seen("POST", ACTION).await[0].body_json().unwrap();
    assert_eq!(sent, json!({"os-getConsoleOutput": {"length": 50}}));
    let early = driver.get_console(&ctx(), ask()).await.unwrap_err();
    assert_eq!(early.kind, ErrorKind::Busy);
}
