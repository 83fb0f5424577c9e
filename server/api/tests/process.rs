//! The program as an operator starts it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn config(&self, more: &str) -> PathBuf {
        let root = self.path().display();
        let text = format!(
            "[DEFAULT]\nlog_dir = {root}\nstate_path = {root}\n\
             [api]\nbind_host = 127.0.0.1\nbind_port = 0\n\
             [database]\nconnection = sqlite:///{root}/protector.db\n\
             [keystone_authtoken]\nidentity_driver = mock\nauth_url = mock:///{root}/cloud\n\
             username = protector\npassword = marked-password\nproject_name = service\n\
             {more}"
        );
        let path = self.path().join("protector.conf");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn sync(&self) {
        let url = format!("sqlite://{}/protector.db?mode=rwc", self.path().display());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(protector_migrations::sync(&url)).unwrap();
    }
}

/// Does not outlive a test that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().unwrap();
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protector-api"));
    command.env_clear();
    command
}

fn start(config: &Path) -> Output {
    program().arg("--config-file").arg(config).output().unwrap()
}

/// The one line that says why it did not start.
fn refused(output: &Output) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.starts_with("protector-api: error: "), "{errors}");
    assert!(
        !errors.contains("panicked") && !errors.contains("marked"),
        "{errors}"
    );
    errors
}

#[test]
fn each_way_not_to_start_has_one_clear_line() {
    let place = Place::new();
    let missing_schema = refused(&start(&place.config("")));
    assert!(
        missing_schema.contains("protector-manage db sync"),
        "{missing_schema}"
    );
    place.sync();

    let bad_option = refused(&start(&place.config("[DEFAULT]\ndebug = perhaps\n")));
    assert!(bad_option.contains("debug"), "{bad_option}");
    assert!(bad_option.contains("protector.conf:"), "{bad_option}");

    let driver = "[keystone_authtoken]\nidentity_driver = papyrus\n";
    let unknown_driver = refused(&start(&place.config(driver)));
    assert!(unknown_driver.contains("papyrus"), "{unknown_driver}");
    assert!(
        unknown_driver.contains("known: mock, openstack"),
        "{unknown_driver}"
    );

    let nowhere = place.path().join("nowhere/protector.db");
    let database = format!("[database]\nconnection = sqlite:///{}\n", nowhere.display());
    let unreachable = refused(&start(&place.config(&database)));
    assert!(
        unreachable.contains("database cannot be reached"),
        "{unreachable}"
    );

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let in_use = refused(&start(
        &place.config(&format!("[api]\nbind_port = {port}\n")),
    ));
    assert!(
        in_use.contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{in_use}"
    );
    let in_use = refused(&start(
        &place.config(&format!("[metrics]\napi_bind_port = {port}\n")),
    ));
    assert!(
        in_use.contains(&format!("cannot show metrics on 127.0.0.1:{port}")),
        "{in_use}"
    );

    std::fs::write(place.path().join("policy.yaml"), "\"default\": !\n").unwrap();
    let policy = refused(&start(&place.config("")));
    assert!(policy.contains("policy.yaml:1"), "{policy}");
}

#[test]
fn help_and_version_are_told_and_help_reports_a_bad_file() {
    let output = program().arg("--version").output().unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .starts_with("protector-api 0.")
    );

    let place = Place::new();
    let help = |config: &Path| {
        let mut command = program();
        command.arg("--config-file").arg(config).arg("--help");
        command.output().unwrap()
    };
    let output = help(&place.config(""));
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("--config-dir")
    );
    let output = help(&place.config("[api]\nbind_port = x\n"));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("bind_port")
    );

    let output = program().arg("--nonsense").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn it_serves_without_keystone_and_ends_when_told_to() {
    let place = Place::new();
    place.sync();
    let config = place.config("[DEFAULT]\nuse_stderr = true\n");
    let child = program()
        .arg("--config-file")
        .arg(config)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let child = &mut running.0;
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (say, said) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            say.send(line).unwrap_or_default();
        }
    });
    let mut heard: Vec<String> = Vec::new();
    let mut wait = |text: &str| loop {
        if let Some(line) = heard.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        match said.recv_timeout(Duration::from_secs(30)) {
            Ok(line) => heard.push(line),
            Err(_) => panic!("`{text}` was not said: {heard:#?}"),
        }
    };
    let listening = wait("listening");
    wait("Keystone cannot be used");
    let address = listening.rsplit_once("address=").unwrap().1.to_owned();
    let ask = |token: &str| {
        let mut connection = std::net::TcpStream::connect(&address).unwrap();
        let request = format!(
            "GET /v1/health HTTP/1.0
X-Auth-Token: {token}

"
        );
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("").starts_with("HTTP/1.0 401"));
    let answer = ask("marked-user-token");
    assert!(answer.starts_with("HTTP/1.0 503"), "{answer}");
    let id = answer.split("x-openstack-request-id: ").nth(1).unwrap();
    let id = id.lines().next().unwrap().to_owned();
    let access = wait("status=503");
    assert!(access.contains(&id), "{access}");

    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let log = std::fs::read_to_string(place.path().join("protector-api.log")).unwrap();
    assert!(log.contains(&id));
    assert!(!log.contains("marked"), "{log}");
}
