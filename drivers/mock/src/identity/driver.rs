//! The identity driver `mock`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{
    CallCtx, CreateTrust, DriverConfig, DriverEnv, DriverError, Endpoint, ExposeSecret,
    IdentityCapabilities, IdentityDriver, Project, ProjectId, Result, SecretString, ServiceToken,
    TokenInfo, TokenScope, Trust, TrustId,
};
use serde_json::json;

use super::state::{DOMAIN, IdentityState, Token, TrustRecord, unauthorized};
use crate::call::Gate;
use crate::cloud::Held;
use crate::settings::{Account, CloudSettings};

protector_framework::register_identity_driver! {
    name: "mock",
    summary: "Tokens, projects and trusts of a mock cloud, kept in a directory.",
    example: r#"{"auth_url": "mock:///var/lib/mock/site-a", "username": "protector", "project_name": "service"}"#,
    schema: || schemars::schema_for!(CloudSettings).to_value(),
    capabilities: capabilities,
    build: build,
}

fn capabilities() -> IdentityCapabilities {
    let mut can = IdentityCapabilities::none();
    can.trusts = true;
    can
}

fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn IdentityDriver>> {
    let account = Account::read(&config)?;
    Ok(Arc::new(MockIdentity {
        gate: Gate {
            directory: account.directory.clone(),
            title: format!("mock cloud {}", account.directory.display()),
            env,
        },
        account,
        cached: Mutex::default(),
    }))
}

/// How long before its end a cached token is given up.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

#[derive(Debug)]
struct MockIdentity {
    account: Account,
    gate: Gate,
    cached: Mutex<Option<ServiceToken>>,
}

/// One look at the identity service.
struct Call {
    held: Held,
    account: Account,
    now: DateTime<Utc>,
}

impl Call {
    fn identity(&mut self) -> &mut IdentityState {
        self.held.identity_mut()
    }

    fn catalog(&self, project: &str) -> Vec<Endpoint> {
        let wanted = |region: &str| match &self.account.region {
            Some(name) => name == region,
            None => true,
        };
        self.held
            .identity()
            .endpoints
            .iter()
            .filter(|endpoint| wanted(&endpoint.region))
            .map(|endpoint| Endpoint {
                service_type: endpoint.service_type.clone(),
                interface: endpoint.interface.clone(),
                region: endpoint.region.clone(),
                url: [
                    "%(tenant_id)s",
                    "%(project_id)s",
                    "$(tenant_id)s",
                    "$(project_id)s",
                ]
                .iter()
                .fold(endpoint.url.clone(), |url, mark| url.replace(mark, project)),
            })
            .collect()
    }
}

