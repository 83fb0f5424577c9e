//! `doctor`: what is wrong with an installation, and the command that puts it right. Each check is made
//! that can be, and nothing is changed.

mod account;
mod cloud;
mod database;
mod directories;
mod files;
mod keystone;
mod ports;
mod projects;
mod report;
mod role;
mod sites;
mod token_cache;

use std::sync::Arc;
use std::time::Duration;

use protector_config::{Config, Policy};
use protector_framework::{CallCtx, Clock, Ids, RandomIds, Registry, SystemClock};

use crate::command::{CommandLine, DoctorArgs};
use crate::failure::Failure;
use crate::output::Output;
use crate::{drivers, store};

use account::Account;
use report::{Report, check};

/// How long one question to a cloud may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clocks may differ by so much unnoticed: a server tells its time to a second.
const SKEW: i64 = 3;
/// From here on tokens, leases and recovery points are judged wrongly.
const HARMFUL_SKEW: i64 = 30;

/// What needs `[database]`.
const DATABASE: &[&str] = &["database"];

/// What needs `[keystone_authtoken]`.
const KEYSTONE: &[&str] = &["token cache", "keystone", "credentials", "cloud"];

/// What needs the configuration.
const AFTER_CONFIGURATION: &[&str] = &[
    "directories",
    "keys",
    "database",
    "port",
    "metrics",
    "token cache",
    "policy",
    "drivers",
    "keystone",
    "credentials",
    "sites",
    "services",
];

/// What all checks share.
struct Ground {
    config: Config,
    /// The options that are wrong, as `[section] name`.
    wrong: Vec<String>,
    /// `None`: the drivers cannot be gathered.
    registry: Option<Registry>,
    /// `None`: the rules cannot be read.
    policy: Option<Policy>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Ground {
    fn ctx(&self) -> CallCtx {
        CallCtx::new(self.ids.request_id(), PATIENCE)
    }

    /// Whether every option of these sections can be read; else these checks are skipped.
    fn may_look(&self, sections: &[&str], checks: &[&str], report: &mut Report) -> bool {
        let of = |section: &&str| {
            let start = format!("[{section}] ");
            self.wrong.iter().any(|option| option.starts_with(&start))
        };
        match sections.iter().find(|section| of(section)) {
            None => true,
            Some(section) => {
                let why = format!("an option of [{section}] cannot be read");
                report.skip(checks, &why);
                false
            }
        }
    }
}

/// # Errors
/// Where the program itself cannot work.
pub(crate) fn examine(line: &CommandLine, args: &DoctorArgs) -> Result<Output, Failure> {
    let mut report = Report::default();
    let account = Account::find(args.user.as_deref());
    let tried = "reading protector.conf as the services do";
    let configuration = check("configuration", tried);
    let (config, wrong) = match line.load_as_far_as_readable() {
        Ok(read) => read,
        Err(error) => {
            report.fail(&configuration, error.to_string(), CORRECT);
            report.skip(AFTER_CONFIGURATION, "the configuration cannot be read");
            return Ok(report.output());
        }
    };
    match wrong.is_empty() {
        true => files::configuration(&configuration, line, &config, &account, &mut report),
        false => {
            let lines: Vec<_> = wrong.iter().map(ToString::to_string).collect();
            report.fail(&configuration, lines.join("\n"), CORRECT);
        }
    }
    let mut ground = Ground {
        config,
        wrong: wrong.into_iter().filter_map(|one| one.subject).collect(),
        registry: None,
        policy: None,
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    };
    if ground.may_look(
        &["DEFAULT", "database"],
        &["directories", "keys"],
        &mut report,
    ) {
        directories::look(&ground.config, &account, &mut report);
    }
    store::runtime()?.block_on(async {
        let db = match ground.may_look(&["DEFAULT", "database", "engine"], DATABASE, &mut report) {
            true => database::look(&ground, &mut report).await,
            false => None,
        };
        let answers = clouds(&mut ground, &account, &mut report).await;
        match &db {
            Some(db) => sites::look(&ground, db, answers, &mut report).await,
            None => report.skip(&["sites", "services"], "the database cannot be used"),
        }
        if let Some(db) = db {
            db.close().await;
        }
    });
    Ok(report.output())
}

/// The ports, and all that needs no database. The reply is whether this site's cloud answers.
async fn clouds(ground: &mut Ground, account: &Account, report: &mut Report) -> bool {
    let port = match ground.may_look(&["api"], &["port"], report) {
        true => ports::look(ground, account, report).await,
        false => ports::Port::None,
    };
    if ground.may_look(&["api", "metrics"], &["metrics"], report) {
        ports::metrics(ground, account, report).await;
    }
    if ground.may_look(&["oslo_policy"], &["policy"], report) {
        ground.policy = files::policy(&ground.config, report);
    }
    if ground.may_look(&["drivers"], &["drivers"], report) {
        ground.registry = files::drivers(drivers::registry(&ground.config), report);
    }
    if !ground.may_look(&["keystone_authtoken"], KEYSTONE, report) {
        return false;
    }
    token_cache::look(ground, report).await;
    match keystone::look(ground, port, report).await {
        true => cloud::look(ground, report).await,
        false => {
            let why = "this site's Keystone does not let the service in, or not with all its roles";
            report.skip(&["cloud", "cinder policy"], why);
            false
        }
    }
}

const CORRECT: &str = "correct what is named, then run `protector-manage config check`";

/// How far another clock is ahead of this machine's, judged.
fn clock_skew(report: &mut Report, check: &report::Check, whose: &str, ahead: chrono::TimeDelta) {
    let seconds = ahead.num_seconds();
    let found = match seconds {
        0.. => format!("{whose} is {seconds} s ahead of this machine"),
        _ => format!("{whose} is {} s behind this machine", -seconds),
    };
    let fix = "set both clocks: `timedatectl set-ntp true` or `chronyc makestep`, then `chronyc \
               tracking` on each";
    match seconds.abs() {
        HARMFUL_SKEW.. => report.fail(check, found, fix),
        SKEW.. => report.warn(check, found, fix),
        _ => report.ok(check, format!("{whose} agrees with this machine")),
    }
}
