//! What an operator watches: metrics, the alerts that rest on them, and the audit trail.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use protector_framework::Clock as _;
use protector_tests::sites::{Outcome, Side, Site, ensure};
use serde_json::{Value, json};

use crate::world::World;

const RULES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/prometheus/protector-rules.yaml"
);
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus/tests");

/// What a process shows, as Prometheus asks for it.
async fn scrape(address: SocketAddr) -> Outcome<String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()?;
    let url = format!("http://{address}/metrics");
    let reply = client.get(url).send().await?;
    let kind = reply.headers()["content-type"].to_str()?.to_owned();
    ensure(reply.status() == 200, || reply.status().to_string())?;
    ensure(kind.starts_with("text/plain; version=0.0.4"), || kind)?;
    Ok(reply.text().await?)
}

/// The value of the series that has this name and all of these labels.
fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let line = text.lines().find(|line| {
        let named = line
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['{', ' ']));
        let label = |(name, value): &(&str, &str)| line.contains(&format!("{name}=\"{value}\""));
        named && labels.iter().all(label)
    })?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// Waits until what every process of a site shows is as it should be.
async fn until(world: &World, site: &Site, holds: impl Fn(&str) -> bool) -> String {
    let mut last = String::new();
    for address in site.metrics() {
        let seen = world.pair.until(45, async || {
            last = scrape(address).await?;
            ensure(holds(&last), || last.clone())
        });
        seen.await.unwrap();
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_groups_operations_and_processes_and_forget_what_is_gone() {
    let mut world = World::new().await;
    let (group, _) = world.protected(&["db"]).await;
    let b = world.pair.b.tenant().unwrap();
    let id = [("group_id", group.id.as_str())];
    for side in Side::BOTH {
        let site = world.pair.site(side);
        assert_eq!(site.metrics().len(), 2, "the API's and the engine's");
        let text = until(&world, site, |text| {
            value(text, "protector_group_ready", &id) == Some(1.0)
                && value(text, "protector_group_sync_age_seconds", &id).is_some()
        })
        .await;
        assert_eq!(
            value(&text, "protector_group_rpo_target_seconds", &id),
            Some(7200.0)
        );
        let age = value(&text, "protector_group_rpo_seconds", &id).unwrap();
        assert!((0.0..120.0).contains(&age), "{age}");
        assert_eq!(value(&text, "protector_group_blockers", &id), Some(0.0));
        let looked = value(&text, "protector_group_readiness_age_seconds", &id);
        assert!((0.0..90.0).contains(&looked.unwrap()));
        let active = [id[0], ("status", "active")];
        assert_eq!(value(&text, "protector_group_status", &active), Some(1.0));
        assert_eq!(
            value(
                &text,
                "protector_group_last_good_test_timestamp_seconds",
                &id
            ),
            None
        );
        for binary in ["protector-api", "protector-engine"] {
            let up = value(&text, "protector_service_up", &[("binary", binary)]);
            assert_eq!(up, Some(1.0), "{binary}");
        }
        assert_eq!(value(&text, "protector_database_up", &[]), Some(1.0));
    }

    // A test that went well is known on both sites.
    b.perform(&group.id, "test_failover", json!({}))
        .await
        .unwrap();
    b.perform(&group.id, "test_cleanup", json!({}))
        .await
        .unwrap();
    let now = world.pair.env.clock.now().timestamp();
    for side in Side::BOTH {
        until(&world, world.pair.site(side), |text| {
            let tested = value(
                text,
                "protector_group_last_good_test_timestamp_seconds",
                &id,
            );
            tested.is_some_and(|at| (at as i64 - now).abs() < 60)
        })
        .await;
    }

    // Without an engine an operation waits, and the API says so.
    world.pair.b.kill_engine().await.unwrap();
    let test = b
        .start(&group.id, "test_failover", json!({}))
        .await
        .unwrap();
    let path = format!("/operations/{}/action", test.id);
    b.post(&path, &json!({"cancel": {}}))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    let planned = json!({"type": "planned"});
    let waits = b.start(&group.id, "failover", planned).await.unwrap();
    let queued = [("kind", "failover"), ("status", "queued")];
    let unfinished = "protector_operations_unfinished";
    let mut all = until(&world, &world.pair.b, |text| {
        value(text, unfinished, &queued) == Some(1.0)
            && value(text, "protector_operations_oldest_seconds", &queued[1..]).is_some()
    })
    .await;
    let elsewhere = scrape(world.pair.a.metrics()[0]).await.unwrap();
    assert_eq!(
        value(&elsewhere, unfinished, &queued),
        None,
        "the executor's site counts it"
    );
    world.pair.b.start_engine().await.unwrap();
    b.completed(&waits.id).await.unwrap();
    let ended = "protector_operations_last_end_timestamp_seconds";
    // It ended before an engine had taken it.
    let cancelled = [("kind", "test_failover"), ("outcome", "cancelled")];
    all += &until(&world, &world.pair.b, |text| {
        let of = [("kind", "failover"), ("outcome", "completed")];
        let step = [("kind", "failover"), ("step", "boot"), ("outcome", "done")];
        value(text, unfinished, &queued).is_none()
            && value(text, "protector_operation_seconds_count", &of) >= Some(1.0)
            && value(text, "protector_operation_seconds_count", &cancelled) >= Some(1.0)
            && value(text, ended, &of).is_some()
            && value(text, ended, &cancelled).is_some()
            && value(text, "protector_step_seconds_count", &step) >= Some(1.0)
    })
    .await;

    // What is counted on the way.
    let requests = [("operation", "protection_group_action"), ("code", "202")];
    assert!(
        value(&all, "protector_api_requests_total", &requests) >= Some(3.0),
        "{all}"
    );
    for (name, labels) in [
        ("protector_api_request_seconds_count", requests[0]),
        ("protector_token_lookups_total", ("source", "memory")),
        ("protector_token_lookups_total", ("source", "identity")),
        ("protector_peer_calls_total", ("outcome", "ok")),
        ("protector_driver_calls_total", ("outcome", "ok")),
        ("protector_driver_call_seconds_count", ("kind", "storage")),
    ] {
        assert!(
            value(&all, name, &[labels]) >= Some(1.0),
            "{name} {labels:?}: {all}"
        );
    }
    rests_on(&all);
    // Ids, and nobody's names; no secret at all.
    let whose = [&group.name, &world.pair.mark, &"db-root".to_owned()];
    for name in whose {
        assert!(!all.contains(name.as_str()), "{name} is shown");
    }

    // A group that is gone is not shown any more.
    let path = format!("/protection-groups/{}", group.id);
    let gone = b.delete(&path).await.unwrap().expect(202).unwrap();
    let operation = gone["operation"]["id"].as_str().unwrap().to_owned();
    b.completed(&operation).await.unwrap();
    for side in Side::BOTH {
        until(&world, world.pair.site(side), |text| {
            !text.contains(&group.id)
        })
        .await;
    }
}

/// Every metric that an alert rests on is shown, and Prometheus accepts all of it, where its tool is.
fn rests_on(shown: &str) {
    let rules = std::fs::read_to_string(RULES).unwrap();
    let words = rules.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names: BTreeSet<&str> = words
        .filter(|word| word.starts_with("protector_"))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(
            shown.contains(name),
            "an alert rests on {name}, which nobody shows"
        );
    }
}

/// The files with cases of alerts.
fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(CASES).unwrap();
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 3, "{files:?}");
    files
}

