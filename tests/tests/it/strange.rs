//! No request that makes no sense is answered as if the server was at fault, also not one with a
//! token that may do everything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protector_tests::sites::{Client, Side};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

/// What can stand in place of anything.
fn junk() -> Vec<Value> {
    vec![
        Value::Null,
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(true),
        json!(""),
        json!("\u{0}x"),
        json!("x".repeat(300)),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("9999-12-31T23:59:59Z"),
        json!([]),
        json!([null, {"a": [1]}]),
        json!({}),
        json!({"x": {"y": "z"}}),
    ]
}

/// Every place within a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(field, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

/// The value with junk in place of each of its parts in turn. Which junk stands where differs from
/// one `round` to the next.
fn spoiled(value: &Value, rounds: usize) -> Vec<Value> {
    let mut all = Vec::new();
    places(value, "", &mut all);
    let junk = junk();
    let spoil = |(n, place): (usize, &String), round: usize| {
        let mut spoiled = value.clone();
        let other = junk[(n + round * 5) % junk.len()].clone();
        if let Some(part) = spoiled.pointer_mut(place) {
            *part = other;
        }
        spoiled
    };
    (0..rounds)
        .flat_map(|round| all.iter().enumerate().map(move |at| spoil(at, round)))
        .collect()
}

/// Sends requests and collects what was answered as a fault of the server, or in another form than
/// that of refusals.
struct Prober {
    client: Client,
    sent: usize,
    last: u16,
    faults: Vec<String>,
}

impl Prober {
    async fn send(&mut self, method: &Method, path: &str, body: Option<&Value>) {
        let reply = self.client.send(method.clone(), path, body).await.unwrap();
        self.sent += 1;
        self.last = reply.status;
        let told = match reply.status {
            200..400 => true,
            // What the other site decides about a document has a form of its own.
            409 if reply.body["verdict"].is_string() => true,
            status @ 400..500 => reply.clone().refused(status).is_ok(),
            _ => false,
        };
        if !told {
            let body: String = body.map(Value::to_string).unwrap_or_default();
            let body: String = body.chars().take(600).collect();
            self.faults.push(format!("{} {body}", reply.describe()));
        }
    }

    async fn spoiled(&mut self, method: Method, path: &str, body: &Value, rounds: usize) {
        for body in spoiled(body, rounds) {
            self.send(&method, path, Some(&body)).await;
        }
    }
}

