//! The API as a service: what it opens, how it listens, how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use poem::endpoint::EndpointExt as _;
use protector_config::{Config, ConfigError, KeystoneSection, Paste, PolicyStore};
use protector_control::{Control, ControlOptions, Credentials};
use protector_daemon::{Alive, DatabaseError, Metrics, MetricsError, heartbeat, open_database};
use protector_framework::{CallCtx, Clock, DriverError, IdentityDriver, Ids, Registry};
use protector_model::site::Account;
use protector_reach::{ArrayTrust, Reach};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::app::{Parts, endpoint};
use crate::listen::{self, Ending, Limits};
use crate::remote::Remote;

/// How long the identity service may take to answer at start.
const CHECK: Duration = Duration::from_secs(10);

/// What an API is started with.
#[derive(Debug)]
pub struct ApiOptions {
    /// The configuration.
    pub config: Config,
    /// The drivers.
    pub registry: Registry,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers and randomness.
    pub ids: Arc<dyn Ids>,
    /// Where to listen; `None`: where the configuration says.
    pub listener: Option<TcpListener>,
}

/// Why an API does not start.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The policy files.
    #[error(transparent)]
    Policy(#[from] ConfigError),
    /// What asks the programs that policy rules name.
    #[error("[oslo_policy] remote_ssl_ca_crt_file: {0}")]
    Remote(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The identity driver of `[keystone_authtoken]`.
    #[error("[keystone_authtoken] identity_driver: {0}")]
    Identity(DriverError),
    /// Metrics cannot be shown.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The address is not free, or not this machine's.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        reason: String,
    },
}

/// A running API.
#[derive(Debug)]
pub struct ApiHandle {
    address: SocketAddr,
    policy: PolicyStore,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    tasks: JoinSet<()>,
    metrics: Option<Metrics>,
}

/// Whether a request through the API's own door is answered. What is answered does not matter: that
/// the database is away is no reason to start the API again.
#[derive(Debug, Clone, Copy)]
pub struct OwnDoor(SocketAddr);

#[async_trait]
impl Alive for OwnDoor {
    async fn alive(&self) -> bool {
        let asked = async {
            let mut stream = TcpStream::connect(self.0).await?;
            let request =
                b"HEAD /healthcheck HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            stream.write_all(request).await?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await?;
            Ok::<_, std::io::Error>(answer == *b"HTTP/")
        };
        asked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the API does not answer itself");
            false
        })
    }
}

impl ApiHandle {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where it shows its metrics, if it does.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(Metrics::local_addr)
    }

    /// What says whether it lives.
    pub fn own_door(&self) -> OwnDoor {
        let mut address = self.address;
        // Where it listens on all addresses, it is found on the machine's own.
        match address {
            SocketAddr::V4(_) if address.ip().is_unspecified() => {
                address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            }
            SocketAddr::V6(_) if address.ip().is_unspecified() => {
                address.set_ip(std::net::Ipv6Addr::LOCALHOST.into());
            }
            _ => {}
        }
        OwnDoor(address)
    }

    /// Looks whether the policy files have changed, for whoever does not want to wait for the next
    /// request to do so.
    pub fn reload_policy(&self) {
        self.policy.fresh();
    }

    /// Takes no new requests, lets running ones end for a while, and returns.
    pub async fn stop(mut self) {
        self.tasks.abort_all();
        // An error means that the server has ended already.
        self.stop.send(()).unwrap_or_default();
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the server did not end as it should");
        }
    }

    /// Stops at once, as if the process was killed.
    pub fn abort(mut self) {
        self.tasks.abort_all();
        self.server.abort();
    }
}

