//! `doctor`: what is wrong with an installation, and the command that puts it right. Each check is made
//! that can be, and nothing is changed.

mod account;
mod cloud;
mod database;
mod directories;
mod files;
mod keystone;
mod network;
mod report;
mod sites;

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

/// What needs the configuration.
const AFTER_CONFIGURATION: &[&str] = &[
    "directories",
    "keys",
    "database",
    "port",
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
}

/// # Errors
/// Where the program itself cannot work.
pub(crate) fn examine(line: &CommandLine, args: &DoctorArgs) -> Result<Output, Failure> {
    let mut report = Report::default();
    let account = Account::find(args.user.as_deref());
    let tried = "reading protector.conf as the services do";
    let configuration = check("configuration", tried);
    let config = match line.load() {
        Ok(config) => config,
        Err(error) => {
            let fix = "correct what is named, then run `protector-manage config check`";
            report.fail(&configuration, error.to_string(), fix);
            report.skip(AFTER_CONFIGURATION, "the configuration cannot be read");
            return Ok(report.output());
        }
    };
    files::configuration(&configuration, line, &config, &account, &mut report);
    directories::look(&config, &account, &mut report);
    let mut ground = Ground {
        config,
        registry: None,
        policy: None,
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    };
    store::runtime()?.block_on(async {
        let db = database::look(&ground, &mut report).await;
        let port = network::port(&ground, &mut report).await;
        network::token_cache(&ground, &mut report).await;
        ground.policy = files::policy(&ground.config, &mut report);
        ground.registry = files::drivers(drivers::registry(&ground.config), &mut report);
        let identity = keystone::look(&ground, port, &mut report).await;
        if identity {
            cloud::look(&ground, &mut report).await;
        } else {
            let why = "this site's Keystone does not let the service in";
            report.skip(&["cloud", "cinder policy"], why);
        }
        match &db {
            Some(db) => sites::look(&ground, db, &mut report).await,
            None => report.skip(&["sites", "services"], "the database cannot be used"),
        }
        if let Some(db) = db {
            db.close().await;
        }
    });
    Ok(report.output())
}

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
