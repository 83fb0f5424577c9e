//! The audit trail: one event for each act, done or refused, and none for what only reads.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use super::rules::routes;
use super::{Answer, World};

/// What was told since the last question.
#[derive(Clone, Default)]
struct Trail(Arc<Mutex<Vec<Value>>>);

impl Trail {
    /// Keeps what this thread tells for as long as the guard lives.
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let trail = Self::default();
        let subscriber = tracing_subscriber::registry().with(trail.clone());
        (trail, tracing::subscriber::set_default(subscriber))
    }

    fn told(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The only event.
    fn one(&self, of: &str) -> Value {
        let told = self.told();
        assert_eq!(told.len(), 1, "{of}: {told:#?}");
        told.into_iter().next().unwrap()
    }
}

impl<S: Subscriber> Layer<S> for Trail {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        if event.metadata().target() == "protector_audit" {
            let mut message = Message(String::new());
            event.record(&mut message);
            let event = serde_json::from_str(&message.0).unwrap();
            self.0.lock().unwrap().push(event);
        }
    }
}

async fn act(world: &World, path: &str, token: &str, body: &Value) -> Answer {
    world.send("POST", path, token, body).await
}

const ACTION: &str = "/v1/a1b2c3/protection-groups/web/action";

#[tokio::test]
async fn each_act_is_told_once_whoever_is_refused_and_reading_is_not() {
    let (trail, _kept) = Trail::begin();
    let world = World::new();
    let mut acts = 0;
    for route in routes() {
        let of = format!("{} {}", route.method, route.operation);
        let body = route.body.as_ref().map(Value::to_string);
        let ask = async |token| {
            let headers = [("X-Auth-Token", token)];
            world
                .ask(&route.method, &route.path, &headers, body.as_deref())
                .await
        };
        let (allowed, refused) = match route.operation.as_str() {
            "fail_over_site" => ("dr_site_admin@system", "admin@a1b2c3"),
            id if id.starts_with("peer_") => ("service@services", "member@a1b2c3"),
            _ => ("admin@a1b2c3", "member@other"),
        };
        let (answer, reads) = (ask(allowed).await, route.method == "GET");
        assert_ne!(answer.status, 403, "{of}");
        if reads || route.operation.starts_with("peer_") {
            assert_eq!(trail.told(), Vec::<Value>::new(), "{of}");
        } else {
            acts += 1;
            let told = trail.one(&of);
            let (stage, outcome) = match answer.status {
                202 => ("accepted", "pending"),
                200..300 => ("done", "success"),
                _ => ("refused", "failure"),
            };
            assert_eq!(
                (&told["stage"], &told["outcome"]),
                (&json!(stage), &json!(outcome)),
                "{of}"
            );
            assert_eq!(told["reason"]["reasonCode"], answer.status.to_string());
            assert_eq!(told["initiator"]["id"], "user");
            let request = answer.header("x-openstack-request-id");
            assert_eq!(told["initiator"]["request_id"], request);
            assert!(told["eventTime"].is_string() && told["id"].is_string());
        }
        let answer = ask(refused).await;
        if answer.status == 403 && !reads {
            let told = trail.one(&of);
            assert_eq!(told["stage"], "refused");
            assert_eq!(told["outcome"], "failure");
            assert_eq!(told["reason"]["reasonCode"], "403");
        } else {
            assert!(reads, "{of} lets everybody in: {}", answer.status);
            assert_eq!(trail.told(), Vec::<Value>::new(), "{of}");
        }
    }
    assert!(acts > 20, "{acts}");
}

#[tokio::test]
async fn every_action_is_told_by_its_name_with_its_group_and_operation() {
    let (trail, _kept) = Trail::begin();
    let world = World::new();
    for name in [
        "failover",
        "failback",
        "test_failover",
        "test_cleanup",
        "sync",
        "reprotect",
        "cleanup",
        "reset",
    ] {
        let asked = match name {
            "failover" | "failback" => json!({ "type": "planned" }),
            _ => json!({}),
        };
        let answer = act(&world, ACTION, "member@a1b2c3", &json!({ name: asked })).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let told = trail.one(name);
        let operation = &answer.json()["operation"];
        assert_eq!(told["action"], format!("protection_group.{name}"));
        assert_eq!(told["operations"], json!([operation["id"]]));
        assert_eq!(told["target"]["id"], "web");
        assert_eq!(
            told["target"]["protection_group"],
            operation["protection_group_id"]
        );
        assert_eq!(told["initiator"]["project_id"], "a1b2c3");

        let mut dry = json!({ name: asked });
        dry[name]["dry_run"] = json!(true);
        let answer = act(&world, ACTION, "member@a1b2c3", &dry).await;
        if answer.status == 200 {
            assert_eq!(trail.told(), Vec::<Value>::new(), "nothing is done: {name}");
        } else {
            trail.told();
        }
        act(&world, ACTION, "member@other", &json!({ name: asked }))
            .await
            .refused(403);
        assert_eq!(trail.one(name)["stage"], "refused");
    }
    let path = "/v1/a1b2c3/operations/00000000-0000-0000-0000-000000000065/action";
    for asked in [
        json!({ "cancel": {} }),
        json!({ "retry": {} }),
        json!({ "skip": { "step": "boot/a", "reason": "marked-reason" } }),
        json!({ "cleanup": {} }),
    ] {
        let answer = act(&world, path, "member@a1b2c3", &asked).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let name = asked.as_object().unwrap().keys().next().unwrap();
        let told = trail.one(name);
        assert_eq!(told["action"], format!("operation.{name}"));
        // What a request carries is not in it.
        assert!(!told.to_string().contains("marked"), "{told}");
    }
}

#[tokio::test]
async fn no_token_no_event_and_no_body_in_one() {
    let (trail, _kept) = Trail::begin();
    let world = World::new();
    world
        .ask("POST", ACTION, &[], Some("{}"))
        .await
        .refused(401);
    assert_eq!(trail.told(), Vec::<Value>::new());
    let policy = json!({ "policy": {
        "driver": "mock", "primary_fa_url": "https://a", "secondary_fa_url": "https://b",
        "primary_fa_api_token": "marked-token", "rpo_minutes": 5 } });
    let path = "/v1/a1b2c3/protection-groups/web/policy";
    for token in ["member@a1b2c3", "member@other"] {
        world.send("POST", path, token, &policy).await;
        let told = trail.one(token).to_string();
        assert!(!told.contains("marked") && !told.contains(token), "{told}");
    }
}