/// The alerts that a text has cases of, and whether each of them raises it.
fn tried(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut lines = text.lines().map(str::trim);
    std::iter::from_fn(move || {
        let name = lines.find_map(|line| line.strip_prefix("alertname: "))?;
        let raises = match lines.next()? {
            "exp_alerts: []" => false,
            "exp_alerts:" => true,
            other => panic!("after the name of {name} comes `{other}`"),
        };
        Some((name, raises))
    })
}

#[test]
fn each_alert_has_a_case_in_which_it_is_raised_and_one_in_which_it_is_not() {
    let rules = std::fs::read_to_string(RULES).unwrap();
    let alerts = rules.lines().map(str::trim);
    let alerts: BTreeSet<&str> = alerts
        .filter_map(|line| line.strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    let texts: Vec<String> = cases()
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let tried: BTreeSet<(&str, bool)> = texts.iter().flat_map(|text| tried(text)).collect();
    for raised in [true, false] {
        let of = tried.iter().filter(|(_, is)| *is == raised);
        let of: BTreeSet<&str> = of.map(|(name, _)| *name).collect();
        assert_eq!(of, alerts, "cases in which they are raised: {raised}");
    }
}

#[test]
fn the_alerts_are_raised_when_they_should_be() {
    let run = Command::new("promtool")
        .args(["test", "rules"])
        .args(cases())
        .output();
    let Ok(run) = run else {
        assert!(
            std::env::var_os("CI").is_none(),
            "promtool is not installed, and CI must not skip"
        );
        println!("skipped: promtool is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&run.stdout);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}{errors}");
}

/// The events of an operation in the audit trail.
fn trail(world: &World, operation: &str) -> Vec<Value> {
    let text = world.logs.text();
    let lines = text.lines().filter(|line| line.contains(operation));
    lines
        .filter_map(|line| line.split_once("protector_audit: "))
        .filter_map(|(_, event)| serde_json::from_str(event).ok())
        .collect()
}

/// How far it was told, in the order in which it was.
fn stages(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["stage"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_has_one_beginning_and_one_end_of_each_operation_however_it_ends() {
    let mut world = World::new().await;
    let (group, _) = world.protected(&["db"]).await;
    let a = world.pair.a.tenant().unwrap();
    let b = world.pair.b.tenant().unwrap();
    let done = a.perform(&group.id, "sync", json!({})).await.unwrap();
    // Nobody ever takes these: one is cancelled before, one gives way to another.
    world.pair.b.kill_engine().await.unwrap();
    let test = b
        .start(&group.id, "test_failover", json!({}))
        .await
        .unwrap();
    let path = format!("/operations/{}/action", test.id);
    b.post(&path, &json!({"cancel": {}}))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    let older = json!({"type": "planned"});
    let older = b.start(&group.id, "failover", older).await.unwrap();
    let newer = json!({"type": "unplanned", "force": true});
    let newer = b.start(&group.id, "failover", newer).await.unwrap();
    world.pair.b.start_engine().await.unwrap();
    b.ended(&newer.id).await.unwrap();

    for (operation, kind, outcome, reason) in [
        (&done.id, "sync", "success", "completed"),
        (&test.id, "test_failover", "failure", "cancelled"),
        (&older.id, "failover", "failure", "cancelled"),
        (&newer.id, "failover", "success", "completed"),
    ] {
        let told = world.pair.until(30, async || {
            let events = trail(&world, operation);
            ensure(stages(&events).contains(&"ended"), || {
                format!("{kind}: {events:#?}")
            })
        });
        told.await.unwrap();
        let events = trail(&world, operation);
        let mut expected = vec!["accepted", "ended"];
        if *operation == test.id {
            // That it was cancelled was asked for, too.
            expected.insert(1, "accepted");
        }
        assert_eq!(stages(&events), expected, "{events:#?}");
        let (first, last) = (&events[0], &events[events.len() - 1]);
        for event in [first, last] {
            assert_eq!(event["action"], format!("protection_group.{kind}"));
            assert_eq!(event["target"]["protection_group"], group.id);
            assert!(event["initiator"]["id"].is_string(), "{event}");
        }
        assert_eq!(first["initiator"]["id"], last["initiator"]["id"]);
        assert_eq!(
            first["initiator"]["request_id"],
            last["initiator"]["request_id"]
        );
        assert_eq!(first["outcome"], "pending");
        assert_eq!(last["outcome"], outcome, "{last}");
        assert_eq!(last["reason"]["reasonCode"], reason);
    }
}
