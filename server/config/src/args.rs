//! The options that all programs share, and how a program starts.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::Config;
use crate::error::{ConfigError, Problem};
use crate::sources::{Environment, Sources};

/// `--config-file` and `--config-dir`; put it into a command line with `#[command(flatten)]`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigArgs {
    /// A configuration file; may be repeated, the later one wins [default:
    /// /etc/protector/protector.conf]
    #[arg(long, value_name = "FILE", global = true)]
    pub config_file: Vec<PathBuf>,
    /// A directory of *.conf files, read in the order of their names; may be repeated
    #[arg(long, value_name = "DIR", global = true)]
    pub config_dir: Vec<PathBuf>,
}

impl ConfigArgs {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self, program: &str, environment: Environment) -> Result<Config, ConfigError> {
        let sources = Sources::read(program, &self.config_file, &self.config_dir, environment)?;
        Config::from_sources(&sources)
    }

    /// The same for who looks for mistakes: as far as it can be read, with every option that is wrong.
    ///
    /// # Errors
    /// Files that cannot be read, or lines that are none.
    pub fn load_as_far_as_readable(
        &self,
        program: &str,
        environment: Environment,
    ) -> Result<(Config, Vec<Problem>), ConfigError> {
        let sources = Sources::read(program, &self.config_file, &self.config_dir, environment)?;
        Ok(Config::as_far_as_readable(&sources))
    }

    /// Finds the two options on a command line that is otherwise not looked at.
    pub fn scan(arguments: &[OsString]) -> Self {
        let mut found = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(argument) = argument.to_str() else {
                continue;
            };
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(PathBuf::from(value))),
                None => (argument, None),
            };
            let list = match name {
                "--config-file" => &mut found.config_file,
                "--config-dir" => &mut found.config_dir,
                _ => continue,
            };
            list.extend(value.or_else(|| rest.next().map(PathBuf::from)));
        }
        found
    }
}

/// What a program does after its command line was read.
#[derive(Debug)]
pub enum Start<C> {
    /// Run.
    Run(C),
    /// Print and end.
    Exit {
        /// For standard output.
        output: String,
        /// For standard error.
        errors: String,
        /// The exit code.
        code: u8,
    },
}

/// Reads a command line. `--help` also reports what is wrong with the configuration, and then
/// exits with 1, so that an operator can try a file before a start. The first of `arguments` is
/// the program itself.
pub fn start<C: clap::Parser>(
    program: &str,
    arguments: Vec<OsString>,
    environment: Environment,
) -> Start<C> {
    let error = match C::try_parse_from(&arguments) {
        Ok(command) => return Start::Run(command),
        Err(error) => error,
    };
    let text = error.render().to_string();
    match error.kind() {
        clap::error::ErrorKind::DisplayHelp => {
            let checked = ConfigArgs::scan(&arguments).load(program, environment);
            let (errors, code) = match checked {
                Ok(config) => (warnings(&config), 0),
                Err(error) => (format!("{error}\n"), 1),
            };
            Start::Exit {
                output: text,
                errors,
                code,
            }
        }
        clap::error::ErrorKind::DisplayVersion => Start::Exit {
            output: text,
            errors: String::new(),
            code: 0,
        },
        _ => Start::Exit {
            output: String::new(),
            errors: text,
            code: 2,
        },
    }
}

fn warnings(config: &Config) -> String {
    let lines = config.warnings.iter();
    lines
        .map(|warning| format!("warning: {warning}\n"))
        .collect()
}
