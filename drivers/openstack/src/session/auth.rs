//! Logging in: what is sent to Keystone and what comes back.

use chrono::{DateTime, Utc};
use protector_framework::{Endpoint, ExposeSecret, Result, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Reply;
use crate::settings::{Account, Domain, Login, Named, Scope};

/// A token with what Keystone said about it.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) value: SecretString,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) user_id: String,
    pub(crate) project_id: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) catalog: Vec<Endpoint>,
}

/// The body of a login.
pub(crate) fn request(account: &Account) -> Value {
    let identity = match &account.login {
        Login::Password { user, password } => {
            let mut user = reference(user);
            user["password"] = json!(password.expose_secret());
            json!({"methods": ["password"], "password": {"user": user}})
        }
        Login::ApplicationCredential { id, secret } => json!({
            "methods": ["application_credential"],
            "application_credential": {"id": id, "secret": secret.expose_secret()},
        }),
    };
    let mut auth = json!({"identity": identity});
    match &account.scope {
        Scope::Project(project) => auth["scope"] = json!({"project": reference(project)}),
        Scope::Trust(id) => {
            auth["scope"] = json!({"OS-TRUST:trust": {"id": id.expose_secret()}});
        }
        Scope::OfCredential => {}
    }
    json!({"auth": auth})
}

fn reference(named: &Named) -> Value {
    match named {
        Named::Id(id) => json!({"id": id}),
        Named::Name { name, domain } => {
            let domain = match domain {
                Domain::Id(id) => json!({"id": id}),
                Domain::Name(name) => json!({"name": name}),
            };
            json!({"name": name, "domain": domain})
        }
    }
}

#[derive(Deserialize)]
struct WireToken {
    expires_at: DateTime<Utc>,
    user: WireId,
    #[serde(default)]
    project: Option<WireId>,
    #[serde(default)]
    roles: Vec<WireRole>,
    #[serde(default)]
    catalog: Vec<WireService>,
}

#[derive(Deserialize)]
struct WireId {
    id: String,
}

#[derive(Deserialize)]
struct WireRole {
    name: String,
}

#[derive(Deserialize)]
struct WireService {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<WireEndpoint>,
}

#[derive(Deserialize)]
struct WireEndpoint {
    interface: String,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    region_id: Option<String>,
    url: String,
}

/// Reads the answer to a login.
pub(crate) fn token(reply: &Reply) -> Result<Token> {
    let wire: WireToken = reply.at("token")?;
    let value = reply.subject.clone().ok_or_else(|| {
        protector_framework::DriverError::new(
            protector_framework::ErrorKind::Unexpected,
            "the identity service answered the login without the header X-Subject-Token; a proxy \
             between here and Keystone may drop it",
        )
        .with_call(&reply.call)
    })?;
    Ok(Token {
        value,
        expires_at: wire.expires_at,
        user_id: wire.user.id,
        project_id: wire.project.map(|project| project.id),
        roles: wire.roles.into_iter().map(|role| role.name).collect(),
        catalog: wire.catalog.into_iter().flat_map(endpoints).collect(),
    })
}

fn endpoints(service: WireService) -> impl Iterator<Item = Endpoint> {
    let kind = service.kind;
    service.endpoints.into_iter().map(move |entry| Endpoint {
        service_type: kind.clone(),
        interface: entry.interface,
        region: entry.region.or(entry.region_id).unwrap_or_default(),
        url: entry.url,
    })
}
