//! What a driver is built from, read from a site's row and the secrets beside it.

use std::collections::BTreeMap;

use protector_framework::{DriverConfig, GroupId, ProjectId, SecretString, SiteId};
use protector_model::Site;
use serde_json::{Map, Value};

/// The secrets of a site by the names of the settings they belong to.
pub type SiteSecrets = BTreeMap<String, SecretString>;

/// Whose secrets a site's password and application credential are in the database.
pub fn site_owner(site: SiteId) -> String {
    format!("site/{site}")
}

/// Whose secrets a group's array tokens are in the database.
pub fn policy_owner(group: GroupId) -> String {
    format!("policy/{group}")
}

/// What the token of a site's array is called beside its policy.
pub fn secret_name(site: SiteId) -> String {
    format!("{site}.api_token")
}

/// The account in its own project.
pub(crate) fn own(site: &Site, secrets: &SiteSecrets) -> DriverConfig {
    let mut settings = account(site);
    put(&mut settings, "project_name", &site.account.project_name);
    put(
        &mut settings,
        "project_domain_name",
        &site.account.project_domain_name,
    );
    with_secrets(settings, secrets)
}

/// The account in a tenant's project.
pub(crate) fn in_project(
    site: &Site,
    secrets: &SiteSecrets,
    project: &ProjectId,
    trust: Option<SecretString>,
) -> DriverConfig {
    let mut settings = account(site);
    settings.insert("project_id".to_owned(), project.as_str().into());
    let config = with_secrets(settings, secrets);
    match trust {
        Some(trust) => config.secret("trust_id", trust),
        None => config,
    }
}

fn account(site: &Site) -> Map<String, Value> {
    let mut settings = Map::new();
    settings.insert("auth_url".to_owned(), site.auth_url.clone().into());
    settings.insert("region_name".to_owned(), site.region_name.clone().into());
    let account = &site.account;
    put(&mut settings, "auth_type", &account.auth_type);
    put(&mut settings, "username", &account.username);
    put(&mut settings, "user_domain_name", &account.user_domain_name);
    put(
        &mut settings,
        "application_credential_id",
        &account.application_credential_id,
    );
    settings
}

fn put(settings: &mut Map<String, Value>, name: &str, value: &Option<String>) {
    if let Some(value) = value {
        settings.insert(name.to_owned(), value.clone().into());
    }
}

fn with_secrets(settings: Map<String, Value>, secrets: &SiteSecrets) -> DriverConfig {
    DriverConfig {
        settings: Value::Object(settings),
        secrets: secrets.clone(),
    }
}
