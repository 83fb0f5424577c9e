//! `cargo lab`: two complete sites on this machine, a group that fails over between them and home
//! again, and the loss of a site. Needs nothing but what it was built with.

mod explore;
mod story;
mod view;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use protector_tests::sites::{Failure, Outcome};
use tempfile::TempDir;

use view::View;

/// Two complete sites on this machine, and a group of servers that fails over between them.
#[derive(Debug, Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab --")]
struct Args {
    /// End when the story is over, instead of leaving both APIs open.
    #[arg(long)]
    exit: bool,
    /// Leave databases, arrays, clouds and the log on disk, and say where.
    #[arg(long)]
    keep: bool,
    /// Reach the arrays with the storage driver of this file, which speaks to Shelf arrays
    /// (examples/array).
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
}

/// What a shell shows for a program that was interrupted.
const INTERRUPTED: u8 = 130;

enum End {
    Over,
    Failed(Failure),
    Interrupted,
}

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo lab -- --exit`: the alias ends with a `--` already, so that cargo hands this one on.
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|first| first == "--") {
        words.remove(1);
    }
    let args = Args::parse_from(words);
    let mut view = View::of_stdout();
    let directory = match tempfile::Builder::new().prefix("protector-lab-").tempdir() {
        Ok(directory) => directory,
        Err(error) => {
            view.say(&format!("error: no temporary directory: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let end = match log_to(directory.path()) {
        Ok(()) => run(&args, directory.path(), &mut view).await,
        Err(failure) => End::Failed(failure),
    };
    view.settle();
    let mut code = match end {
        End::Over => ExitCode::SUCCESS,
        End::Interrupted => {
            view.say("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        End::Failed(failure) => {
            view.say(&format!("FAILED: {failure}"));
            view.say(&troubles(directory.path()));
            if !args.keep {
                view.say("`cargo lab -- --keep` leaves everything on disk, to look at");
            }
            ExitCode::FAILURE
        }
    };
    if let Err(failure) = leave(directory, args.keep, &mut view) {
        view.say(&format!("FAILED: {failure}"));
        code = ExitCode::FAILURE;
    }
    code
}

/// The story, then the time to look around. All services are dead when it returns.
async fn run(args: &Args, directory: &Path, view: &mut View) -> End {
    let told = tokio::select! {
        told = story::tell(directory, args.plugin.as_deref(), view) => told,
        () = protector_daemon::terminated() => return End::Interrupted,
    };
    let mut pair = match told {
        Ok(pair) => pair,
        Err(failure) => return End::Failed(failure),
    };
    let shown = explore::show(&pair, view).await;
    if shown.is_ok() && !args.exit {
        view.say("\nCtrl-C ends the lab.");
        protector_daemon::terminated().await;
    }
    match shown.and(pair.kill().await) {
        Ok(()) => End::Over,
        Err(failure) => End::Failed(failure),
    }
}

/// What services log goes to a file beside their data.
fn log_to(directory: &Path) -> Outcome {
    let file = std::fs::File::create(directory.join("lab.log"))?;
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter("info,sqlx=warn,sea_orm=warn")
        .with_writer(file)
        .try_init()
        .map_err(|error| Failure(format!("logging cannot begin: {error}")))
}

/// The last warnings of the log.
fn troubles(directory: &Path) -> String {
    let log = std::fs::read_to_string(directory.join("lab.log")).unwrap_or_default();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(" WARN ") || line.contains("ERROR "))
        .collect();
    match lines.as_slice() {
        [] => "the log has no warnings".to_owned(),
        lines => format!(
            "the log's last warnings:\n  {}",
            lines[lines.len().saturating_sub(12)..].join("\n  ")
        ),
    }
}

fn leave(directory: TempDir, keep: bool, view: &mut View) -> Outcome {
    if keep {
        view.say(&format!("kept: {}", directory.keep().display()));
        return Ok(());
    }
    directory.close()?;
    Ok(())
}
