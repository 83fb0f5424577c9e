//! What the API makes of good and bad requests.

use protector_tests::sites::{Client, OperationView, Side, SiteView};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

/// The call must be refused with 400 in words that name every field, and nothing else be done.
async fn names_all(client: &Client, method: Method, path: &str, body: Value, fields: &[&str]) {
    let reply = client.send(method, path, Some(&body)).await.unwrap();
    let refused = reply.refused(400).unwrap();
    let told = refused.body.to_string();
    for field in fields {
        assert!(told.contains(field), "{path}: `{field}` is not in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_each_bad_field() {
    let world = World::new().await;
    let pair = &world.pair;
    let (admin, tenant) = (pair.a.admin().unwrap(), pair.a.tenant().unwrap());
    let group = pair.create_group("shop").await.unwrap();
    let path = format!("/protection-groups/{}", group.id);
    let before = tenant.get(&path).await.unwrap().expect(200).unwrap();

    let body = json!({"site": {"name": "", "site_type": "nonsense", "auth_url": "x", "extra": 1}});
    let fields = ["name", "auth_url", "region_name", "extra"];
    names_all(&admin, Method::POST, "/admin/sites", body, &fields).await;
    let body = json!({"site": {"name": "c", "site_type": "nonsense", "auth_url": "http://c",
        "region_name": "R"}});
    let fields = ["site_type", "nonsense", "mock", "openstack"];
    names_all(&admin, Method::POST, "/admin/sites", body, &fields).await;

    let body = json!({"protection_group": {"name": "", "primary_site_id": 7,
        "replication_type": "sometimes", "colour": "red"}});
    let fields = [
        "name",
        "primary_site_id",
        "secondary_site_id",
        "replication_type",
        "volume_type_id",
        "colour",
    ];
    names_all(&tenant, Method::POST, "/protection-groups", body, &fields).await;
    let mut body = pair.group_body("other");
    body["protection_group"]["secondary_site_id"] = json!("nowhere");
    let fields = ["secondary_site_id"];
    names_all(&tenant, Method::POST, "/protection-groups", body, &fields).await;

    let members = format!("{path}/members");
    let body = json!({"member": {"boot_tier": 9, "boot_delay": -1}});
    let fields = ["server_id", "boot_tier", "boot_delay"];
    names_all(&tenant, Method::POST, &members, body, &fields).await;

    let mut body = pair.policy_body();
    body["policy"]["rpo_minutes"] = json!(0);
    body["policy"]["replication_interval"] = json!("often");
    let policy = format!("{path}/policy");
    let fields = ["rpo_minutes", "replication_interval"];
    names_all(&tenant, Method::PUT, &policy, body, &fields).await;
    let mut body = pair.policy_body();
    body["policy"]["primary_fa_url"] = json!("https://169.254.169.254");
    names_all(&tenant, Method::PUT, &policy, body, &["primary_fa_url"]).await;

    let action = format!("{path}/action");
    let body = json!({"failover": {"type": "soon", "forse": true}});
    let fields = ["type", "forse"];
    names_all(&tenant, Method::POST, &action, body, &fields).await;
    let body = json!({"failover": {}, "failback": {}});
    names_all(&tenant, Method::POST, &action, body, &[]).await;
    let body = json!({"explode": {}});
    names_all(&tenant, Method::POST, &action, body, &["explode"]).await;

    let reply = tenant.get("/protection-groups?colour=red").await.unwrap();
    let refused = reply.refused(400).unwrap();
    assert!(refused.body.to_string().contains("colour"));

    let now = tenant.get(&path).await.unwrap().expect(200).unwrap();
    assert_eq!(now, before);
    let list = tenant.get("/protection-groups").await.unwrap();
    let list: Vec<Value> = list.read(200, "protection_groups").unwrap();
    assert_eq!(list.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_a_site_again_is_the_same_and_the_other_site_knows_it() {
    let world = World::new().await;
    let pair = &world.pair;
    for (here, there) in [(Side::A, Side::B), (Side::B, Side::A)] {
        let sites = pair.site(here).admin().unwrap().sites().await.unwrap();
        let local: Vec<&SiteView> = sites.iter().filter(|site| site.is_local).collect();
        assert_eq!(sites.len(), 2, "{here}: {sites:?}");
        assert_eq!(local.len(), 1, "{here}: {sites:?}");
        assert_eq!(local[0].name, here.name());
        let id = pair.site_id(here, there).await.unwrap();
        assert_eq!(id, pair.site_id(there, there).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_site_takes_a_call_once_and_does_what_its_plan_said() {
    let world = World::new().await;
    let (group, servers) = world.protected(&["db", "web"]).await;
    let pair = &world.pair;
    let (a, b) = pair.tenants().unwrap();

    // Both sites plan the same, and planning changes nothing.
    let before = a.group(&group.id).await.unwrap();
    let planned = json!({"type": "planned"});
    let plan = a
        .plan(&group.id, "failover", planned.clone())
        .await
        .unwrap();
    let other = b
        .plan(&group.id, "failover", planned.clone())
        .await
        .unwrap();
    assert_eq!(plan, other);
    assert_eq!(a.group(&group.id).await.unwrap(), before);
    pair.all_run(Side::A, &servers).unwrap();

    // Asked at the source, executed at the target, seen at both.
    let path = format!("/protection-groups/{}/action", group.id);
    let body = json!({"failover": planned});
    let key = [("Idempotency-Key", "once")];
    let ask = async |client: &Client, body: &Value| {
        let sent = client.send_with(Method::POST, &path, Some(body), &key);
        sent.await.unwrap()
    };
    let reply = ask(&a, &body).await;
    let location = reply.location.clone().unwrap();
    let first: OperationView = reply.read(202, "operation").unwrap();
    assert!(location.ends_with(&first.id), "{location}");
    assert_eq!(
        first.executor_site_id,
        pair.site_id(Side::A, Side::B).await.unwrap()
    );

    // The same key is the same operation, at either site; with another body it is refused.
    for client in [&a, &b] {
        let again: OperationView = ask(client, &body).await.read(202, "operation").unwrap();
        assert_eq!(again.id, first.id);
    }
    let other = json!({"failover": {"type": "planned", "accept_drift": true}});
    ask(&a, &other).await.refused(409).unwrap();

    // While it runs nothing else may, and the refusal names it.
    let refused = a.act(&group.id, "sync", json!({})).await.unwrap();
    let refused = refused.refused(409).unwrap();
    assert!(
        refused.body.to_string().contains(&first.id),
        "{}",
        refused.body
    );

    let done = b.completed(&first.id).await.unwrap();
    let mirror = async || {
        let mirror = a.operation(&first.id).await?;
        protector_tests::sites::ensure(mirror.status == done.status, || format!("{mirror:?}"))
    };
    pair.until(10, mirror).await.unwrap();
    assert_eq!(
        a.steps(&first.id).await.unwrap(),
        b.steps(&first.id).await.unwrap()
    );

    // What ran is what the plan said.
    let ran = b.steps(&first.id).await.unwrap();
    let ran: Vec<&str> = ran.iter().map(|step| step.key.as_str()).collect();
    let said: Vec<&str> = plan.steps.iter().map(|step| step.key.as_str()).collect();
    assert_eq!(ran, said);
    pair.all_run(Side::B, &servers).unwrap();

    // The key outlives the operation.
    let again: OperationView = ask(&b, &body).await.read(202, "operation").unwrap();
    assert_eq!(again.id, first.id);
}
