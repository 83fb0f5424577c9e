//! The identity driver `openstack`: Keystone version 3.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use protector_framework::{
    AccessRule, CallCtx, CreateTrust, DriverConfig, DriverEnv, DriverError, ErrorKind,
    IdentityCapabilities, IdentityDriver, Project, ProjectId, Result, SecretString, ServiceToken,
    TokenInfo, TokenScope, Trust, TrustId, UserId,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::session::{Call, Service, Session, Trip};
use crate::settings::Settings;

protector_framework::register_identity_driver! {
    name: "openstack",
    summary: "Tokens, projects and trusts of an OpenStack cloud (Keystone v3).",
    example: r#"{"auth_url": "https://cloud.example:5000/v3", "region_name": "RegionOne", "username": "protector", "user_domain_name": "Default", "project_name": "service", "project_domain_name": "Default"}"#,
    schema: || schemars::schema_for!(Settings).to_value(),
    capabilities: capabilities,
    build: build,
}

fn capabilities() -> IdentityCapabilities {
    let mut can = IdentityCapabilities::none();
    can.trusts = true;
    can
}

fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn IdentityDriver>> {
    let settings = Settings::read(&config)?;
    let account = settings.account(&config)?;
    let http = Session::client(settings.cafile.as_deref(), settings.insecure)?;
    Ok(Arc::new(Keystone {
        session: Session::new(http, account, env),
    }))
}

#[derive(Debug)]
struct Keystone {
    session: Session,
}

#[derive(Deserialize)]
struct WireToken {
    user: WireNamed,
    expires_at: DateTime<Utc>,
    #[serde(default)]
    project: Option<WireNamed>,
    #[serde(default)]
    domain: Option<WireId>,
    #[serde(default)]
    system: Option<Value>,
    #[serde(default)]
    roles: Vec<WireRole>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    is_admin_project: Option<bool>,
    #[serde(default)]
    application_credential: Option<WireCredential>,
    #[serde(default, rename = "OS-TRUST:trust")]
    trust: Option<Value>,
}

#[derive(Deserialize)]
struct WireCredential {
    #[serde(default)]
    access_rules: Option<Vec<WireAccessRule>>,
}

/// What is missing matches no call.
#[derive(Deserialize)]
struct WireAccessRule {
    #[serde(default)]
    service: String,
    #[serde(default)]
    method: String,
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
struct WireNamed {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    domain: Option<WireId>,
}

#[derive(Deserialize)]
struct WireId {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct WireRole {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct WireProject {
    id: String,
    name: String,
    domain_id: String,
    enabled: bool,
}

#[derive(Deserialize)]
struct WireTrust {
    id: String,
    trustor_user_id: String,
    trustee_user_id: String,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    impersonation: bool,
    #[serde(default)]
    expires_at: Option<String>,
    #[serde(default)]
    remaining_uses: Option<u64>,
    #[serde(default)]
    roles: Vec<WireRole>,
}

impl WireToken {
    fn info(&self) -> TokenInfo {
        TokenInfo {
            user_id: self.user.id.as_str().into(),
            user_name: self.user.name.clone(),
            user_domain_id: domain_of(&self.user),
            scope: self.scope(),
            roles: self.roles.iter().map(|role| role.name.clone()).collect(),
            expires_at: self.expires_at,
            delegated: self.is_delegated(),
            is_admin_project: self.is_admin_project.unwrap_or(true),
            access_rules: self.access_rules(),
        }
    }

    fn access_rules(&self) -> Option<Vec<AccessRule>> {
        let rules = self
            .application_credential
            .as_ref()?
            .access_rules
            .as_ref()?;
        let rules = rules.iter().map(|rule| AccessRule {
            service: rule.service.clone(),
            method: rule.method.clone(),
            path: rule.path.clone(),
        });
        Some(rules.collect())
    }

    /// Whether Keystone will refuse to let this token make trusts.
    fn is_delegated(&self) -> bool {
        self.application_credential.is_some()
            || self.trust.is_some()
            || self.methods.iter().any(|m| m == "oauth1" || m == "ec2")
    }

