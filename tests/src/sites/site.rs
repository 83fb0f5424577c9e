//! One site: its cloud, its array and its Protector, each of which can be lost.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use protector_api::{ApiHandle, ApiOptions};
use protector_config::{Config, Sources};
use protector_daemon::AuditTrail;
use protector_driver_mock::world::{Furniture, MockArray, MockCloud, PROTECTOR_USER};
use protector_engine::{EngineHandle, EngineOptions};
use protector_example_array::Shelf;
use protector_framework::{Clock, DriverEnv, ExposeSecret, SecretString};
use tokio::net::{TcpListener, TcpStream};

use super::client::{Client, Seen};
use super::crew::Crew;
use super::pair::{Env, Side};
use super::process::Process;
use crate::clouds::deployment::Programs;
use crate::clouds::failure::{During, Outcome, fail};
use crate::clouds::process::Process as Program;

/// The name of the configuration's file.
const CONFIG: &str = "protector.conf";

/// How fast a site's services are.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Seconds between two looks for work.
    pub poll: f64,
    /// Seconds between two contacts with the other site.
    pub peer: f64,
    /// Seconds for which an engine holds an operation.
    pub lease: u32,
    /// Seconds that a call may take, and that an engine waits after it took over from a dead one.
    pub deadline: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            poll: 0.1,
            peer: 0.5,
            lease: 15,
            deadline: 4,
        }
    }
}

/// One site.
#[derive(Debug)]
pub struct Site {
    /// Which of the two.
    pub side: Side,
    /// Its cloud.
    pub cloud: MockCloud,
    /// Its array.
    pub array: MockArray,
    /// What serves the array over HTTP, where its driver wants that.
    shelf: Option<Shelf>,
    /// What is on its cloud.
    pub furniture: Furniture,
    /// The token of its array.
    pub array_token: SecretString,
    /// The password of the service's account.
    pub password: SecretString,
    dir: PathBuf,
    env: Env,
    seen: Seen,
    config: Config,
    address: SocketAddr,
    api: Option<Process<ApiHandle>>,
    program: Option<Program>,
    engine: Option<Process<EngineHandle>>,
    engines: u32,
}

impl Site {
    /// Builds a cloud, an array and a database below `dir`; nothing runs yet.
    ///
    /// # Errors
    /// What fails.
    pub(super) async fn build(
        side: Side,
        dir: &Path,
        mark: &str,
        env: &Env,
        seen: &Seen,
        timing: Timing,
    ) -> Outcome<Self> {
        let dir = dir.join(side.name());
        let drivers = DriverEnv {
            clock: env.clock.clone(),
            ids: env.ids.clone(),
        };
        for part in ["state", "log"] {
            std::fs::create_dir_all(dir.join(part))?;
        }
        let array_token = SecretString::from(format!("{mark}-array-{}", side.name()));
        let password = SecretString::from(format!("{mark}-password-{}", side.name()));
        let array = MockArray::create(
            dir.join("array"),
            &format!("array-{}", side.letter()),
            array_token.expose_secret(),
            drivers.clone(),
        )?;
        let shelf = match env.over_http() {
            false => None,
            true => {
                let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                Some(Shelf::start(array.clone(), drivers.clone(), any_port).await?)
            }
        };
        let cloud = MockCloud::create(dir.join("cloud"), side.region(), drivers)?;
        let furniture = cloud.furnish(&array, side.range())?;
        cloud.add_user(PROTECTOR_USER, password.expose_secret())?;
        let endpoints = match &shelf {
            None => endpoints(&array, side),
            Some(_) => Ipv4Addr::LOCALHOST.to_string(),
        };
        let connection = match &env.databases {
            Some(server) => server.url(&format!("protector_{}", side.letter())),
            None => format!("sqlite:///{}/state/protector.sqlite", dir.display()),
        };
        let place = (side, dir.as_path(), connection.as_str());
        let config = config(place, &cloud, &endpoints, &password, timing)?;
        let database = config.database.required()?.url().clone();
        protector_migrations::sync(database.expose_secret()).await?;
        Ok(Self {
            side,
            cloud,
            array,
            shelf,
            furniture,
            array_token,
            password,
            dir,
            env: env.clone(),
            seen: seen.clone(),
            config,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api: None,
            program: None,
            engine: None,
            engines: 0,
        })
    }

