//! The files that an operator writes: `protector.conf`, the policy, drivers.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use protector_config::{Config, Policy, Problem};
use protector_framework::Registry;

use super::account::{Account, Want};
use super::report::{Check, Report, check};
use crate::command::CommandLine;
use crate::failure::Failure;

/// Where the configuration is where nobody says so.
const USUAL: &str = "/etc/protector/protector.conf";

pub(super) fn configuration(
    check: &Check,
    line: &CommandLine,
    config: &Config,
    account: &Account,
    report: &mut Report,
) {
    if let Err(error) = config.check_service() {
        let fix = "write what is missing into protector.conf; `protector-manage config sample` shows \
                   every option";
        report.fail(check, error.to_string(), fix);
        return;
    }
    let usual = [PathBuf::from(USUAL)];
    let named = &line.config.config_file;
    let files: &[PathBuf] = if named.is_empty() { &usual } else { named };
    let closed = files.iter().find(|file| {
        let found = file.metadata();
        account.exists() && found.is_ok_and(|found| !account.may(Want::Read, &found))
    });
    if let Some(file) = closed {
        let (file, name) = (file.display(), &account.name);
        let fix = format!("chown root:{name} {file}; chmod 640 {file}");
        report.fail(check, format!("user {name} may not read {file}"), fix);
        return;
    }
    let mut warnings = lines(&config.warnings);
    warnings.extend(files.iter().filter_map(|file| open_to_all(file)));
    let fix = "correct the lines that are named; `chmod 640` and `chown root:protector` a file that \
               holds passwords";
    report.warnings(check, &warnings, "every option can be read", fix);
}

fn open_to_all(file: &Path) -> Option<String> {
    let mode = file.metadata().ok()?.mode();
    let open = mode & 0o007 != 0;
    open.then(|| {
        format!(
            "{}: its mode is {:o}: everybody on this machine may read the passwords in it",
            file.display(),
            mode & 0o777
        )
    })
}

/// The rules, where they can be read.
pub(super) fn policy(config: &Config, report: &mut Report) -> Option<Policy> {
    let file = config.policy.policy_file.display();
    let check = check("policy", format!("reading {file} and the files beside it"));
    match Policy::load(&config.policy) {
        Ok(policy) => {
            let fix = "correct the rules that are named, then run `protector-manage policy check`";
            let warnings = lines(&policy.warnings);
            report.warnings(&check, &warnings, "every rule can be read", fix);
            Some(policy)
        }
        Err(error) => {
            let fix = "correct the rules that are named, then run `protector-manage policy check`; the \
                       running services go on with the rules that they have";
            report.fail(&check, error.to_string(), fix);
            None
        }
    }
}

/// The drivers, where they can be gathered.
pub(super) fn drivers(
    gathered: Result<Registry, Failure>,
    report: &mut Report,
) -> Option<Registry> {
    let check = check(
        "drivers",
        "gathering the drivers and those of [drivers] plugin_dir",
    );
    match gathered {
        Err(failure) => {
            let fix =
                "correct [drivers] in protector.conf, then run `protector-manage driver list`";
            report.fail(&check, failure.to_string(), fix);
            None
        }
        Ok(registry) => {
            let refused = registry.refused().iter();
            let refused: Vec<_> = refused
                .map(|refused| format!("{}: {}", refused.file.display(), refused.reason))
                .collect();
            let fix = "put a file of this version into its place, or remove it";
            report.warnings(&check, &refused, "all are loaded", fix);
            Some(registry)
        }
    }
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(Problem::to_string).collect()
}
