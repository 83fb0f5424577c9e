//! `protector.conf` as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use protector_framework::{ExposeSecret, LayerSettings};

use crate::catalogue::{ACCEPTED, OPTIONS};
use crate::database::DatabaseUrl;
use crate::error::{ConfigError, Problem};
use crate::option::Setting;
use crate::resolve::{Values, resolve};
use crate::sections::{
    ApiSection, CorsSection, DatabaseSection, DefaultSection, DriversSection, EngineSection,
    HealthcheckSection, KeystoneSection, MetricsSection, MiddlewareSection, PolicySection,
    RemoteSection, ServiceCredentialsSection, SharedTokens, StorageSection, memcached_server,
    network, pin,
};
use crate::sources::Sources;

/// A configuration whose every option was checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[DEFAULT]`.
    pub default: DefaultSection,
    /// `[api]`.
    pub api: ApiSection,
    /// `[database]`.
    pub database: DatabaseSection,
    /// `[keystone_authtoken]`.
    pub keystone: KeystoneSection,
    /// `[service_credentials]`.
    pub service_credentials: ServiceCredentialsSection,
    /// `[oslo_policy]`.
    pub policy: PolicySection,
    /// `[oslo_middleware]`.
    pub middleware: MiddlewareSection,
    /// `[cors]`.
    pub cors: CorsSection,
    /// `[healthcheck]`.
    pub healthcheck: HealthcheckSection,
    /// `[storage]`.
    pub storage: StorageSection,
    /// `[drivers]`.
    pub drivers: DriversSection,
    /// `[engine]`.
    pub engine: EngineSection,
    /// `[metrics]`.
    pub metrics: MetricsSection,
    /// What does not stop a start but should be told: unknown options, old names.
    pub warnings: Vec<Problem>,
    settings: Vec<Setting>,
}

impl Config {
    /// Checks every option.
    ///
    /// # Errors
    /// Every option that is wrong, with its place and the reason.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let (config, problems) = Self::as_far_as_readable(sources);
        match problems.is_empty() {
            true => Ok(config),
            false => Err(ConfigError { problems }),
        }
    }

    /// The same for who looks for mistakes, with every option that is wrong. Such an option has no
    /// value that means anything.
    pub fn as_far_as_readable(sources: &Sources) -> (Self, Vec<Problem>) {
        let resolved = resolve(sources, OPTIONS, ACCEPTED);
        let mut reader = Reader {
            values: resolved.values,
            problems: resolved.problems,
            warnings: resolved.warnings,
        };
        let config = Self {
            default: reader.default_section(),
            api: reader.api(sources),
            database: reader.database(),
            keystone: reader.keystone(),
            service_credentials: ServiceCredentialsSection {
                default_trust_roles: reader
                    .values
                    .list("service_credentials", "default_trust_roles"),
            },
            policy: reader.policy(sources),
            middleware: reader.middleware(),
            cors: reader.cors(),
            healthcheck: reader.healthcheck(),
            storage: reader.storage(),
            drivers: reader.drivers(),
            engine: reader.engine(),
            metrics: reader.metrics(),
            settings: reader.settings(),
            warnings: reader.warnings,
        };
        (config, reader.problems)
    }

    /// Whether all is there that `protector-api` and `protector-engine` need.
    ///
    /// # Errors
    /// Each option that is missing.
    pub fn check_service(&self) -> Result<(), ConfigError> {
        let mut problems = match self.database.required() {
            Ok(_) => Vec::new(),
            Err(error) => error.problems,
        };
        // Other drivers say themselves what they need.
        if self.keystone.identity_driver == "openstack" {
            problems.extend(self.keystone.missing());
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { problems })
        }
    }

    /// What another reading of the configuration has changed, in words: each option that differs, with
    /// whether that is in force without a restart.
    pub fn changes(&self, newer: &Self) -> Vec<Problem> {
        let pairs = self.settings.iter().zip(&newer.settings);
        let changed = pairs.filter(|(before, now)| !before.same_value(now));
        changed
            .map(|(_, now)| {
                let reason = match now.mutable {
                    true => "has changed",
                    false => "has changed, which is ignored until a restart: it cannot change in a running service",
                };
                Problem::option(Some(now.place.clone()), now.group, now.name, reason)
            })
            .collect()
    }

    /// Takes the values over that are in force without a restart, so that the next comparison begins
    /// with them.
    pub fn adopt_mutable(&mut self, newer: &Self) {
        for (setting, now) in self.settings.iter_mut().zip(&newer.settings) {
            if now.mutable {
                *setting = now.clone();
            }
        }
    }

    /// Every registered option with its value and its place, for people.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }
}

