//! What can be wrong with a database server; each test starts one of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use sea_orm::{ConnectionTrait as _, Database};

use crate::stage::{Stage, free_port, text};

const SERVER: &str = "/usr/sbin/mariadbd";

struct Server {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// Does what an administrator types at a prompt.
    async fn run(&self, statements: &[String]) {
        let url = format!("mysql://admin@127.0.0.1:{}/mysql", self.port);
        let conn = Database::connect(url).await.unwrap();
        for statement in statements {
            conn.execute_unprepared(statement).await.unwrap();
        }
        conn.close().await.unwrap();
    }

    /// No durability, no network. `init`: what is run at its start; `more`: further options.
    fn start(init: &str, more: &[&str]) -> Option<Self> {
        if !Path::new(SERVER).exists() {
            assert!(
                std::env::var("CI").is_err(),
                "mariadbd is not installed, and CI must not skip"
            );
            println!("skipped: mariadbd is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(dir.path().join("init.sql"), init).unwrap();
        let installed = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--skip-test-db", "--user=root"])
            .arg("--auth-root-authentication-method=normal")
            .arg(format!("--datadir={}", at("data")))
            // Two at the same time would meet in the machine's own.
            .env("TMPDIR", dir.path())
            .output()
            .unwrap();
        assert!(installed.status.success(), "{}", text(&installed.stderr));
        let port = free_port();
        let child = Command::new(SERVER)
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"])
            .args(["--skip-name-resolve", "--performance-schema=off"])
            .arg("--innodb-flush-log-at-trx-commit=0")
            .arg("--innodb-buffer-pool-size=32M")
            .arg(format!("--datadir={}", at("data")))
            .arg(format!("--socket={}", at("s")))
            .arg(format!("--pid-file={}", at("pid")))
            .arg(format!("--init-file={}", at("init.sql")))
            .arg(format!("--port={port}"))
            .args(more)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut server = Self {
            child,
            port,
            _dir: dir,
        };
        // Until it listens it refuses.
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "mariadbd ended");
            std::thread::yield_now();
        }
        Some(server)
    }
}

/// A user with a password and these privileges on the database.
fn user(name: &str, privileges: &str) -> String {
    let grant = match privileges {
        "" => String::new(),
        some => format!("GRANT {some} ON protector.* TO '{name}'@'127.0.0.1';\n"),
    };
    format!("CREATE USER '{name}'@'127.0.0.1' IDENTIFIED BY 'marked-pw';\n{grant}")
}

fn url(server: &Server, user: &str, password: &str) -> String {
    format!(
        "mysql+pymysql://{user}:{password}@127.0.0.1:{}/protector",
        server.port
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_the_account_is_told_with_the_grant() {
    let init = [
        "CREATE DATABASE protector CHARACTER SET utf8mb4;\n".to_owned(),
        "CREATE USER 'admin'@'127.0.0.1';\n".to_owned(),
        "GRANT ALL PRIVILEGES ON *.* TO 'admin'@'127.0.0.1' WITH GRANT OPTION;\n".to_owned(),
        user("all", "ALL"),
        user("none", ""),
        user("reader", "SELECT"),
    ];
    let Some(server) = Server::start(&init.concat(), &[]) else {
        return;
    };
    let mut stage = Stage::bare().await;
    stage.set("database", "connection", url(&server, "all", "marked-pw"));
    stage.finds("database schema", "problem", &["protector-manage db sync"]);
    let synced = stage.run(&["db", "sync"]);
    assert!(synced.status.success(), "{}", text(&synced.stderr));
    assert_eq!(stage.found(), [], "{}", stage.shown());

    stage.set("database", "connection", url(&server, "all", "marked-no"));
    let words = [
        "Access denied",
        "GRANT ALL PRIVILEGES",
        "CREATE USER IF NOT EXISTS",
    ];
    stage.finds("database", "problem", &words);
    stage.set("database", "connection", url(&server, "none", "marked-pw"));
    stage.finds(
        "database",
        "problem",
        &[
            "denied",
            "GRANT ALL PRIVILEGES ON protector.* TO 'none'@'127.0.0.1';",
        ],
    );
    // The password is right: nothing that is said may set another one.
    let shown = stage.shown();
    assert!(!shown.contains("IDENTIFIED BY"), "{shown}");
    stage.set(
        "database",
        "connection",
        url(&server, "reader", "marked-pw"),
    );
    let words = [
        "lacks INSERT",
        "GRANT ALL PRIVILEGES ON protector.* TO 'reader'",
    ];
    stage.finds("database grants", "problem", &words);
    // Statements for a prompt: nothing with a password in it goes through a shell.
    for name in ["all", "none", "reader"] {
        stage.set("database", "connection", url(&server, name, "marked-no"));
        let shown = stage.shown();
        assert!(!shown.contains(" -e "), "{shown}");
        assert!(shown.contains("mariadb -u root -p"), "{shown}");
    }
    // Whoever follows it to the letter sets no other password for a user that is there.
    let fix = stage.fix_of("database");
    let statements = fix.lines().filter(|line| line.ends_with(';'));
    let statements: Vec<_> = statements.map(str::to_owned).collect();
    assert_eq!(statements.len(), 2, "{fix}");
    server.run(&statements).await;
    stage.set(
        "database",
        "connection",
        url(&server, "reader", "marked-pw"),
    );
    let found = stage.found();
    assert_ne!(found.first().map(|one| one.0.as_str()), Some("database"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_wrong_is_told() {
    let init = format!("CREATE DATABASE protector;\n{}", user("all", "ALL"));
    let wrong = "--init-connect=SET timestamp = 1700000000";
    let Some(server) = Server::start(&init, &[wrong]) else {
        return;
    };
    let mut stage = Stage::bare().await;
    stage.set("database", "connection", url(&server, "all", "marked-pw"));
    let synced = stage.run(&["db", "sync"]);
    assert!(synced.status.success(), "{}", text(&synced.stderr));
    stage.finds("database clock", "problem", &["behind", "timedatectl"]);
}
