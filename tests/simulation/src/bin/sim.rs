//! `cargo sim`: many histories, each from a seed of its own.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program for the terminal that measures real time"
)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use protector_simulation::history::matrix::{self, Report};
use protector_simulation::history::report::Coverage;
use protector_simulation::history::{FaultKind, Tally, live};
use protector_simulation::round_trips::round_trips;
use protector_simulation::world::simulate;

/// Operations of one history: enough for several moves there and back.
const LENGTH: u64 = 25;

/// Lives histories of two sites under faults and checks every promise after each step.
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
    /// Go on after a promise is broken, to find the others too.
    #[arg(long)]
    keep_going: bool,
    /// Histories at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// Instead: this many round trips of one group, after which nothing may be left behind.
    #[arg(long)]
    round_trips: Option<u64>,
    /// Instead: every fault once at every step of every operation that it can meet.
    #[arg(long)]
    matrix: bool,
    /// With `--matrix`: this fault alone, as the table names it; can be given more than once.
    #[arg(long)]
    fault: Vec<String>,
    /// Instead: finds each bug that is seeded on purpose.
    #[cfg(feature = "seeded-bugs")]
    #[arg(long)]
    bugs: bool,
    /// One of these bugs is there, as `--bugs` names it.
    #[cfg(feature = "seeded-bugs")]
    #[arg(long)]
    bug: Option<String>,
    /// With `--matrix`: write the table.
    #[arg(long)]
    write: bool,
}

/// Where the table of faults is kept.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/MATRIX.md");

fn main() -> ExitCode {
    // `cargo sim -- --seed 1` and `cargo sim --seed 1` are the same.
    let words = std::env::args().enumerate();
    let args =
        Args::parse_from(words.filter_map(|(n, word)| (n != 1 || word != "--").then_some(word)));
    #[cfg(feature = "seeded-bugs")]
    if args.bugs || args.bug.is_some() {
        return bugs(&args);
    }
    if let Some(count) = args.round_trips {
        return travel(args.seed, count);
    }
    match args.matrix {
        true => matrix(&args),
        false => histories(&args),
    }
}

/// Seeds each bug in turn and lives histories until it is found.
#[cfg(feature = "seeded-bugs")]
fn bugs(args: &Args) -> ExitCode {
    use protector_model::seeded::{Bug, set};

    if args.bug.is_none() {
        // What each panic says is told below, in a line.
        std::panic::set_hook(Box::new(|_| {}));
    }
    let asked = |bug: &&Bug| args.bug.as_ref().is_none_or(|name| name == bug.as_str());
    let mut lost = 0;
    for bug in Bug::ALL.iter().filter(asked) {
        set(Some(*bug));
        let (began, first) = (Instant::now(), Mutex::new(None));
        let pieces = (0..args.operations.div_ceil(LENGTH)).map(|at| {
            let seed = args.seed + at;
            let piece: Box<dyn FnOnce() -> Result<(), (u64, String)> + Send> =
                Box::new(move || found(seed));
            (String::new(), piece)
        });
        let pieces = pieces.take_while(|_| first.lock().is_ok_and(|first| first.is_none()));
        side_by_side(args, pieces, |lived| {
            if let (Err(found), Ok(mut first)) = (lived, first.lock()) {
                first.get_or_insert(found);
            }
        });
        let seconds = began.elapsed().as_secs();
        match first.into_inner().ok().flatten() {
            Some((seed, why)) => {
                println!(
                    "found in {seconds} s with seed {seed}: {}: {why}",
                    bug.as_str()
                );
            }
            None => {
                lost += 1;
                println!(
                    "NOT FOUND in {} operations, {seconds} s: {}",
                    args.operations,
                    bug.as_str()
                );
            }
        }
    }
    set(None);
    println!("bugs seeded {}, not found {lost}", Bug::ALL.len());
    ExitCode::from(u8::from(lost > 0))
}

/// How long a history with a bug may take: many times what it takes without one.
#[cfg(feature = "seeded-bugs")]
const PATIENCE: Duration = Duration::from_secs(45);

/// Lives a history; what it broke, in a line. One that does not come to its end has broken something
/// too; it ends when the bug is switched off.
#[cfg(feature = "seeded-bugs")]
fn found(seed: u64) -> Result<(), (u64, String)> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let lived = std::panic::catch_unwind(|| simulate(live(seed, LENGTH)));
        // Nobody listens to one that was too late.
        let _too_late = tell.send(lived);
    });
    let Ok(lived) = told.recv_timeout(PATIENCE) else {
        return Err((seed, "the history does not come to its end".to_owned()));
    };
    lived.map(drop).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map_or_else(|| "it panicked", |text| text.as_str());
        let line: Vec<&str> = text.lines().take(3).map(str::trim).collect();
        (seed, line.join(" ").chars().take(160).collect())
    })
}

