//! The sections of `protector.conf` with their types.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use protector_framework::{DriverConfig, LayerSettings, SecretString};
use serde_json::json;

use crate::database::DatabaseUrl;
use crate::error::{ConfigError, Problem};

/// `[DEFAULT]`.
#[derive(Debug, Clone)]
pub struct DefaultSection {
    /// Whether to log at level DEBUG.
    pub debug: bool,
    /// Where log files go.
    pub log_dir: PathBuf,
    /// The log file's name, instead of the program's.
    pub log_file: Option<PathBuf>,
    /// Whether to log to standard error too.
    pub use_stderr: bool,
    /// Whether to log in JSON.
    pub use_json: bool,
    /// Where state goes.
    pub state_path: PathBuf,
    /// The name of this node.
    pub host: String,
    /// The API's URL in links.
    pub public_endpoint: Option<String>,
    /// The most entries on a page.
    pub max_limit: u64,
}

/// `[api]`.
#[derive(Debug, Clone)]
pub struct ApiSection {
    /// The address to listen on.
    pub bind_host: String,
    /// The port to listen on; 0: a free one.
    pub bind_port: u16,
    /// Worker threads; 0: one for each core.
    pub workers: usize,
    /// Connections at the same time.
    pub max_connections: usize,
    /// How long a client may take for the head of a request, and for its body.
    pub client_timeout: Duration,
    /// The largest head of a request in bytes.
    pub max_header_size: usize,
    /// Networks of proxies whose headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The paste file, where it is or would be.
    pub api_paste_config: PathBuf,
}

/// `[database]`.
#[derive(Debug, Clone)]
pub struct DatabaseSection {
    /// The database, where one is configured; see [`DatabaseSection::required`].
    pub connection: Option<DatabaseUrl>,
    /// Connections at the same time.
    pub max_pool_size: u32,
    /// The directory of the keys that seal secrets.
    pub key_dir: PathBuf,
}

impl DatabaseSection {
    /// The database.
    ///
    /// # Errors
    /// Where none is configured.
    pub fn required(&self) -> Result<&DatabaseUrl, ConfigError> {
        self.connection
            .as_ref()
            .ok_or_else(|| missing("database", "connection").into())
    }
}

/// `[keystone_authtoken]`: the identity service of this site, and the service's account there.
#[derive(Debug, Clone)]
pub struct KeystoneSection {
    /// The identity driver.
    pub identity_driver: String,
    /// Where clients are sent that bring no token.
    pub www_authenticate_uri: Option<String>,
    /// Where tokens are validated.
    pub auth_url: Option<String>,
    /// `password`, `v3password` or `v3applicationcredential`.
    pub auth_type: String,
    /// The user, by name.
    pub username: Option<String>,
    /// The user, by id.
    pub user_id: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// The user's domain, by name.
    pub user_domain_name: Option<String>,
    /// The user's domain, by id.
    pub user_domain_id: Option<String>,
    /// The project, by name.
    pub project_name: Option<String>,
    /// The project, by id.
    pub project_id: Option<String>,
    /// The project's domain, by name.
    pub project_domain_name: Option<String>,
    /// The project's domain, by id.
    pub project_domain_id: Option<String>,
    /// The application credential.
    pub application_credential_id: Option<String>,
    /// Its secret.
    pub application_credential_secret: Option<SecretString>,
    /// This site's region.
    pub region_name: Option<String>,
    /// `public`, `internal` or `admin`.
    pub interface: String,
    /// Certificates to trust.
    pub cafile: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// Where processes share what they remember of tokens, if they do.
    pub shared_tokens: Option<SharedTokens>,
    /// What access rules of application credentials call this service.
    pub service_type: String,
    /// For how long a valid token is remembered; `None`: not at all.
    pub token_cache_time: Option<Duration>,
    /// Roles of which a service token needs one.
    pub service_token_roles: Vec<String>,
    /// Whether a service token without such a role is refused.
    pub service_token_roles_required: bool,
}

