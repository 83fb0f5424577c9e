//! `cargo spec`: writes the published OpenAPI document, or checks (`--check`) that it is up to
//! date.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The document, as people know it.
const SHOWN: &str = "openapi/protector-v1.json";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("protector-v1.json");
    match arguments.as_slice() {
        [] => write(&path),
        ["--check"] => check(&path),
        _ => {
            eprintln!("usage: cargo spec [--check]");
            ExitCode::from(2)
        }
    }
}

fn document() -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&protector_api::openapi_document())?;
    text.push('\n');
    Ok(text)
}

fn write(path: &PathBuf) -> ExitCode {
    let written = document()
        .map_err(|error| error.to_string())
        .and_then(|text| std::fs::write(path, text).map_err(|error| error.to_string()));
    match written {
        Ok(()) => {
            println!("{SHOWN} is written");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&format!("{SHOWN} cannot be written: {error}")),
    }
}

fn check(path: &PathBuf) -> ExitCode {
    let now = match document() {
        Ok(now) => now,
        Err(error) => return failed(&error.to_string()),
    };
    let kept = match std::fs::read_to_string(path) {
        Ok(kept) => kept,
        Err(error) => return failed(&format!("{SHOWN} cannot be read: {error}")),
    };
    match first_difference(&kept, &now) {
        None => {
            println!("{SHOWN} is up to date");
            ExitCode::SUCCESS
        }
        Some((line, kept, now)) => failed(&format!(
            "{SHOWN} is out of date; run `cargo spec` and commit it\nfirst difference, line \
             {line}:\n- {kept}\n+ {now}"
        )),
    }
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::FAILURE
}

/// The first line that differs, counted from 1, as it is kept and as it would be.
fn first_difference<'a>(kept: &'a str, now: &'a str) -> Option<(usize, &'a str, &'a str)> {
    let (mut kept, mut now) = (kept.lines(), now.lines());
    for line in 1.. {
        match (kept.next(), now.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((line, a.unwrap_or("(end)"), b.unwrap_or("(end)"))),
        }
    }
    None
}
