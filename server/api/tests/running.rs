//! The program as a service manager and an operator meet it while it runs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running API with a mock cloud; it does not outlive a test that fails.
struct Api {
    directory: tempfile::TempDir,
    child: Child,
    address: SocketAddr,
    said: mpsc::Receiver<String>,
    manager: UnixDatagram,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

fn config(root: &Path, more: &str) -> PathBuf {
    let path = root.join("protector.conf");
    let root = root.display();
    let text = format!(
        "[DEFAULT]\nlog_dir = {root}\nstate_path = {root}\nuse_stderr = true\n\
         [api]\nbind_host = 127.0.0.1\nbind_port = 0\n\
         [database]\nconnection = sqlite:///{root}/protector.db\n\
         [keystone_authtoken]\nidentity_driver = mock\nauth_url = mock:///{root}/cloud\n\
         username = protector\npassword = secret\nproject_name = service\n{more}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

impl Api {
    fn start(more: &str) -> Self {
        Self::start_with(more, &[])
    }

    fn start_with(more: &str, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let url = format!("sqlite://{}/protector.db?mode=rwc", root.display());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(protector_migrations::sync(&url)).unwrap();
        let socket = root.join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_protector-api"))
            .env_clear()
            .env("NOTIFY_SOCKET", &socket)
            .envs(environment.iter().copied())
            .arg("--config-file")
            .arg(config(root, more))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (say, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                say.send(line).unwrap_or_default();
            }
        });
        let mut api = Self {
            directory,
            child,
            address: "127.0.0.1:1".parse().unwrap(),
            said,
            manager,
        };
        let line = api.hears("listening");
        api.address = line.rsplit_once("address=").unwrap().1.parse().unwrap();
        assert_eq!(api.told(), "READY=1");
        api
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The next line of the log with this text.
    fn hears(&self, text: &str) -> String {
        let mut before = Vec::new();
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => before.push(line),
                Err(_) => panic!("`{text}` was not said: {before:#?}"),
            }
        }
    }