impl KeystoneSection {
    /// What the identity driver is built from: the set options under their own names, the
    /// passwords as secrets. Pass it to `Registry::identity(&self.identity_driver, ..)`.
    pub fn driver_config(&self) -> DriverConfig {
        let texts = [
            ("auth_url", &self.auth_url),
            ("username", &self.username),
            ("user_id", &self.user_id),
            ("user_domain_name", &self.user_domain_name),
            ("user_domain_id", &self.user_domain_id),
            ("project_name", &self.project_name),
            ("project_id", &self.project_id),
            ("project_domain_name", &self.project_domain_name),
            ("project_domain_id", &self.project_domain_id),
            ("application_credential_id", &self.application_credential_id),
            ("region_name", &self.region_name),
            ("cafile", &self.cafile),
        ];
        let mut settings = serde_json::Map::new();
        for (name, value) in texts {
            if let Some(value) = value {
                settings.insert(name.to_owned(), json!(value));
            }
        }
        settings.insert("auth_type".to_owned(), json!(self.auth_type));
        settings.insert("interface".to_owned(), json!(self.interface));
        settings.insert("insecure".to_owned(), json!(self.insecure));
        let secrets = [
            ("password", &self.password),
            (
                "application_credential_secret",
                &self.application_credential_secret,
            ),
        ];
        let mut config = DriverConfig::new(settings.into());
        for (name, value) in secrets {
            if let Some(value) = value {
                config = config.secret(name, value.clone());
            }
        }
        config
    }

    /// What is missing for the service to authenticate.
    pub(crate) fn missing(&self) -> Vec<Problem> {
        let credential = self
            .auth_type
            .eq_ignore_ascii_case("v3applicationcredential");
        let mut needed = vec![("auth_url", self.auth_url.is_some())];
        if credential {
            needed.extend([
                (
                    "application_credential_id",
                    self.application_credential_id.is_some(),
                ),
                (
                    "application_credential_secret",
                    self.application_credential_secret.is_some(),
                ),
            ]);
        } else {
            needed.extend([
                (
                    "username",
                    self.username.is_some() || self.user_id.is_some(),
                ),
                ("password", self.password.is_some()),
                (
                    "project_name",
                    self.project_name.is_some() || self.project_id.is_some(),
                ),
            ]);
        }
        needed
            .into_iter()
            .filter(|(_, there)| !there)
            .map(|(name, _)| missing("keystone_authtoken", name))
            .collect()
    }
}

/// `[service_credentials]`.
#[derive(Debug, Clone)]
pub struct ServiceCredentialsSection {
    /// The roles that a trust asks for, where the caller's token carries them.
    pub default_trust_roles: Vec<String>,
}

/// `[oslo_policy]`, its names already looked up.
#[derive(Debug, Clone)]
pub struct PolicySection {
    /// The file of rules, where it is or would be.
    pub policy_file: PathBuf,
    /// Whether the file was asked for; then it is told when it is not there.
    pub policy_file_written: bool,
    /// The rule that stands in for one that is not there.
    pub policy_default_rule: String,
    /// Directories of further files; those that do not exist do not matter.
    pub policy_dirs: Vec<PathBuf>,
    /// Whether the scope of a token is checked.
    pub enforce_scope: bool,
    /// Whether only the new defaults of a rule hold, where they have changed.
    pub enforce_new_defaults: bool,
    /// How the programs are asked that rules name.
    pub remote: RemoteSection,
}

/// How the programs are asked that `http:` and `https:` rules name.
#[derive(Debug, Clone, Default)]
pub struct RemoteSection {
    /// Whether they get one JSON object; else a form.
    pub json: bool,
    /// How long one may take.
    pub timeout: Duration,
    /// Whether the certificate of one is checked.
    pub verify: bool,
    /// Certificates to trust in them, besides the system's.
    pub cafile: Option<PathBuf>,
}

/// `[oslo_middleware]`.
#[derive(Debug, Clone)]
pub struct MiddlewareSection {
    /// The largest request body in bytes.
    pub max_request_body_size: usize,
    /// Whether `Forwarded` and `X-Forwarded-*` headers are believed, of proxies that are trusted.
    pub enable_proxy_headers_parsing: bool,
}

/// `[cors]`: web pages that may call the API from a browser.
#[derive(Debug, Clone)]
pub struct CorsSection {
    /// Where such pages come from; empty: from nowhere.
    pub allowed_origin: Vec<String>,
    /// Whether a browser may send what it knows of the user.
    pub allow_credentials: bool,
    /// Headers of answers that a page may read.
    pub expose_headers: Vec<String>,
    /// Seconds for which a browser may remember what it was allowed.
    pub max_age: u64,
    /// Methods that a page may use.
    pub allow_methods: Vec<String>,
    /// Headers that a page may send.
    pub allow_headers: Vec<String>,
}

