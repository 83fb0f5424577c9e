//! What an operator writes to reach a cloud, and the account it describes.

use protector_framework::{DriverConfig, DriverError, Result, SecretString};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

/// The settings of both OpenStack drivers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where Keystone is, with or without `/v3`.
    pub auth_url: String,
    /// The region whose endpoints are used; absent: the first that the catalog shows.
    #[serde(default)]
    pub region_name: Option<String>,
    /// `public`, `internal` or `admin`; absent: `public`.
    #[serde(default)]
    pub interface: Option<String>,
    /// `password` (the default), `v3password` or `v3applicationcredential`.
    #[serde(default)]
    pub auth_type: Option<String>,
    /// The user's name.
    #[serde(default)]
    pub username: Option<String>,
    /// The user's id, instead of its name and domain.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The name of the user's domain.
    #[serde(default)]
    pub user_domain_name: Option<String>,
    /// The id of the user's domain; without either: `default`.
    #[serde(default)]
    pub user_domain_id: Option<String>,
    /// The project: the service's own for identity, the tenant's for compute.
    #[serde(default)]
    pub project_id: Option<String>,
    /// The project's name, instead of its id.
    #[serde(default)]
    pub project_name: Option<String>,
    /// The name of the project's domain.
    #[serde(default)]
    pub project_domain_name: Option<String>,
    /// The id of the project's domain; without either: `default`.
    #[serde(default)]
    pub project_domain_id: Option<String>,
    /// The application credential's id, for `v3applicationcredential`.
    #[serde(default)]
    pub application_credential_id: Option<String>,
    /// Compute only: another project in which the account is `admin`. Locks are made from there,
    /// because a lock made inside the tenant's project can be undone by the tenant. Absent: one is
    /// looked for among the account's projects.
    #[serde(default)]
    pub admin_project_id: Option<String>,
    /// A file with the certificates to trust beside the system's.
    #[serde(default)]
    pub cafile: Option<String>,
    /// Whether to accept any certificate. Never on a real cloud.
    #[serde(default)]
    pub insecure: bool,
}

/// The names of the secrets that the drivers read.
const SECRETS: [&str; 3] = ["password", "application_credential_secret", "trust_id"];

/// A name within a domain, or an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Id(String),
    Name { name: String, domain: Domain },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Domain {
    Id(String),
    Name(String),
}

/// How the account proves itself.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    Password { user: Named, password: SecretString },
    ApplicationCredential { id: String, secret: SecretString },
}

/// What a session's tokens are valid for.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    Project(Named),
    /// The trust's id is kept as a secret: whoever is its trustee can use it.
    Trust(SecretString),
    /// The application credential's own project.
    OfCredential,
}

/// One account on one Keystone.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub auth_url: Url,
    pub region: Option<String>,
    pub interface: String,
    pub login: Login,
    pub scope: Scope,
}

impl Account {
    /// The same account with another scope.
    pub(crate) fn scoped(&self, scope: Scope) -> Self {
        Self {
            scope,
            ..self.clone()
        }
    }

    /// The account as errors may name it.
    pub(crate) fn title(&self) -> String {
        let who = match &self.login {
            Login::Password { user, .. } => format!("user {user}"),
            Login::ApplicationCredential { id, .. } => format!("application credential `{id}`"),
        };
        match &self.scope {
            Scope::Project(project) => format!("{who} in project {project}"),
            Scope::Trust(_) => format!("{who} with the project's trust"),
            Scope::OfCredential => who,
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "`{id}`"),
            Self::Name { name, .. } => write!(f, "`{name}`"),
        }
    }
}

impl Settings {
    /// Reads settings, refusing names that no setting or secret has.
    pub(crate) fn read(config: &DriverConfig) -> Result<Self> {
        if let Some(unknown) = config
            .secrets
            .keys()
            .find(|name| !SECRETS.contains(&name.as_str()))
        {
            return Err(DriverError::invalid_config(format!(
                "driver settings: unknown secret `{unknown}`, expected one of {}",
                SECRETS.join(", ")
            )));
        }
        config.read()
    }

    /// The account that these settings and secrets describe, in its own project.
    pub(crate) fn account(&self, config: &DriverConfig) -> Result<Account> {
        let login = self.login(config)?;
        let scope = self.scope(&login)?;
        Ok(Account {
            auth_url: keystone_url(&self.auth_url)?,
            region: self.region_name.clone().filter(|name| !name.is_empty()),
            interface: self.interface()?,
            login,
            scope,
        })
    }