    /// What the service manager is told next.
    fn told(&self) -> String {
        let mut message = [0; 200];
        let length = self.manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn versions(&self, headers: &str) -> String {
        self.ask(&format!(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n"
        ))
    }

    fn ended(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn the_service_manager_hears_of_its_life() {
    let api = Api::start("");
    api.signal("HUP");
    let reloading = api.told();
    let (state, at) = reloading.split_once("\nMONOTONIC_USEC=").unwrap();
    assert_eq!(state, "RELOADING=1");
    let up = std::fs::read_to_string("/proc/uptime").unwrap();
    let up: f64 = up.split_whitespace().next().unwrap().parse().unwrap();
    let age = up - at.parse::<f64>().unwrap() / 1e6;
    assert!((-60.0..60.0).contains(&age), "{age}");
    assert_eq!(api.told(), "READY=1");
    api.signal("TERM");
    assert_eq!(api.told(), "STOPPING=1");
    api.ended();
}

#[test]
fn the_watchdog_is_fed_while_requests_are_answered() {
    let api = Api::start_with("", &[("WATCHDOG_USEC", "100000")]);
    for _ in 0..3 {
        assert_eq!(api.told(), "WATCHDOG=1");
    }
    drop(api);
    // A watchdog that is meant for another process is not fed.
    let api = Api::start_with("", &[("WATCHDOG_USEC", "100000"), ("WATCHDOG_PID", "1")]);
    api.versions("");
    api.signal("TERM");
    assert_eq!(api.told(), "STOPPING=1");
}

#[test]
fn a_hangup_reads_again_what_can_change() {
    let mut api = Api::start("");
    let log = api.path("protector-api.log");
    let moved = api.path("protector-api.log.1");
    std::fs::rename(&log, &moved).unwrap();
    let trail = api.path("protector-audit.log");
    std::fs::rename(&trail, api.path("protector-audit.log.1")).unwrap();
    std::fs::write(api.path("policy.yaml"), "protector:health:show: '!'\n").unwrap();
    config(
        api.directory.path(),
        "[DEFAULT]\ndebug = true\n[api]\nworkers = 7\n",
    );
    api.signal("HUP");
    api.hears("[DEFAULT] debug: has changed");
    let ignored = api.hears("[api] workers");
    assert!(ignored.contains("ignored until a restart"), "{ignored}");
    assert!(ignored.contains("protector.conf:"), "{ignored}");
    api.hears("the configuration was read again");
    api.hears("the policy files have changed");
    assert_eq!(api.told().lines().next(), Some("RELOADING=1"));
    assert_eq!(api.told(), "READY=1");

    // A connection that sends nothing of HTTP is told at level DEBUG only.
    api.ask("nonsense\r\n\r\n");
    api.hears("a connection has failed");

    config(api.directory.path(), "[api]\nworkers = many\n");
    api.signal("HUP");
    let told = api.hears("the configuration cannot be used");
    assert!(told.contains("[api] workers: `many`"), "{told}");
    assert!(api.versions("").starts_with("HTTP/1.1 200"));
    api.signal("TERM");
    assert!(api.child.wait().unwrap().success());
    // Lines are written a little after they are said: the first may be in either file.
    let [before, after] = [moved, log].map(|file| std::fs::read_to_string(file).unwrap());
    assert!((before.clone() + &after).contains("protector-api has started"));
    let read_again = "the configuration was read again";
    assert!(!before.contains(read_again) && after.contains(read_again));
    assert!(trail.exists(), "the audit trail is opened anew, too");
}

#[test]
fn a_stop_loses_no_request() {
    let api = Api::start("");
    let (stop, answered, refused) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    // Half-sent requests: they were taken before the stop and are answered after it.
    let mut begun: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = api.connect();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n").unwrap();
            stream
        })
        .collect();
    // Clients with a new connection for each request, and with one for all.
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (address, keep) = (api.address, number % 2 == 0);
            let (stop, answered, refused) = (stop.clone(), answered.clone(), refused.clone());
            std::thread::spawn(move || {
                let mut kept: Option<BufReader<TcpStream>> = None;
                while !stop.load(Ordering::Relaxed) {
                    let connection = match kept.take() {
                        Some(connection) => connection,
                        None => match TcpStream::connect(address) {
                            Ok(stream) => {
                                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                                BufReader::new(stream)
                            }
                            Err(_) => {
                                refused.fetch_add(1, Ordering::Relaxed);
                                return;
                            }
                        },
                    };
                    let (connection, closes) = exchange(connection);
                    answered.fetch_add(1, Ordering::Relaxed);
                    kept = (keep && !closes).then_some(connection);
                }
            })
        })
        .collect();
    while answered.load(Ordering::Relaxed) < 200 {
        std::thread::yield_now();
    }
    api.signal("TERM");
    assert_eq!(api.told(), "STOPPING=1");
    while TcpStream::connect(api.address).is_ok() {
        std::thread::yield_now();
    }
    for stream in &mut begun {
        stream.write_all(b"\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    // Each client ends because nobody listens any more, not because an answer was missing.
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(refused.load(Ordering::Relaxed), 8);
    stop.store(true, Ordering::Relaxed);
    api.ended();
}

/// One request and its whole answer; whether the connection closes after it.
fn exchange(mut connection: BufReader<TcpStream>) -> (BufReader<TcpStream>, bool) {
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    connection.get_mut().write_all(request).unwrap();
    let (mut length, mut closes, mut line) = (0, false, String::new());
    connection.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "`{line}`");
    loop {
        line.clear();
        connection.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("connection", value)) => closes = value == "close",
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    assert!(body.ends_with(b"}"));
    (connection, closes)
}

