//! Several APIs and several engines of a site on one MariaDB, each a process of its own. Any of them
//! is killed, or stands still for longer than its lease and goes on then, while operations are asked for
//! and run: nothing is lost, and nothing is done twice.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use protector_driver_mock::world::Effect;
use protector_framework::Clock as _;
use protector_tests::clouds::deployment::Programs;
use protector_tests::mariadb::MariaDb;
use protector_tests::sites::{Client, Crew, Group, NewGroup, Outcome, Pair, Side, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What is done with every group, at the other site, in this order.
const STORY: [&str; 5] = [
    "test_failover",
    "test_cleanup",
    "test_failover",
    "test_cleanup",
    "failover",
];
/// How many blows there are; then the processes are left alone.
const BLOWS: u32 = 24;
/// How many of them must have met the work.
const MET: u32 = 10;
/// How many processes stand still at the same time.
const STILL: usize = 2;
/// Seconds that all of it may take.
const PATIENCE: u64 = 300;

/// What a machine without the programs or the server lacks; in CI it must lack nothing.
fn missing(programs: Option<&Programs>) -> Option<&'static str> {
    match (programs, MariaDb::is_installed()) {
        (None, _) => Some("the programs are not built (`cargo build`)"),
        (_, false) => Some("mariadbd is not installed"),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_are_killed_and_paused_and_nothing_is_lost_or_done_twice() {
    let programs = Programs::built().unwrap();
    if let Some(missing) = missing(programs.as_ref()) {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("skipped: {missing}");
        return;
    }
    let directory = TempDir::new().unwrap();
    let mut pair = Pair::ready_on_mariadb(directory.path()).await.unwrap();
    let servers = pair.make_servers(&["db", "web", "mail", "shop"]).await;
    let servers = servers.unwrap();
    pair.write(Side::A, &servers, "first").unwrap();
    let mut groups = Vec::new();
    for server in &servers {
        let new = NewGroup {
            name: &server.name,
            members: &[(server, 1)],
        };
        let group = pair.protect(new).await.unwrap();
        pair.settled(&group).await.unwrap();
        groups.push(group);
    }
    pair.b
        .cloud
        .set_transition(Duration::from_millis(1500))
        .unwrap();
    pair.b.cloud.record_calls(true).unwrap();
    let mut crew = pair.b.become_a_crew(programs.unwrap(), 2, 3).await.unwrap();
    let b = pair.b.tenant().unwrap();

    let stories = groups.iter().map(|group| story(&pair, &b, group));
    let stories = futures::future::join_all(stories);
    let began = pair.env.clock.monotonic();
    let struck = Cell::new(0);
    let told = tokio::select! {
        told = stories => told,
        broken = blows(&pair, &mut crew, &struck) => panic!("{broken:?}"),
    };
    let took = pair.env.clock.monotonic() - began;
    for n in 0..crew.len() {
        crew.wake(n).await.unwrap();
    }
    let operations: Vec<String> = told.into_iter().flat_map(Result::unwrap).collect();
    let (count, struck) = (operations.len(), struck.get());
    println!("{count} operations in {} s, {struck} blows", took.as_secs());
    assert!(struck >= MET, "the work was over after {struck} blows");

    for group in &groups {
        pair.settled(group).await.unwrap();
    }
    pair.all_run(Side::B, &servers).unwrap();
    pair.all_parked(Side::A, &servers).unwrap();
    pair.check(Side::B, &servers, "first").unwrap();
    let found = pair.b.inventory().unwrap();
    assert_eq!(found.servers.len(), servers.len(), "{found:#?}");
    assert_eq!(found.ports.len(), servers.len(), "{found:#?}");
    assert_eq!(found.volumes.len(), servers.len() * 2, "{found:#?}");
    assert_eq!(found.groups.len(), groups.len(), "{found:#?}");
    made_once(&pair);
    told_once(&pair, &operations).await.unwrap();
}

/// Asks for each operation of a group, again and again until somebody has answered, and waits for its
/// end. Returns the operations.
async fn story(pair: &Pair, client: &Client, group: &Group) -> Outcome<Vec<String>> {
    let mut operations = Vec::new();
    for action in STORY {
        let body = match action {
            "failover" => json!({ action: { "type": "planned" } }),
            _ => json!({ action: {} }),
        };
        let key = pair.env.ids.uuid().to_string();
        let path = format!("/protection-groups/{}/action", group.id);
        let mut operation = Value::Null;
        pair.until(PATIENCE, async || {
            let headers = [("Idempotency-Key", key.as_str())];
            let asked = client.send_with(Method::POST, &path, Some(&body), &headers);
            operation = asked.await?.expect(202)?["operation"].take();
            Ok(())
        })
        .await?;
        let id = operation["id"].as_str().unwrap_or_default().to_owned();
        pair.until(PATIENCE, async || {
            let now = client.operation(&id).await?;
            ensure(now.is_over(), || format!("{now:?}"))
        })
        .await?;
        pair.until(PATIENCE, async || client.completed(&id).await.map(drop))
            .await?;
        operations.push(id);
    }
    Ok(operations)
}

/// Strikes one after the other, by chance, and then leaves them alone. Comes back only with what is
/// wrong.
async fn blows(pair: &Pair, crew: &mut Crew, struck: &Cell<u32>) -> Outcome {
    let clock = &pair.env.clock;
    // Who stands still, and until when.
    let mut still: BTreeMap<usize, Duration> = BTreeMap::new();
    while struck.get() < BLOWS || !still.is_empty() {
        let mut chance = [0; 3];
        pair.env.ids.bytes(&mut chance);
        let [who, how, long] = chance;
        clock
            .sleep(Duration::from_millis(500 + u64::from(long) * 4))
            .await;
        crew.all_alive()?;
        let now = clock.monotonic();
        for (n, _) in still.extract_if(.., |_, until| *until <= now) {
            crew.wake(n).await?;
        }
        let n = usize::from(who) % crew.len();
        if still.contains_key(&n) || struck.get() >= BLOWS {
            continue;
        }
        if how % 3 == 0 && still.len() < STILL {
            // For a moment, or for longer than a lease and what an engine waits that takes over.
            let long = Duration::from_secs(if long % 2 == 0 { 3 } else { 21 });
            println!("{} stands still for {} s", crew.name(n), long.as_secs());
            crew.pause(n).await?;
            still.insert(n, now + long);
        } else {
            println!("{} is killed", crew.name(n));
            crew.kill(n).await?;
        }
        struck.set(struck.get() + 1);
    }
    std::future::pending().await
}

/// No step has made a server, a port or a volume twice, whichever engines ran it.
fn made_once(pair: &Pair) {
    let mut made: BTreeMap<(String, String, String), u32> = BTreeMap::new();
    for call in pair.b.cloud.calls().unwrap() {
        let makes =
            ["ensure_server", "ensure_port", "ensure_managed_volume"].contains(&call.verb.as_str());
        if makes && call.effect == Effect::Changed {
            let step = call.step.unwrap_or_default();
            let request = call.request.to_string();
            *made.entry((call.verb, step, request)).or_default() += 1;
        }
    }
    assert!(!made.is_empty(), "nothing was recorded");
    for (what, times) in made {
        assert_eq!(times, 1, "{what:?}");
    }
}

/// The audit trail of the site has one end of each operation.
async fn told_once(pair: &Pair, operations: &[String]) -> Outcome {
    let trail = pair.b.dir().join("log/protector-audit.log");
    pair.until(90, async || {
        let text = std::fs::read_to_string(&trail)?;
        for operation in operations {
            let ends: Vec<Value> = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .filter(|event: &Value| {
                    event["stage"] == "ended" && event["operations"][0] == operation.as_str()
                })
                .collect();
            // One whose teller was killed between telling and noting it is told again, as the same one.
            let mut ids: Vec<&Value> = ends.iter().map(|event| &event["id"]).collect();
            ids.dedup();
            ensure(ids.len() == 1, || format!("{operation}: {ends:#?}"))?;
            ensure(ends[0]["outcome"] == "success", || format!("{ends:#?}"))?;
        }
        Ok(())
    })
    .await
}
