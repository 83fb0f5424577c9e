//! `protector-manage`: what an operator does on the machine itself, without the API.

mod check;
mod command;
mod config;
mod database;
mod doctor;
mod drivers;
mod failure;
mod output;
mod policy;
mod secrets;
mod services;
mod sites;
mod store;
mod surplus;
mod upgrade;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use command::{
    Command, CommandLine, ConfigCommand, DbCommand, DriverCommand, PolicyCommand, SecretCommand,
    ServiceCommand, SiteCommand, StatusCommand, UpgradeCommand,
};
use failure::Failure;
use output::Output;

/// Runs `protector-manage` with all drivers that are linked: what the `main` of a build of one's own calls.
pub fn main() -> ExitCode {
    // Exits with 2 by itself where the command line is wrong.
    let line = CommandLine::parse();
    let (printed, code) = match run(&line) {
        Ok(output) => (print(&output.written(line.format)), output.code()),
        Err(failure) => (complain(&failure), line.failed()),
    };
    match printed {
        Ok(()) => ExitCode::from(code),
        // Whoever read our output has stopped to; there is nobody left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(line: &CommandLine) -> Result<Output, Failure> {
    match &line.command {
        Command::Db(DbCommand::Sync) => database::sync(&line.load()?),
        Command::Db(DbCommand::Version) => database::version(&line.load()?),
        Command::Db(DbCommand::Purge(what)) => surplus::purge(&line.load()?, what),
        Command::Db(DbCommand::Archive { what, to }) => surplus::archive(&line.load()?, what, to),
        Command::Driver(DriverCommand::List) => drivers::list(&line.load()?),
        Command::Driver(DriverCommand::Show { name }) => drivers::show(&line.load()?, name),
        Command::Driver(DriverCommand::Check(args)) => check::check(&line.load()?, args),
        Command::Config(ConfigCommand::Check) => Ok(config::check(line)),
        Command::Config(ConfigCommand::Sample) => Ok(config::sample()),
        Command::Config(ConfigCommand::List) => Ok(config::list(&line.load()?)),
        Command::Policy(PolicyCommand::List) => policy::list(&line.load()?),
        Command::Policy(PolicyCommand::Check(question)) => policy::check(&line.load()?, question),
        Command::Policy(PolicyCommand::Sample) => Ok(policy::sample()),
        Command::Status(StatusCommand::Upgrade(UpgradeCommand::Check)) => upgrade::check(line),
        Command::Site(SiteCommand::List) => sites::list(&line.load()?),
        Command::Site(SiteCommand::Show { site }) => sites::show(&line.load()?, site),
        Command::Secret(SecretCommand::Check) => secrets::check(&line.load()?),
        Command::Secret(SecretCommand::Rotate { only }) => secrets::rotate(&line.load()?, *only),
        Command::Service(ServiceCommand::List) => services::list(&line.load()?),
        Command::Service(ServiceCommand::Remove { service }) => {
            services::remove(&line.load()?, service)
        }
        Command::Doctor(args) => doctor::examine(line, args),
    }
}

fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn complain(failure: &Failure) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    for line in failure.to_string().lines() {
        writeln!(err, "protector-manage: error: {line}")?;
    }
    Ok(())
}
