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
    /// Try a driver on a system that is there, with the conformance kit of its kind
    #[command(after_long_help = CHECK_HELP)]
    Check(CheckArgs),
}

/// What a driver is tried with.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Its name
    pub(crate) name: String,
    /// Only the driver of this kind; without it, every kind that the files speak of
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// Settings and secrets, in JSON; a section of a later file goes over that of an earlier one
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) config: Vec<PathBuf>,
    /// Only cases whose id holds this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// How many cases run at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) at_once: usize,
    /// How many seconds one case may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// One array
    Storage,
    /// One project of a cloud
    Compute,
    /// An identity service
    Identity,
}

/// What the files of a check hold.
const CHECK_HELP: &str = r#"What is made begins with `protector-check-` and eight hexadecimal digits, and is removed again. What
cannot be tried on a live system is reported as skipped, with the reason. The program exits with 0
only if nothing failed; `--format json` prints the reports for programs.

A file holds one section for each kind of driver, and only its owner may read it. `settings` and
`secrets` are those of the driver (`driver show NAME`); with `"try_wrong_secret": true` beside them,
logins with wrong secrets are tried too, for which some systems lock an account.

{
  "identity": {
    "driver": {"settings": {...}, "secrets": {"password": "..."}},
    "project": "ID of a project that the account may look at",
    "client": {"token": "...", "user": "ID", "project": "ID", "roles": ["member"]}
  },
  "compute": {
    "driver": {"settings": {...}, "secrets": {"password": "..."}},
    "network": {"id": "...", "subnet": "...", "addresses": ["four free ones", ...],
                "security_group": "ID"},
    "flavor": "ID",
    "volumes": ["IDs of two bootable volumes that nobody needs", ...],
    "array_volumes": [{"name": "...", "host": "host@backend#pool", "volume_type": "ID",
                       "size_gib": 1}, ...],
    "group": {"group_type": "NAME", "volume_type": "ID of the type of `volumes`"}
  },
  "storage": {
    "source": {"settings": {...}, "secrets": {"api_token": "..."}},
    "target": {"settings": {...}, "secrets": {"api_token": "..."}},
    "volume_program": ["/path/of/a/program", ...]
  }
}

`client`, all of `compute` but `driver`, and `volume_program` may be left out; the cases that need
them are then skipped. Sixteen `array_volumes` are used up: they are adopted and let go, and have
other names afterwards. `volumes` get their names back; servers boot from them.

A storage driver has no verb that makes, writes or reads a volume. `volume_program` does it, called
as PROGRAM ... source|target and one of
  create cinder ID BYTES     a volume as Cinder names it; its name on the array is printed
  create plain NAME BYTES    a volume of this name; the name is printed
  list                       the names of all volumes, one a line
  write NAME OFFSET          writes what comes on its standard input
  read NAME OFFSET LENGTH    prints bytes
  delete NAME"#;

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