    fn login(&self, config: &DriverConfig) -> Result<Login> {
        match self.auth_type.as_deref().unwrap_or("password") {
            "password" | "v3password" => Ok(Login::Password {
                user: named(
                    self.user_id.as_ref(),
                    self.username.as_ref(),
                    self.user_domain_id.as_ref(),
                    self.user_domain_name.as_ref(),
                )
                .ok_or_else(|| missing("username", "or `user_id`"))?,
                password: config.require_secret("password")?,
            }),
            "v3applicationcredential" => Ok(Login::ApplicationCredential {
                id: self.application_credential_id.clone().ok_or_else(|| {
                    missing(
                        "application_credential_id",
                        "with auth_type v3applicationcredential",
                    )
                })?,
                secret: config.require_secret("application_credential_secret")?,
            }),
            other => Err(DriverError::invalid_config(format!(
                "driver settings: `auth_type` is `{other}`, expected password, v3password or \
                 v3applicationcredential"
            ))),
        }
    }

    fn scope(&self, login: &Login) -> Result<Scope> {
        if matches!(login, Login::ApplicationCredential { .. }) {
            return Ok(Scope::OfCredential);
        }
        named(
            self.project_id.as_ref(),
            self.project_name.as_ref(),
            self.project_domain_id.as_ref(),
            self.project_domain_name.as_ref(),
        )
        .map(Scope::Project)
        .ok_or_else(|| missing("project_id", "or `project_name`"))
    }

    fn interface(&self) -> Result<String> {
        let name = self.interface.as_deref().unwrap_or("public");
        let short = name.strip_suffix("URL").unwrap_or(name);
        if ["public", "internal", "admin"].contains(&short) {
            Ok(short.to_owned())
        } else {
            Err(DriverError::invalid_config(format!(
                "driver settings: `interface` is `{name}`, expected public, internal or admin"
            )))
        }
    }
}

fn missing(field: &str, hint: &str) -> DriverError {
    DriverError::invalid_config(format!("driver settings: missing field `{field}` {hint}"))
}

fn named(
    id: Option<&String>,
    name: Option<&String>,
    domain_id: Option<&String>,
    domain_name: Option<&String>,
) -> Option<Named> {
    let given = |text: &&String| !text.is_empty();
    if let Some(id) = id.filter(given) {
        return Some(Named::Id(id.clone()));
    }
    let domain = match (domain_id.filter(given), domain_name.filter(given)) {
        (Some(id), _) => Domain::Id(id.clone()),
        (None, Some(name)) => Domain::Name(name.clone()),
        (None, None) => Domain::Id("default".to_owned()),
    };
    name.filter(given).map(|name| Named::Name {
        name: name.clone(),
        domain,
    })
}

/// The URL of Keystone's version 3, which is not always what operators write.
fn keystone_url(text: &str) -> Result<Url> {
    let wrong = |why: &str| {
        DriverError::invalid_config(format!("driver settings: `auth_url` `{text}` {why}"))
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("must begin with http:// or https:// and name a host"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(DriverError::invalid_config(
            "driver settings: `auth_url` must hold neither a user nor a query",
        ));
    }
    let path = url.path().trim_end_matches('/');
    let root = path
        .strip_suffix("/v3")
        .or_else(|| path.strip_suffix("/v2.0"))
        .unwrap_or(path);
    let path = format!("{root}/v3");
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use protector_framework::{ErrorKind, serde_json::json};

    use super::*;

    fn config(settings: serde_json::Value) -> DriverConfig {
        DriverConfig::new(settings).secret("password", "hunter2-marked".into())
    }

    #[test]
    fn keystone_is_found_with_or_without_its_version() {
        for text in [
            "http://k:5000",
            "http://k:5000/",
            "http://k:5000/v3",
            "http://k:5000/v3/",
            "http://k:5000/v2.0",
        ] {
            assert_eq!(keystone_url(text).unwrap().as_str(), "http://k:5000/v3");
        }
        assert_eq!(
            keystone_url("https://k/identity").unwrap().as_str(),
            "https://k/identity/v3"
        );
    }

    #[test]
    fn a_bad_setting_is_named() {
        let base = json!({"auth_url": "http://k", "username": "u", "project_name": "p"});
        let with = |name: &str, value: &str| {
            let mut settings = base.clone();
            settings[name] = json!(value);
            settings
        };
        for (settings, name) in [
            (json!({"username": "u", "project_name": "p"}), "auth_url"),
            (with("auth_url", "ftp://k"), "auth_url"),
            (with("auth_url", "http://u:secret@k"), "auth_url"),
            (with("regoin_name", "x"), "regoin_name"),
            (with("interface", "outer"), "interface"),
            (with("auth_type", "token"), "auth_type"),
            (with("username", ""), "username"),
            (with("project_name", ""), "project_id"),
            (
                with("auth_type", "v3applicationcredential"),
                "application_credential_id",
            ),
        ] {
            let config = config(settings);
            let error = Settings::read(&config)
                .and_then(|s| s.account(&config))
                .unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidConfig);
            assert!(error.message.contains(name), "{name}: {}", error.message);
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
        let config = config(base).secret("passwort", "x".into());
        let error = Settings::read(&config).unwrap_err();
        assert!(error.message.contains("passwort"), "{}", error.message);
    }
}
