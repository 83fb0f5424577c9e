//! A session: one account on one cloud, its token, its catalog, and how calls are sent.

mod auth;
mod call;
mod catalog;
mod error;
mod exchange;
mod http;
mod page;
mod trip;
mod version;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use protector_framework::{DriverEnv, DriverError, ErrorKind, ExposeSecret, Result, SecretString};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

pub(crate) use auth::Token;
pub(crate) use call::{Call, Reply, Service};
use error::Failure;
pub(crate) use trip::Trip;
use version::Version;

use crate::settings::{Account, Login, Scope};

/// A token is renewed this long before it ends, so that no call is on its way when it does.
const RENEW_BEFORE: TimeDelta = TimeDelta::seconds(120);

/// One account on one cloud. Cheap to make, no I/O until the first call.
pub(crate) struct Session {
    http: reqwest::Client,
    account: Account,
    env: DriverEnv,
    /// Held during a login, so that many calls that find no token cause one login.
    token: Mutex<Option<Arc<Token>>>,
    /// The highest microversion of each service; `None` for endpoints without any.
    versions: Mutex<BTreeMap<Service, Option<Version>>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("auth_url", &self.account.auth_url.as_str())
            .field("account", &self.account.title())
            .field("region", &self.account.region)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session of this account.
    pub(crate) fn new(http: reqwest::Client, account: Account, env: DriverEnv) -> Self {
        Self {
            http,
            account,
            env,
            token: Mutex::new(None),
            versions: Mutex::new(BTreeMap::new()),
        }
    }

    /// The HTTP client of an account's settings, to share between its sessions.
    pub(crate) fn client(cafile: Option<&str>, insecure: bool) -> Result<reqwest::Client> {
        http::client(cafile, insecure)
    }

    /// The same account with another scope.
    pub(crate) fn scoped(&self, scope: Scope) -> Self {
        Self::new(
            self.http.clone(),
            self.account.scoped(scope),
            self.env.clone(),
        )
    }

    pub(crate) fn env(&self) -> &DriverEnv {
        &self.env
    }

    /// The account as errors may name it.
    pub(crate) fn title(&self) -> String {
        self.account.title()
    }

    /// Whether the account is bound to one project for good.
    pub(crate) fn is_bound(&self) -> bool {
        matches!(self.account.login, Login::ApplicationCredential { .. })
    }

    /// The present token; logs in where there is none or where it ends soon.
    pub(crate) async fn token(&self, trip: &Trip) -> Result<Arc<Token>> {
        self.limited(trip, "POST /auth/tokens", self.valid_token(trip))
            .await
    }

    /// Forgets the token, so that the next call logs in.
    pub(crate) async fn forget(&self) {
        *self.token.lock().await = None;
    }

    /// Logs in without keeping the token.
    pub(crate) async fn log_in(&self, trip: &Trip) -> Result<Token> {
        self.limited(trip, "POST /auth/tokens", self.fresh_token(trip))
            .await
    }

    /// Sends a call and returns what the service meant as a success.
    ///
    /// # Errors
    /// Every refusal as the kind it means; `Timeout` when the trip's time is over.
    pub(crate) async fn send(&self, trip: &Trip, call: Call) -> Result<Reply> {
        let name = call.name();
        self.limited(trip, &name, self.send_authorised(trip, &call))
            .await
    }

    async fn limited<T>(
        &self,
        trip: &Trip,
        name: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let host = || self.account.auth_url.as_str().to_owned();
        let Some(left) = trip.left(&*self.env.clock) else {
            return Err(trip.timeout(name, &host()));
        };
        tokio::select! {
            biased;
            done = work => done,
            () = self.env.clock.sleep(left) => Err(trip.timeout(name, &host())),
        }
    }

    async fn send_authorised(&self, trip: &Trip, call: &Call) -> Result<Reply> {
        if let Some(token) = &call.token {
            let endpoint = self.account.auth_url.clone();
            return self
                .exchange(trip, call, &endpoint, Some(token), None)
                .await
                .map_err(|failure| failure.error);
        }
        let token = self.valid_token(trip).await?;
        match self.send_with(trip, call, &token).await {
            Err(failure) if failure.status == Some(StatusCode::UNAUTHORIZED) => {
                // Revoked early, or Keystone was rebuilt: the service did nothing, so one more
                // login and the same call again are safe.
                self.refused(&token).await;
                let token = self.valid_token(trip).await?;
                self.send_with(trip, call, &token)
                    .await
                    .map_err(|failure| failure.error)
            }
            other => other.map_err(|failure| failure.error),
        }
    }

    async fn send_with(&self, trip: &Trip, call: &Call, token: &Token) -> Result<Reply, Failure> {
        let endpoint = catalog::endpoint(call.service, &self.account, token)?;
        let version = self.version(trip, call, &endpoint, token).await?;
        self.exchange(trip, call, &endpoint, Some(&token.value), version)
            .await
    }

