//! The programs as an operator starts them: what is wrong is said in one clear line.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use sea_orm::{ConnectionTrait as _, Database};
use tempfile::TempDir;

/// How long a program that cannot start may take to say so: less than a pool of connections would
/// wait for a server that refuses.
const PATIENCE: Duration = Duration::from_secs(25);

/// A program in the directory that this test was built into.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{} is not built, and in CI it must be",
        path.display()
    );
    eprintln!("skipped: build {name} first (`cargo build -p {name}`)");
    None
}

struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("log")).unwrap();
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A configuration that is right but for what is given.
    fn config(&self, database: &str, driver: &str, port: &str) -> PathBuf {
        let dir = self.path().display();
        let text = format!(
            "[DEFAULT]\nlog_dir = {dir}/log\nstate_path = {dir}\n\
             [api]\nbind_host = 127.0.0.1\nbind_port = {port}\n\
             [database]\nconnection = {database}\n\
             [keystone_authtoken]\nidentity_driver = {driver}\nauth_url = mock://{dir}/cloud\n\
             username = protector\npassword = secret\nproject_name = service\n"
        );
        let path = self.path().join("protector.conf");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn database(&self) -> String {
        format!("sqlite:///{}/protector.sqlite", self.path().display())
    }
}

/// Runs a program that is expected to end by itself.
fn run(program: &Path, args: &[&str]) -> Output {
    let child = Command::new(program)
        .args(args)
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id().to_string();
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    match ended.recv_timeout(PATIENCE) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            Command::new("kill").args(["-KILL", &id]).status().unwrap();
            panic!("{} {args:?} runs and should not", program.display());
        }
    }
}

/// Checks that the program failed in one line that has all of these words.
fn one_line(name: &str, output: &Output, words: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{name}: {errors}");
    let lines: Vec<&str> = errors
        .lines()
        .filter(|line| line.contains("error: "))
        .collect();
    assert_eq!(
        lines.len(),
        1,
        "{name} says more or less than one line: {errors}"
    );
    assert!(!errors.contains("panicked"), "{errors}");
    for word in words {
        assert!(lines[0].contains(word), "{name}: no `{word}` in: {errors}");
    }
}

fn fails(name: &str, config: &Path, words: &[&str]) {
    let Some(program) = program(name) else { return };
    let output = run(&program, &["--config-file", config.to_str().unwrap()]);
    one_line(name, &output, words);
}

const SERVICES: [&str; 2] = ["protector-api", "protector-engine"];

#[test]
fn an_unknown_option_is_named() {
    for name in SERVICES {
        let Some(program) = program(name) else { return };
        let output = run(&program, &["--nonsense"]);
        one_line(name, &output, &["--nonsense"]);
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_bad_value_is_told_with_file_line_option_and_reason() {
    let place = Place::new();
    let config = place.config(&place.database(), "mock", "many");
    for name in SERVICES {
        fails(
            name,
            &config,
            &["protector.conf:6", "[api] bind_port", "many"],
        );
    }
}

#[test]
fn a_database_that_does_not_answer_is_told_without_its_password() {
    let place = Place::new();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("mysql+pymysql://protector:hidden@{closed}/protector");
    let config = place.config(&url, "mock", "0");
    for name in SERVICES {
        let Some(program) = program(name) else { return };
        let output = run(&program, &["--config-file", config.to_str().unwrap()]);
        let shown = format!("mysql://protector:****@{closed}/protector");
        one_line(name, &output, &["[database] connection", &shown, "refused"]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hidden"));
    }
}

#[test]
fn a_database_without_a_schema_is_told_with_the_way_out() {
    let place = Place::new();
    let config = place.config(&place.database(), "mock", "0");
    for name in SERVICES {
        fails(name, &config, &["protector-manage db sync"]);
    }
}

#[tokio::test]
async fn a_database_of_another_version_is_told_with_the_way_out() {
    let place = Place::new();
    let config = place.config(&place.database(), "mock", "0");
    let file = place.path().join("protector.sqlite");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    protector_migrations::sync(&url).await.unwrap();
    let sql = async |sql: &str| {
        let database = Database::connect(&url).await.unwrap();
        database.execute_unprepared(sql).await.unwrap();
        database.close().await.unwrap();
    };
    let newest = protector_migrations::latest();
    sql("DELETE FROM seaql_migrations WHERE version = (SELECT MAX(version) FROM seaql_migrations)")
        .await;
    for name in SERVICES {
        fails(name, &config, &[&newest, "protector-manage db sync"]);
    }
    sql("INSERT INTO seaql_migrations VALUES ('m99990101_000001_of_a_later_version', 0)").await;
    for name in SERVICES {
        fails(name, &config, &["of_a_later_version", &newest, "install"]);
    }
}

#[test]
fn an_unknown_identity_driver_is_told_with_those_that_are_known() {
    let place = Place::new();
    let config = place.config(&place.database(), "nonsense", "0");
    fails("protector-api", &config, &["nonsense", "mock", "openstack"]);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let config = place.config(&place.database(), "mock", &port);
    let file = place.path().join("protector.sqlite");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    protector_migrations::sync(&url).await.unwrap();
    tokio::task::spawn_blocking(move || {
        fails("protector-api", &config, &[&format!("127.0.0.1:{port}")]);
    })
    .await
    .unwrap();
}