    /// The directory with all that the site has.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where its API is, or was.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a policy names its array by.
    pub fn array_url(&self) -> String {
        match &self.shelf {
            None => self.array.url(),
            Some(shelf) => shelf.url(),
        }
    }

    /// Its tenant.
    ///
    /// # Errors
    /// What the cloud says.
    pub fn tenant(&self) -> Outcome<Client> {
        let token = self.tenant_token()?;
        let base = format!("{}/v1/{}", self.url(), self.furniture.project);
        self.client(base, token)
    }

    /// Its administrator.
    ///
    /// # Errors
    /// What the cloud says.
    pub fn admin(&self) -> Outcome<Client> {
        let (user, project) = (&self.furniture.admin, &self.furniture.service_project);
        let token = self.cloud.issue_token(user, project)?;
        self.client(format!("{}/v1", self.url()), token)
    }

    /// A new token of its tenant.
    ///
    /// # Errors
    /// What the cloud says.
    pub fn tenant_token(&self) -> Outcome<SecretString> {
        let (user, project) = (&self.furniture.user, &self.furniture.project);
        Ok(self.cloud.issue_token(user, project)?)
    }

    /// A user of the API below `base`.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn client(&self, base: String, token: SecretString) -> Outcome<Client> {
        Client::new(base, token, self.seen.clone(), self.env.clock.clone())
    }

    /// Starts the API, where it was before if it ran before, and writes it into the catalog.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn start_api(&mut self) -> Outcome {
        if self.api.is_some() {
            return fail(format!("the API of {} runs already", self.side));
        }
        let (env, config, address) = (self.env.clone(), self.config.clone(), self.address);
        let service = async move {
            let listener = TcpListener::bind(address).await.map_err(|error| {
                protector_api::ApiError::Listen {
                    address: address.to_string(),
                    reason: error.to_string(),
                }
            })?;
            protector_api::serve(ApiOptions {
                config,
                registry: env.registry,
                clock: env.clock,
                ids: env.ids,
                listener: Some(listener),
            })
            .await
        };
        let api = Process::start(&format!("api-{}", self.side.letter()), service)
            .await
            .during(|| format!("the API of {}", self.side))?;
        if let Some(handle) = api.handle() {
            self.address = handle.local_addr();
        }
        self.api = Some(api);
        let catalog = format!("{}/v1/%(tenant_id)s", self.url());
        self.cloud.set_endpoint("protector", &catalog)?;
        Ok(())
    }

    /// Puts the program `protector-api` in the place of the API that runs in this process, at the
    /// same address. It ends with the site.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn become_a_process(&mut self, programs: &Programs) -> Outcome {
        self.kill_api().await?;
        let place = self.dir.join("listen.conf");
        let (host, port) = (self.address.ip(), self.address.port());
        std::fs::write(
            &place,
            format!("[api]\nbind_host = {host}\nbind_port = {port}\n"),
        )?;
        let mut command = programs.command("protector-api");
        command
            .arg("--config-file")
            .arg(self.dir.join(CONFIG))
            .arg("--config-file")
            .arg(place)
            // Whatever a request makes it call over HTTP stays on this machine.
            .env("ALL_PROXY", "http://127.0.0.1:9")
            .env("NO_PROXY", "127.0.0.1");
        let output = self.dir.join("log/protector-api.out");
        let mut program = Program::start(&mut command, "protector-api", &output, false)?;
        let listens = async || TcpStream::connect(self.address).await.is_ok();
        while !listens().await {
            program.alive()?;
            self.env.clock.sleep(Duration::from_millis(50)).await;
        }
        self.program = Some(program);
        Ok(())
    }

    /// Puts several APIs and engines, each a process of its own, in the place of those that run in this
    /// process, at the same address.
    ///
    /// # Errors
    /// Why one does not start.
    pub async fn become_a_crew(
        &mut self,
        programs: Programs,
        apis: usize,
        engines: usize,
    ) -> Outcome<Crew> {
        self.kill_engine().await?;
        self.kill_api().await?;
        let door = TcpListener::bind(self.address).await?;
        let place = (self.dir.clone(), self.dir.join(CONFIG));
        let clock = self.env.clock.clone();
        Crew::start(programs, place, door, (apis, engines), clock).await
    }

    /// Where its API and its engine show their metrics, while they run in this process.
    pub fn metrics(&self) -> Vec<SocketAddr> {
        let api = self
            .api
            .as_ref()
            .and_then(|api| api.handle()?.metrics_addr());
        let engine = self.engine.as_ref();
        let engine = engine.and_then(|engine| engine.handle()?.metrics_addr());
        api.into_iter().chain(engine).collect()
    }

    /// Fails where its program has ended.
    ///
    /// # Errors
    /// With the end of what it printed.
    pub fn alive(&mut self) -> Outcome {
        match &mut self.program {
            Some(program) => program.alive(),
            None => Ok(()),
        }
    }

    /// Starts the engine.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn start_engine(&mut self) -> Outcome {
        if self.engine.is_some() {
            return fail(format!("the engine of {} runs already", self.side));
        }
        self.engine = Some(self.another_engine().await?);
        Ok(())
    }

    /// Starts an engine beside the one that runs.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn another_engine(&mut self) -> Outcome<Process<EngineHandle>> {
        self.engines += 1;
        let name = format!("engine-{}-{}", self.side.letter(), self.engines);
        let options = EngineOptions {
            config: self.config.clone(),
            registry: self.env.registry.clone(),
            clock: self.env.clock.clone(),
            ids: self.env.ids.clone(),
            name: name.clone(),
            trail: AuditTrail::default(),
        };
        Process::start(&name, protector_engine::start(options))
            .await
            .during(|| format!("the engine of {}", self.side))
    }

    /// Ends the API and the engine in order.
    ///
    /// # Errors
    /// Where one of them does not end.
    pub async fn stop(&mut self) -> Outcome {
        if let Some(engine) = self.engine.take() {
            engine.stop(EngineHandle::stop).await?;
        }
        if let Some(api) = self.api.take() {
            api.stop(ApiHandle::stop).await?;
        }
        Ok(())
    }

    /// Kills the API, as `SIGKILL` does.
    ///
    /// # Errors
    /// Where its threads do not end.
    pub async fn kill_api(&mut self) -> Outcome {
        match self.api.take() {
            Some(api) => api.kill().await,
            None => Ok(()),
        }
    }

    /// Kills the engine, as `SIGKILL` does.
    ///
    /// # Errors
    /// Where its threads do not end.
    pub async fn kill_engine(&mut self) -> Outcome {
        match self.engine.take() {
            Some(engine) => engine.kill().await,
            None => Ok(()),
        }
    }

    /// The site is lost: its Protector, its cloud and its array.
    ///
    /// # Errors
    /// Where threads do not end.
    pub async fn lose(&mut self) -> Outcome {
        self.cloud.set_down(true)?;
        self.array.set_down(true)?;
        self.kill_engine().await?;
        self.kill_api().await
    }

    /// All of the site comes back, its servers as they were.
    ///
    /// # Errors
    /// What does not start.
    pub async fn come_back(&mut self) -> Outcome {
        self.array.set_down(false)?;
        self.cloud.set_down(false)?;
        self.start_api().await?;
        self.start_engine().await
    }
}

