//! Protector's own processes beside a cloud: configuration, database, api and engine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::arrays::Arrays;
use super::command;
use super::failure::{During, Outcome, fail};
use super::http::Service;
use super::process::Process;
use super::report::{Report, Wait};
use super::testbed::{Api, MARIADB_PORT, PASSWORD, REGION, Side};
use super::world::{World, write_private};

/// Seconds for which an engine holds an operation: short, so that a takeover is.
const LEASE_SECONDS: u32 = 15;
/// Seconds that a call may take; after a takeover no mutating call is made for as long.
const CALL_DEADLINE: u32 = 15;

/// How the programs are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As quickly as can be.
    Dev,
    /// Optimised, as the simulation is. A release is faster still, and takes longer to build than to
    /// measure.
    Sim,
}

impl Profile {
    /// The directory below `target`.
    fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Sim => "sim",
        }
    }
}

/// The programs of the service.
#[derive(Debug, Clone)]
pub struct Programs {
    dir: PathBuf,
}

impl Programs {
    /// Builds them, beside this program.
    ///
    /// # Errors
    /// What cargo says.
    pub async fn build(profile: Profile) -> Outcome<Self> {
        let own = std::env::current_exe()?;
        let Some(target) = own.ancestors().nth(2) else {
            return fail(format!("{} is in no directory", own.display()));
        };
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            // Without `-p`, so that they share the build of everything else.
            .args(["build", "--quiet", "--bin", "protector-api"])
            .args(["--bin", "protector-engine", "--bin", "protector-manage"]);
        // Of the cargo that started us: they would make build scripts run again.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
                .iter()
                .any(|p| name.starts_with(p))
            {
                cargo.env_remove(&*name);
            }
        }
        if profile == Profile::Sim {
            cargo.args(["--profile", "sim"]);
        }
        command::run(&mut cargo).await?;
        Ok(Self {
            dir: target.join(profile.directory()),
        })
    }

    /// Those that were built beside this test; `None`: not all of them were.
    ///
    /// # Errors
    /// Where this program is in no directory.
    pub fn built() -> Outcome<Option<Self>> {
        let own = std::env::current_exe()?;
        let Some(dir) = own.ancestors().nth(2) else {
            return fail(format!("{} is in no directory", own.display()));
        };
        let all = ["protector-api", "protector-engine", "protector-manage"];
        let there = all.iter().all(|name| dir.join(name).exists());
        Ok(there.then(|| Self {
            dir: dir.to_owned(),
        }))
    }

    /// Where they are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// One of them, to be started.
    pub fn command(&self, program: &str) -> Command {
        Command::new(self.dir.join(program))
    }
}

/// One site's Protector.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Which site.
    pub side: Side,
    programs: Programs,
    dir: PathBuf,
    url: String,
    stay: bool,
}

impl Deployment {
    /// Writes the configuration, makes the database and brings it to the present schema, twice,
    /// because that must be safe.
    ///
    /// # Errors
    /// What a program says.
    pub async fn prepare(
        world: &World,
        programs: &Programs,
        side: Side,
        arrays: &dyn Arrays,
        stay: bool,
    ) -> Outcome<Self> {
        let dir = world.dir.join(side.name());
        for part in ["state", "log"] {
            std::fs::create_dir_all(dir.join(part))?;
        }
        let deployment = Self {
            side,
            programs: programs.clone(),
            url: world.testbed.url(side, Api::Protector),
            dir,
            stay,
        };
        let database = deployment.database(world).await?;
        write_private(
            &deployment.config(),
            &deployment.conf(world, &database, arrays),
        )?;
        std::fs::write(deployment.dir.join("policy.yaml"), POLICY)?;
        for _ in 0..2 {
            command::run(
                deployment
                    .command("protector-manage", &[deployment.config()])
                    .args(["db", "sync"]),
            )
            .await?;
        }
        Ok(deployment)
    }

    /// Starts the API and waits until it serves.
    ///
    /// # Errors
    /// Where it ends or does not serve within 30 s.
    pub async fn start_api(&self, report: &Report) -> Outcome<Process> {
        self.serve(report, &[self.config()]).await
    }

    /// Starts the API as it runs in production, without the log of everything.
    ///
    /// # Errors
    /// Where it ends or does not serve within 30 s.
    pub async fn start_quiet_api(&self, report: &Report) -> Outcome<Process> {
        let extra = self.dir.join("quiet.conf");
        std::fs::write(&extra, "[DEFAULT]\ndebug = false\n")?;
        self.serve(report, &[self.config(), extra]).await
    }

    async fn serve(&self, report: &Report, configs: &[PathBuf]) -> Outcome<Process> {
        let mut api = self.start("protector-api", "protector-api", configs)?;
        let service = Service::new(&self.url)?;
        let what = format!("the API of {}", self.side.name());
        report
            .until(&what, Duration::from_secs(30), async || {
                api.alive()?;
                Ok(match service.get("/healthcheck").await {
                    Ok(_) => Wait::Done(()),
                    Err(failure) => Wait::NotYet(failure.0),
                })
            })
            .await?;
        Ok(api)
    }