struct Reader {
    values: Values,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reader {
    fn default_section(&mut self) -> DefaultSection {
        const GROUP: &str = "DEFAULT";
        DefaultSection {
            debug: self.values.flag(GROUP, "debug"),
            log_dir: self.path(GROUP, "log_dir"),
            log_file: self.values.text(GROUP, "log_file").map(PathBuf::from),
            use_stderr: self.values.flag(GROUP, "use_stderr"),
            use_json: self.values.flag(GROUP, "use_json"),
            state_path: self.path(GROUP, "state_path"),
            host: self.values.text(GROUP, "host").unwrap_or_else(machine),
            public_endpoint: self.values.text(GROUP, "public_endpoint"),
            max_limit: self.number(GROUP, "max_limit"),
        }
    }

    fn api(&mut self, sources: &Sources) -> ApiSection {
        let paste = self.path("api", "api_paste_config");
        ApiSection {
            bind_host: self.text("api", "bind_host"),
            bind_port: self.number("api", "bind_port"),
            workers: self.number("api", "workers"),
            max_connections: self.number("api", "max_connections"),
            client_timeout: self.seconds("api", "client_timeout"),
            max_header_size: self.number("api", "max_header_size"),
            trusted_proxies: self.trusted_proxies(),
            api_paste_config: sources.find(&paste),
        }
    }

    fn trusted_proxies(&mut self) -> Vec<IpNet> {
        let entries = self.values.list("api", "trusted_proxies");
        let read = entries.iter().filter_map(|entry| match network(entry) {
            Ok(network) => Some(network),
            Err(reason) => {
                self.refuse("api", "trusted_proxies", reason);
                None
            }
        });
        read.collect()
    }

    fn database(&mut self) -> DatabaseSection {
        const GROUP: &str = "database";
        let text = self.values.secret(GROUP, "connection");
        let connection = text.and_then(|text| {
            DatabaseUrl::parse(text.expose_secret())
                .map_err(|reason| self.refuse(GROUP, "connection", reason))
                .ok()
        });
        DatabaseSection {
            connection,
            max_pool_size: self.number(GROUP, "max_pool_size"),
            key_dir: self.path(GROUP, "key_dir"),
        }
    }

    fn keystone(&mut self) -> KeystoneSection {
        const GROUP: &str = "keystone_authtoken";
        let cache = self.values.integer(GROUP, "token_cache_time");
        let values = &self.values;
        let text = |name| values.text(GROUP, name);
        let mut section = KeystoneSection {
            identity_driver: String::new(),
            www_authenticate_uri: text("www_authenticate_uri"),
            auth_url: text("auth_url"),
            auth_type: String::new(),
            username: text("username"),
            user_id: text("user_id"),
            password: values.secret(GROUP, "password"),
            user_domain_name: text("user_domain_name"),
            user_domain_id: text("user_domain_id"),
            project_name: text("project_name"),
            project_id: text("project_id"),
            project_domain_name: text("project_domain_name"),
            project_domain_id: text("project_domain_id"),
            application_credential_id: text("application_credential_id"),
            application_credential_secret: values.secret(GROUP, "application_credential_secret"),
            region_name: text("region_name"),
            interface: String::new(),
            cafile: text("cafile"),
            insecure: values.flag(GROUP, "insecure"),
            shared_tokens: None,
            service_type: String::new(),
            token_cache_time: cache
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(std::time::Duration::from_secs),
            service_token_roles: values.list(GROUP, "service_token_roles"),
            service_token_roles_required: values.flag(GROUP, "service_token_roles_required"),
        };
        section.shared_tokens = self.shared_tokens();
        section.service_type = self.text(GROUP, "service_type");
        section.identity_driver = self.text(GROUP, "identity_driver");
        section.auth_type = self.text(GROUP, "auth_type").to_lowercase();
        section.interface = self.text(GROUP, "interface").to_lowercase();
        section
    }

    /// Where the API's processes share what they remember of tokens. What this program cannot do of it
    /// leaves each process with what it remembers by itself.
    fn shared_tokens(&mut self) -> Option<SharedTokens> {
        const GROUP: &str = "keystone_authtoken";
        let mut servers = Vec::new();
        for entry in self.values.list(GROUP, "memcached_servers") {
            match memcached_server(&entry) {
                Ok(server) => servers.push(server),
                Err(reason) => self.refuse(GROUP, "memcached_servers", reason),
            }
        }
        let strategy = self.text(GROUP, "memcache_security_strategy");
        let mut secret = self.values.secret(GROUP, "memcache_secret_key");
        if strategy.eq_ignore_ascii_case("none") {
            secret = None;
        } else if secret.is_none() {
            let reason = format!("is needed where memcache_security_strategy is {strategy}");
            self.refuse(GROUP, "memcache_secret_key", reason);
        }
        let shared = SharedTokens {
            servers,
            secret,
            dead_retry: self.seconds(GROUP, "memcache_pool_dead_retry"),
            timeout: self.seconds(GROUP, "memcache_pool_socket_timeout"),
        };
        if shared.servers.is_empty() {
            return None;
        }
        for name in ["memcache_tls_enabled", "memcache_sasl_enabled"] {
            if self.values.flag(GROUP, name) {
                let reason = "is not supported: nothing is shared by memcached_servers, and tokens \
                              are remembered within each process";
                self.warn(GROUP, name, reason);
                return None;
            }
        }
        Some(shared)
    }

    fn policy(&mut self, sources: &Sources) -> PolicySection {
        const GROUP: &str = "oslo_policy";
        let file = self.path(GROUP, "policy_file");
        let dirs = self.values.list(GROUP, "policy_dirs");
        PolicySection {
            policy_file: sources.find(&file),
            policy_file_written: self.values.is_written(GROUP, "policy_file"),
            policy_default_rule: self.text(GROUP, "policy_default_rule"),
            policy_dirs: dirs
                .iter()
                .map(|dir| sources.find(Path::new(dir)))
                .collect(),
            enforce_scope: self.values.flag(GROUP, "enforce_scope"),
            enforce_new_defaults: self.values.flag(GROUP, "enforce_new_defaults"),
            remote: RemoteSection {
                json: self.text(GROUP, "remote_content_type") == "application/json",
                timeout: self.seconds(GROUP, "remote_timeout"),
                verify: self.values.flag(GROUP, "remote_ssl_verify_server_crt"),
                cafile: self
                    .values
                    .text(GROUP, "remote_ssl_ca_crt_file")
                    .map(PathBuf::from),
            },
        }
    }

    fn middleware(&mut self) -> MiddlewareSection {
        const GROUP: &str = "oslo_middleware";
        let headers = self.values.flag(GROUP, "enable_proxy_headers_parsing");
        if headers && !self.values.is_written("api", "trusted_proxies") {
            let reason = "believes only proxies on this machine; name the networks of others in \
                          [api] trusted_proxies";
            self.warn(GROUP, "enable_proxy_headers_parsing", reason);
        }
        MiddlewareSection {
            max_request_body_size: self.number(GROUP, "max_request_body_size"),
            enable_proxy_headers_parsing: self.values.flag(GROUP, "enable_proxy_headers_parsing"),
        }
    }

    fn cors(&mut self) -> CorsSection {
        const GROUP: &str = "cors";
        CorsSection {
            allowed_origin: self.values.list(GROUP, "allowed_origin"),
            allow_credentials: self.values.flag(GROUP, "allow_credentials"),
            expose_headers: self.values.list(GROUP, "expose_headers"),
            max_age: self.number(GROUP, "max_age"),
            allow_methods: self.values.list(GROUP, "allow_methods"),
            allow_headers: self.values.list(GROUP, "allow_headers"),
        }
    }

    fn healthcheck(&mut self) -> HealthcheckSection {
        const GROUP: &str = "healthcheck";
        let own = self.values.integer("api", "bind_port");
        let file = self.values.text(GROUP, "disable_by_file_path");
        let mut disabled_by: Vec<PathBuf> = file.map(PathBuf::from).into_iter().collect();
        for entry in self.values.list(GROUP, "disable_by_file_paths") {
            let read = entry.split_once(':');
            match read.and_then(|(port, path)| Some((port.trim().parse::<u16>().ok()?, path))) {
                Some((port, path)) if Some(i64::from(port)) == own => disabled_by.push(path.into()),
                Some(_) => {}
                None => self.refuse(
                    GROUP,
                    "disable_by_file_paths",
                    format!("`{entry}` is not of the form port:path"),
                ),
            }
        }
        HealthcheckSection { disabled_by }
    }

    fn storage(&mut self) -> StorageSection {
        const GROUP: &str = "storage";
        let mut pins = BTreeMap::new();
        for entry in self.values.list(GROUP, "certificate_sha256") {
            match pin(&entry) {
                Ok((url, hex)) => {
                    pins.insert(url, hex);
                }
                Err(reason) => self.refuse(GROUP, "certificate_sha256", reason),
            }
        }
        StorageSection {
            allowed_endpoints: self.values.list(GROUP, "allowed_endpoints"),
            cafile: self.values.text(GROUP, "cafile").map(PathBuf::from),
            certificate_sha256: pins,
            insecure: self.values.flag(GROUP, "insecure"),
        }
    }

    fn drivers(&mut self) -> DriversSection {
        const GROUP: &str = "drivers";
        let mut layers: BTreeMap<String, LayerSettings> = BTreeMap::new();
        for (driver, retries) in self.of_drivers(GROUP, "retries", "a whole number", &|text| {
            text.parse().ok()
        }) {
            layers.entry(driver).or_default().retries = retries;
        }
        let seconds = |text: &str| {
            let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0)?;
            std::time::Duration::try_from_secs_f64(seconds).ok()
        };
        for (driver, timeout) in self.of_drivers(GROUP, "timeout", "a number above 0", &seconds) {
            layers.entry(driver).or_default().timeout = Some(timeout);
        }
        let places = |text: &str| text.parse().ok();
        for (driver, at_once) in
            self.of_drivers(GROUP, "at_once", "a whole number above 0", &places)
        {
            layers.entry(driver).or_default().at_once = Some(at_once);
        }
        let directory = self.values.text(GROUP, "plugin_dir");
        DriversSection {
            plugin_dir: directory.map(PathBuf::from),
            layers,
        }
    }

