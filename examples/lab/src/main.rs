//! `cargo lab`: two complete sites on this machine, and what Protector is for, told in minutes.

mod show;
mod story;

use std::process::ExitCode;

use clap::Parser;
use protector_tests::clouds::failure::Outcome;
use protector_tests::sites::Pair;
use show::Show;
use tempfile::TempDir;

/// Two complete sites on this machine: servers fail over, come home, and survive the loss of a site.
#[derive(Debug, Parser)]
#[command(name = "lab", bin_name = "cargo lab")]
struct Options {
    /// End after the story instead of leaving both sites open to explore.
    #[arg(long)]
    exit: bool,
    /// Keep the directory with clouds, arrays and databases.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Both `cargo lab --exit` and `cargo lab -- --exit` are meant.
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "--") {
        arguments.remove(1);
    }
    let options = Options::parse_from(arguments);
    let mut show = Show::new();
    match run(&options, &mut show).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            show.failure(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options, show: &mut Show) -> Outcome {
    let directory = TempDir::with_prefix("protector-lab-")?;
    let told = tell(options, show, directory.path()).await;
    if options.keep {
        let path = directory.keep();
        show.line(&format!("kept: {}", path.display()));
    }
    told
}

async fn tell(options: &Options, show: &mut Show, directory: &std::path::Path) -> Outcome {
    show.heading("Two sites: clouds, arrays, databases, APIs and engines");
    let mut pair = Pair::ready(directory).await?;
    show.chapter_ends();
    story::tell(&mut pair, show).await?;
    invite(&pair, show).await?;
    if !options.exit {
        show.line("");
        show.line("Both sites stay up. Ctrl-C ends them.");
        tokio::signal::ctrl_c().await?;
    }
    pair.stop().await
}

/// Where to look, with a call that was tried.
async fn invite(pair: &Pair, show: &mut Show) -> Outcome {
    show.heading("To explore");
    for site in [&pair.a, &pair.b] {
        let url = site.url();
        show.line(&format!("{}  API {url}  docs {url}/docs", site.side));
    }
    let tenant = pair.b.tenant()?;
    tenant.get("/protection-groups").await?.expect(200)?;
    show.line("");
    show.line(&story::curl(&tenant, "/protection-groups"));
    Ok(())
}
