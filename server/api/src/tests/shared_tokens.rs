//! Processes of the API and the memcached that they share: one that the test plays, to see the bytes and
//! to be broken, and the real one.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protector_config::Policy;
use protector_framework::{Clock as _, SystemClock};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::World;

const SERVER: &str = "/usr/bin/memcached";
const SEALED: &str = "memcache_security_strategy = ENCRYPT\nmemcache_secret_key = marked-secret\n";
const TOKEN: &str = "member@a1b2c3";

type Entries = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A memcached that never forgets.
async fn memcached() -> (String, Entries) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let entries = Entries::default();
    let kept = entries.clone();
    tokio::spawn(async move {
        loop {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            let answer = match words.as_slice() {
                ["get", key] => match kept.lock().unwrap().get(*key) {
                    Some(value) => {
                        let mut out = format!("VALUE {key} 0 {}\r\n", value.len()).into_bytes();
                        out.extend(value);
                        out.extend(b"\r\nEND\r\n");
                        out
                    }
                    None => b"END\r\n".to_vec(),
                },
                ["set", key, "0", "300", length] => {
                    let mut value = vec![0; length.parse::<usize>().unwrap() + 2];
                    stream.read_exact(&mut value).await.unwrap();
                    assert_eq!(value.split_off(value.len() - 2), b"\r\n");
                    kept.lock().unwrap().insert((*key).to_owned(), value);
                    b"STORED\r\n".to_vec()
                }
                other => panic!("{other:?}"),
            };
            stream.get_mut().write_all(&answer).await.unwrap();
        }
    });
    (address, entries)
}

fn world(server: &str, more: &str) -> World {
    let config = format!("memcached_servers = {server}\n{more}");
    World::with(&config, Policy::in_code())
}

async fn status(world: &World, token: &str) -> u16 {
    world.get("/v1/health", token).await.status
}

fn asked(world: &World) -> usize {
    world.identity.asked.load(Ordering::Relaxed)
}

#[tokio::test]
async fn what_one_process_has_asked_the_other_knows() {
    for more in ["", SEALED] {
        let (server, entries) = memcached().await;
        let (one, two) = (world(&server, more), world(&server, more));
        assert_eq!(status(&one, TOKEN).await, 200);
        assert_eq!(status(&two, TOKEN).await, 200);
        assert_eq!((asked(&one), asked(&two)), (1, 0));
        assert_eq!(status(&two, "garbage").await, 401);
        // What a token is valid for stays what it was.
        assert_eq!(two.get("/v1/admin/sites", TOKEN).await.status, 403);
        let kept = entries.lock().unwrap();
        assert_eq!(kept.len(), 1, "a refusal is not remembered");
        let (key, value) = kept.iter().next().unwrap();
        assert!(key.starts_with("protector/tokens/") && !key.contains("member"));
        let value = String::from_utf8_lossy(value);
        assert!(!value.contains(TOKEN));
        assert_eq!(value.contains("a1b2c3"), more.is_empty(), "{value}");
    }
}

#[tokio::test]
async fn the_real_memcached_is_understood() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address().await;
    for more in ["", SEALED] {
        let (one, two) = (world(&address, more), world(&address, more));
        assert_eq!(status(&one, TOKEN).await, 200);
        assert_eq!(status(&two, TOKEN).await, 200);
        assert_eq!((asked(&one), asked(&two)), (1, 0), "{more}");
    }
    // Both forms lie beside each other, and neither was taken for the other.
    let three = world(&address, SEALED);
    assert_eq!(status(&three, TOKEN).await, 200);
    assert_eq!(asked(&three), 0);
}

#[tokio::test]
async fn a_revoked_token_is_accepted_no_longer_than_without_others() {
    let (server, _) = memcached().await;
    let (one, two) = (world(&server, ""), world(&server, ""));
    assert_eq!(status(&one, TOKEN).await, 200);
    for world in [&one, &two] {
        world.clock.advance(Duration::from_secs(200));
        world
            .identity
            .revoked
            .lock()
            .unwrap()
            .push(TOKEN.to_owned());
    }
    assert_eq!(status(&two, TOKEN).await, 200);
    two.clock.advance(Duration::from_secs(99));
    assert_eq!(status(&two, TOKEN).await, 200);
    two.clock.advance(Duration::from_secs(2));
    assert_eq!(status(&two, TOKEN).await, 401);
    assert_eq!(asked(&two), 1);
}