/// The administrator's calls of the published document, their parameters as `{}`.
async fn calls(client: &Client) -> Vec<(Method, String)> {
    let document = client.get("/openapi.json").await.unwrap();
    let document = document.expect(200).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(inner) = path.strip_prefix("/v1/admin/") else {
            continue;
        };
        let parts = inner.split('/').map(|part| match part.starts_with('{') {
            true => "{}",
            false => part,
        });
        let path = format!("/v1/admin/{}", parts.collect::<Vec<_>>().join("/"));
        for method in methods.as_object().unwrap().keys() {
            if let Ok(method) = method.to_uppercase().parse() {
                all.push((method, path.clone()));
            }
        }
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_calls_that_make_no_sense_are_never_the_servers_fault() {
    let mut world = World::new().await;
    let (group, _) = world.protected(&["db"]).await;
    // What is taken all the same is not to be worked on.
    world.pair.a.kill_engine().await.unwrap();
    world.pair.b.kill_engine().await.unwrap();
    let pair = &world.pair;
    let admin = pair.a.admin().unwrap();
    let client = pair.a.client(pair.a.url(), admin.token().clone()).unwrap();
    let samples = Samples::read(&world, &group.id).await;
    let mut prober = Prober {
        client,
        sent: 0,
        last: 0,
        faults: Vec::new(),
    };

    let ids = [
        group.id.as_str(),
        samples.operation["id"].as_str().unwrap(),
        "00000000-0000-0000-0000-000000000000",
        "site-a",
        "x",
        "%00",
        "%FF%2F..",
    ];
    for (method, path) in calls(&prober.client).await {
        for id in ids {
            // A site or an operation that others of these calls need.
            if method == Method::DELETE && !matches!(id, "x" | "%00") {
                continue;
            }
            let path = path.replace("{}", id);
            prober.send(&method, &path, None).await;
            prober
                .send(&method, &format!("{path}?limit=-1&x=%00"), None)
                .await;
            for body in junk() {
                prober.send(&method, &path, Some(&body)).await;
            }
            if !path.contains(id) {
                break;
            }
        }
    }

    for (method, path, body) in samples.right() {
        prober.spoiled(method, &path, &body, 2).await;
    }
    // The site that the group does not run on takes what it is told, and shows it.
    prober.client = pair
        .b
        .client(pair.b.url(), pair.b.admin().unwrap().token().clone())
        .unwrap();
    let project = &pair.b.furniture.project;
    let shown = format!("/v1/{project}/protection-groups/{}", group.id);
    let put = format!("/v1/admin/peer/groups/{}/document", group.id);
    prober
        .spoiled(Method::PUT, &put, &samples.put(&samples.document), 3)
        .await;
    let mut stored = 0;
    for (n, mut document) in spoiled(&samples.document, 2).into_iter().enumerate() {
        if document["version"].is_u64() {
            document["version"] = json!(1000 + n);
        }
        prober
            .send(&Method::PUT, &put, Some(&samples.put(&document)))
            .await;
        if prober.last != 200 {
            continue;
        }
        stored += 1;
        for part in [
            "",
            "/members",
            "/policy",
            "/resource-mappings",
            "/sync-status",
        ] {
            prober
                .send(&Method::GET, &format!("{shown}{part}"), None)
                .await;
        }
    }
    assert!(stored > 10, "{stored}");
    assert!(prober.sent > 1000, "{}", prober.sent);
    assert!(
        prober.faults.is_empty(),
        "{} of {}, such as:\n{}",
        prober.faults.len(),
        prober.sent,
        prober.faults[..prober.faults.len().min(10)].join("\n")
    );
}

/// What is right for this world.
struct Samples {
    site: String,
    group: String,
    document: Value,
    operation: Value,
    registry: Value,
    actor: Value,
}

impl Samples {
    async fn read(world: &World, group: &str) -> Self {
        let pair = &world.pair;
        let (a, b) = (pair.a.admin().unwrap(), pair.b.admin().unwrap());
        let identity = b.get("/admin/peer/identity").await.unwrap();
        let key = identity.expect(200).unwrap()["public_key"].take();
        let path = format!("/admin/peer/groups/{group}/read");
        let read = a.post(&path, &json!({"public_key": key})).await.unwrap();
        let read = read.expect(200).unwrap();
        let bytes = STANDARD.decode(read["document"].as_str().unwrap()).unwrap();
        let operations = pair.a.tenant().unwrap().get("/operations").await.unwrap();
        let operations: Vec<Value> = operations.read(200, "operations").unwrap();
        let id = operations[0]["id"].as_str().unwrap();
        let seen = a
            .get(&format!("/admin/peer/operations/{id}"))
            .await
            .unwrap();
        let operation = seen.expect(200).unwrap()["operation"].take();
        Self {
            site: pair.site_id(Side::A, Side::B).await.unwrap(),
            group: group.to_owned(),
            document: serde_json::from_slice(&bytes).unwrap(),
            actor: operation["actor"].clone(),
            registry: json!({
                "sites": [{
                    "site": {
                        "id": pair.site_id(Side::A, Side::B).await.unwrap(),
                        "name": "site-b", "description": "", "site_type": "mock",
                        "auth_url": pair.b.cloud.auth_url(), "region_name": "RegionB",
                        "account": {"username": "protector"}, "status": "active",
                        "status_reason": null, "is_local": true,
                        "reach": {"checked_at": null, "keystone": true, "nova": true,
                            "cinder": true, "neutron": true, "protector": true},
                        "created_at": "2026-11-24T12:00:00Z",
                        "updated_at": "2026-11-24T12:00:00Z",
                    },
                    "secrets": {"password": "AAAA"},
                }],
                "tenant_mappings": [],
                "deleted_sites": [],
                "deleted_tenant_mappings": [],
            }),
            operation,
        }
    }

    fn put(&self, document: &Value) -> Value {
        let bytes = STANDARD.encode(document.to_string());
        json!({"change_id": self.group, "mode": "push", "base": null, "document": bytes,
            "secrets": {}})
    }

    /// Calls that are understood. What they are about is this group.
    fn right(&self) -> Vec<(Method, String, Value)> {
        let at = |path: &str| format!("/v1/admin/{path}");
        let (group, actor) = (&self.group, &self.actor);
        let operation = self.operation["id"].as_str().unwrap();
        let change = at(&format!("peer/groups/{group}/change"));
        let act = at(&format!("peer/operations/{operation}/action"));
        let mut all = vec![
            (
                Method::POST,
                at("sites"),
                json!({"site": {
                    "name": "site-c", "description": "", "site_type": "mock",
                    "auth_url": "http://127.0.0.1:9", "region_name": "R",
                    "credentials": {"username": "u", "password": "p", "project_name": "s",
                        "user_domain_name": "Default", "project_domain_name": "Default"},
                }}),
            ),
            (
                Method::PATCH,
                at(&format!("sites/{}", self.site)),
                json!({"site": {
                    "description": "d", "peer_key": "00".repeat(32),
                    "credentials": {"username": "u", "password": "p"},
                }}),
            ),
            (
                Method::POST,
                at("tenant-mappings"),
                json!({"tenant_mapping": {
                    "primary_site_id": "site-a", "primary_project_id": "p",
                    "secondary_site_id": "site-b", "secondary_project_id": "q",
                }}),
            ),
            (
                Method::POST,
                at(&format!("peer/groups/{group}/read")),
                json!({
                    "public_key": "00".repeat(32),
                }),
            ),
            (
                Method::POST,
                at("peer/groups"),
                json!({
                    "document": self.document, "actor": actor,
                }),
            ),
            (
                Method::POST,
                at("peer/operations"),
                json!({
                    "operation": self.operation, "role": "mirror",
                    "idempotency": ["key", "hash"], "preempt": false,
                }),
            ),
            (
                Method::PUT,
                at(&format!("peer/operations/{operation}")),
                self.operation.clone(),
            ),
            (Method::PUT, at("peer/registry"), self.registry.clone()),
        ];
        let member = &self.document["members"][0]["id"];
        let changes = [
            json!({"change": "update", "name": "n", "description": "d",
                "secondary_volume_type_id": "t"}),
            json!({"change": "add_member", "member": group, "name": "n", "server_id": "s",
                "boot_tier": 3, "boot_delay": 0}),
            json!({"change": "set_boot", "member": member, "boot_tier": 1, "boot_delay": 1}),
            json!({"change": "set_policy", "policy": self.document["policy"]}),
            json!({"change": "set_mappings", "mappings": [
                {"kind": "network", "primary_id": "a", "secondary_id": "b"}]}),
        ];
        all.extend(changes.map(|what| {
            let body = json!({"change": what, "secrets": {"x": "AAAA"}, "actor": actor});
            (Method::POST, change.clone(), body)
        }));
        let actions = [
            json!({"action": "cancel"}),
            json!({"action": "retry", "force": true}),
            json!({"action": "skip", "step": "x", "reason": "y"}),
        ];
        all.extend(actions.map(|action| {
            let body = json!({"action": action, "actor": actor});
            (Method::POST, act.clone(), body)
        }));
        all
    }
}
