//! Would a failover work now? Asked at both sites, answered with every reason why not.

use protector_driver_mock::world::Quota;
use protector_tests::sites::{Client, Group, Side};
use serde_json::{Value, json};

use crate::world::World;

async fn readiness(client: &Client, group: &Group, query: &str) -> Value {
    let path = format!("/protection-groups/{}/readiness{query}", group.id);
    let reply = client.get(&path).await.unwrap().expect(200).unwrap();
    reply["readiness"].clone()
}

async fn health(client: &Client, group: &Group) -> Value {
    let path = format!("/protection-groups/{}/health", group.id);
    let reply = client.get(&path).await.unwrap().expect(200).unwrap();
    reply["health"].clone()
}

fn codes(readiness: &Value) -> Vec<&str> {
    let findings = readiness["findings"].as_array().unwrap();
    let counts = findings.iter().filter(|f| f["severity"] != "info");
    counts.map(|f| f["code"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sites_tell_what_would_keep_a_failover_from_working() {
    let mut world = World::new().await;
    let (group, servers) = world.protected(&["db"]).await;
    let pair = &mut world.pair;
    let (a, b) = pair.tenants().unwrap();
    for client in [&a, &b] {
        let well = readiness(client, &group, "").await;
        assert_eq!(well["ready"], true, "{well}");
        assert_eq!(well["for"], "planned");
        assert_eq!(well["predicted_rpo_seconds"], 0);
        assert!(well["predicted_rto_seconds"].is_u64(), "{well}");
        assert!(well["achieved_rpo_seconds"].is_u64(), "{well}");
        assert_eq!(well["verdicts"].as_array().unwrap().len(), 3);
        let health = health(client, &group).await;
        assert_eq!(health["failover_ready"], true, "{health}");
        assert_eq!(
            (&health["link"], &health["rpo_met"]),
            (&json!("up"), &json!(true))
        );
        assert_eq!(health["sync_status"], "in_sync", "{health}");
    }

    // The target has no room: what is asked for while nothing is wrong is refused by the same words.
    let quota = Quota {
        vcpus: Some(0),
        ..Quota::default()
    };
    let project = pair.b.furniture.project.clone();
    pair.b.cloud.set_quota(&project, quota).unwrap();
    for query in ["", "?for=unplanned", "?for=test"] {
        let short = readiness(&a, &group, query).await;
        assert_eq!(short["ready"], false, "{short}");
        let finding = &short["findings"][0];
        assert_eq!(finding["severity"], "blocker");
        assert_eq!(finding["code"], "quota_short");
        assert_eq!(finding["object"]["name"], "cores");
        assert!(
            finding["what_to_do"].as_str().unwrap().contains("raise"),
            "{finding}"
        );
    }
    let asked = a
        .start(&group.id, "failover", json!({"type": "planned"}))
        .await;
    let ended = a.ended(&asked.unwrap().id).await.unwrap();
    assert_eq!(ended.status, "error");
    let error = ended.error.unwrap();
    assert!(error.message.contains("`cores`"), "{error:?}");
    pair.all_run(Side::A, &servers).unwrap();
    pair.b.cloud.set_quota(&project, Quota::default()).unwrap();
    assert_eq!(codes(&readiness(&a, &group, "").await), [""; 0]);

    // The group itself shows what the engine has seen, and when.
    pair.until(60, async || {
        let path = format!("/protection-groups/{}", group.id);
        let shown = a.get(&path).await?.expect(200)?;
        let seen = &shown["protection_group"]["readiness"];
        let known = seen["as_of"].is_string() && seen["blockers"].is_u64();
        protector_tests::clouds::failure::ensure(known, || shown.to_string())
    })
    .await
    .unwrap();

    for wrong in ["?for=never", "?purpose=test"] {
        let path = format!("/protection-groups/{}/readiness{wrong}", group.id);
        a.get(&path).await.unwrap().refused(400).unwrap();
    }
    let path = "/protection-groups/nothing/readiness";
    a.get(path).await.unwrap().refused(404).unwrap();

    // The source is lost: the answer comes all the same, and says what an unplanned move would give.
    pair.a.lose().await.unwrap();
    let lost = readiness(&b, &group, "?for=unplanned").await;
    assert_eq!(lost["ready"], true, "{lost}");
    assert!(codes(&lost).contains(&"site_unreachable"), "{lost}");
    assert_eq!(lost["predicted_rpo_seconds"], lost["achieved_rpo_seconds"]);
    let verdicts = lost["verdicts"].as_array().unwrap();
    assert_eq!(verdicts[0]["ready"], false, "{lost}");
    assert_eq!(health(&b, &group).await["failover_ready"], false);
}