#[tokio::test]
async fn what_a_token_is_worth_to_a_service_alone_is_not_shared() {
    let (server, entries) = memcached().await;
    let one = world(&server, "");
    let headers = [
        ("X-Auth-Token", "expired:member@a1b2c3"),
        ("X-Service-Token", "service@services"),
    ];
    let answer = one.ask("GET", "/v1/health", &headers, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(entries.lock().unwrap().len(), 1, "only the service's own");
    assert_eq!(
        status(&world(&server, ""), "expired:member@a1b2c3").await,
        401
    );
}

#[tokio::test]
async fn a_damaged_or_a_forged_entry_is_none() {
    for more in ["", SEALED] {
        let (server, entries) = memcached().await;
        let one = world(&server, more);
        assert_eq!(status(&one, TOKEN).await, 200);
        for value in entries.lock().unwrap().values_mut() {
            let last = value.len() - 1;
            value[last] ^= 1;
        }
        let two = world(&server, more);
        assert_eq!(status(&two, TOKEN).await, 200);
        assert_eq!(asked(&two), 1, "{more}");
    }
    // Sealed, an administrator's entry counts for no other token.
    let (server, entries) = memcached().await;
    let one = world(&server, SEALED);
    assert_eq!(status(&one, TOKEN).await, 200);
    let theirs = entries.lock().unwrap().keys().next().unwrap().clone();
    assert_eq!(status(&one, "admin@a1b2c3").await, 200);
    {
        let mut kept = entries.lock().unwrap();
        let admins = kept.iter().find(|(key, _)| **key != theirs).unwrap();
        let admins = admins.1.clone();
        kept.insert(theirs, admins);
    }
    let two = world(&server, SEALED);
    assert_eq!(two.get("/v1/admin/sites", TOKEN).await.status, 403);
    assert_eq!(asked(&two), 1);
    // Nor does somebody with another secret find any.
    let other = world(&server, &SEALED.replace("marked", "other"));
    assert_eq!(status(&other, TOKEN).await, 200);
    assert_eq!(asked(&other), 1);
}

#[tokio::test]
async fn without_the_server_tokens_are_asked_about() {
    // Nothing listens there.
    let away = world("127.0.0.1:1", "");
    assert_eq!(status(&away, TOKEN).await, 200);
    assert_eq!(status(&away, "reader@a1b2c3").await, 200);
    assert_eq!(asked(&away), 2);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_left_alone_for_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = world(&listener.local_addr().unwrap().to_string(), "");
    let hang = async |token: &'static str| {
        let waking = async {
            while world.clock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            world.clock.advance(Duration::from_secs(3));
        };
        let (found, ()) = tokio::join!(status(&world, token), waking);
        assert_eq!(found, 200);
    };
    hang(TOKEN).await;
    // Nobody waits for it again, until its time has come.
    assert_eq!(status(&world, "reader@a1b2c3").await, 200);
    world.clock.advance(Duration::from_secs(301));
    hang("admin@a1b2c3").await;
}

/// The real memcached, on a port that it chooses.
struct Server {
    child: Child,
    dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    fn start() -> Option<Self> {
        if !std::path::Path::new(SERVER).exists() {
            let ci = std::env::var("CI");
            assert!(
                ci.is_err(),
                "memcached is not installed, and CI must not skip"
            );
            println!("skipped: memcached is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new(SERVER)
            .args([
                "-l",
                "127.0.0.1",
                "-p",
                "-1",
                "-U",
                "0",
                "-u",
                "root",
                "-m",
                "4",
            ])
            .env("MEMCACHED_PORT_FILENAME", dir.path().join("ports"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { child, dir })
    }

    /// Where it listens, once it does.
    async fn address(&self) -> String {
        let clock = SystemClock::new();
        for _ in 0..600 {
            let told = std::fs::read_to_string(self.dir.path().join("ports"));
            let port = told.ok().and_then(|told| {
                let line = told
                    .lines()
                    .find_map(|line| line.strip_prefix("TCP INET: "))?;
                line.trim().parse::<u16>().ok()
            });
            if let Some(port) = port {
                return format!("127.0.0.1:{port}");
            }
            clock.sleep(Duration::from_millis(50)).await;
        }
        panic!("memcached does not say where it listens");
    }
}
