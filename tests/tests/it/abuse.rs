//! What strangers try: another project's token on every path, bodies that nobody should send, and
//! connections that only take up room.

use std::net::SocketAddr;
use std::time::Duration;

use protector_framework::ExposeSecret;
use protector_tests::sites::{Client, Reply};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::World;

const NOWHERE: &str = "01234567-89ab-7def-8123-456789abcdef";

/// One call of the published document, with the first example of its body.
struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Call {
    /// The path with what stands for its parameters.
    fn at(&self, project: &str, named: &Named) -> String {
        let id = match self.path.as_str() {
            path if path.contains("quota-sets") => &named.project,
            path if path.contains("operations") => &named.operation,
            path if path.contains("tenant-mappings") => &named.mapping,
            _ => &named.group,
        };
        self.path
            .replace("{tenant_id}", project)
            .replace("{pg}", &named.group)
            .replace("{member}", &named.member)
            .replace("{op}", &named.operation)
            .replace("{site}", &named.site)
            .replace("{id}", id)
    }
}

/// What the parameters of paths stand for.
struct Named {
    project: String,
    group: String,
    member: String,
    operation: String,
    mapping: String,
    site: String,
}

impl Named {
    /// What belongs to the tenant of a site.
    async fn of(world: &World, group: &str) -> Self {
        let site = &world.pair.a;
        let first = async |client: Client, path: &str, part: &str| {
            let found: Vec<Value> = client.get(path).await.unwrap().read(200, part).unwrap();
            found[0]["id"].as_str().unwrap().to_owned()
        };
        let (tenant, admin) = (|| site.tenant().unwrap(), || site.admin().unwrap());
        let members = format!("/protection-groups/{group}/members");
        Self {
            project: site.furniture.project.to_string(),
            group: group.to_owned(),
            member: first(tenant(), &members, "members").await,
            operation: first(tenant(), "/operations", "operations").await,
            mapping: first(admin(), "/admin/tenant-mappings", "tenant_mappings").await,
            site: first(admin(), "/admin/sites", "sites").await,
        }
    }

    /// What belongs to nobody.
    fn nothing() -> Self {
        let nothing = || NOWHERE.to_owned();
        Self {
            project: nothing(),
            group: nothing(),
            member: nothing(),
            operation: nothing(),
            mapping: nothing(),
            site: nothing(),
        }
    }

    fn all(&self) -> [&str; 6] {
        [
            &self.project,
            &self.group,
            &self.member,
            &self.operation,
            &self.mapping,
            &self.site,
        ]
    }
}

/// Every call of the document that needs a token.
async fn calls(client: &Client) -> Vec<Call> {
    let document = client.get("/openapi.json").await.unwrap();
    let document = document.expect(200).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("x-policy-rule").is_none() {
                continue;
            }
            let examples = operation.pointer("/requestBody/content/application~1json/examples");
            let first = examples.and_then(Value::as_object);
            let first = first.and_then(|all| all.values().next());
            all.push(Call {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                body: first.map(|example| example["value"].clone()),
            });
        }
    }
    assert!(all.len() > 50, "{}", all.len());
    all
}

/// What a stranger may see: his own, which is empty, and what is everybody's.
fn stands_open(call: &Call, project: &str, own: &str) -> bool {
    let named = call.path.replace("{tenant_id}", "");
    (project == own && !named.contains('{')) || call.path == "/v1/health"
}

