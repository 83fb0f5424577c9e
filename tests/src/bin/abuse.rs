//! `cargo abuse`: schemathesis over the whole published document, on a running `protector-api`.
#![allow(clippy::print_stdout, reason = "this program talks to people")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use protector_tests::abuse::{Caller, Stage, config};
use protector_tests::clouds::command;
use protector_tests::sites::{During, Failure, Outcome, fail};
use tokio::process::Command;

/// schemathesis over the whole published document, on a running `protector-api` with real tokens.
#[derive(Debug, Parser)]
#[command(name = "cargo abuse", bin_name = "cargo abuse --")]
struct Args {
    /// For how long, in all.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    seconds: u64,
    /// Repeats a run: the seed that it printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Leaves databases, clouds and logs on disk, and says where.
    #[arg(long)]
    keep: bool,
    /// Handed on to schemathesis.
    #[arg(last = true)]
    more: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // The alias ends with `--`, and people write another one, as they do with `cargo run`.
    let words = std::env::args().enumerate();
    let args =
        Args::parse_from(words.filter_map(|(n, word)| (n != 1 || word != "--").then_some(word)));
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Outcome {
    let tools = tools().await?;
    let mut stage = Stage::set().await?;
    if args.keep {
        stage.keep();
        println!("kept: {}", stage.directory().display());
    }
    let mut failed = Vec::new();
    for (caller, seconds) in Caller::ALL.into_iter().zip(shares(args.seconds)) {
        println!("\n== as the {}, {seconds} s", caller.name());
        if let Err(failure) = as_caller(args, &tools, &stage, caller, seconds).await {
            failed.push(failure);
        }
    }
    stage.pair.a.alive()?;
    stage.pair.stop().await?;
    match failed.into_iter().next() {
        Some(failure) => Err(failure),
        None => {
            println!("\nno 5xx and no schema violation in {} s", args.seconds);
            Ok(())
        }
    }
}

/// Most of the time is the administrator's, who gets past every door.
fn shares(seconds: u64) -> [u64; 2] {
    let least = (seconds / 3).max(1);
    [least, seconds.saturating_sub(least).max(1)]
}

async fn as_caller(
    args: &Args,
    tools: &Path,
    stage: &Stage,
    caller: Caller,
    seconds: u64,
) -> Outcome {
    let file = stage.directory().join(format!("{}.toml", caller.name()));
    std::fs::write(&file, config(stage, caller)?)?;
    let url = stage.pair.a.url();
    let mut command = Command::new(tools.join("bin/schemathesis"));
    command
        .current_dir(stage.directory())
        .arg("--config-file")
        .arg(&file)
        .arg("run")
        .arg(format!("{url}/openapi.json"))
        .args(["--url", &url, "--no-color", "--checks", "all"])
        // 400 is also the answer to a name of something that is not there, to a marker of another
        // list and to fields that do not go together: what a schema cannot say.
        // And after one site is made it asks for another one, by the name that an example has, and
        // takes that one's absence for the first one's.
        .args([
            "--exclude-checks",
            "positive_data_acceptance,ensure_resource_availability",
        ])
        // A site that is not there is waited for.
        .args(["--max-response-time", "45"])
        .args(["--max-time", &seconds.to_string()])
        .args(args.seed.map(|seed| format!("--seed={seed}")))
        .args(&args.more)
        .kill_on_drop(true);
    let status = command
        .status()
        .await
        .during(|| "schemathesis".to_owned())?;
    if status.success() {
        return Ok(());
    }
    fail(format!(
        "schemathesis, as the {}, ends with {status}; `cargo abuse -- --keep` leaves the logs",
        caller.name()
    ))
}

/// Where the programs are.
async fn tools() -> Outcome<PathBuf> {
    let install = concat!(env!("CARGO_MANIFEST_DIR"), "/abuse/install");
    let printed = command::run(&mut Command::new(install)).await?;
    match printed.lines().last() {
        Some(place) => Ok(place.into()),
        None => Err(Failure(format!(
            "{install} does not say where the programs are"
        ))),
    }
}
