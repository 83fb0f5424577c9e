//! Whose token it is: asked of the identity service, and remembered for a while.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use protector_framework::{
    CallCtx, Clock, DriverError, ErrorKind, ExposeSecret, IdentityDriver, SecretString, TokenInfo,
};
use sha2::{Digest, Sha256};

use crate::shared_tokens::SharedTokens;

/// How long the identity service may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many tokens are remembered.
const CAPACITY: u64 = 10_000;

/// Why a token was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// It is unknown, expired or revoked.
    Invalid,
    /// The identity service could not be asked.
    Unavailable,
}

/// Counts where what is known of a token came from: from this process, from what others share, or from
/// the identity service itself.
fn count(source: &'static str) {
    metrics::counter!("protector_token_lookups_total", "source" => source).increment(1);
}

/// Which tokens are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Age {
    Unexpired,
    Any,
}

/// Validates tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    driver: Arc<dyn IdentityDriver>,
    clock: Arc<dyn Clock>,
    keep: Option<Duration>,
    /// By the token's hash and what was asked about it: that an expired one counts for a service says
    /// nothing to anybody else.
    cache: Cache<(Age, [u8; 32]), Arc<Remembered>>,
    /// What other processes remember too.
    shared: Option<Arc<SharedTokens>>,
}

#[derive(Debug)]
struct Remembered {
    token: TokenInfo,
    /// On the monotonic clock.
    until: Duration,
}

impl Tokens {
    /// `keep`: for how long a valid token is remembered; `None`: not at all.
    pub(crate) fn new(
        driver: Arc<dyn IdentityDriver>,
        clock: Arc<dyn Clock>,
        keep: Option<Duration>,
        shared: Option<SharedTokens>,
    ) -> Self {
        Self {
            driver,
            clock,
            keep,
            cache: Cache::new(CAPACITY),
            shared: shared.map(Arc::new),
        }
    }

    /// What a token is valid for. A burst of requests with one token asks once; a refusal is not
    /// remembered.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(crate) async fn validate(
        &self,
        request_id: &str,
        token: &SecretString,
    ) -> Result<TokenInfo, TokenError> {
        let found = self.known(request_id, token, Age::Unexpired).await?;
        self.unexpired(found)
    }

    /// What a token is or was valid for: one that has expired counts for as long as the identity
    /// service knows it. Only for a request that a service passes on.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(crate) async fn validate_expired(
        &self,
        request_id: &str,
        token: &SecretString,
    ) -> Result<TokenInfo, TokenError> {
        self.known(request_id, token, Age::Any).await
    }

    async fn known(
        &self,
        request_id: &str,
        token: &SecretString,
        age: Age,
    ) -> Result<TokenInfo, TokenError> {
        let Some(keep) = self.keep else {
            return self.ask(request_id, token, age).await;
        };
        let hash: [u8; 32] = Sha256::digest(token.expose_secret().as_bytes()).into();
        let key = (age, hash);
        if let Some(known) = self.cache.get(&key).await {
            if self.clock.monotonic() < known.until {
                count("memory");
                return Ok(known.token.clone());
            }
            self.cache.invalidate(&key).await;
        }
        let ask = async {
            let (token, ago) = self.learn(request_id, token, age, keep).await?;
            let until = self.clock.monotonic() + keep.saturating_sub(ago);
            Ok(Arc::new(Remembered { token, until }))
        };
        let found = self
            .cache
            .try_get_with(key, ask)
            .await
            .map_err(|error: Arc<TokenError>| (*error).clone())?;
        Ok(found.token.clone())
    }

    /// What another process has learned of a token not long ago, else what the identity service says;
    /// with how long ago it said so. However many processes pass it on, a revoked token is accepted for
    /// `keep` at the most.
    async fn learn(
        &self,
        request_id: &str,
        token: &SecretString,
        age: Age,
        keep: Duration,
    ) -> Result<(TokenInfo, Duration), TokenError> {
        // What counts for a service alone stays in this process.
        let shared = self.shared.as_ref().filter(|_| age == Age::Unexpired);
        if let Some(shared) = shared
            && let Some((found, ago)) = shared.get(token).await
            && ago < keep
        {
            count("shared");
            return Ok((found, ago));
        }
        let found = self.ask(request_id, token, age).await?;
        if let Some(shared) = shared {
            shared.put(token, &found, keep).await;
        }
        Ok((found, Duration::ZERO))
    }

    fn unexpired(&self, token: TokenInfo) -> Result<TokenInfo, TokenError> {
        match self.clock.now() < token.expires_at {
            true => Ok(token),
            false => Err(TokenError::Invalid),
        }
    }

    async fn ask(
        &self,
        request_id: &str,
        token: &SecretString,
        age: Age,
    ) -> Result<TokenInfo, TokenError> {
        count("identity");
        let ctx = CallCtx::new(request_id, DEADLINE);
        let asked = async {
            match age {
                Age::Unexpired => self.driver.validate_token(&ctx, token).await,
                Age::Any => self.driver.validate_expired_token(&ctx, token).await,
            }
        };
        let answer = tokio::select! {
            answer = asked => answer,
            () = self.clock.sleep(DEADLINE) => Err(DriverError::new(
                ErrorKind::Timeout,
                "the identity service did not answer in time",
            )),
        };
        answer.map_err(|error| match error.kind {
            ErrorKind::NotFound => TokenError::Invalid,
            _ => {
                tracing::error!(%error, kind = ?error.kind, "a token cannot be validated");
                TokenError::Unavailable
            }
        })
    }
}
