//! `config check`, `config list` and `config sample`.

use protector_config::{Config, ConfigError, Paste, Policy, Value as Setting};
use protector_framework::Registry;
use serde_json::json;

use crate::command::CommandLine;
use crate::drivers;
use crate::output::Output;

pub(crate) fn list(config: &Config) -> Output {
    let rows = config.settings().iter().map(|setting| {
        vec![
            setting.group.to_owned(),
            setting.name.to_owned(),
            setting
                .value
                .as_ref()
                .map_or("-".to_owned(), Setting::shown),
            setting.place.to_string(),
        ]
    });
    Output::List {
        columns: vec!["Group", "Option", "Value", "Source"],
        rows: rows.collect(),
    }
}

pub(crate) fn sample() -> Output {
    Output::Text(protector_config::config_sample())
}

/// Checks what a service checks at its start, all of it.
pub(crate) fn check(line: &CommandLine) -> Output {
    let mut report = Report::default();
    match line.load() {
        Ok(config) => report.check(&config),
        Err(error) => report.fail(error),
    }
    report.output()
}

#[derive(Default)]
struct Report {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Report {
    fn check(&mut self, config: &Config) {
        self.warn(&config.warnings);
        match drivers::registry(config) {
            Ok(registry) => self.check_drivers(config, &registry),
            Err(failure) => self.errors.push(failure.to_string()),
        }
        if let Err(error) = config.check_service() {
            self.fail(error);
        }
        match Policy::load(&config.policy) {
            Ok(policy) => self.warn(&policy.warnings),
            Err(error) => self.fail(error),
        }
        match Paste::read(&config.api.api_paste_config) {
            Ok(paste) => self.warn(&paste.map(|paste| paste.warnings).unwrap_or_default()),
            Err(error) => self.fail(error),
        }
    }

    fn check_drivers(&mut self, config: &Config, registry: &Registry) {
        for refused in registry.refused() {
            let (file, reason) = (refused.file.display(), &refused.reason);
            self.warnings.push(format!(
                "[drivers] plugin_dir: {file} is not loaded: {reason}"
            ));
        }
        let keystone = &config.keystone;
        if config.check_service().is_ok() {
            // Building it looks at its settings and at nothing else.
            let built = registry.identity(&keystone.identity_driver, keystone.driver_config());
            if let Err(error) = built {
                self.errors
                    .push(format!("[keystone_authtoken] identity_driver: {error}"));
            }
        }
    }

    fn fail(&mut self, error: ConfigError) {
        let problems = error.problems.iter().map(ToString::to_string);
        self.errors.extend(problems);
    }

    fn warn(&mut self, warnings: &[protector_config::Problem]) {
        self.warnings
            .extend(warnings.iter().map(ToString::to_string));
    }

    fn output(self) -> Output {
        let valid = self.errors.is_empty();
        let mut lines = String::new();
        for (word, problems) in [("warning", &self.warnings), ("error", &self.errors)] {
            for problem in problems {
                lines.push_str(&format!("{word}: {problem}\n"));
            }
        }
        lines.push_str(if valid {
            "The configuration is valid.\n"
        } else {
            "The configuration is not valid.\n"
        });
        Output::Checked {
            lines,
            value: json!({
                "valid": valid,
                "errors": self.errors,
                "warnings": self.warnings,
            }),
            valid,
        }
    }
}
