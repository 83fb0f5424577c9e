//! Who exists on a mock cloud and what they may do.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use protector_framework::{DriverError, ErrorKind, Result, TokenScope};
use serde::{Deserialize, Serialize};

use crate::secret::hashed;
use crate::settings::Named;

/// The one domain of a mock cloud.
pub(crate) const DOMAIN: &str = "default";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct IdentityState {
    pub users: BTreeMap<String, User>,
    pub projects: BTreeMap<String, ProjectRecord>,
    /// Roles by user and project.
    pub roles: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Roles on the whole system, by user.
    pub system_roles: BTreeMap<String, BTreeSet<String>>,
    /// Tokens by their hash.
    pub tokens: BTreeMap<String, Token>,
    pub trusts: BTreeMap<String, TrustRecord>,
    pub credentials: BTreeMap<String, Credential>,
    pub endpoints: Vec<EndpointRecord>,
    pub token_seconds: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub name: String,
    pub password: String,
    pub enabled: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProjectRecord {
    pub name: String,
    pub enabled: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub user: String,
    pub scope: TokenScope,
    pub expires_at: DateTime<Utc>,
    /// The trust it came from.
    pub trust: Option<String>,
    /// Whether it came from an application credential.
    pub credential: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrustRecord {
    pub trustor: String,
    pub trustee: String,
    pub project: String,
    pub roles: BTreeSet<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Credential {
    pub user: String,
    pub project: String,
    pub secret: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EndpointRecord {
    pub service_type: String,
    pub interface: String,
    pub region: String,
    /// With `%(tenant_id)s` or `$(project_id)s` where the project's id goes.
    pub url: String,
}

impl IdentityState {
    pub(crate) fn user_id(&self, user: &Named) -> Option<String> {
        match user {
            Named::Id(id) => self.users.contains_key(id).then(|| id.clone()),
            Named::Name { name, domain } => self
                .users
                .iter()
                .find(|(_, user)| user.name == *name && is_domain(domain))
                .map(|(id, _)| id.clone()),
        }
    }

    pub(crate) fn project_id(&self, project: &Named) -> Option<String> {
        match project {
            Named::Id(id) => self.projects.contains_key(id).then(|| id.clone()),
            Named::Name { name, domain } => self
                .projects
                .iter()
                .find(|(_, project)| project.name == *name && is_domain(domain))
                .map(|(id, _)| id.clone()),
        }
    }

    /// The roles a user has in an enabled project, with those they imply.
    pub(crate) fn roles_of(&self, user: &str, project: &str) -> BTreeSet<String> {
        let enabled = self.users.get(user).is_some_and(|user| user.enabled)
            && self.projects.get(project).is_some_and(|p| p.enabled);
        let given = self.roles.get(user).and_then(|roles| roles.get(project));
        match given {
            Some(roles) if enabled => with_implied(roles),
            _ => BTreeSet::new(),
        }
    }

    /// The roles that a trust passes on now: none once its giver has lost them.
    pub(crate) fn trust_roles(&self, trust: &TrustRecord) -> BTreeSet<String> {
        let trustor = self.roles_of(&trust.trustor, &trust.project);
        if trust.roles.is_subset(&trustor) {
            with_implied(&trust.roles)
        } else {
            BTreeSet::new()
        }
    }

    pub(crate) fn check_password(&self, user: &str, password: &str) -> bool {
        self.users
            .get(user)
            .is_some_and(|known| known.enabled && known.password == hashed(user, password))
    }

    /// Issues a token; the caller has checked that it may.
    pub(crate) fn issue(&mut self, text: &str, token: Token, now: DateTime<Utc>) {
        self.tokens.retain(|_, token| token.expires_at > now);
        self.tokens.insert(hashed("token", text), token);
    }

    /// The roles of a valid token; nothing where it is not valid any more.
    pub(crate) fn token(
        &self,
        text: &str,
        now: DateTime<Utc>,
    ) -> Option<(&Token, BTreeSet<String>)> {
        let token = self.tokens.get(&hashed("token", text))?;
        if token.expires_at <= now || !self.users.get(&token.user)?.enabled {
            return None;
        }
        let roles = match (&token.trust, &token.scope) {
            (Some(trust), _) => self.trust_roles(self.trusts.get(trust)?),
            (None, TokenScope::Project { id, .. }) => self.roles_of(&token.user, id.as_str()),
            (None, TokenScope::System) => with_implied(
                self.system_roles
                    .get(&token.user)
                    .unwrap_or(&BTreeSet::new()),
            ),
            (None, TokenScope::Domain { .. } | TokenScope::Unscoped) => {
                return Some((token, BTreeSet::new()));
            }
        };
        (!roles.is_empty()).then_some((token, roles))
    }

    pub(crate) fn project_scope(&self, id: &str) -> Result<TokenScope> {
        let project = self
            .projects
            .get(id)
            .ok_or_else(|| DriverError::not_found(format!("project `{id}`")))?;
        Ok(TokenScope::Project {
            id: id.into(),
            name: project.name.clone(),
            domain_id: DOMAIN.to_owned(),
        })
    }
}

fn is_domain(name: &str) -> bool {
    name.eq_ignore_ascii_case(DOMAIN)
}

/// Keystone's default implications: an admin is a member, a member is a reader.
fn with_implied(roles: &BTreeSet<String>) -> BTreeSet<String> {
    let mut all = roles.clone();
    for (role, implied) in [("admin", "member"), ("member", "reader")] {
        if all.contains(role) {
            all.insert(implied.to_owned());
        }
    }
    all
}

pub(crate) fn unauthorized(message: impl Into<String>) -> DriverError {
    DriverError::new(ErrorKind::Unauthorized, message)
}
