//! Engines die and others take over: all is done, and nothing twice.

use std::time::Duration;

use protector_tests::sites::{Client, OperationView, Pair, Server, Side, ensure};
use serde_json::json;

use crate::world::World;

/// Waits until a step whose key begins so is running or done.
async fn reached(pair: &Pair, client: &Client, operation: &str, key: &str) {
    let begun = async || {
        let steps = client.steps(operation).await?;
        let step = steps.iter().find(|step| step.key.starts_with(key));
        let begun = step.is_some_and(|s| matches!(s.status.as_str(), "running" | "done"));
        ensure(begun, || format!("{key} is not begun: {steps:?}"))
    };
    pair.until(30, begun).await.unwrap();
}

/// A failover to site-b that has come as far as a step; its cloud takes its time.
async fn failover_at(pair: &Pair, client: &Client, group: &str, key: &str) -> OperationView {
    pair.b
        .cloud
        .set_transition(Duration::from_millis(500))
        .unwrap();
    let planned = json!({"type": "planned"});
    let operation = client.start(group, "failover", planned).await.unwrap();
    reached(pair, client, &operation.id, key).await;
    operation
}

/// All servers run at site-b with their data, and there is nothing that nobody needs.
fn once_only(pair: &Pair, servers: &[Server]) {
    pair.all_run(Side::B, servers).unwrap();
    pair.all_parked(Side::A, servers).unwrap();
    pair.check(Side::B, servers, "first").unwrap();
    let found = pair.b.inventory().unwrap();
    assert_eq!(found.servers.len(), servers.len(), "{found:#?}");
    assert_eq!(found.ports.len(), servers.len(), "{found:#?}");
    assert_eq!(found.volumes.len(), servers.len() * 2, "{found:#?}");
    assert_eq!(found.groups.len(), 1, "{found:#?}");
}

async fn killed_at(key: &str) {
    let mut world = World::new().await;
    let (group, servers) = world.protected(&["db", "web"]).await;
    let pair = &mut world.pair;
    let b = pair.b.tenant().unwrap();
    let operation = failover_at(pair, &b, &group.id, key).await;
    pair.b.kill_engine().await.unwrap();
    assert!(!b.operation(&operation.id).await.unwrap().is_over());
    pair.b.start_engine().await.unwrap();
    b.completed(&operation.id).await.unwrap();
    once_only(pair, &servers);
}

/// One test, because all three wait, at the same time, until the dead engine's lease is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_goes_on_after_its_engine_was_killed_and_nothing_is_made_twice() {
    tokio::join!(
        killed_at("adopt/"),
        killed_at("boot/"),
        a_second_engine_takes_over()
    );
}

/// It leaves a living one alone, and takes over from a dead one.
async fn a_second_engine_takes_over() {
    let mut world = World::new().await;
    let (group, servers) = world.protected(&["db", "web"]).await;
    let pair = &mut world.pair;
    let b = pair.b.tenant().unwrap();
    let operation = failover_at(pair, &b, &group.id, "copy/").await;
    let second = pair.b.another_engine().await.unwrap();
    reached(pair, &b, &operation.id, "boot/").await;
    let steps = b.steps(&operation.id).await.unwrap();
    assert!(steps.iter().all(|step| step.attempt <= 1), "{steps:?}");
    pair.b.kill_engine().await.unwrap();
    b.completed(&operation.id).await.unwrap();
    once_only(pair, &servers);
    second.kill().await.unwrap();
}
