//! One identity service.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{CallCtx, DriverError, IdentityCapabilities, ProjectId, Result, TrustId, UserId};

/// What a token is valid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// One project.
    Project {
        /// The project.
        id: ProjectId,
        /// Its name.
        name: String,
        /// Its domain.
        domain_id: String,
    },
    /// One domain.
    Domain {
        /// The domain.
        id: String,
    },
    /// The whole system.
    System,
    /// Nothing.
    Unscoped,
}

/// A validated token: who calls, for what, with which roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// The user; with an impersonating trust, the trustor.
    pub user_id: UserId,
    /// The user's name.
    pub user_name: String,
    /// The user's domain.
    pub user_domain_id: String,
    /// What the token is valid for.
    pub scope: TokenScope,
    /// Role names, implied roles included.
    pub roles: Vec<String>,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
    /// Whether it was got with a trust or an application credential, which cannot make trusts.
    pub delegated: bool,
    /// False only where the identity service says that the project is not the admin one.
    pub is_admin_project: bool,
    /// The only calls that the token is good for, where it was got with an application credential that
    /// is limited; `None`: it is not. Whoever accepts the token must keep to them.
    pub access_rules: Option<Vec<AccessRule>>,
}

/// A call that a limited application credential allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    /// The type of the service, such as `protector`.
    pub service: String,
    /// The method, in capitals.
    pub method: String,
    /// The path; `*` and `{name}` stand for a segment, `**` for anything.
    pub path: String,
}

/// One endpoint of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The service's type, such as `protector`.
    pub service_type: String,
    /// `public`, `internal` or `admin`.
    pub interface: String,
    /// The region.
    pub region: String,
    /// The URL with the token's project filled in.
    pub url: String,
}

/// The service's own session.
#[derive(Debug, Clone)]
pub struct ServiceToken {
    /// The token.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// The endpoints it shows.
    pub catalog: Vec<Endpoint>,
}

/// A project of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Its domain.
    pub domain_id: String,
    /// Whether it is enabled.
    pub enabled: bool,
}

/// Asks for a trust from the caller to the service user.
#[derive(Debug, Clone)]
pub struct CreateTrust {
    /// The trustor's own token, scoped to the project.
    pub token: SecretString,
    /// The roles to pass on, by name; only those that the token carries are asked for.
    pub roles: Vec<String>,
}

/// A trust as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Its id; whoever is the trustee can use it, so it is kept as a secret.
    pub id: TrustId,
    /// Who gave it.
    pub trustor_user_id: UserId,
    /// Who may use it.
    pub trustee_user_id: UserId,
    /// The project it is for.
    pub project_id: ProjectId,
    /// The roles it passes on.
    pub roles: Vec<String>,
}

/// One identity service, with the service's own account on it.
///
/// An instance is cheap to make and does no I/O until its first verb. Every verb also fails with
/// `Unreachable`, `Timeout` and `RateLimited`.
#[async_trait]
pub trait IdentityDriver: Send + Sync + std::fmt::Debug + 'static {
    /// What this service can do. Constant, no I/O.
    fn capabilities(&self) -> IdentityCapabilities;

    /// Logs in with the service's own account and forgets the session again.
    ///
    /// # Errors
    /// `Unauthorized` where the account is refused.
    async fn check(&self, ctx: &CallCtx) -> Result<()>;

    /// Validates a client's token.
    ///
    /// # Errors
    /// `NotFound` for a token that is unknown, expired or revoked; `Unauthorized` where the
    /// service's **own** account is refused, which is not the client's fault.
    async fn validate_token(&self, ctx: &CallCtx, token: &SecretString) -> Result<TokenInfo>;

    /// Validates a client's token that may have expired meanwhile: a service passes a request on, and
    /// has shown a token of its own that has not. A service that keeps no expired tokens refuses them.
    ///
    /// # Errors
    /// As `validate_token`.
    async fn validate_expired_token(
        &self,
        ctx: &CallCtx,
        token: &SecretString,
    ) -> Result<TokenInfo> {
        self.validate_token(ctx, token).await
    }

    /// A token of the service's own account, cached until shortly before it ends.
    ///
    /// # Errors
    /// `Unauthorized` where the account is refused.
    async fn service_token(&self, ctx: &CallCtx) -> Result<ServiceToken>;

    /// Drops the cached token, after a remote side has refused it.
    async fn forget_service_token(&self);

    /// One project.
    ///
    /// # Errors
    /// `NotFound`; `Unauthorized` where the account may not look.
    async fn get_project(&self, ctx: &CallCtx, id: &ProjectId) -> Result<Project>;

    /// Makes a trust from the caller to the service's own account.
    ///
    /// # Behavior
    /// A trust of the same people, project and roles that is there is the reply. Where the service
    /// has no key that would make one of two, two calls at the same moment may make two.
    ///
    /// # Errors
    /// `Unauthorized` where the token may not make trusts or carries none of the roles;
    /// `Unsupported` without the capability.
    async fn create_trust(&self, _ctx: &CallCtx, _req: CreateTrust) -> Result<Trust> {
        Err(DriverError::unsupported("trusts"))
    }

    /// Deletes a trust; an absent one is success.
    ///
    /// # Errors
    /// `Unsupported` without the capability.
    async fn delete_trust(
        &self,
        _ctx: &CallCtx,
        _token: &SecretString,
        _id: &TrustId,
    ) -> Result<()> {
        Err(DriverError::unsupported("trusts"))
    }
}
