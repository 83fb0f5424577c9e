//! Drivers that break a promise on purpose: the kits must say so, each by the case that is about it.

mod compute;
mod identity;
mod storage;

use std::time::Duration;

use protector_conformance::{Options, Report, Verdict};

/// Runs one case, and those whose ids begin alike.
fn one(id: &str) -> Options {
    Options {
        only: vec![id.to_owned()],
        limit: Duration::from_secs(60),
        ..Options::default()
    }
}

/// The case has failed, and not because its bench was not there.
#[track_caller]
fn found(fault: &str, id: &str, report: &Report) {
    let line = report.cases.iter().find(|line| line.id == id);
    let Some(Verdict::Failed(why)) = line.map(|line| &line.verdict) else {
        panic!("{fault} is not found by {id}: {}", report.table());
    };
    assert!(!why.contains("the bench:"), "{fault}: {why}");
    assert!(!report.is_green(false), "{fault}");
}