/// The configuration as an operator would write it.
fn config(
    (side, dir, connection): (Side, &Path, &str),
    cloud: &MockCloud,
    endpoints: &str,
    password: &SecretString,
    timing: Timing,
) -> Outcome<Config> {
    let Timing {
        poll,
        peer,
        lease,
        deadline,
    } = timing;
    let text = format!(
        "\
[DEFAULT]
debug = true
log_dir = {dir}/log
state_path = {dir}/state
host = node-{letter}

[api]
bind_host = 127.0.0.1
bind_port = 0

[database]
connection = {connection}

[keystone_authtoken]
identity_driver = mock
auth_url = {auth_url}
username = {PROTECTOR_USER}
password = {password}
user_domain_name = Default
project_name = service
project_domain_name = Default
region_name = {region}

[storage]
allowed_endpoints = {endpoints}

[engine]
poll_interval = {poll}
peer_interval = {peer}
lease_seconds = {lease}
call_deadline = {deadline}

[metrics]
api_bind_port = 0
engine_bind_port = 0
",
        dir = dir.display(),
        letter = side.letter(),
        auth_url = cloud.auth_url(),
        password = password.expose_secret(),
        region = side.region(),
    );
    // For the programs; what runs in this process has it already.
    std::fs::write(dir.join(CONFIG), &text)?;
    let sources = Sources::from_text(CONFIG, &text)?;
    Ok(Config::from_sources(&sources)?)
}

/// Both arrays, because a policy names both.
fn endpoints(array: &MockArray, side: Side) -> String {
    let own = array.url();
    let other = own.replace(side.name(), side.other().name());
    format!("{own},{other}")
}