fn travel(seed: u64, count: u64) -> ExitCode {
    let began = Instant::now();
    let made = std::thread::spawn(move || simulate(round_trips(seed, count))).join();
    let violations = u64::from(made.is_err());
    println!(
        "round trips {count} of seed {seed}, violations {violations}, {} s",
        began.elapsed().as_secs()
    );
    ExitCode::from(u8::from(violations > 0))
}

/// Does pieces of work side by side until none is left or, unless it is to keep going, one has
/// failed; a piece that fails says how it is done again.
fn side_by_side<T: Send + 'static>(
    args: &Args,
    pieces: impl Iterator<Item = (String, Box<dyn FnOnce() -> T + Send>)> + Send,
    take: impl FnMut(T) + Send,
) -> u64 {
    let broken = AtomicU64::new(0);
    let (pieces, take) = (Mutex::new(pieces), Mutex::new(take));
    let work = || {
        while args.keep_going || broken.load(Ordering::Relaxed) == 0 {
            let Some((again, piece)) = pieces.lock().ok().and_then(|mut p| p.next()) else {
                return;
            };
            match (std::thread::spawn(piece).join(), take.lock()) {
                (Ok(done), Ok(mut take)) => take(done),
                _ => {
                    broken.fetch_add(1, Ordering::Relaxed);
                    eprintln!("a promise is broken; replay it with: {again}");
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(work);
        }
    });
    broken.load(Ordering::Relaxed)
}

fn histories(args: &Args) -> ExitCode {
    let began = Instant::now();
    let until = args
        .minutes
        .map(|minutes| Duration::from_secs(minutes * 60));
    let (first, operations) = (args.seed, args.operations);
    let pieces = (0..operations.div_ceil(LENGTH)).map(|at| {
        let (seed, length) = (first + at, LENGTH.min(operations - at * LENGTH));
        let again = format!("cargo sim -- --seed {seed} --operations {length}");
        let piece: Box<dyn FnOnce() -> Tally + Send> =
            Box::new(move || simulate(live(seed, length)));
        (again, piece)
    });
    let pieces = pieces.take_while(|_| until.is_none_or(|until| began.elapsed() < until));
    let mut total = Tally::default();
    let violations = side_by_side(args, pieces, |tally| total += tally);
    summary(&total, violations, began)
}

fn matrix(args: &Args) -> ExitCode {
    let began = Instant::now();
    let known = |name: &&String| FaultKind::ALL.iter().all(|fault| name != &fault.as_str());
    if let Some(unknown) = args.fault.iter().find(known) {
        eprintln!("`{unknown}` is no fault; {TABLE} names them");
        return ExitCode::FAILURE;
    }
    let asked = |fault: &&FaultKind| {
        args.fault.is_empty() || args.fault.iter().any(|name| name == fault.as_str())
    };
    let faults: Vec<FaultKind> = FaultKind::ALL.iter().filter(asked).copied().collect();
    let pieces = faults.iter().map(|fault| {
        let (fault, seed) = (*fault, args.seed);
        let again = format!("cargo sim -- --matrix --fault '{}'", fault.as_str());
        let piece: Box<dyn FnOnce() -> Report + Send> =
            Box::new(move || simulate(matrix::live(fault, seed)));
        (again, piece)
    });
    let (mut total, mut coverage) = (Tally::default(), Coverage::default());
    let violations = side_by_side(args, pieces, |report| {
        coverage.add(&report);
        total += report.tally;
    });
    let (met, unfit) = coverage.count();
    let open = match args.fault.is_empty() {
        true => coverage.open(),
        false => Vec::new(),
    };
    println!(
        "cells covered {met}, not applicable {unfit}, open {}",
        open.len()
    );
    for cell in &open {
        println!(
            "open: {} of {}: {}",
            cell.step,
            cell.operation,
            cell.fault.as_str()
        );
    }
    if args.write
        && violations == 0
        && let Err(error) = std::fs::write(TABLE, coverage.table())
    {
        eprintln!("{TABLE}: {error}");
        return ExitCode::FAILURE;
    }
    summary(&total, violations + open.len() as u64, began)
}

fn summary(total: &Tally, violations: u64, began: Instant) -> ExitCode {
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