    /// An option that says something for each driver it names.
    fn of_drivers<T>(
        &mut self,
        group: &'static str,
        name: &'static str,
        what: &str,
        read: &dyn Fn(&str) -> Option<T>,
    ) -> Vec<(String, T)> {
        let mut all = Vec::new();
        for (driver, text) in self.values.pairs(group, name) {
            match read(text.trim()) {
                Some(value) => all.push((driver, value)),
                None => {
                    let reason = format!("`{text}`, for driver `{driver}`, is not {what}");
                    self.refuse(group, name, reason);
                }
            }
        }
        all
    }

    fn engine(&mut self) -> EngineSection {
        EngineSection {
            max_operations: self.number("engine", "max_operations"),
            poll_interval: self.seconds("engine", "poll_interval"),
            peer_interval: self.seconds("engine", "peer_interval"),
            lease: self.seconds("engine", "lease_seconds"),
            call_deadline: self.seconds("engine", "call_deadline"),
        }
    }

    fn metrics(&mut self) -> MetricsSection {
        let port = |name| {
            let value = self.values.integer("metrics", name);
            value.and_then(|port| u16::try_from(port).ok())
        };
        let (api_bind_port, engine_bind_port) = (port("api_bind_port"), port("engine_bind_port"));
        MetricsSection {
            bind_host: self.text("metrics", "bind_host"),
            api_bind_port,
            engine_bind_port,
        }
    }

