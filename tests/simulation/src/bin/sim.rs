//! `cargo sim`: many histories, each from a seed of its own.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program for the terminal that measures real time"
)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use protector_simulation::history::{Tally, live};
use protector_simulation::world::simulate;

/// Operations of one history: enough for several moves there and back.
const LENGTH: u64 = 25;

/// Lives histories of two sites under faults and checks every promise after each operation.
#[derive(Debug, Parser)]
struct Args {
    /// How many operations people ask for, in all histories together.
    #[arg(long, default_value_t = 500)]
    operations: u64,
    /// The seed of the first history; the next ones have the seeds after it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Begin no history after this many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Histories at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
}

fn main() -> ExitCode {
    // `cargo sim -- --seed 1` and `cargo sim --seed 1` are the same.
    let words = std::env::args().enumerate();
    let args =
        Args::parse_from(words.filter_map(|(n, word)| (n != 1 || word != "--").then_some(word)));
    let began = Instant::now();
    let until = args
        .minutes
        .map(|minutes| Duration::from_secs(minutes * 60));
    let histories = args.operations.div_ceil(LENGTH);
    let (next, broken) = (AtomicU64::new(0), AtomicBool::new(false));
    let total = Mutex::new(Tally::default());
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let late = until.is_some_and(|until| began.elapsed() >= until);
            if at >= histories || late || broken.load(Ordering::Relaxed) {
                return;
            }
            let seed = args.seed + at;
            let length = LENGTH.min(args.operations - at * LENGTH);
            let lived = std::thread::spawn(move || simulate(live(seed, length))).join();
            match (lived, total.lock()) {
                (Ok(tally), Ok(mut total)) => *total += tally,
                _ => {
                    broken.store(true, Ordering::Relaxed);
                    eprintln!(
                        "a promise is broken; replay it with: cargo sim -- --seed {seed} \
                         --operations {length}"
                    );
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(work);
        }
    });
    let total = total.into_inner().unwrap_or_default();
    let violations = u64::from(broken.load(Ordering::Relaxed));
    println!(
        "operations {} (and {} that engines began), faults injected {}, promises checked {}, \
         violations {violations}, {} s",
        total.operations,
        total.by_themselves,
        total.faults,
        total.checks,
        began.elapsed().as_secs()
    );
    ExitCode::from(u8::from(violations > 0))
}
