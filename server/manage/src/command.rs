//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use protector_config::{Config, ConfigArgs, ConfigError, Problem, environment};

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
    /// Before an upgrade
    #[command(subcommand)]
    Status(StatusCommand),
    /// The sites that this one knows
    #[command(subcommand)]
    Site(SiteCommand),
    /// The passwords and tokens that this site keeps sealed
    #[command(subcommand)]
    Secret(SecretCommand),
    /// The APIs and engines of this site
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Look for what is wrong with this installation, and say how to put it right
    #[command(after_long_help = DOCTOR_HELP)]
    Doctor(DoctorArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Bring the schema up to date; safe to repeat, and on several machines at once
    Sync,
    /// Show which schema the database has
    Version,
    /// Remove finished operations and what else nobody needs any more
    #[command(after_long_help = SURPLUS_HELP)]
    Purge(SurplusArgs),
    /// The same, but write the rows into a file before they are removed
    #[command(after_long_help = SURPLUS_HELP)]
    Archive {
        #[command(flatten)]
        what: SurplusArgs,
        /// The file; rows are added at its end
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct SurplusArgs {
    /// Only what has not changed for so many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) older_than: u32,
    /// Audit events too, those that are older than so many days; without it they all stay
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) audit_days: Option<u32>,
    /// Only tell what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How many operations and rows go in one transaction
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=10000))]
    pub(crate) batch: u32,
}

/// What goes and what stays.
const SURPLUS_HELP: &str = r#"What goes: finished operations with their journals and the keys of their requests; keys of requests
that are older than a day; the reports and tokens of protection groups that are deleted on both sites;
sealed values of sites, groups and trusts that are not there any more; services that were not seen since.

What stays, whatever its age: every operation of a group that has an unfinished one; a test whose copies
stand; the journal of what was made or stopped and not taken back; what belongs to the group's present
epoch; the last move in each direction; an open statement of loss; the last that has completed of each
kind; what the other site may not have heard of. The documents of deleted groups stay, so that a site
that was away learns that they are gone. Audit events stay, but for those older than --audit-days.

`db archive` writes one JSON object a line, {"table": ..., "row": {...}}, without sealed values, and
removes rows only when they are on disk. A run that was interrupted may write the same rows again."#;

#[derive(Debug, Subcommand)]
pub(crate) enum StatusCommand {
    /// Checks
    #[command(subcommand)]
    Upgrade(UpgradeCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum UpgradeCommand {
    /// Whether the services of this version can start on this site: exits with 0, with 1 where something
    /// should be looked at, with 2 where something must be done first, with 255 where it cannot tell
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SiteCommand {
    /// List the sites
    List,
    /// Show a site
    Show {
        /// Its name or id
        site: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Try to open every sealed value
    Check,
    /// Make a new key and seal everything with it
    #[command(after_long_help = ROTATE_HELP)]
    Rotate {
        /// Only the one half of it
        #[arg(long, value_enum)]
        only: Option<Half>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Half {
    /// Make the key
    Key,
    /// Seal everything with the newest key
    Seal,
}

/// How keys are changed on several nodes.
const ROTATE_HELP: &str = r#"Every node of a site needs every key. Where the directory is not shared, run `secret rotate --only key`
on one node, copy the new file to the others with its owner and mode, and then run
`secret rotate --only seal` once. Services that run read a new key when they meet it. Old keys stay:
remove one when `secret check` names it nowhere and the services were restarted since."#;

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// List them with their last sign of life
    List,
    /// Forget one that is gone for good; one that was seen within the last minute stays
    Remove {
        /// Its id, or its host for all on that host
        service: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Whom the services run as; without it `protector`, or where that is no user, whoever asks
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
}

/// What the verdicts mean.
const DOCTOR_HELP: &str = r#"Nothing is changed. Every check is made that can be; one that needs what another has found broken is
skipped. Exits with 0 where nothing is wrong, with 1 where there are warnings, with 2 where there are
problems."#;

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

    /// The configuration as far as it can be read, with every option that is wrong.
    pub(crate) fn load_as_far_as_readable(&self) -> Result<(Config, Vec<Problem>), ConfigError> {
        let config = &self.config;
        config.load_as_far_as_readable("protector-manage", environment())
    }

    /// How the program exits where a command has failed. An upgrade check has codes of its own for what
    /// it finds.
    pub(crate) fn failed(&self) -> u8 {
        match self.command {
            Command::Status(_) => 255,
            _ => 1,
        }
    }
}
