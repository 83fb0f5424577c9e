//! The API as a service: what it opens, how it listens, how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::Server;
use poem::listener::TcpAcceptor;
use protector_config::{Config, ConfigError, KeystoneSection, Paste, Policy, PolicyStore};
use protector_control::{Control, ControlOptions, Credentials};
use protector_daemon::{DatabaseError, heartbeat, open_database};
use protector_framework::{CallCtx, Clock, DriverError, IdentityDriver, Ids, Registry};
use protector_model::site::Account;
use protector_reach::{ArrayTrust, Reach};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::app::{Parts, endpoint};

/// How long running requests may take to end after the API was told to stop.
const GRACE: Duration = Duration::from_secs(30);
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
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The identity driver of `[keystone_authtoken]`.
    #[error("[keystone_authtoken] identity_driver: {0}")]
    Identity(DriverError),
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
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    tasks: JoinSet<()>,
}

impl ApiHandle {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
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
    let policy = Policy::load(&config.policy)?;
    for warning in &policy.warnings {
        tracing::warn!("{warning}");
    }
    let keystone = &config.keystone;
    let identity = registry
        .identity(&keystone.identity_driver, keystone.driver_config())
        .map_err(ApiError::Identity)?;
    let db = open_database(&config, clock.clone(), ids.clone()).await?;
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
    let app = endpoint(
        &config,
        Parts {
            services: Arc::new(control),
            live: Arc::new(db.clone()),
            identity: identity.clone(),
            policy: PolicyStore::new(policy),
            clock: clock.clone(),
            ids: ids.clone(),
        },
    );
    let (listener, address) = listen(&config, listener).await?;
    let acceptor = TcpAcceptor::from_tokio(listener).map_err(|error| ApiError::Listen {
        address: address.to_string(),
        reason: error.to_string(),
    })?;
    tracing::info!(%address, "listening");
    let mut tasks = JoinSet::new();
    tasks.spawn(check_identity(identity, ids.request_id()));
    tasks.spawn(heartbeat(
        db,
        clock,
        "protector-api",
        config.default.host.clone(),
    ));
    let (stop, stopped) = oneshot::channel();
    let server = Server::new_with_acceptor(acceptor);
    let server = tokio::spawn(async move {
        let stopped = async {
            // An error means that the handle is gone; the API then runs on.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        if let Err(error) = server
            .run_with_graceful_shutdown(app, stopped, Some(GRACE))
            .await
        {
            tracing::error!(%error, "the server has failed");
        }
    });
    Ok(ApiHandle {
        address,
        stop,
        server,
        tasks,
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