    fn scope(&self) -> TokenScope {
        if let Some(project) = &self.project {
            return TokenScope::Project {
                id: project.id.as_str().into(),
                name: project.name.clone(),
                domain_id: domain_of(project),
            };
        }
        match (&self.domain, &self.system) {
            (Some(domain), _) => TokenScope::Domain {
                id: domain.id.clone(),
            },
            (None, Some(_)) => TokenScope::System,
            (None, None) => TokenScope::Unscoped,
        }
    }
}

fn domain_of(named: &WireNamed) -> String {
    named
        .domain
        .as_ref()
        .map(|domain| domain.id.clone())
        .unwrap_or_default()
}

impl Keystone {
    fn trip(&self, ctx: &CallCtx) -> Trip {
        Trip::start(ctx, &*self.session.env().clock)
    }

    async fn read_token(
        &self,
        trip: &Trip,
        token: &SecretString,
        expired: bool,
    ) -> Result<WireToken> {
        let mut call = Call::get(Service::Identity, ["auth", "tokens"])
            .query("nocatalog", "1")
            .about_token(token);
        if expired {
            call = call.query("allow_expired", "1");
        }
        let reply = self.session.send(trip, call).await;
        reply.map_err(without_trust)?.at("token")
    }

    /// A trust that already is what is asked for, so that a repeated call makes no second one.
    async fn find_trust(
        &self,
        trip: &Trip,
        token: &SecretString,
        wanted: &Wanted,
    ) -> Result<Option<WireTrust>> {
        let listed: Vec<WireTrust> = self
            .session
            .list(
                trip,
                Call::get(Service::Identity, ["OS-TRUST", "trusts"])
                    .query("trustor_user_id", &wanted.trustor)
                    .with_token(token),
                "trusts",
            )
            .await?;
        for entry in listed.iter().filter(|entry| wanted.may_be(entry)) {
            // Lists leave the roles out.
            let call = Call::get(Service::Identity, ["OS-TRUST", "trusts", &entry.id])
                .hiding_the_last_part()
                .with_token(token);
            let trust: WireTrust = match self.session.send(trip, call).await {
                Ok(reply) => reply.at("trust")?,
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if wanted.roles == role_ids(&trust.roles) {
                return Ok(Some(trust));
            }
        }
        Ok(None)
    }

    async fn make_trust(
        &self,
        trip: &Trip,
        token: &SecretString,
        wanted: &Wanted,
    ) -> Result<WireTrust> {
        let roles: Vec<_> = wanted.roles.iter().map(|id| json!({"id": id})).collect();
        let body = json!({"trust": {
            "trustor_user_id": wanted.trustor,
            "trustee_user_id": wanted.trustee,
            "project_id": wanted.project,
            "impersonation": true,
            "allow_redelegation": false,
            "roles": roles,
        }});
        let early = trip.leaving_time_to_look(&*self.session.env().clock);
        let call = Call::post(Service::Identity, ["OS-TRUST", "trusts"], body).with_token(token);
        match self.session.send(&early, call).await {
            Ok(reply) => reply.at("trust"),
            Err(error) if error.is_transient() => {
                // The answer may be lost and the trust made.
                match self.find_trust(trip, token, wanted).await {
                    Ok(Some(trust)) => Ok(trust),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// Of a token whose trust is gone Keystone tells the trust's id, which is kept as a secret.
fn without_trust(mut error: DriverError) -> DriverError {
    if error.message.to_lowercase().contains("trust") {
        error.message = hide_ids(&error.message);
    }
    error
}

/// The text with `********` for every id as Keystone makes them.
fn hide_ids(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut word = String::new();
    for letter in text.chars().chain([' ']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        let is_id = word.len() >= 32 && word.chars().all(|letter| letter.is_ascii_hexdigit());
        shown.push_str(if is_id { "********" } else { &word });
        shown.push(letter);
        word.clear();
    }
    shown.truncate(shown.len() - 1);
    shown
}

/// The trust that a caller's token can give.
struct Wanted {
    trustor: String,
    trustee: String,
    project: String,
    roles: BTreeSet<String>,
}

impl Wanted {
    fn may_be(&self, trust: &WireTrust) -> bool {
        trust.trustor_user_id == self.trustor
            && trust.trustee_user_id == self.trustee
            && trust.project_id.as_deref() == Some(&self.project)
            && trust.impersonation
            && trust.expires_at.is_none()
            && trust.remaining_uses.is_none()
    }
}

fn role_ids(roles: &[WireRole]) -> BTreeSet<String> {
    roles.iter().map(|role| role.id.clone()).collect()
}

#[async_trait]
impl IdentityDriver for Keystone {
    fn capabilities(&self) -> IdentityCapabilities {
        let mut can = capabilities();
        // The trustee must be a user with a password: only that can log in with a trust.
        can.trusts = !self.session.is_bound();
        can
    }

    async fn check(&self, ctx: &CallCtx) -> Result<()> {
        self.session.log_in(&self.trip(ctx)).await.map(drop)
    }

    async fn validate_token(&self, ctx: &CallCtx, token: &SecretString) -> Result<TokenInfo> {
        let wire = self.read_token(&self.trip(ctx), token, false).await?;
        Ok(wire.info())
    }

    async fn validate_expired_token(
        &self,
        ctx: &CallCtx,
        token: &SecretString,
    ) -> Result<TokenInfo> {
        let wire = self.read_token(&self.trip(ctx), token, true).await?;
        Ok(wire.info())
    }

    async fn service_token(&self, ctx: &CallCtx) -> Result<ServiceToken> {
        let token = self.session.token(&self.trip(ctx)).await?;
        Ok(ServiceToken {
            token: token.value.clone(),
            expires_at: token.expires_at,
            catalog: token.catalog.clone(),
        })
    }

    async fn forget_service_token(&self) {
        self.session.forget().await;
    }

    async fn get_project(&self, ctx: &CallCtx, id: &ProjectId) -> Result<Project> {
        let call = Call::get(Service::Identity, ["projects", id.as_str()]);
        let wire: WireProject = self
            .session
            .send(&self.trip(ctx), call)
            .await?
            .at("project")?;
        Ok(Project {
            id: wire.id.into(),
            name: wire.name,
            domain_id: wire.domain_id,
            enabled: wire.enabled,
        })
    }

    async fn create_trust(&self, ctx: &CallCtx, req: CreateTrust) -> Result<Trust> {
        if self.session.is_bound() {
            return Err(DriverError::unsupported(
                "trusts with an application credential: the trustee must log in with a password",
            ));
        }
        let trip = self.trip(ctx);
        let caller = self.read_token(&trip, &req.token, false).await?;
        let wanted = Wanted {
            trustor: caller.user.id.clone(),
            trustee: self.session.token(&trip).await?.user_id.clone(),
            project: project_to_trust(&caller)?,
            roles: roles_to_trust(&caller, &req.roles)?,
        };
        let trust = match self.find_trust(&trip, &req.token, &wanted).await? {
            Some(trust) => trust,
            None => self.make_trust(&trip, &req.token, &wanted).await?,
        };
        Ok(Trust {
            id: TrustId::from(trust.id),
            trustor_user_id: UserId::from(trust.trustor_user_id),
            trustee_user_id: UserId::from(trust.trustee_user_id),
            project_id: wanted.project.into(),
            roles: trust.roles.into_iter().map(|role| role.name).collect(),
        })
    }

    async fn delete_trust(&self, ctx: &CallCtx, token: &SecretString, id: &TrustId) -> Result<()> {
        let call = Call::delete(Service::Identity, ["OS-TRUST", "trusts", id.as_str()])
            .hiding_the_last_part()
            .with_token(token);
        match self.session.send(&self.trip(ctx), call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }
}

fn project_to_trust(caller: &WireToken) -> Result<String> {
    if caller.is_delegated() {
        return Err(DriverError::new(
            ErrorKind::Unauthorized,
            "the token was itself got with a trust or an application credential, and Keystone lets \
             no such token make trusts; enrol the project once with a password or federated login",
        )
        .with_call("POST /OS-TRUST/trusts"));
    }
    caller
        .project
        .as_ref()
        .map(|project| project.id.clone())
        .ok_or_else(|| {
            DriverError::new(
                ErrorKind::Unauthorized,
                "a trust needs a token scoped to the project it is for",
            )
            .with_call("POST /OS-TRUST/trusts")
        })
}

/// The ids of the wanted roles that the token carries; all of the token's where none is named.
fn roles_to_trust(caller: &WireToken, wanted: &[String]) -> Result<BTreeSet<String>> {
    let ids: BTreeSet<_> = caller
        .roles
        .iter()
        .filter(|role| wanted.is_empty() || wanted.contains(&role.name))
        .map(|role| role.id.clone())
        .collect();
    if ids.is_empty() {
        let held: Vec<_> = caller.roles.iter().map(|role| role.name.as_str()).collect();
        return Err(DriverError::new(
            ErrorKind::Unauthorized,
            format!(
                "a trust needs one of the roles {}; the token carries {}",
                wanted.join(", "),
                if held.is_empty() {
                    "none".to_owned()
                } else {
                    held.join(", ")
                }
            ),
        )
        .with_call("POST /OS-TRUST/trusts"));
    }
    Ok(ids)
}