#[tokio::test(flavor = "multi_thread")]
async fn another_projects_token_gets_nothing_by_any_path() {
    let world = World::new().await;
    let (group, _) = world.protected(&["db"]).await;
    let site = &world.pair.a;
    let own = site.cloud.add_project("strangers").unwrap();
    let stranger = site.cloud.add_user("stranger", "a password").unwrap();
    for role in ["member", "reader"] {
        site.cloud.grant(&stranger, &own, role).unwrap();
    }
    let token = site.cloud.issue_token(&stranger, &own).unwrap();
    let client = site.client(site.url(), token).unwrap();
    let (victim, nothing) = (Named::of(&world, &group.id).await, Named::nothing());
    let tenant = site.tenant().unwrap();
    let shown = format!("/protection-groups/{}", group.id);
    // What the engine sees of its readiness and its copies may change by itself.
    let kept = async || {
        let shown = tenant.get(&shown).await.unwrap().expect(200).unwrap();
        let shown = &shown["protection_group"];
        [
            "name",
            "status",
            "metadata_version",
            "epoch_id",
            "updated_at",
            "active_operation_id",
        ]
        .map(|field| shown[field].clone())
    };
    let before = kept().await;

    let mut wrong = Vec::new();
    let mut refused = 0;
    for call in calls(&client).await {
        for project in [own.as_str(), victim.project.as_str()] {
            let send = async |named: &Named| -> Reply {
                let path = call.at(project, named);
                let sent = client.send(call.method.clone(), &path, call.body.as_ref());
                sent.await.unwrap()
            };
            let (real, absent) = (send(&victim).await, send(&nothing).await);
            if stands_open(&call, project, own.as_str()) {
                let told = victim.all().iter().any(|id| real.text.contains(id));
                // Which sites there are is no secret; what is on them is.
                if real.status >= 500 || (told && call.path != "/v1/health") {
                    wrong.push(real.describe());
                }
                continue;
            }
            refused += 1;
            // Nor does the answer betray whether there is such a thing.
            if !matches!(real.status, 403 | 404) || real.status != absent.status {
                wrong.push(format!("{} but {}", real.describe(), absent.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 90, "{refused}");
    assert_eq!(before, kept().await);
}

/// Sends bytes as they are and reads what comes until the other side ends it.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(30), read).await;
    read.unwrap_or_else(|_| panic!("no answer to {}", bytes.escape_ascii()))
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn address(world: &World) -> SocketAddr {
    let url = world.pair.a.url();
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

fn status(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    word.unwrap_or_else(|| panic!("no status: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_nobody_should_send_are_refused_and_nothing_more() {
    let world = World::new().await;
    let site = &world.pair.a;
    let address = address(&world);
    let token = site.tenant_token().unwrap();
    let path = format!("/v1/{}/protection-groups", site.furniture.project);
    let head = |more: &str, body: &[u8]| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             X-Auth-Token: {}\r\n{more}\r\n",
            token.expose_secret()
        );
        [head.as_bytes(), body].concat()
    };
    let with_length =
        |more: &str, body: &[u8]| head(&format!("Content-Length: {}\r\n{more}", body.len()), body);
    let json = "Content-Type: application/json\r\n";

    // A mebibyte that is only announced: the refusal does not wait for it.
    let announced = head(&format!("Content-Length: 1048576\r\n{json}"), b"");
    assert_eq!(status(&raw(address, &announced).await), 413);

    let utf16: Vec<u8> = "\u{feff}{\"protection_group\": {}}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let deep_lists = "[".repeat(100_000);
    let deep_objects = "{\"a\":".repeat(20_000);
    let digits = format!("{{\"protection_group\": {}}}", "9".repeat(100_000));
    let many = format!("{{{}\"z\": 1}}", "\"a\": 1, ".repeat(10_000));
    let bodies: [(&str, &[u8]); 18] = [
        (json, deep_lists.as_bytes()),
        (json, deep_objects.as_bytes()),
        (json, digits.as_bytes()),
        (json, many.as_bytes()),
        (json, b"{\"protection_group\": 1e999999}"),
        (json, b"{\"protection_group\": {\"name\": \"\\ud800\"}}"),
        (json, b"{\"protection_group\": {\"name\": \"\\u0000\"}}"),
        (json, b"{\"protection_group\": {\"name\": \"\xff\xfe\"}}"),
        (json, b"\xc0\xaf"),
        (json, b"\xef\xbb\xbf{}"),
        (json, b"\0"),
        (json, &utf16),
        (json, b"NaN"),
        (json, b"{\"protection_group\": {}} {}"),
        ("Content-Type: application/json; charset=utf-16\r\n", b"{}"),
        ("Content-Type: text/xml\r\n", b"<a/>"),
        ("Content-Type: ä\r\n", b"{}"),
        (
            "Content-Encoding: gzip\r\nContent-Type: application/json\r\n",
            b"\x1f\x8b\x08\0",
        ),
    ];
    for (headers, body) in bodies {
        let answer = raw(address, &with_length(headers, body)).await;
        let short = body[..body.len().min(40)].escape_ascii();
        assert_eq!(status(&answer), 400, "{headers:?} {short}: {answer}");
    }

    // Not HTTP, or not quite.
    let odd: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/%ff%fe/protection-groups/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ];
    for bytes in odd {
        let answer = raw(address, bytes).await;
        if !answer.is_empty() {
            let status = status(&answer);
            assert!((400..500).contains(&status), "{answer}");
        }
    }
    let groups = site.tenant().unwrap().get("/protection-groups").await;
    let groups: Vec<Value> = groups.unwrap().read(200, "protection_groups").unwrap();
    assert_eq!(groups, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mebibyte_to_any_call_is_refused_or_read_to_its_end() {
    let world = World::new().await;
    let (group, _) = world.protected(&["db"]).await;
    let site = &world.pair.a;
    let named = Named::of(&world, &group.id).await;
    let admin = site.admin().unwrap();
    let client = site.client(site.url(), admin.token().clone()).unwrap();
    let large = json!({ "x": "y".repeat(1 << 20) });
    let mut sent = 0;
    for call in calls(&client).await {
        let path = call.at(&named.project, &named);
        // The server ends the connection without reading what it refuses; then nobody is answered.
        let Ok(reply) = client.send(call.method.clone(), &path, Some(&large)).await else {
            continue;
        };
        sent += 1;
        assert!((400..500).contains(&reply.status), "{}", reply.describe());
    }
    assert!(sent > 0);
    let alive = client.get("/healthcheck").await.unwrap();
    assert_eq!(alive.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_and_slow_connections_keep_nobody_waiting() {
    let world = World::new().await;
    let address = address(&world);
    let site = &world.pair.a;
    let token = site.tenant_token().unwrap();
    let path = format!("/v1/{}/protection-groups", site.furniture.project);
    let slow = [
        "GET /v1/heal".to_owned(),
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nX-Auth-Tok"),
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nX-Auth-Token: {}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"pro",
            token.expose_secret()
        ),
        String::new(),
    ];
    let mut held = Vec::new();
    for n in 0..1000 {
        let mut stream = TcpStream::connect(address)
            .await
            .unwrap_or_else(|error| panic!("connection {n} (see `ulimit -n`): {error}"));
        let begun = &slow[n % slow.len()];
        stream.write_all(begun.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let client = site.client(site.url(), token).unwrap();
    let asked = async {
        for _ in 0..20 {
            let reply = client.get(&path).await.unwrap();
            assert_eq!(reply.status, 200, "{}", reply.describe());
        }
    };
    let answered = tokio::time::timeout(Duration::from_secs(20), asked).await;
    assert!(
        answered.is_ok(),
        "a request waits for those that do not end"
    );
    assert_eq!(held.len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_a_group_of_other_sites_is_not_kept() {
    let world = World::new().await;
    let site = &world.pair.a;
    let admin = site.admin().unwrap();
    let client = site.client(site.url(), admin.token().clone()).unwrap();
    let all = calls(&client).await;
    let put = "/v1/admin/peer/groups/{id}/document";
    let put = all.iter().find(|call| call.path == put).unwrap();
    // That of the published example is right but for its sites, which are not these.
    let path = put
        .path
        .replace("{id}", "00000000-0000-0000-0000-000000000065");
    let refused = client.send(put.method.clone(), &path, put.body.as_ref());
    let refused = refused.await.unwrap().refused(400).unwrap();
    assert!(refused.message.starts_with("document: "), "{refused:?}");
    let heads = client.get("/v1/admin/peer/heads").await.unwrap();
    assert_eq!(heads.expect(200).unwrap(), json!([]));
}
