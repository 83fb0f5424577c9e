//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use protector_config::{Config, ConfigArgs, ConfigError, environment};

/// Manage a Protector installation.
#[derive(Debug, Parser)]
#[command(name = "protector-manage", version, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table, global = true)]
    pub(crate) format: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The database's schema
    #[command(subcommand)]
    Db(DbCommand),
    /// The drivers of this installation
    #[command(subcommand)]
    Driver(DriverCommand),
    /// protector.conf
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Who may do what
    #[command(subcommand)]
    Policy(PolicyCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Bring the schema up to date; safe to repeat, and on several machines at once
    Sync,
    /// Show which schema the database has
    Version,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DriverCommand {
    /// List the drivers
    List,
    /// Show a driver with an example and the schema of its settings
    Show {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check protector.conf, the policy files and api-paste.ini
    #[command(alias = "validate")]
    Check,
    /// List every option with its value and where it comes from
    List,
    /// Print a protector.conf with every option and its default, commented out
    Sample,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// List the rules in force
    List,
    /// Check the policy files; with --access, tell what its owner may do
    Check(PolicyQuestion),
    /// Print a policy file with every default, commented out
    Sample,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PolicyQuestion {
    /// A token's content as Keystone shows it ({"token": {...}}), as a file
    #[arg(long, value_name = "FILE")]
    pub(crate) access: Option<PathBuf>,
    /// Only this rule
    #[arg(long, value_name = "NAME", requires = "access")]
    pub(crate) rule: Option<String>,
    /// A field of what is asked for, such as project_id=...; without any, what belongs to the caller
    #[arg(long, value_name = "FIELD=VALUE", requires = "access", value_parser = field)]
    pub(crate) target: Vec<(String, String)>,
}

fn field(text: &str) -> Result<(String, String), String> {
    let found = text.split_once('=');
    let (name, value) = found.ok_or("must be of the form FIELD=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl CommandLine {
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        self.config.load("protector-manage", environment())
    }
}
