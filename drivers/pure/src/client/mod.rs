//! One array over HTTPS: its session, the version it speaks, and how calls are sent.

mod call;
mod error;
mod exchange;
mod list;
mod tls;
mod trip;
mod version;

use std::sync::Arc;
use std::time::Duration;

use protector_framework::{DriverEnv, DriverError, ErrorKind, ExposeSecret, Result, SecretString};
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};
use url::Url;

pub(crate) use call::{Call, quoted};
pub(crate) use error::{Cause, Failure, gone_is_fine, refused_is_looked_at};
pub(crate) use trip::Trip;
pub(crate) use version::Abilities;
use version::Version;

use crate::settings::Place;

/// How many calls one instance has under way at an array; arrays answer few at a time.
const AT_ONCE: usize = 4;

/// One array. Cheap to make, no I/O until the first call.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    api_token: SecretString,
    env: DriverEnv,
    /// Held during a login, so that many calls that find no session cause one login.
    session: Mutex<Option<Arc<Session>>>,
    gate: Semaphore,
}

/// A login and the version it was made with.
#[derive(Debug)]
struct Session {
    version: Version,
    token: SecretString,
}

/// What the array answered to a call that succeeded.
#[derive(Debug)]
pub(crate) struct Reply {
    call: String,
    request_id: Option<String>,
    body: Vec<u8>,
}

impl Reply {
    /// The body; an empty one is an empty object.
    pub(crate) fn json(&self) -> Result<Value> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Object(Default::default()));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            self.unexpected(&format!("the answer is not the JSON it should be: {error}"))
        })
    }

    fn unexpected(&self, why: &str) -> DriverError {
        let error = DriverError::new(ErrorKind::Unexpected, format!("`{}`: {why}", self.call))
            .with_call(&*self.call);
        match &self.request_id {
            Some(id) => error.with_request_id(&**id),
            None => error,
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// The client of an array.
    ///
    /// # Errors
    /// `InvalidConfig` where its certificates cannot be checked as asked.
    pub(crate) fn new(place: Place, env: DriverEnv) -> Result<Self> {
        Ok(Self {
            http: tls::client(&place.verify)?,
            base: place.url,
            api_token: place.token,
            env,
            session: Mutex::new(None),
            gate: Semaphore::new(AT_ONCE),
        })
    }

    pub(crate) fn env(&self) -> &DriverEnv {
        &self.env
    }

    /// What the array can do by its version; logs in where nobody has yet.
    pub(crate) async fn abilities(&self, trip: &Trip) -> Result<Abilities, Failure> {
        let session = self.limited(trip, "POST login", self.session(trip)).await?;
        Ok(session.version.abilities())
    }

    /// The version that is spoken, for people.
    pub(crate) async fn version(&self, trip: &Trip) -> Result<String, Failure> {
        let session = self.limited(trip, "POST login", self.session(trip)).await?;
        Ok(session.version.to_string())
    }

    /// Sends a call and returns what the array meant as a success. A change that does not say of what
    /// is not sent.
    pub(crate) async fn send(&self, trip: &Trip, call: &Call) -> Result<Reply, Failure> {
        if let Some(key) = call.lacks() {
            return Err(DriverError::new(
                ErrorKind::Unexpected,
                format!(
                    "`{}` was not sent to the array at {}: its `{key}` is empty; an earlier answer \
                     of the array left it out",
                    call.name(),
                    self.host()
                ),
            )
            .with_call(call.name())
            .into());
        }
        self.limited(trip, &call.name(), self.send_in_session(trip, call))
            .await
    }

    /// A call that does not end within the verb's time is given up.
    async fn limited<T>(
        &self,
        trip: &Trip,
        name: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(left) = trip.left(&*self.env.clock) else {
            return Err(trip.timeout(name, &self.host()).into());
        };
        tokio::select! {
            biased;
            done = work => done,
            () = self.env.clock.sleep(left) => Err(trip.timeout(name, &self.host()).into()),
        }
    }

    async fn send_in_session(&self, trip: &Trip, call: &Call) -> Result<Reply, Failure> {
        let session = self.session(trip).await?;
        let failure = match self.exchange(trip, call, &session).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        match failure.status {
            // Ended by its age, by a failover of controllers or by an administrator: the array did
            // nothing, so a new login and the same call once more are safe.
            Some(401) => self.forget(&session).await,
            // The array was upgraded or downgraded under us, or the path is not served at all.
            Some(404) if self.has_moved(trip, &session).await => self.forget(&session).await,
            _ => return Err(failure),
        }
        let session = self.session(trip).await?;
        self.exchange(trip, call, &session).await
    }

    /// Whether the array no longer serves the version that a session speaks.
    async fn has_moved(&self, trip: &Trip, session: &Session) -> bool {
        match self.negotiate(trip).await {
            Ok(version) => version != session.version,
            Err(_) => false,
        }
    }

    /// The present session; logs in where there is none.
    async fn session(&self, trip: &Trip) -> Result<Arc<Session>, Failure> {
        let mut kept = self.session.lock().await;
        if let Some(session) = kept.as_ref() {
            return Ok(Arc::clone(session));
        }
        let version = self.negotiate(trip).await?;
        let token = self.log_in(trip, version).await?;
        let session = Arc::new(Session { version, token });
        *kept = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Drops a session that the array refused, unless another call has renewed it already.
    async fn forget(&self, session: &Arc<Session>) {
        let mut kept = self.session.lock().await;
        if kept.as_ref().is_some_and(|now| Arc::ptr_eq(now, session)) {
            *kept = None;
        }
    }

    /// Where the array is, for messages.
    pub(crate) fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Takes every secret of this array out of a text for people.
    fn scrub(&self, text: &str, session: Option<&SecretString>) -> String {
        std::iter::once(&self.api_token)
            .chain(session)
            .map(|secret| secret.expose_secret())
            // Shorter ones would tear words apart and are no secrets worth the name.
            .filter(|secret| secret.len() >= 6)
            .fold(text.to_owned(), |text, secret| {
                text.replace(secret, "********")
            })
    }

    /// How long to wait before attempt `n + 1`, with a little chance in it so that engines that
    /// lost an array together do not come back together.
    fn backoff(&self, attempt: u32) -> Duration {
        let base = Duration::from_millis(500) * 2_u32.saturating_pow(attempt.min(5));
        let mut chance = [0_u8; 1];
        self.env.ids.bytes(&mut chance);
        base + base / 1024 * u32::from(chance[0])
    }
}
