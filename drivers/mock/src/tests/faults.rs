//! Calls go wrong as the script says.

use std::time::Duration;

use protector_framework::{ComputeDriver, EnsurePort, ErrorKind, FindPort, Port, ServerRef};

use super::{Pair, World, ctx};
use crate::world::{Fault, Rule, Script};

fn script(rules: Vec<Rule>) -> Script {
    Script { rules }
}

async fn port(world: &World, compute: &dyn ComputeDriver) -> protector_framework::Result<Port> {
    let req = EnsurePort::new(&world.has.network, "fa:16:3e:00:00:01");
    compute.ensure_port(&ctx(), req).await
}

#[tokio::test]
async fn a_rule_picks_calls_by_verb_target_and_number() {
    let world = World::new();
    let compute = world.compute();
    let error = Fault::Error {
        kind: ErrorKind::Busy,
        message: "try later".to_owned(),
    };
    let rule = Rule::new("get_server", error)
        .target("web-2")
        .nth(2)
        .times(2);
    world.cloud.set_faults(&script(vec![rule])).unwrap();
    let mut kinds = Vec::new();
    for (id, count) in [("web-1", 3), ("web-2", 4)] {
        for _ in 0..count {
            let server = compute.get_server(&ctx(), ServerRef::new(id)).await;
            kinds.push(server.unwrap_err().kind);
        }
    }
    use ErrorKind::{Busy, NotFound};
    assert_eq!(
        kinds,
        [NotFound, NotFound, NotFound, NotFound, Busy, Busy, NotFound]
    );
}

#[tokio::test]
async fn a_lost_reply_has_its_effect() {
    let world = World::new();
    let compute = world.compute();
    let rule = Rule::new("ensure_port", Fault::LostReply).nth(1);
    world.cloud.set_faults(&script(vec![rule])).unwrap();
    let lost = port(&world, &*compute).await.unwrap_err();
    assert_eq!(lost.kind, ErrorKind::Unreachable);
    let found = FindPort::new(&world.has.network, "fa:16:3e:00:00:01");
    let found = compute.find_port(&ctx(), found).await.unwrap().unwrap();
    assert_eq!(port(&world, &*compute).await.unwrap(), found);
}

#[tokio::test]
async fn a_hanging_call_ends_at_its_deadline() {
    let world = World::new();
    let rule = Rule::new("ensure_port", Fault::Hang);
    world.cloud.set_faults(&script(vec![rule])).unwrap();
    let compute = world.compute();
    let call = port(&world, &*compute);
    let (result, ()) = tokio::join!(call, until_asleep(&world, Duration::from_secs(60)));
    assert_eq!(result.unwrap_err().kind, ErrorKind::Timeout);
    assert!(world.cloud.inventory().unwrap().ports.is_empty());
}

#[tokio::test]
async fn a_delayed_call_comes_later() {
    let world = World::new();
    let delay = Fault::Delay { milliseconds: 5000 };
    world
        .cloud
        .set_faults(&script(vec![Rule::new("*", delay).nth(1)]))
        .unwrap();
    let compute = world.compute();
    let call = port(&world, &*compute);
    let (result, ()) = tokio::join!(call, until_asleep(&world, Duration::from_secs(5)));
    result.unwrap();
}

/// Waits until a call sleeps, then lets the time pass. Its deadline is waited for too.
async fn until_asleep(world: &World, time: Duration) {
    while world.clock.sleepers() < 2 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(time);
}

#[tokio::test]
async fn an_array_has_its_own_script() {
    let pair = Pair::new();
    let error = Fault::Error {
        kind: ErrorKind::RateLimited,
        message: "too fast".to_owned(),
    };
    let rules = vec![Rule::new("describe", error).times(1)];
    pair.a.set_faults(&script(rules)).unwrap();
    pair.target.describe(&ctx()).await.unwrap();
    let refused = pair.source.describe(&ctx()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::RateLimited);
    assert!(refused.message.contains("too fast"), "{}", refused.message);
    pair.source.describe(&ctx()).await.unwrap();
}

#[test]
fn a_script_reads_as_documented() {
    let text = r#"{"rules": [
        {"verb": "ensure_server", "nth": 1, "action": {"do": "lost_reply"}},
        {"verb": "*", "target": "web-1",
         "action": {"do": "error", "kind": "busy", "message": "try later"}}
    ]}"#;
    let script: Script = serde_json::from_str(text).unwrap();
    assert_eq!(script.rules[0].action, Fault::LostReply);
    let unknown = r#"{"rules": [{"verb": "x", "action": {"do": "explode"}}]}"#;
    assert!(serde_json::from_str::<Script>(unknown).is_err());
}