    /// The microversion to send: what the call wants, but never more than the endpoint has.
    async fn version(
        &self,
        trip: &Trip,
        call: &Call,
        endpoint: &Url,
        token: &Token,
    ) -> Result<Option<Version>, Failure> {
        let Some(wants) = call.wants else {
            return Ok(None);
        };
        let highest = self.highest(trip, call.service, endpoint, token).await?;
        if let Some(needs) = call.needs
            && highest.is_none_or(|highest| highest < needs)
        {
            return Err(DriverError::new(
                ErrorKind::Unsupported,
                format!(
                    "`{}` needs microversion {needs}, but the {} at {endpoint} has {}",
                    call.name(),
                    call.service.title(),
                    highest.map_or_else(|| "none".to_owned(), |v| format!("at most {v}")),
                ),
            )
            .with_call(call.name())
            .into());
        }
        Ok(highest.map(|highest| highest.min(wants)))
    }

    /// The highest microversion of a service, as its endpoint advertises it.
    pub(crate) async fn has_version(
        &self,
        trip: &Trip,
        service: Service,
        major: u16,
        minor: u16,
    ) -> Result<bool> {
        let look = async {
            let token = self.valid_token(trip).await?;
            let endpoint = catalog::endpoint(service, &self.account, &token)?;
            self.highest(trip, service, &endpoint, &token)
                .await
                .map_err(|failure| failure.error)
        };
        let highest = self.limited(trip, "GET /", look).await?;
        Ok(highest.is_some_and(|highest| highest >= Version(major, minor)))
    }

    async fn highest(
        &self,
        trip: &Trip,
        service: Service,
        endpoint: &Url,
        token: &Token,
    ) -> Result<Option<Version>, Failure> {
        let mut known = self.versions.lock().await;
        if let Some(version) = known.get(&service) {
            return Ok(*version);
        }
        let Some(document) = version::document(service, endpoint) else {
            return Ok(None);
        };
        let call = Call::get(service, []);
        let reply = self
            .exchange(trip, &call, &document, Some(&token.value), None)
            .await?;
        let highest = version::highest(service, &reply.json::<Value>()?);
        known.insert(service, highest);
        Ok(highest)
    }

    async fn valid_token(&self, trip: &Trip) -> Result<Arc<Token>> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref()
            && token.expires_at - RENEW_BEFORE > self.env.clock.now()
        {
            return Ok(Arc::clone(token));
        }
        let token = Arc::new(self.fresh_token(trip).await?);
        *kept = Some(Arc::clone(&token));
        Ok(token)
    }

    async fn fresh_token(&self, trip: &Trip) -> Result<Token> {
        let body = auth::request(&self.account);
        let call = Call::post(Service::Identity, ["auth", "tokens"], body).repeatable();
        let endpoint = self.account.auth_url.clone();
        match self.exchange(trip, &call, &endpoint, None, None).await {
            Ok(reply) => auth::token(&reply),
            Err(failure) => Err(self.login_refused(failure)),
        }
    }

    fn login_refused(&self, failure: Failure) -> DriverError {
        let mut error = failure.error;
        let refused = failure
            .status
            .is_some_and(|status| matches!(status.as_u16(), 401 | 403 | 404));
        if refused {
            error.kind = ErrorKind::Unauthorized;
            error.retry = protector_framework::Retry::Never;
            let hint = match self.account.scope {
                Scope::Trust(_) => {
                    "the trust may be deleted, expired or used up, its owner disabled or without \
                     the role, or the service's own password wrong; enrol the project again"
                }
                _ => "check name, domain, password and the account's role in the project",
            };
            error.message = format!(
                "login of {} at {} failed: {}; {hint}",
                self.account.title(),
                self.account.auth_url,
                error.message
            );
        }
        error
    }

    /// Drops the token that a service refused, unless another call has renewed it already.
    async fn refused(&self, token: &Arc<Token>) {
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|now| Arc::ptr_eq(now, token)) {
            *kept = None;
        }
    }

    /// Takes every secret that this session knows out of a text for people.
    fn scrub(&self, text: String, token: Option<&SecretString>) -> String {
        let mut secrets = vec![match &self.account.login {
            Login::Password { password, .. } => password,
            Login::ApplicationCredential { secret, .. } => secret,
        }];
        if let Scope::Trust(id) = &self.account.scope {
            secrets.push(id);
        }
        secrets.extend(token);
        secrets
            .into_iter()
            .map(|secret| secret.expose_secret())
            // Shorter ones would tear words apart and are no secrets worth the name.
            .filter(|secret| secret.len() >= 6)
            .fold(text, |text, secret| text.replace(secret, "********"))
    }

    /// How long to wait before attempt `n + 1`, with a little chance in it so that engines that
    /// lost a service together do not come back together.
    fn backoff(&self, attempt: u32) -> Duration {
        let base = Duration::from_millis(500) * 2_u32.saturating_pow(attempt.min(5));
        let mut chance = [0_u8; 1];
        self.env.ids.bytes(&mut chance);
        base + base / 1024 * u32::from(chance[0])
    }
}