#[test]
fn every_worker_works() {
    let api = Api::start("[api]\nworkers = 3\n");
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let address = api.address;
            std::thread::spawn(move || {
                let mut connection = BufReader::new(TcpStream::connect(address).unwrap());
                for _ in 0..50 {
                    (connection, _) = exchange(connection);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let tasks = format!("/proc/{}/task", api.child.id());
    let mut turns = Vec::new();
    for task in std::fs::read_dir(tasks).unwrap() {
        let path = task.unwrap().path();
        let name = std::fs::read_to_string(path.join("comm")).unwrap();
        if name.trim() != "api-worker" {
            continue;
        }
        // Time on a processor, time in wait for one, turns.
        let seen = std::fs::read_to_string(path.join("schedstat")).unwrap();
        let count: u64 = seen.split_whitespace().nth(2).unwrap().parse().unwrap();
        turns.push(count);
    }
    // Further threads of that name wait for files, and have had a turn or two.
    turns.sort_unstable();
    let busy = turns.iter().filter(|count| **count > 20).count();
    assert!(busy >= 3, "{turns:?}");
}

#[test]
fn a_proxy_is_believed_where_it_is_trusted() {
    let forwarded = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: cloud.example\r\n\
                     X-Forwarded-Prefix: /dr\r\n";
    let outside = "\"https://cloud.example/dr/v1/\"";
    for (options, believed) in [
        ("", false),
        (
            "[oslo_middleware]\nenable_proxy_headers_parsing = true\n",
            true,
        ),
        (
            "[oslo_middleware]\nenable_proxy_headers_parsing = true\n\
             [api]\ntrusted_proxies = 192.0.2.0/24\n",
            false,
        ),
        (
            "[oslo_middleware]\nenable_proxy_headers_parsing = true\n\
             [api]\ntrusted_proxies = 192.0.2.1, 127.0.0.1\n",
            true,
        ),
    ] {
        let api = Api::start(options);
        let answer = api.versions(forwarded);
        assert_eq!(answer.contains(outside), believed, "{options}: {answer}");
        assert_eq!(
            answer.contains("\"http://h/v1/\""),
            !believed,
            "{options}: {answer}"
        );
    }
}

#[test]
fn a_client_may_use_so_much_and_no_more() {
    let api =
        Api::start("[api]\nclient_timeout = 1\nmax_connections = 3\nmax_header_size = 8192\n");
    let long = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nX-Long: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    assert!(api.ask(&long).starts_with("HTTP/1.1 431"));

    // Three clients that say nothing hold all places, but not for long.
    let silent: Vec<TcpStream> = (0..3).map(|_| api.connect()).collect();
    let mut turned_away = String::new();
    api.connect().read_to_string(&mut turned_away).unwrap();
    assert!(turned_away.starts_with("HTTP/1.1 503"), "{turned_away}");
    assert!(turned_away.contains("retry-after: 5"), "{turned_away}");
    let (_, body) = turned_away.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["code"], 503);
    for mut stream in silent {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap_or_default();
    }
    while !api.versions("").starts_with("HTTP/1.1 200") {
        std::thread::yield_now();
    }
}

#[test]
fn what_an_installation_has_is_accepted_told_and_weakens_nothing() {
    // As the installation guide has it, with two sections of one name, which PasteDeploy refuses.
    let guide = "[composite:protector]\nuse = egg:Paste#urlmap\n/: protectorversions\n\
                 /v1: protectorapi_v1\n[composite:protectorapi_v1]\n\
                 use = call:keystonemiddleware.auth_token:filter_factory\n\
                 [app:protectorversions]\n\
                 paste.app_factory = protector.api.versions:VersionsController.factory\n\
                 [app:protectorapi_v1]\npaste.app_factory = protector.api.app:create_app\n\
                 [filter:keystoneauth]\n\
                 paste.filter_factory = keystonemiddleware.auth_token:filter_factory\n";
    let bare = "[pipeline:main]\npipeline = own app\n[filter:own]\n\
                paste.filter_factory = site.own:Filter.factory\n";
    let paste = tempfile::NamedTempFile::new().unwrap();
    for (text, told) in [
        (guide, &[][..]),
        (
            bare,
            &[
                "the factory `site.own:Filter.factory` is Python",
                "no filter of this file",
            ],
        ),
        (
            "no grammar at all\n",
            &["it is not needed, and the API goes on"],
        ),
    ] {
        std::fs::write(paste.path(), text).unwrap();
        let options = format!(
            "[api]\napi_paste_config = {}\nbind_prot = 1\n[oslo_messaging_rabbit]\nssl = true\n",
            paste.path().display()
        );
        let api = Api::start(&options);
        let answer =
            api.ask("GET /v1/admin/sites HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 401"), "{text}: {answer}");
        let log = std::fs::read_to_string(api.path("protector-api.log")).unwrap();
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
        for expected in told {
            let found = warnings.iter().any(|line| line.contains(expected));
            assert!(found, "{expected}: {warnings:?}");
        }
        let of_paste = paste.path().display().to_string();
        let about = warnings
            .iter()
            .filter(|line| line.contains(&of_paste))
            .count();
        assert_eq!(about > 0, !told.is_empty(), "{warnings:?}");
        // An option that nobody reads is told where somebody would have read it.
        let unknown = warnings.iter().any(|line| {
            line.contains("[api] bind_prot: there is no such option") && line.contains("bind_port")
        });
        assert!(unknown, "{warnings:?}");
        assert!(!log.contains("oslo_messaging_rabbit"), "{log}");
    }
}
