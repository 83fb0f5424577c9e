//! The lab as its user sees it: the program, its output, the curl lines that it prints.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is over")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A lab that is killed with its test.
struct Lab(Child);

impl Drop for Lab {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
    }
}

fn lab(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protector-lab"));
    command.args(args).env("TMPDIR", directory);
    command
}

/// The request of a printed curl line.
async fn ask(line: &str) -> (u16, serde_json::Value) {
    let parts: Vec<&str> = line.split('\'').collect();
    let url = line.rsplit(' ').next().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let data = parts.iter().position(|part| part.trim() == "-d");
    let mut request = match data {
        Some(at) => client.post(url).body(parts[at + 1].to_owned()),
        None => client.get(url),
    };
    for (at, part) in parts.iter().enumerate() {
        if part.trim_end().ends_with("-H") {
            let (name, value) = parts[at + 1].split_once(": ").unwrap();
            request = request.header(name, value);
        }
    }
    let reply = request.send().await.unwrap();
    let status = reply.status().as_u16();
    let text = reply.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test]
async fn the_lab_tells_its_story_prints_curl_lines_that_work_and_leaves_nothing() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let directory = tempfile::TempDir::new().unwrap();
    let mut lab = Lab(lab(directory.path(), &[])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap());
    let mut told = Vec::new();
    let mut lines = BufReader::new(lab.0.stdout.take().unwrap()).lines();
    for line in &mut lines {
        told.push(line.unwrap());
        if told.last().unwrap().starts_with("Ctrl-C") {
            break;
        }
    }
    let text = told.join("\n");
    for part in [
        "Planned failover",
        "Failback",
        "data lost: the last",
        "quarantine",
        "✓ boot/web-1",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no terminal, no colours");

    let curls: Vec<&str> = told
        .iter()
        .map(|line| line.trim())
        .filter(|l| l.starts_with("curl"))
        .collect();
    assert_eq!(curls.len(), 3, "{text}");
    for curl in &curls[..2] {
        let (status, body) = ask(curl).await;
        assert_eq!(status, 200, "{curl}: {body}");
        assert_eq!(body["protection_group"]["status"], "failed_over");
    }
    let (status, body) = ask(curls[2]).await;
    assert_eq!(status, 202, "{}: {body}", curls[2]);
    let docs: Vec<&str> = text
        .split_whitespace()
        .filter(|word| word.ends_with("/docs"))
        .collect();
    assert_eq!(docs.len(), 2, "{text}");
    for page in docs {
        let reply = reqwest::get(page).await.unwrap();
        assert_eq!(reply.status().as_u16(), 200, "{page}");
    }

    let id = lab.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert!(lab.0.wait().unwrap().success());
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 0, "something is left on disk");
}

#[test]
fn an_unknown_option_is_told_in_one_line() {
    let directory = tempfile::TempDir::new().unwrap();
    let output = lab(directory.path(), &["--nonsense"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("--nonsense"), "{errors}");
}

#[test]
fn a_file_that_is_no_driver_is_told_in_one_line() {
    let directory = tempfile::TempDir::new().unwrap();
    let arguments = ["--exit", "--plugin", "Cargo.toml"];
    let output = lab(directory.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    let line = told.lines().find(|line| line.starts_with("FAILED"));
    assert!(
        line.is_some_and(|line| line.contains("Cargo.toml: it is not a shared library")),
        "{told}"
    );
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 0, "something is left on disk");
}
