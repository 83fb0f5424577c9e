//! Rules that ask another program, which this test plays.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protector_config::Policy;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::World;

const GROUPS: &str = "/v1/a1b2c3/protection-groups";

type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// Says one thing to everybody, and keeps the head and the body of each question.
async fn program(answer: &'static str) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let kept = asked.clone();
    tokio::spawn(async move {
        loop {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let line = line.trim_end().to_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(told) = line.strip_prefix("content-length: ") {
                    length = told.parse().unwrap();
                }
                head += &format!("{line}\n");
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let body = String::from_utf8(body).unwrap();
            kept.lock().unwrap().push((head, body));
            stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

fn world(config: &str, rules: &str) -> World {
    let policy = Policy::from_yaml(Path::new("policy.yaml"), rules).unwrap();
    World::with(&format!("[oslo_policy]\n{config}"), policy)
}

fn reply(body: &str) -> &'static str {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").leak()
}

#[tokio::test]
async fn another_program_decides_where_a_rule_says_so() {
    for (answer, status) in [
        ("True", 200),
        ("\"True\"", 200),
        ("False", 403),
        ("", 403),
        (&"True".repeat(100), 403),
    ] {
        let (url, asked) = program(reply(answer)).await;
        let rule = format!("\"protector:protection_groups:index\": \"{url}/%(project_id)s\"\n");
        let world = world("", &rule);
        let found = world.get(GROUPS, "member@a1b2c3").await;
        assert_eq!(found.status, status, "{answer}");
        let asked = asked.lock().unwrap();
        let [(head, body)] = asked.as_slice() else {
            panic!("{asked:?}");
        };
        assert!(head.starts_with("post /a1b2c3 http/1.1\n"), "{head}");
        assert!(head.contains("content-type: application/x-www-form-urlencoded\n"));
        let fields: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).collect();
        assert_eq!(fields[0].0, "rule");
        assert_eq!(fields[0].1, "\"protector:protection_groups:index\"");
        let target: serde_json::Value = serde_json::from_str(&fields[1].1).unwrap();
        assert_eq!(target["project_id"], "a1b2c3");
        let credentials: serde_json::Value = serde_json::from_str(&fields[2].1).unwrap();
        assert_eq!(credentials["roles"], serde_json::json!(["member"]));
        assert!(!body.contains("member@a1b2c3"), "the token stays here");
    }
}

#[tokio::test]
async fn nobody_is_asked_what_the_rest_of_the_rule_decides() {
    let (url, asked) = program(reply("True")).await;
    let rule = format!("\"protector:protection_groups:index\": \"role:reader or {url}/\"\n");
    let world = world("remote_content_type = application/json\n", &rule);
    assert_eq!(world.get(GROUPS, "reader@a1b2c3").await.status, 200);
    assert_eq!(asked.lock().unwrap().len(), 0);
    assert_eq!(world.get(GROUPS, "member@a1b2c3").await.status, 200);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    let body: serde_json::Value = serde_json::from_str(&asked[0].1).unwrap();
    assert_eq!(body["rule"], "protector:protection_groups:index");
    assert_eq!(body["credentials"]["user_id"], "user");
}

#[tokio::test]
async fn another_program_may_say_who_is_an_administrator() {
    let (url, _) = program(reply("True")).await;
    let world = world("", &format!("context_is_admin: \"role:boss and {url}/\"\n"));
    assert_eq!(
        world.get("/v1/admin/sites", "boss@a1b2c3").await.status,
        200
    );
    assert_eq!(
        world.get("/v1/admin/sites", "admin@a1b2c3").await.status,
        403
    );
}

#[tokio::test]
async fn without_an_answer_a_rule_refuses() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\
                    content-length: 0\r\n\r\n";
    let (redirects, _) = program(redirect).await;
    let (broken, _) = program("nonsense\r\n\r\n").await;
    for url in ["http://127.0.0.1:1", &redirects, &broken] {
        let rule = format!("\"protector:protection_groups:index\": \"{url}/ or @\"\n");
        let world = world("", &rule);
        let answer = world.get(GROUPS, "admin@a1b2c3").await;
        let expected = if url == redirects { 200 } else { 403 };
        assert_eq!(answer.status, expected, "{url}: {}", answer.text);
    }
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", hanging.local_addr().unwrap());
    let rule = format!("\"protector:protection_groups:index\": \"{url}/\"\n");
    let world = world("remote_timeout = 7\n", &rule);
    let waking = async {
        while world.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        world.clock.advance(Duration::from_secs(7));
    };
    let (answer, ()) = tokio::join!(world.get(GROUPS, "member@a1b2c3"), waking);
    answer.refused(403);
}
