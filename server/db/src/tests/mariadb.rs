//! The same compare-and-sets on a real MariaDB, which the test starts and stops itself.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use protector_framework::{Clock as _, SystemClock};
use protector_model::OperationKind;

use super::{open, operation, site, with_group, world_at};
use crate::{Created, DbError};

const SERVER: &str = "/usr/sbin/mariadbd";

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

/// Starts a server of its own on a socket in a temporary directory; no durability, no network.
fn start() -> Option<(Server, String)> {
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
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let url = format!("mysql://protector:pw@127.0.0.1:{port}/protector");
    Some((Server { child, dir }, url))
}

#[tokio::test]
async fn engines_documents_and_sync_behave_on_mariadb_as_on_sqlite() {
    let Some((mut server, url)) = start() else {
        return;
    };
    let mut last = String::new();
    let mut synced = false;
    let clock = SystemClock::new();
    // Until it listens it refuses, which is said at once.
    for _ in 0..600 {
        match protector_migrations::sync(&url).await {
            Ok(()) => {
                synced = true;
                break;
            }
            Err(error) => last = error.to_string(),
        }
        assert!(server.child.try_wait().unwrap().is_none(), "mariadbd ended");
        clock.sleep(Duration::from_millis(200)).await;
    }
    let log = std::fs::read_to_string(server.dir.path().join("log")).unwrap_or_default();
    assert!(synced, "{last}\n{log}");
    let (a, b) = tokio::join!(
        protector_migrations::sync(&url),
        protector_migrations::sync(&url)
    );
    a.unwrap();
    b.unwrap();

    let world = world_at(tempfile::tempdir().unwrap(), url).await;
    let record = with_group(&world).await;
    let first = operation(1, OperationKind::Sync);
    assert_eq!(
        world
            .db
            .create_operation(&first, None, false)
            .await
            .unwrap(),
        Created::New
    );
    let second = operation(2, OperationKind::Sync);
    let busy = world.db.create_operation(&second, None, false).await;
    assert!(matches!(busy, Err(DbError::Busy(id)) if id == first.id));

    let other = open(&world.dir, &world.url, &world.clock, 2).await;
    let (a, b) = tokio::join!(
        world.db.claim_operation("one", site(1)),
        other.claim_operation("two", site(1))
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(a.is_some() != b.is_some(), "exactly one engine takes it");
    let claim = a.or(b).unwrap();
    world.db.renew(&claim.fence).await.unwrap();
    let stale = crate::Fence {
        number: claim.fence.number - 1,
        ..claim.fence.clone()
    };
    assert!(matches!(world.db.renew(&stale).await, Err(DbError::Fenced)));

    let next = record
        .document
        .next_version(super::start())
        .to_bytes()
        .unwrap();
    let base = record.head.base();
    let (a, b) = tokio::join!(
        world
            .db
            .write_local(&base, &next, Some(&claim.fence), false),
        other.write_local(&base, &next, Some(&claim.fence), false)
    );
    assert!(
        a.is_ok() != b.is_ok(),
        "exactly one write takes effect: {a:?} {b:?}"
    );
    world
        .db
        .heartbeat("protector-engine", "host")
        .await
        .unwrap();
    assert!(world.db.list_services().await.unwrap()[0].up);
    let skew = (world.db.now().await.unwrap() - super::start()).abs();
    assert!(
        skew > chrono::TimeDelta::zero(),
        "leases use the server's time"
    );
}