/// `[healthcheck]`.
#[derive(Debug, Clone)]
pub struct HealthcheckSection {
    /// Files of which each takes this process out of service while it is there.
    pub disabled_by: Vec<PathBuf>,
}

/// `[storage]`.
#[derive(Debug, Clone)]
pub struct StorageSection {
    /// Array endpoints that policies may name.
    pub allowed_endpoints: Vec<String>,
    /// Certificates to trust in arrays, instead of the system's.
    pub cafile: Option<PathBuf>,
    /// The SHA-256 of an array's certificate, 64 lower-case hexadecimal digits, by the array's URL
    /// without a slash at its end.
    pub certificate_sha256: BTreeMap<String, String>,
    /// Whether any certificate is good enough.
    pub insecure: bool,
}

/// `[drivers]`.
#[derive(Debug, Clone, Default)]
pub struct DriversSection {
    /// Where drivers lie that are shared libraries.
    pub plugin_dir: Option<PathBuf>,
    /// What stands around the instances of drivers, by the drivers' names.
    pub layers: BTreeMap<String, LayerSettings>,
}

/// A memcached in which the API's processes share what they remember of tokens.
#[derive(Debug, Clone)]
pub struct SharedTokens {
    /// The servers, as `host:port`.
    pub servers: Vec<String>,
    /// What seals entries; `None`: they are readable.
    pub secret: Option<SecretString>,
    /// For how long a server that failed is left alone.
    pub dead_retry: Duration,
    /// How long a server may take to answer.
    pub timeout: Duration,
}

/// Reads `host`, `host:port` or `inet6:[address]:port` as `host:port`.
pub(crate) fn memcached_server(entry: &str) -> Result<String, String> {
    const PORT: u16 = 11211;
    let wrong = || format!("`{entry}` is not of the form host:port or [address]:port");
    let server = entry.trim();
    let server = server.strip_prefix("inet6:").unwrap_or(server);
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, port.parse::<u16>().map_err(|_| wrong())?)
        }
        _ => (server, PORT),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || port == 0 || (host.contains([':', '/']) && !bracketed) {
        return Err(wrong());
    }
    Ok(format!("{host}:{port}"))
}

/// Reads a network such as `192.0.2.0/24`, or the address of one machine.
pub(crate) fn network(entry: &str) -> Result<IpNet, String> {
    entry
        .parse::<IpNet>()
        .or_else(|_| entry.parse::<std::net::IpAddr>().map(IpNet::from))
        .map(|network| network.trunc())
        .map_err(|_| format!("`{entry}` is neither a network such as 192.0.2.0/24 nor an address"))
}

/// Reads `https://ARRAY=FINGERPRINT`; the fingerprint may have colons, as openssl prints it.
pub(crate) fn pin(entry: &str) -> Result<(String, String), String> {
    let Some((url, hex)) = entry.rsplit_once('=') else {
        return Err(format!(
            "`{entry}` is not of the form https://ARRAY=SHA-256"
        ));
    };
    let url = url.trim().trim_end_matches('/');
    if !url.starts_with("https://") {
        return Err(format!("`{url}` does not begin with https://"));
    }
    let hex: String = hex.trim().chars().filter(|c| *c != ':').collect();
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!(
            "the SHA-256 for `{url}` is not 64 hexadecimal digits"
        ));
    }
    Ok((url.to_owned(), hex.to_lowercase()))
}

/// `[engine]`.
#[derive(Debug, Clone)]
pub struct EngineSection {
    /// Operations that run at the same time.
    pub max_operations: usize,
    /// The time between two looks for work.
    pub poll_interval: Duration,
    /// The time between two contacts with the peer.
    pub peer_interval: Duration,
    /// How long an operation is held without renewing.
    pub lease: Duration,
    /// When a call is given up.
    pub call_deadline: Duration,
}

/// `[metrics]`.
#[derive(Debug, Clone)]
pub struct MetricsSection {
    /// The address on which metrics are shown.
    pub bind_host: String,
    /// The API's port; `None`: it shows none.
    pub api_bind_port: Option<u16>,
    /// The engine's port; `None`: it shows none.
    pub engine_bind_port: Option<u16>,
}

pub(crate) fn missing(group: &str, name: &str) -> Problem {
    Problem::option(None, group, name, "is not set, and it is needed")
}
