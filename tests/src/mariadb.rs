//! A MariaDB of a test's own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protector_framework::{Clock, SystemClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::clouds::command;
use crate::clouds::failure::{During, Outcome, fail};
use crate::clouds::process::Process;

const SERVER: &str = "/usr/sbin/mariadbd";
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on loopback with its files below a directory; it ends when this is dropped.
#[derive(Debug)]
pub struct MariaDb {
    port: u16,
    _process: Process,
}

impl MariaDb {
    /// Whether there is one on this machine.
    pub fn is_installed() -> bool {
        Path::new(SERVER).exists()
    }

    /// Starts one with these databases, without durability.
    ///
    /// # Errors
    /// What it says.
    pub async fn start(dir: &Path, databases: &[&str], clock: &SystemClock) -> Outcome<Self> {
        std::fs::create_dir_all(dir)?;
        let data = dir.join("data");
        let option = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let mut install = Command::new("mariadb-install-db");
        install
            .args(["--no-defaults", "--skip-test-db", "--user=root"])
            .arg("--auth-root-authentication-method=normal")
            .arg(option("datadir", &data))
            // Two at the same time would meet in the machine's own.
            .env("TMPDIR", dir);
        command::run(&mut install).await?;
        let init = init(dir, databases)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await?
            .local_addr()?
            .port();
        let mut server = Command::new(SERVER);
        server
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"])
            .args(["--skip-name-resolve", "--performance-schema=off"])
            .args([
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=64M",
            ])
            .arg(option("datadir", &data))
            .arg(option("socket", &dir.join("socket")))
            .arg(option("pid-file", &dir.join("pid")))
            .arg(option("init-file", &init))
            .arg(format!("--port={port}"))
            .env("TMPDIR", dir);
        let mut process = Process::start(&mut server, "mariadbd", &dir.join("out"), false)?;
        let until = clock.monotonic() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_err()
        {
            process.alive()?;
            if clock.monotonic() > until {
                return fail("mariadbd does not listen");
            }
            clock.sleep(Duration::from_millis(100)).await;
        }
        Ok(Self {
            port,
            _process: process,
        })
    }

    /// How one of its databases is reached.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://protector:pw@127.0.0.1:{}/{database}", self.port)
    }
}

fn init(dir: &Path, databases: &[&str]) -> Outcome<PathBuf> {
    let file = dir.join("init.sql");
    let mut text = "CREATE USER 'protector'@'127.0.0.1' IDENTIFIED BY 'pw';\n".to_owned();
    for database in databases {
        text.push_str(&format!(
            "CREATE DATABASE {database} CHARACTER SET utf8mb4;\n\
             GRANT ALL ON {database}.* TO 'protector'@'127.0.0.1';\n"
        ));
    }
    std::fs::write(&file, text).during(|| file.display().to_string())?;
    Ok(file)
}
