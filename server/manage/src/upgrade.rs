//! `status upgrade check`, in the form and with the codes of other OpenStack services: 0 where all is
//! well, 1 where something should be looked at, 2 where something must be done first.

use std::collections::BTreeSet;

use protector_config::{Config, Policy, Problem};
use protector_db::{Db, DbError, Forms};
use protector_framework::{DriverKind, Registry};
use serde_json::json;

use crate::command::CommandLine;
use crate::failure::Failure;
use crate::output::{Output, ruled};
use crate::{drivers, store};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Success,
    Warning,
    Failure,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Warning => "Warning",
            Self::Failure => "Failure",
        }
    }
}

struct Checked {
    check: &'static str,
    grade: Grade,
    details: String,
}

/// The checks as far as they were made.
#[derive(Default)]
struct Report(Vec<Checked>);

impl Report {
    /// `details`: what was found; nothing: all is well.
    fn add(&mut self, check: &'static str, grade: Grade, details: &[String]) {
        self.0.push(Checked {
            check,
            grade: if details.is_empty() {
                Grade::Success
            } else {
                grade
            },
            details: details.join("\n"),
        });
    }

    fn output(self) -> Output {
        let code = self.0.iter().map(|one| one.grade as u8).max().unwrap_or(0);
        let rows = self.0.iter().map(|one| {
            let (check, result) = (one.check, one.grade.word());
            let details = match one.details.as_str() {
                "" => "None",
                details => details,
            };
            format!("Check: {check}\nResult: {result}\nDetails: {details}")
        });
        let rows: Vec<_> = rows.collect();
        let shown = Output::Text(ruled("Upgrade Check Results", &rows));
        let value = self.0.iter().map(|one| {
            json!({
                "check": one.check,
                "result": one.grade.word(),
                "details": one.details,
            })
        });
        Output::Judged {
            shown: Box::new(shown),
            value: value.collect::<Vec<_>>().into(),
            code,
        }
    }
}

/// # Errors
/// Where nothing can be told: the configuration cannot be read, or the database does not answer.
pub(crate) fn check(line: &CommandLine) -> Result<Output, Failure> {
    let config = line.load()?;
    let mut report = Report::default();
    configuration(&config, &mut report);
    policy(&config, &mut report);
    let registry = drivers::registry(&config)?;
    let refused = registry.refused().iter();
    let refused: Vec<_> = refused
        .map(|refused| format!("{}: {}", refused.file.display(), refused.reason))
        .collect();
    report.add("Driver Files", Grade::Warning, &refused);
    store::runtime()?.block_on(async {
        if schema(&config, &mut report).await? {
            let db = store::open_as_it_is(&config).await?;
            let done = rows(&config, &db, &registry, &mut report).await;
            db.close().await;
            let database = config.database.required()?.to_string();
            done.map_err(|source| Failure::Store { database, source })?;
        }
        Ok(report.output())
    })
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(Problem::to_string).collect()
}

fn configuration(config: &Config, report: &mut Report) {
    match config.check_service() {
        Ok(()) => report.add("Configuration", Grade::Warning, &lines(&config.warnings)),
        Err(error) => report.add("Configuration", Grade::Failure, &lines(&error.problems)),
    }
}

fn policy(config: &Config, report: &mut Report) {
    match Policy::load(&config.policy) {
        Ok(policy) => report.add("Policy Rules", Grade::Warning, &lines(&policy.warnings)),
        Err(error) => report.add("Policy Rules", Grade::Failure, &lines(&error.problems)),
    }
    let file = &config.policy.policy_file;
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let json = text.trim_start().starts_with('{');
    let told = format!(
        "{}: policy files in JSON are deprecated, as everywhere in OpenStack; write the same rules in \
         YAML: `protector-manage policy sample` shows the form",
        file.display()
    );
    let told = if json { vec![told] } else { Vec::new() };
    report.add("Policy File JSON to YAML Migration", Grade::Warning, &told);
}

/// The reply is whether the rows can be read: those of an earlier schema can, and must be, for the check
/// is made before the upgrade.
async fn schema(config: &Config, report: &mut Report) -> Result<bool, Failure> {
    let url = config.database.required()?;
    let version = crate::database::schema(url).await?;
    let latest = protector_migrations::latest();
    let (told, readable) = match version {
        Some(version) if version == latest => (None, true),
        Some(version) if version > latest => (
            Some(format!(
                "the schema is {version}, which is newer than this program's {latest}; install the \
                 version that made it"
            )),
            false,
        ),
        Some(version) => (
            Some(format!(
                "the schema is {version} and this program's is {latest}; once this version is installed \
                 and no engine runs, `protector-manage db sync`"
            )),
            true,
        ),
        None => (
            Some("there is no schema; run `protector-manage db sync`".to_owned()),
            false,
        ),
    };
    let told: Vec<_> = told.into_iter().collect();
    report.add("Database Schema", Grade::Failure, &told);
    Ok(readable)
}

async fn rows(
    config: &Config,
    db: &Db,
    registry: &Registry,
    report: &mut Report,
) -> Result<(), DbError> {
    let forms = db.forms().await?;
    let unreadable = forms.unreadable.iter().map(|fault| {
        format!("{fault}; under the version before, let the operation end or `cancel` it")
    });
    report.add(
        "Readable Rows",
        Grade::Failure,
        &unreadable.collect::<Vec<_>>(),
    );
    report.add("Unfinished Operations", Grade::Warning, &older(&forms));
    let unknown = unknown_drivers(config, db, registry).await?;
    report.add("Drivers", Grade::Failure, &unknown);
    let sealed = db.check_sealed().await?;
    let closed: Vec<_> = sealed
        .into_iter()
        .filter_map(|one| one.fault)
        .map(|fault| format!("{fault}; `protector-manage secret check` lists all"))
        .collect();
    report.add("Sealed Values", Grade::Failure, &closed);
    Ok(())
}

fn older(forms: &Forms) -> Vec<String> {
    let older = forms.without_turn.iter();
    older
        .map(|id| {
            format!(
                "operation {id} was made by an earlier version: it goes on, but is not taken in turn; \
                 let it end before the upgrade where you can"
            )
        })
        .collect()
}

/// Drivers that the configuration, sites and policies name and that nothing has registered.
async fn unknown_drivers(
    config: &Config,
    db: &Db,
    registry: &Registry,
) -> Result<Vec<String>, DbError> {
    let mut named: BTreeSet<(DriverKind, String, String)> = BTreeSet::new();
    let identity = config.keystone.identity_driver.clone();
    let option = "[keystone_authtoken] identity_driver".to_owned();
    named.insert((DriverKind::Identity, identity, option));
    for (site, driver) in db.site_drivers().await? {
        for kind in [DriverKind::Compute, DriverKind::Identity] {
            named.insert((kind, driver.clone(), format!("site `{site}`")));
        }
    }
    for driver in db.policy_drivers().await? {
        named.insert((
            DriverKind::Storage,
            driver,
            "replication policies".to_owned(),
        ));
    }
    let unknown = named
        .into_iter()
        .filter(|(kind, name, _)| registry.driver(*kind, name).is_none());
    Ok(unknown
        .map(|(kind, name, by)| {
            format!(
                "there is no {} driver `{name}`, which is named by {by}; put its file into [drivers] \
                 plugin_dir",
                kind.word()
            )
        })
        .collect())
}
