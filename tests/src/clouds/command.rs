//! Programs that are run to their end.

use std::process::{Output, Stdio};

use tokio::process::Command;

use super::failure::{During, Outcome, fail};

/// Runs a program and returns what it printed.
///
/// # Errors
/// With the end of what it printed, where it cannot be started or does not end with 0.
pub async fn run(command: &mut Command) -> Outcome<String> {
    let line = words(command);
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .during(|| format!("`{line}`"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    fail(format!("`{line}`: {}: {}", output.status, tail(&output)))
}

fn words(command: &Command) -> String {
    let command = command.as_std();
    let mut line = command.get_program().to_string_lossy().into_owned();
    for word in command.get_args() {
        line.push(' ');
        line.push_str(&word.to_string_lossy());
    }
    line
}

/// How much of what a program has printed is told where it fails: a test's trace with what it saw.
const LINES: usize = 100;

fn tail(output: &Output) -> String {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<&str> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
