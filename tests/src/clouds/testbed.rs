//! The two clouds: their scripts, addresses and directories.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::arrays::{Arrays as _, PureArrays};
use super::command;
use super::failure::{Outcome, fail};
use super::lock::Lock;

/// One of the two clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// site-a.
    A,
    /// site-b.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// `site-a` or `site-b`.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "site-a",
            Self::B => "site-b",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Where it is in a pair.
    pub fn index(self) -> usize {
        usize::from(self == Self::B)
    }

    fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// The services of a cloud that something here calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Identity.
    Keystone,
    /// Compute.
    Nova,
    /// Block storage.
    Cinder,
    /// Network.
    Neutron,
    /// Protector's own API, which the clouds' catalogs point to.
    Protector,
    /// The simulated array of the site.
    Array,
    /// The database server of a site's own, where there is one.
    Database,
}

impl Api {
    /// The services of the catalog that Protector calls, by type.
    pub const CATALOG: [(Self, &[&str]); 3] = [
        (Self::Nova, &["compute"]),
        (Self::Neutron, &["network"]),
        (Self::Cinder, &["block-storage", "volumev3"]),
    ];
}

/// Where the clouds are.
#[derive(Debug, Clone)]
pub struct Testbed {
    scripts: PathBuf,
    home: PathBuf,
    offsets: [u16; 2],
    /// More variables for the scripts.
    more: Vec<(String, String)>,
}

/// The region of both clouds.
pub const REGION: &str = "RegionOne";
/// The password of the clouds' own accounts, which are on loopback only.
pub const PASSWORD: &str = "testbed";
/// The port of the MariaDB server that both clouds and one Protector use.
pub const MARIADB_PORT: u16 = 13306;

impl Testbed {
    /// As the environment says; the same variables as the scripts read.
    ///
    /// # Errors
    /// Where a variable is no number.
    pub fn from_env() -> Outcome<Self> {
        let offset = |name: &str, default: u16| match std::env::var(name) {
            Err(_) => Ok(default),
            Ok(text) => text
                .parse()
                .or_else(|_| fail(format!("{name} is `{text}`, not a number"))),
        };
        Ok(Self {
            scripts: Path::new(env!("CARGO_MANIFEST_DIR")).join("clouds"),
            home: std::env::var_os("TESTBED_HOME").map_or_else(
                || PathBuf::from("/var/tmp/openstack-testbed"),
                PathBuf::from,
            ),
            offsets: [
                offset("TESTBED_PORTS_A", 10_000)?,
                offset("TESTBED_PORTS_B", 20_000)?,
            ],
            more: Vec::new(),
        })
    }

    /// The port of a service.
    pub fn port(&self, side: Side, api: Api) -> u16 {
        let usual = match api {
            Api::Keystone => 5000,
            Api::Nova => 8774,
            Api::Cinder => 8776,
            Api::Neutron => 9696,
            Api::Protector => 8788,
            Api::Array => 8443,
            Api::Database => 3316,
        };
        let offset = match side {
            Side::A => self.offsets[0],
            Side::B => self.offsets[1],
        };
        offset + usual
    }

    /// The address of a service, without a path.
    pub fn url(&self, side: Side, api: Api) -> String {
        format!("http://127.0.0.1:{}", self.port(side, api))
    }

    /// What identity is called.
    pub fn auth_url(&self, side: Side) -> String {
        format!("{}/v3", self.url(side, Api::Keystone))
    }

    /// The directory of the site's volumes.
    pub fn pool(&self, side: Side) -> PathBuf {
        self.home.join("state").join(side.letter()).join("pool")
    }

    /// Where Protector's own files of a run go.
    pub fn protector_home(&self) -> PathBuf {
        self.home.join("state").join("protector")
    }

    /// The clouds' virtual environment.
    pub fn environment(&self) -> PathBuf {
        self.home.join("venv")
    }

    /// A program of it.
    pub fn program(&self, name: &str) -> PathBuf {
        self.environment().join("bin").join(name)
    }

    /// The same clouds with these arrays behind their block storage, beside the file driver. The
    /// arrays have to be there before the clouds start.
    #[must_use]
    pub fn with_arrays(&self, arrays: &PureArrays) -> Self {
        let mut more = vec![("TESTBED_CINDER".to_owned(), "file,pure".to_owned())];
        for side in Side::BOTH {
            let letter = side.letter().to_uppercase();
            let access = arrays.access(side);
            let host = access.url.trim_start_matches("https://").to_owned();
            more.push((format!("TESTBED_PURE_IP_{letter}"), host));
            more.push((format!("TESTBED_PURE_TOKEN_{letter}"), access.token));
        }
        Self {
            more,
            ..self.clone()
        }
    }

    /// Takes the clouds for this process alone.
    ///
    /// # Errors
    /// Where another one has them.
    pub fn lock(&self) -> Outcome<Lock> {
        Lock::take(&self.home)
    }

    /// Installs what is missing.
    ///
    /// # Errors
    /// What the script says.
    pub async fn install(&self) -> Outcome<String> {
        self.script("install", &[]).await
    }

    /// Starts what is not running: both clouds, or one.
    ///
    /// # Errors
    /// What the script says.
    pub async fn up(&self, side: Option<Side>) -> Outcome<String> {
        self.script("up", side.map(Side::name).as_slice()).await
    }

    /// Stops both clouds, or one.
    ///
    /// # Errors
    /// What the script says.
    pub async fn down(&self, side: Option<Side>) -> Outcome<String> {
        self.script("down", side.map(Side::name).as_slice()).await
    }

    /// What runs and whether it is healthy.
    ///
    /// # Errors
    /// The same, where something is not.
    pub async fn status(&self) -> Outcome<String> {
        self.script("status", &[]).await
    }

    async fn script(&self, name: &str, args: &[&str]) -> Outcome<String> {
        let mut command = Command::new(self.scripts.join(name));
        command.args(args).env("TESTBED_HOME", &self.home);
        command.envs(self.more.iter().cloned());
        command::run(&mut command).await
    }
}
