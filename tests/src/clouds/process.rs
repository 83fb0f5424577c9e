//! A long-running process of our own: started, killed, paused and woken.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::command;
use super::failure::{During, Outcome, fail};
use super::report::{Report, Wait};

/// One process. It is killed when dropped, unless it was told to stay.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    output: PathBuf,
}

impl Process {
    /// Starts a program; what it prints goes to a file.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(command: &mut Command, name: &str, output: &Path, stay: bool) -> Outcome<Self> {
        let file = File::options().create(true).append(true).open(output)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // Ctrl-C is for us; our children are ended by us.
            .process_group(0)
            .kill_on_drop(!stay)
            .spawn()
            .during(|| format!("{name} cannot be started"))?;
        Ok(Self {
            child,
            name: name.to_owned(),
            output: output.to_owned(),
        })
    }

    /// Fails, with the end of what it printed, where it has ended.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn alive(&mut self) -> Outcome {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let printed = std::fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<&str> = printed.trim().lines().collect();
        fail(format!(
            "{} ended ({status}): {}",
            self.name,
            lines[lines.len().saturating_sub(8)..].join("\n")
        ))
    }

    /// Its number, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL: it has no chance to do anything.
    ///
    /// # Errors
    /// Where it has ended already.
    pub async fn kill(mut self) -> Outcome {
        self.alive()?;
        self.child.kill().await?;
        Ok(())
    }

    /// SIGSTOP: it stands still in the middle of whatever it does.
    ///
    /// # Errors
    /// Where the signal cannot be sent.
    pub async fn pause(&mut self) -> Outcome {
        self.alive()?;
        self.signal("-STOP").await
    }

    /// SIGCONT: it goes on as if no time had passed.
    ///
    /// # Errors
    /// Where the signal cannot be sent.
    pub async fn wake(&mut self) -> Outcome {
        self.signal("-CONT").await
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Errors
    /// Where it does not end within 20 s.
    pub async fn terminate(mut self, report: &Report) -> Outcome {
        self.alive()?;
        self.signal("-TERM").await?;
        let what = format!("the end of {}", self.name);
        let child = &mut self.child;
        report
            .until(&what, Duration::from_secs(20), async || {
                Ok(match child.try_wait()? {
                    Some(_) => Wait::Done(()),
                    None => Wait::NotYet("it runs".to_owned()),
                })
            })
            .await
    }

    async fn signal(&self, signal: &str) -> Outcome {
        let Some(pid) = self.child.id() else {
            return fail(format!("{} has ended", self.name));
        };
        command::run(Command::new("kill").args([signal, &pid.to_string()]))
            .await
            .map(|_| ())
    }
}
