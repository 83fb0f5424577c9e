//! Volumes of live arrays, made, written and read by a program of the operator's: a storage driver has
//! no verb for that.

use std::process::Stdio;

use protector_conformance::BenchError;
use protector_conformance::storage::Side;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The program with its first arguments.
#[derive(Debug, Clone)]
pub(super) struct VolumeProgram(pub(super) Vec<String>);

impl VolumeProgram {
    /// Runs `PROGRAM ... SIDE VERB ARGUMENTS`, writes to it, and returns what it prints.
    pub(super) async fn run(
        &self,
        side: Side,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Vec<u8>, BenchError> {
        let Some((program, first)) = self.0.split_first() else {
            return Err(BenchError::new("the settings have no `volume_program`"));
        };
        let side = match side {
            Side::Source => "source",
            Side::Target => "target",
        };
        let what = format!("{program} {side} {}", arguments.join(" "));
        let failed = |why: &dyn std::fmt::Display| BenchError::new(format_args!("{what}: {why}"));
        let mut child = Command::new(program)
            .args(first)
            .arg(side)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read has its reasons, and tells them.
            stdin.write_all(input).await.unwrap_or_default();
        }
        let output = child
            .wait_with_output()
            .await
            .map_err(|error| failed(&error))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(&format_args!("{}: {}", output.status, said.trim())))
    }

    /// The same, for what prints lines.
    pub(super) async fn lines(
        &self,
        side: Side,
        arguments: &[&str],
    ) -> Result<Vec<String>, BenchError> {
        let printed = self.run(side, arguments, &[]).await?;
        let text = String::from_utf8_lossy(&printed);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(lines.map(str::to_owned).collect())
    }
}