/// Starts an API on its site's database.
///
/// # Errors
/// One clear reason; nothing runs then.
pub async fn serve(options: ApiOptions) -> Result<ApiHandle, ApiError> {
    let ApiOptions {
        config,
        registry,
        clock,
        ids,
        listener,
    } = options;
    report_paste(&config);
    let policy = PolicyStore::open(&config.policy)?;
    for warning in &policy.current().warnings {
        tracing::warn!("{warning}");
    }
    let remote = Remote::new(&config.policy.remote, clock.clone()).map_err(ApiError::Remote)?;
    let keystone = &config.keystone;
    let identity = registry
        .identity(&keystone.identity_driver, keystone.driver_config())
        .map_err(ApiError::Identity)?;
    let db = open_database(&config, clock.clone(), ids.clone()).await?;
    let shown = &config.metrics;
    let metrics = Metrics::show(
        &shown.bind_host,
        shown.api_bind_port,
        db.clone(),
        clock.clone(),
    )
    .await?;
    let trust = ArrayTrust {
        ca_file: config.storage.cafile.clone(),
        pins: config.storage.certificate_sha256.clone(),
        insecure: config.storage.insecure,
    };
    let reach = Reach::trusting(trust, db.clone(), registry, clock.clone(), ids.clone());
    let control = Control::new(
        db.clone(),
        reach,
        clock.clone(),
        ids.clone(),
        control_options(&config, &*ids),
    );
    let ending = Ending::default();
    let app = endpoint(
        &config,
        Parts {
            services: Arc::new(control),
            live: Arc::new(db.clone()),
            identity: identity.clone(),
            policy: policy.clone(),
            remote,
            clock: clock.clone(),
            ids: ids.clone(),
            ending: ending.clone(),
        },
    );
    let (listener, address) = listen(&config, listener).await?;
    tracing::info!(%address, "listening");
    let mut tasks = JoinSet::new();
    tasks.spawn(check_identity(identity, ids.request_id()));
    tasks.spawn(heartbeat(
        db,
        clock.clone(),
        "protector-api",
        config.default.host.clone(),
    ));
    let (stop, stopped) = oneshot::channel();
    let limits = Limits {
        connections: config.api.max_connections,
        head: config.api.max_header_size,
        time: config.api.client_timeout,
    };
    let server = listen::run(listener, app.boxed(), limits, ending, clock, stopped);
    let server = tokio::spawn(server);
    Ok(ApiHandle {
        address,
        policy,
        stop,
        server,
        tasks,
        metrics,
    })
}

async fn listen(
    config: &Config,
    given: Option<TcpListener>,
) -> Result<(TcpListener, SocketAddr), ApiError> {
    let (host, port) = (config.api.bind_host.as_str(), config.api.bind_port);
    let refused = |error: std::io::Error| ApiError::Listen {
        address: match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        },
        reason: error.to_string(),
    };
    let listener = match given {
        Some(listener) => listener,
        None => TcpListener::bind((host, port)).await.map_err(refused)?,
    };
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// The file is accepted for installations that have one; it never weakens authentication.
fn report_paste(config: &Config) {
    match Paste::read(&config.api.api_paste_config) {
        Ok(Some(paste)) => {
            for warning in &paste.warnings {
                tracing::warn!("{warning}");
            }
        }
        Ok(None) => {}
        Err(error) => tracing::warn!("{error}; it is not needed, and the API goes on without it"),
    }
}

fn control_options(config: &Config, ids: &dyn Ids) -> ControlOptions {
    ControlOptions {
        owner: format!("protector-api/{}/{}", config.default.host, ids.uuid()),
        own_account: own_account(&config.keystone),
        allowed_endpoints: config.storage.allowed_endpoints.clone(),
        default_trust_roles: config.service_credentials.default_trust_roles.clone(),
    }
}

/// The service's own account, for sites that are registered without one.
fn own_account(keystone: &KeystoneSection) -> Option<Credentials> {
    let known = keystone.username.is_some() || keystone.application_credential_id.is_some();
    known.then(|| Credentials {
        account: Account {
            auth_type: Some(keystone.auth_type.clone()),
            username: keystone.username.clone(),
            user_domain_name: keystone.user_domain_name.clone(),
            project_name: keystone.project_name.clone(),
            project_domain_name: keystone.project_domain_name.clone(),
            application_credential_id: keystone.application_credential_id.clone(),
        },
        password: keystone.password.clone(),
        application_credential_secret: keystone.application_credential_secret.clone(),
    })
}

/// Tells early what would otherwise be told with the first request. The API starts all the same,
/// and answers 503 until the identity service is there.
async fn check_identity(identity: Arc<dyn IdentityDriver>, request_id: String) {
    let ctx = CallCtx::new(request_id, CHECK);
    if let Err(error) = identity.check(&ctx).await {
        tracing::warn!(
            kind = ?error.kind,
            "Keystone cannot be used; requests are answered with 503 until it can: {error}"
        );
    }
}
