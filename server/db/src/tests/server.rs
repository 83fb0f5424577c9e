//! A MariaDB of a test's own.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use protector_framework::{Clock as _, SystemClock};

const SERVER: &str = "/usr/sbin/mariadbd";

pub(super) struct Server {
    child: Child,
    dir: tempfile::TempDir,
    pub(super) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// Starts one on loopback, with its files in a temporary directory and no durability, and brings its
    /// database to the schema. `None`: there is no server on this machine.
    pub(super) async fn start() -> Option<Self> {
        let mut server = begin()?;
        let (mut last, mut synced) = (String::new(), false);
        let clock = SystemClock::new();
        // Until it listens it refuses, which is said at once.
        for _ in 0..600 {
            match protector_migrations::sync(&server.url(server.port)).await {
                Ok(()) => {
                    synced = true;
                    break;
                }
                Err(error) => last = error.to_string(),
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "mariadbd ended");
            clock.sleep(Duration::from_millis(200)).await;
        }
        let log = std::fs::read_to_string(server.dir.path().join("log")).unwrap_or_default();
        assert!(synced, "{last}\n{log}");
        Some(server)
    }

    /// How its database is reached at a port.
    pub(super) fn url(&self, port: u16) -> String {
        format!("mysql://protector:pw@127.0.0.1:{port}/protector")
    }
}

fn begin() -> Option<Server> {
    if !std::path::Path::new(SERVER).exists() {
        assert!(
            std::env::var("CI").is_err(),
            "mariadbd is not installed, and CI must not skip"
        );
        println!("skipped: mariadbd is not installed");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let init = dir.path().join("init.sql");
    std::fs::write(
        &init,
        "CREATE DATABASE protector CHARACTER SET utf8mb4;
         CREATE USER 'protector'@'127.0.0.1' IDENTIFIED BY 'pw';
         GRANT ALL ON protector.* TO 'protector'@'127.0.0.1';",
    )
    .unwrap();
    let installed = Command::new("mariadb-install-db")
        .args([
            "--no-defaults",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ])
        .arg(format!("--datadir={}", data.display()))
        .arg("--user=root")
        // Two at the same time would meet in the machine's own.
        .env("TMPDIR", dir.path())
        .output()
        .unwrap();
    assert!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    let child = Command::new(SERVER)
        .args([
            "--no-defaults",
            "--user=root",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
        ])
        .args([
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=32M",
        ])
        .args(["--performance-schema=off"])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", dir.path().join("s").display()))
        .arg(format!("--pid-file={}", dir.path().join("pid").display()))
        .arg(format!("--init-file={}", init.display()))
        .arg(format!("--port={port}"))
        .env("TMPDIR", dir.path())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    Some(Server { child, dir, port })
}
