//! What the lab shows, step by step. Every step checks what it says.

use std::path::Path;
use std::time::Duration;

use protector_tests::sites::{
    Client, Group, OperationView, Outcome, Pair, Server, Side, Timing, ensure, fail,
};
use serde_json::{Value, json};

use crate::view::View;

/// The group's name.
pub(crate) const GROUP: &str = "shop";

/// The servers with their boot tiers.
const SERVERS: [(&str, u8); 4] = [("db-1", 1), ("app-1", 2), ("web-1", 3), ("web-2", 3)];

/// How long site-a works on before it is lost.
const WHILE: Duration = Duration::from_secs(2);

/// How soon the copies of a site that returns must be out of use, in seconds.
const QUARANTINE: u64 = 60;

/// Tells all of it.
pub(crate) async fn tell(
    directory: &Path,
    plugin: Option<&Path>,
    view: &mut View,
) -> Outcome<Pair> {
    view.say("Protector's lab: two sites on this machine. Each has a cloud, an array, a database,");
    view.say("an API and an engine of its own; they know of each other only over HTTP.");
    let mut pair = begin(directory, plugin, view).await?;
    let (group, servers) = protect(&pair, view).await?;
    away(&pair, view, &group, &servers).await?;
    home(&pair, view, &group, &servers).await?;
    loss(&mut pair, view, &group, &servers).await?;
    return_of_the_lost(&mut pair, view, &group, &servers).await?;
    Ok(pair)
}

async fn begin(directory: &Path, plugin: Option<&Path>, view: &mut View) -> Outcome<Pair> {
    view.chapter("Two sites");
    let timing = Timing::default();
    let starting = Pair::start_with(directory, timing, plugin);
    let pair = view
        .step("start clouds, arrays, APIs and engines", starting)
        .await?;
    if let Some(file) = plugin {
        let (driver, file) = (&pair.env.driver, file.display());
        view.say(&format!(
            "{:19}the arrays are reached with the driver `{driver}` of {file}",
            ""
        ));
    }
    for side in Side::BOTH {
        let what = format!("register {side} and reach its services");
        let site = view.step(&what, pair.register(side)).await?;
        view.name_site(&site.id, side.name());
        view.site(side.name(), "up", true);
    }
    let enrolled = async {
        pair.map_tenant().await?;
        pair.enrol().await
    };
    view.step(
        "map the tenant's projects and enrol it on both sites",
        enrolled,
    )
    .await?;
    Ok(pair)
}

async fn protect(pair: &Pair, view: &mut View) -> Outcome<(Group, Vec<Server>)> {
    view.chapter("A group of servers, protected");
    let names: Vec<&str> = SERVERS.iter().map(|(name, _)| *name).collect();
    let what = format!(
        "{} with two volumes each, running on site-a",
        names.join(", ")
    );
    let servers = view.step(&what, pair.make_servers(&names)).await?;
    let written = async { pair.write(Side::A, &servers, "at the beginning") };
    view.step("their guests write data", written).await?;
    let group = view
        .step(
            "create the group, its policy and its mappings",
            pair.create_group(GROUP),
        )
        .await?;
    for (server, (name, tier)) in servers.iter().zip(SERVERS) {
        let added = pair.add_member(&group, server, tier);
        let what = format!("add {name}, boot tier {tier}");
        view.step(&what, added).await?;
    }
    Ok((group, servers))
}

async fn away(pair: &Pair, view: &mut View, group: &Group, servers: &[Server]) -> Outcome {
    view.chapter("Planned failover to site-b");
    let (_, b) = pair.tenants()?;
    let planned = json!({"type": "planned"});
    let written = async { pair.write(Side::A, servers, "before the failover") };
    view.step("the guests write more data", written).await?;
    let before = pair.contents(Side::A, servers)?;
    let plan = b.plan(&group.id, "failover", planned.clone());
    let plan = view
        .step("dry run: the plan, and nothing done", plan)
        .await?;
    view.say(&format!(
        "{:19}{} steps, hash {}",
        "",
        plan.steps.len(),
        plan.hash.get(..12).unwrap_or(&plan.hash)
    ));
    let done = follow(view, &b, group, "failover", planned).await?;
    lost_nothing(&done)?;
    let compared = async {
        pair.all_run(Side::B, servers)?;
        pair.all_parked(Side::A, servers)?;
        pair.check(Side::B, servers, "before the failover")?;
        same(pair.contents(Side::B, servers)? == before)
    };
    view.step(&same_bytes(servers, Side::A, Side::B), compared)
        .await?;
    view.step("both sites tell the same", in_sync(pair, group))
        .await
}

