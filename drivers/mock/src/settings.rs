//! The settings of the mock cloud: the same names and meanings as those of a real OpenStack cloud,
//! so that a site's record needs nothing but another `auth_url`.

use std::path::PathBuf;

use protector_framework::{DriverConfig, DriverError, Result, SecretString};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::place;

/// The settings of the drivers `mock` for identity and compute.
///
/// Secrets: `password`, or `application_credential_secret`; for compute also `trust_id`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudSettings {
    /// `mock:///absolute/directory` of the cloud.
    pub auth_url: String,
    /// The region; absent: any.
    #[serde(default)]
    pub region_name: Option<String>,
    /// Accepted and without effect: a mock has one network.
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
    /// Compute only: another project in which the account is `admin`, from where locks are made.
    /// Absent: one is looked for.
    #[serde(default)]
    pub admin_project_id: Option<String>,
    /// Accepted and without effect: a mock needs no certificate.
    #[serde(default)]
    pub cafile: Option<String>,
    /// Accepted and without effect.
    #[serde(default)]
    pub insecure: bool,
}

const SECRETS: [&str; 3] = ["password", "application_credential_secret", "trust_id"];

/// A name within a domain (by id or by name), or an id.
#[derive(Debug, Clone)]
pub(crate) enum Named {
    Id(String),
    Name { name: String, domain: String },
}

#[derive(Debug, Clone)]
pub(crate) enum Login {
    Password {
        user: Named,
        project: Named,
        password: SecretString,
    },
    ApplicationCredential {
        id: String,
        secret: SecretString,
    },
}

/// The service's account on a mock cloud.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub directory: PathBuf,
    pub region: Option<String>,
    pub login: Login,
    pub trust: Option<SecretString>,
    pub admin_project: Option<String>,
}

impl Account {
    /// Reads settings and secrets; names that nothing has are refused.
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
        let settings: CloudSettings = config.read()?;
        let login = login(&settings, config)?;
        let trust = config.secrets.get("trust_id").cloned();
        if trust.is_some() && matches!(login, Login::ApplicationCredential { .. }) {
            return Err(DriverError::invalid_config(
                "driver settings: `trust_id` needs `auth_type` password",
            ));
        }
        let text = settings.auth_url.trim().trim_end_matches('/');
        let text = text.strip_suffix("/v3").unwrap_or(text);
        Ok(Self {
            directory: place::parse("auth_url", text)?.directory,
            region: given(settings.region_name),
            login,
            trust,
            admin_project: given(settings.admin_project_id),
        })
    }
}

fn login(settings: &CloudSettings, config: &DriverConfig) -> Result<Login> {
    let s = settings.clone();
    match settings.auth_type.as_deref().unwrap_or("password") {
        "password" | "v3password" => Ok(Login::Password {
            user: named(s.user_id, s.username, s.user_domain_id, s.user_domain_name)
                .ok_or_else(|| missing("username", "or `user_id`"))?,
            project: named(
                s.project_id,
                s.project_name,
                s.project_domain_id,
                s.project_domain_name,
            )
            .ok_or_else(|| missing("project_id", "or `project_name`"))?,
            password: config.require_secret("password")?,
        }),
        "v3applicationcredential" => Ok(Login::ApplicationCredential {
            id: given(s.application_credential_id).ok_or_else(|| {
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

fn missing(field: &str, hint: &str) -> DriverError {
    DriverError::invalid_config(format!("driver settings: missing field `{field}` {hint}"))
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn named(
    id: Option<String>,
    name: Option<String>,
    domain_id: Option<String>,
    domain_name: Option<String>,
) -> Option<Named> {
    if let Some(id) = given(id) {
        return Some(Named::Id(id));
    }
    let domain = given(domain_id).or(given(domain_name));
    given(name).map(|name| Named::Name {
        name,
        domain: domain.unwrap_or_else(|| "default".to_owned()),
    })
}
