//! What the API tells of an operation: its plan before, its steps and their times while it runs, and
//! of a failure where it was, by which call, and what to do.

use protector_driver_mock::world::{Fault, Rule, Script};
use protector_framework::ErrorKind;
use protector_tests::sites::{Client, Side, ensure};
use serde_json::{Value, json};

use crate::world::World;

async fn shown(client: &Client, id: &str) -> Value {
    let reply = client.get(&format!("/operations/{id}")).await.unwrap();
    reply.expect(200).unwrap()["operation"].clone()
}

fn step<'a>(of: &'a Value, key: &str) -> &'a Value {
    let steps = of["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["key"] == key);
    found.unwrap_or_else(|| panic!("{key} of {of:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_tells_its_plan_its_times_and_where_it_failed_by_which_call() {
    let world = World::new().await;
    let (group, _servers) = world.protected(&["web"]).await;
    let pair = &world.pair;
    let (a, b) = pair.tenants().unwrap();
    let site_b = pair.site_id(Side::A, Side::B).await.unwrap();

    let dry = json!({"type": "planned", "dry_run": true});
    let plan = a.act(&group.id, "failover", dry).await.unwrap();
    let plan = plan.expect(200).unwrap()["plan"].clone();
    let stop = step(&plan, "stop/web");
    assert_eq!(stop["cancel_safe"], false);
    assert!(stop["undo"].as_str().unwrap().contains("start"), "{stop:#}");
    assert_eq!(stop["undo_calls"][1]["verb"], "unlock_server");
    assert_eq!(stop["calls"][1]["when"], "the server runs");
    assert_eq!(step(&plan, "presync")["cancel_safe"], true);
    assert_eq!(step(&plan, "commit")["undo"], Value::Null);
    for step in plan["steps"].as_array().unwrap() {
        assert!(!step["idempotent_by"].as_str().unwrap().is_empty());
    }

    let quota = Fault::Error {
        kind: ErrorKind::QuotaExceeded,
        message: "Quota exceeded for cores".to_owned(),
    };
    let rules = vec![Rule::new("ensure_server", quota)];
    pair.b.cloud.set_faults(&Script { rules }).unwrap();
    let started = b
        .start(&group.id, "failover", json!({"type": "planned"}))
        .await
        .unwrap();
    let mut seen = 0;
    let over = async || {
        let now = shown(&b, &started.id).await;
        let progress = now["progress"].as_u64().unwrap();
        assert!(progress >= seen, "it went back from {seen}: {now:#}");
        seen = progress;
        let over = !matches!(now["status"].as_str(), Some("queued" | "running"));
        ensure(over, || format!("{now:#}"))
    };
    pair.until(60, over).await.unwrap();
    let failed = shown(&b, &started.id).await;
    let error = &failed["error"];
    assert_eq!(error["step"], "boot/web", "{failed:#}");
    assert_eq!(error["site_id"], site_b.as_str());
    assert_eq!(error["remote_call"], "ensure_server");
    assert!(
        error["remote_request_id"]
            .as_str()
            .unwrap()
            .starts_with("req-")
    );
    assert!(
        error["what_to_do"].as_str().unwrap().contains("quota"),
        "{error:#}"
    );
    assert_eq!(step(&failed, "boot/web")["status"], "failed");
    assert!(failed["progress"].as_u64().unwrap() < 100);
    let sync = step(&failed, "sync");
    assert_eq!(sync["status"], "done");
    assert!(sync["seconds"].as_f64().unwrap() >= 0.0, "{sync:#}");
    assert!(sync["started_at"].as_str() <= sync["finished_at"].as_str());
    assert_eq!(sync["progress"]["unit"], "bytes");
    // The list tells of operations, not of their steps.
    let list = b.get("/operations").await.unwrap().expect(200).unwrap();
    assert_eq!(list["operations"][0].get("steps"), None);

    pair.b.cloud.set_faults(&Script::default()).unwrap();
    let retry = format!("/operations/{}/action", started.id);
    let again = b.post(&retry, &json!({"retry": {}})).await.unwrap();
    assert_eq!(again.expect(202).unwrap()["operation"]["progress"], 0);
    b.completed(&started.id).await.unwrap();
    let done = shown(&b, &started.id).await;
    assert_eq!(done["progress"], 100);
    assert_eq!(done["error"], Value::Null);
    assert_eq!(step(&done, "boot/web")["status"], "done");
}