impl MockIdentity {
    async fn verb<T: Send + 'static>(
        &self,
        ctx: &CallCtx,
        verb: &'static str,
        target: String,
        work: impl FnOnce(&mut Call) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let account = self.account.clone();
        let clock = self.gate.env.clock.clone();
        self.gate
            .run(ctx, verb, target, move || {
                let now = clock.now();
                let held = Held::take(&account.directory)?;
                held.alive()?;
                let mut call = Call { held, account, now };
                let reply = work(&mut call)?;
                call.held.save()?;
                Ok(reply)
            })
            .await
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, Option<ServiceToken>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl IdentityDriver for MockIdentity {
    fn capabilities(&self) -> IdentityCapabilities {
        capabilities()
    }

    async fn check(&self, ctx: &CallCtx) -> Result<()> {
        self.verb(ctx, "check", String::new(), |call| {
            let account = call.account.clone();
            call.identity().login(&account).map(drop)
        })
        .await
    }

    async fn validate_token(&self, ctx: &CallCtx, token: &SecretString) -> Result<TokenInfo> {
        let token = token.clone();
        self.verb(ctx, "validate_token", String::new(), move |call| {
            call.held.identity().login(&call.account)?;
            info(call, token.expose_secret())
        })
        .await
    }

    async fn service_token(&self, ctx: &CallCtx) -> Result<ServiceToken> {
        let now = self.gate.env.clock.now();
        let fresh = self
            .cached()
            .clone()
            .filter(|t| t.expires_at - MARGIN > now);
        if let Some(token) = fresh {
            return Ok(token);
        }
        let ids = self.gate.env.ids.clone();
        let token = self
            .verb(ctx, "service_token", String::new(), move |call| {
                let session = call.held.identity().login(&call.account)?;
                let text = new_token(&*ids);
                let (now, seconds) = (call.now, call.held.identity().token_seconds);
                let token = Token {
                    scope: call.held.identity().project_scope(&session.project)?,
                    user: session.user,
                    expires_at: now + seconds_delta(seconds),
                    trust: None,
                    credential: session.credential,
                };
                let expires_at = token.expires_at;
                call.identity().issue(&text, token, now);
                Ok(ServiceToken {
                    token: text.into(),
                    expires_at,
                    catalog: call.catalog(&session.project),
                })
            })
            .await?;
        *self.cached() = Some(token.clone());
        Ok(token)
    }

    async fn forget_service_token(&self) {
        *self.cached() = None;
    }

    async fn get_project(&self, ctx: &CallCtx, id: &ProjectId) -> Result<Project> {
        let id = id.clone();
        let target = json!({"id": id.as_str()}).to_string();
        self.verb(ctx, "get_project", target, move |call| {
            let session = call.held.identity().login(&call.account)?;
            let own = session.project == id.as_str();
            if !own && !session.has("admin") && !session.has("service") {
                return Err(unauthorized("the account may not look at other projects"));
            }
            match call.held.identity().projects.get(id.as_str()) {
                Some(project) => Ok(Project {
                    id: id.clone(),
                    name: project.name.clone(),
                    domain_id: DOMAIN.to_owned(),
                    enabled: project.enabled,
                }),
                None => Err(DriverError::not_found(format!("project `{id}`"))),
            }
        })
        .await
    }

    async fn create_trust(&self, ctx: &CallCtx, req: CreateTrust) -> Result<Trust> {
        let ids = self.gate.env.ids.clone();
        let target = json!({"roles": req.roles}).to_string();
        self.verb(ctx, "create_trust", target, move |call| {
            let id = ids.uuid().simple().to_string();
            trust(call, &req, &id)
        })
        .await
    }

    async fn delete_trust(&self, ctx: &CallCtx, token: &SecretString, id: &TrustId) -> Result<()> {
        let (token, id) = (token.clone(), id.clone());
        self.verb(ctx, "delete_trust", String::new(), move |call| {
            let now = call.now;
            let identity = call.identity();
            let Some((token, roles)) = identity.token(token.expose_secret(), now) else {
                return Err(unauthorized("the token is not valid"));
            };
            let user = token.user.clone();
            match identity.trusts.get(id.as_str()) {
                Some(trust) if trust.trustor != user && !roles.contains("admin") => {
                    Err(unauthorized("only who gave a trust can take it back"))
                }
                _ => {
                    identity.trusts.remove(id.as_str());
                    Ok(())
                }
            }
        })
        .await
    }
}

/// The text of a new token. Drawn from `Ids`, so that nobody can guess it.
pub(crate) fn new_token(ids: &dyn protector_framework::Ids) -> String {
    let mut bytes = [0; 32];
    ids.bytes(&mut bytes);
    hex::encode(bytes)
}

pub(crate) fn seconds_delta(seconds: u64) -> TimeDelta {
    TimeDelta::try_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)).unwrap_or(TimeDelta::MAX)
}

fn info(call: &Call, text: &str) -> Result<TokenInfo> {
    let identity = call.held.identity();
    let (token, roles) = identity
        .token(text, call.now)
        .ok_or_else(|| DriverError::not_found("the token"))?;
    let user = identity.users.get(&token.user);
    Ok(TokenInfo {
        user_id: token.user.as_str().into(),
        user_name: user.map(|user| user.name.clone()).unwrap_or_default(),
        user_domain_id: DOMAIN.to_owned(),
        scope: token.scope.clone(),
        roles: roles.into_iter().collect(),
        expires_at: token.expires_at,
        delegated: token.trust.is_some() || token.credential,
        is_admin_project: true,
        access_rules: None,
    })
}

fn trust(call: &mut Call, req: &CreateTrust, id: &str) -> Result<Trust> {
    let trustee = call.held.identity().login(&call.account)?.user;
    let now = call.now;
    let identity = call.identity();
    let (token, roles) = identity
        .token(req.token.expose_secret(), now)
        .ok_or_else(|| unauthorized("the token is not valid"))?;
    if token.trust.is_some() || token.credential {
        return Err(unauthorized("a delegated token cannot make trusts"));
    }
    let TokenScope::Project { id: project, .. } = &token.scope else {
        return Err(unauthorized("the token has no project to make a trust for"));
    };
    let passed: BTreeSet<String> = req
        .roles
        .iter()
        .filter(|role| roles.contains(*role))
        .cloned()
        .collect();
    if passed.is_empty() {
        return Err(unauthorized(format!(
            "the token carries none of the roles {}",
            req.roles.join(", ")
        )));
    }
    let record = TrustRecord {
        trustor: token.user.clone(),
        trustee,
        project: project.to_string(),
        roles: passed,
    };
    // As the driver of a real cloud does: asked for again, what is there is the reply.
    let there = identity.trusts.iter().find(|(_, known)| **known == record);
    let id = there.map_or(id, |(known, _)| known).to_owned();
    let made = Trust {
        id: id.as_str().into(),
        trustor_user_id: record.trustor.as_str().into(),
        trustee_user_id: record.trustee.as_str().into(),
        project_id: project.clone(),
        roles: record.roles.iter().cloned().collect(),
    };
    identity.trusts.insert(id, record);
    Ok(made)
}