async fn home(pair: &Pair, view: &mut View, group: &Group, servers: &[Server]) -> Outcome {
    view.chapter("Failback to site-a");
    let (a, _) = pair.tenants()?;
    let written = async { pair.write(Side::B, servers, "written at site-b") };
    view.step("the guests write data at site-b", written)
        .await?;
    let before = pair.contents(Side::B, servers)?;
    let done = follow(view, &a, group, "failback", json!({"type": "planned"})).await?;
    lost_nothing(&done)?;
    let compared = async {
        pair.all_run(Side::A, servers)?;
        pair.all_parked(Side::B, servers)?;
        pair.check(Side::A, servers, "written at site-b")?;
        for server in servers {
            let id = pair.a.server(&server.name)?.id;
            ensure(id == server.id, || {
                format!("{} is another server", server.name)
            })?;
        }
        same(pair.contents(Side::A, servers)? == before)
    };
    view.step(&same_bytes(servers, Side::B, Side::A), compared)
        .await
}

async fn loss(pair: &mut Pair, view: &mut View, group: &Group, servers: &[Server]) -> Outcome {
    view.chapter("site-a is lost");
    let (a, b) = pair.tenants()?;
    let written = async { pair.write(Side::A, servers, "replicated") };
    view.step("the guests write data", written).await?;
    follow(view, &a, group, "sync", json!({})).await?;
    let written = async { pair.write(Side::A, servers, "never replicated") };
    view.step("the guests write data that is never replicated", written)
        .await?;
    view.wait(WHILE).await;
    view.step(
        "cut site-a off: cloud, array, API and engine",
        pair.a.lose(),
    )
    .await?;
    view.site(Side::A.name(), "lost", false);

    view.chapter("Unplanned failover to site-b");
    let done = follow(view, &b, group, "failover", json!({"type": "unplanned"})).await?;
    let compared = async {
        pair.all_run(Side::B, servers)?;
        pair.check(Side::B, servers, "replicated")
    };
    view.step(
        "all servers run at site-b with the data of the recovery point",
        compared,
    )
    .await?;
    let result = done.result.unwrap_or_default();
    let (Some(lost), Some(took)) = (result.data_loss_seconds, result.rto_seconds) else {
        return fail(format!("the loss is not stated: {result:?}"));
    };
    // It cannot be less than what was waited, nor more than all of the story.
    ensure(
        (WHILE.as_secs()..=view.now().as_secs()).contains(&lost),
        || format!("a loss of {lost} s cannot be: {result:?}"),
    )?;
    view.say(&format!(
        "{:19}data lost: the last {lost} s before the failover; back in service after {took} s",
        ""
    ));
    Ok(())
}

async fn return_of_the_lost(
    pair: &mut Pair,
    view: &mut View,
    group: &Group,
    servers: &[Server],
) -> Outcome {
    view.chapter("site-a comes back");
    view.step("cloud, array, API and engine", pair.a.come_back())
        .await?;
    view.site(Side::A.name(), "back", true);
    let quarantined = pair.until(QUARANTINE, async || pair.all_parked(Side::A, servers));
    let what = "quarantine: its old copies are stopped, locked and disconnected";
    view.step(what, quarantined).await?;
    let settled = async {
        pair.all_run(Side::B, servers)?;
        in_sync(pair, group).await
    };
    view.step(
        "the group runs at site-b alone, and both sites say so",
        settled,
    )
    .await
}

/// Starts an action and shows it until it has completed.
async fn follow(
    view: &mut View,
    client: &Client,
    group: &Group,
    action: &str,
    options: Value,
) -> Outcome<OperationView> {
    let started = client.start(&group.id, action, options).await?;
    let began = view.now();
    let ended = client
        .watch(&started.id, |operation, steps| {
            view.operation(operation, steps)
        })
        .await?;
    if ended.status != "completed" {
        return fail(client.explain(&ended).await);
    }
    let took = (view.now() - began).as_secs_f64();
    view.say(&format!("{took:15.2} s = {action} completed"));
    Ok(ended)
}

async fn in_sync(pair: &Pair, group: &Group) -> Outcome {
    let (a, b) = pair.tenants()?;
    pair.until(20, async || {
        for client in [&a, &b] {
            let status = client.sync_status(&group.id).await?;
            ensure(status.status == "in_sync", || format!("{status:?}"))?;
        }
        Ok(())
    })
    .await
}

fn same_bytes(servers: &[Server], from: Side, to: Side) -> String {
    let volumes = servers.len() * 2;
    format!("compare: all bytes of {volumes} volumes at {to} are those of {from}")
}

fn same(are: bool) -> Outcome {
    ensure(are, || "the volumes' bytes differ".to_owned())
}

fn lost_nothing(done: &OperationView) -> Outcome {
    let lost = done.result.as_ref().and_then(|r| r.data_loss_seconds);
    ensure(lost == Some(0), || {
        format!("a planned move states a loss: {done:?}")
    })
}
