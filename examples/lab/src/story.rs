//! The story: protect, move, come home, lose a site, meet it again.

use protector_framework::ExposeSecret as _;
use protector_tests::clouds::failure::{Outcome, ensure, fail};
use protector_tests::sites::{Client, NewGroup, OperationView, Pair, Server, Side};
use serde_json::{Value, json};

use crate::show::Show;

pub(crate) async fn tell(pair: &mut Pair, show: &mut Show) -> Outcome {
    let servers = make_and_write(pair, show).await?;
    let group = protect(pair, show, &servers).await?;
    let (a, b) = pair.tenants()?;

    show.heading("Planned failover: site-a to site-b, nothing may be lost");
    pair.write(Side::A, &servers, "written on site-a")?;
    move_over(pair, show, &b, &group, "failover", (Side::B, &servers)).await?;
    pair.check(Side::B, &servers, "written on site-a")?;
    show.fact("every byte is on site-b; the servers on site-a are locked and disconnected");
    show.chapter_ends();

    show.heading("Failback: home again, with what was written meanwhile");
    pair.write(Side::B, &servers, "written on site-b")?;
    move_over(pair, show, &a, &group, "failback", (Side::A, &servers)).await?;
    pair.check(Side::A, &servers, "written on site-b")?;
    show.fact("the very same servers run on site-a, with the bytes of site-b");
    show.chapter_ends();

    lose_a_site(pair, show, &b, &group, &servers).await?;
    meet_it_again(pair, show, &servers).await
}

async fn make_and_write(pair: &Pair, show: &mut Show) -> Outcome<Vec<Server>> {
    show.heading("A tenant makes three servers with two volumes each on site-a");
    let servers = pair.make_servers(&["db", "app", "web"]).await?;
    pair.write(Side::A, &servers, "first data")?;
    show.fact("db, app and web run; their volumes bear data");
    show.chapter_ends();
    Ok(servers)
}

async fn protect(pair: &Pair, show: &mut Show, servers: &[Server]) -> Outcome<String> {
    show.heading("A protection group: replication, mappings, members");
    let members: Vec<(&Server, u8)> = servers.iter().zip(1..).collect();
    let group = pair
        .protect(NewGroup {
            name: "shop",
            members: &members,
        })
        .await?;
    show.fact("group `shop` is active; its servers boot in tiers: db, app, web");
    show.chapter_ends();
    Ok(group.id)
}

/// Moves the group in a planned way and checks where everything is.
async fn move_over(
    pair: &Pair,
    show: &mut Show,
    client: &Client,
    group: &str,
    action: &str,
    (to, servers): (Side, &[Server]),
) -> Outcome<OperationView> {
    let done = perform(show, client, group, action, json!({"type": "planned"})).await?;
    let lost = done.result.as_ref().and_then(|r| r.data_loss_seconds);
    ensure(lost == Some(0), || {
        format!("a planned move lost {lost:?} s")
    })?;
    pair.all_run(to, servers)?;
    pair.all_parked(to.other(), servers)?;
    Ok(done)
}

async fn lose_a_site(
    pair: &mut Pair,
    show: &mut Show,
    b: &Client,
    group: &str,
    servers: &[Server],
) -> Outcome {
    show.heading("Site-a is lost: unplanned failover to site-b");
    pair.write(Side::A, servers, "replicated")?;
    let (a, _) = pair.tenants()?;
    perform(show, &a, group, "sync", json!({})).await?;
    pair.write(Side::A, servers, "written too late")?;
    pair.a.lose().await?;
    show.fact("site-a's cloud, array and Protector no longer answer");
    let done = perform(show, b, group, "failover", json!({"type": "unplanned"})).await?;
    pair.all_run(Side::B, servers)?;
    pair.check(Side::B, servers, "replicated")?;
    let Some(result) = &done.result else {
        return fail("the failover states no result");
    };
    let (Some(lost), Some(rto)) = (result.data_loss_seconds, result.rto_seconds) else {
        return fail("the failover does not state its loss");
    };
    show.fact(&format!(
        "recovered from point {} in {rto} s; lost: the last {lost} s of writes",
        result.recovery_point_id.as_deref().unwrap_or("?")
    ));
    show.chapter_ends();
    Ok(())
}

async fn meet_it_again(pair: &mut Pair, show: &mut Show, servers: &[Server]) -> Outcome {
    show.heading("Site-a returns with its old servers running");
    pair.all_run(Side::A, servers)?;
    pair.a.come_back().await?;
    pair.until(60, async || pair.all_parked(Side::A, servers))
        .await?;
    pair.all_run(Side::B, servers)?;
    show.fact("it learnt that the group runs on site-b and put its copies out of use");
    show.chapter_ends();
    Ok(())
}

/// Starts an action and shows it until it has completed.
async fn perform(
    show: &mut Show,
    client: &Client,
    group: &str,
    action: &str,
    options: Value,
) -> Outcome<OperationView> {
    show.operation_begins();
    let started = client.start(group, action, options).await?;
    let ended = client
        .watch(&started.id, |operation, steps| {
            show.operation(operation, steps);
        })
        .await?;
    if ended.status == "completed" {
        return Ok(ended);
    }
    fail(client.explain(&ended).await)
}

/// The call as a person would make it.
pub(crate) fn curl(client: &Client, path: &str) -> String {
    format!(
        "curl -H 'X-Auth-Token: {}' {}{path}",
        client.token().expose_secret(),
        client.base()
    )
}