    /// Starts the engine of this node.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start_engine(&self) -> Outcome<Process> {
        self.start("protector-engine", "protector-engine", &[self.config()])
    }

    /// Starts an engine as on a second node with the same database.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start_second_engine(&self) -> Outcome<Process> {
        let extra = self.dir.join("second-node.conf");
        let text = "[DEFAULT]\nhost = second-node\nlog_file = protector-engine-2.log\n";
        std::fs::write(&extra, text)?;
        self.start(
            "protector-engine",
            "protector-engine-2",
            &[self.config(), extra],
        )
    }

    /// Where its logs are.
    pub fn logs(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Where its state is.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    fn start(&self, program: &str, name: &str, configs: &[PathBuf]) -> Outcome<Process> {
        let output = self.dir.join("log").join(format!("{name}.out"));
        let name = format!("{name} of {}", self.side.name());
        Process::start(
            &mut self.command(program, configs),
            &name,
            &output,
            self.stay,
        )
    }

    fn command(&self, program: &str, configs: &[PathBuf]) -> Command {
        let mut command = self.programs.command(program);
        for config in configs {
            command.arg("--config-file").arg(config);
        }
        command
    }

    /// Its configuration, with the passwords in it.
    pub fn config(&self) -> PathBuf {
        self.dir.join("protector.conf")
    }

    /// site-a keeps its state in SQLite. site-b, where two engines are to share it, in MariaDB.
    async fn database(&self, world: &World) -> Outcome<String> {
        if self.side == Side::A {
            return Ok(format!(
                "sqlite:///{}",
                self.dir.join("state/protector.sqlite").display()
            ));
        }
        let name = mariadb_name(world);
        let password = world.secrets.of("database");
        let statements = format!(
            "CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4; \
             CREATE USER IF NOT EXISTS '{name}'@'127.0.0.1' IDENTIFIED BY '{password}'; \
             GRANT ALL ON {name}.* TO '{name}'@'127.0.0.1';"
        );
        mariadb(&["-e", &statements]).await?;
        Ok(format!(
            "mysql+pymysql://{name}:{password}@127.0.0.1:{MARIADB_PORT}/{name}?charset=utf8mb4"
        ))
    }

    fn conf(&self, world: &World, database: &str, arrays: &dyn Arrays) -> String {
        let login = &world.site(self.side).service_login;
        let urls = Side::BOTH.map(|side| arrays.access(side).url).join(",");
        let dir = self.dir.display();
        let port = world.testbed.port(self.side, Api::Protector);
        format!(
            "\
[DEFAULT]
debug = true
log_dir = {dir}/log
state_path = {dir}/state
host = first-node

[api]
bind_host = 127.0.0.1
bind_port = {port}
workers = 2

[database]
connection = {database}

[keystone_authtoken]
www_authenticate_uri = {auth_url}
auth_url = {auth_url}
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = {project}
username = {user}
password = {password}
region_name = {REGION}

[service_credentials]
default_trust_roles = member,_member_

[oslo_policy]
policy_file = {dir}/policy.yaml

[storage]
allowed_endpoints = {urls}
{trust}

[engine]
poll_interval = 1
peer_interval = 3
lease_seconds = {LEASE_SECONDS}
call_deadline = {CALL_DEADLINE}
",
            auth_url = login.auth_url,
            project = login.project,
            user = login.user,
            password = login.password,
            trust = arrays.trust(self.side),
        )
    }
}

/// The name of the run's database and of its user.
pub fn mariadb_name(world: &World) -> String {
    format!("protector_{}", world.run)
}

/// Removes the run's database and its user.
///
/// # Errors
/// What the client says.
pub async fn drop_database(world: &World) -> Outcome {
    let name = mariadb_name(world);
    let statements = format!("DROP DATABASE IF EXISTS {name}; DROP USER '{name}'@'127.0.0.1';");
    mariadb(&["-e", &statements]).await.map(|_| ())
}

/// Runs the MariaDB client as the testbed's administrator.
///
/// # Errors
/// What the client says.
pub async fn mariadb(args: &[&str]) -> Outcome<String> {
    let mut client = Command::new("mysql");
    client
        .args(["--no-defaults", "--host=127.0.0.1", "--user=testbed"])
        .arg(format!("--port={MARIADB_PORT}"))
        .env("MYSQL_PWD", PASSWORD)
        .args(args);
    command::run(&mut client)
        .await
        .during(|| "MariaDB".to_owned())
}

/// Everything in a database, as text.
///
/// # Errors
/// What the client says.
pub async fn mariadb_dump(database: &str) -> Outcome<String> {
    let mut client = Command::new("mysqldump");
    client
        .args(["--no-defaults", "--host=127.0.0.1", "--user=testbed"])
        .arg(format!("--port={MARIADB_PORT}"))
        .args(["--skip-lock-tables", database])
        .env("MYSQL_PWD", PASSWORD);
    command::run(&mut client).await
}

/// Members of a project may do everything with its groups, readers only look.
const POLICY: &str = r#"
"writer": "role:admin or (role:member and project_id:%(project_id)s)"
"protector:protection_groups:create": "rule:writer"
"protector:protection_groups:update": "rule:writer"
"protector:protection_groups:delete": "rule:writer"
"protector:members:create": "rule:writer"
"protector:members:delete": "rule:writer"
"protector:policies:create": "rule:writer"
"protector:operations:action": "rule:writer"
"#;