    fn seconds(&mut self, group: &'static str, name: &'static str) -> std::time::Duration {
        let value = self.values.seconds(group, name);
        self.needed(group, name, value)
    }

    fn text(&mut self, group: &'static str, name: &'static str) -> String {
        let value = self.values.text(group, name);
        self.needed(group, name, value)
    }

    fn path(&mut self, group: &'static str, name: &'static str) -> PathBuf {
        PathBuf::from(self.text(group, name))
    }

    fn number<T: TryFrom<i64> + Default>(&mut self, group: &'static str, name: &'static str) -> T {
        let value = self.values.integer(group, name);
        // The catalogue's limits are within the type's.
        let value = value.and_then(|number| T::try_from(number).ok());
        self.needed(group, name, value)
    }

    /// An option with a default can only be without a value where somebody wrote it empty, or
    /// where its problem is already told.
    fn needed<T: Default>(
        &mut self,
        group: &'static str,
        name: &'static str,
        value: Option<T>,
    ) -> T {
        if value.is_none() {
            let subject = format!("[{group}] {name}");
            let told = |problem: &Problem| problem.subject.as_deref() == Some(subject.as_str());
            if !self.problems.iter().any(told) {
                self.refuse(group, name, "is empty; give it a value or remove the line");
            }
        }
        value.unwrap_or_default()
    }

    fn refuse(&mut self, group: &'static str, name: &'static str, reason: impl Into<String>) {
        let place = self.values.place(group, name);
        self.problems
            .push(Problem::option(place, group, name, reason));
    }

    fn warn(&mut self, group: &'static str, name: &'static str, reason: &str) {
        let place = self.values.place(group, name);
        self.warnings
            .push(Problem::option(place, group, name, reason));
    }

    fn settings(&self) -> Vec<Setting> {
        let mut settings: Vec<_> = self.values.all().cloned().collect();
        let order = |setting: &Setting| {
            OPTIONS
                .iter()
                .position(|o| (o.group, o.name) == (setting.group, setting.name))
        };
        settings.sort_by_key(order);
        settings
    }
}

/// The machine's host name as the kernel knows it.
fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
