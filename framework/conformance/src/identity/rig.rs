//! A bench with the driver on it, and what cases do again and again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    CallCtx, Clock, CreateTrust, DriverError, ErrorKind, ExposeSecret as _, GenericUuid as _,
    IdentityCapabilities, IdentityDriver, Ids as _, OperationId, RandomIds, SecretString, Trust,
    TrustId,
};

use super::bench::{Client, IdentityBench, IdentityBenches, IdentityFacility};
use super::case::{Broken, Outcome, check};
use super::driven::Driven;
use crate::fault::Cut;
use crate::plague::Stand;
use crate::pulse::Pulse;

const PAUSE: Duration = Duration::from_millis(500);
/// How often a call that may be tried again is tried again when a case has ended.
const PATIENCE: usize = 20;

/// An identity service and a driver for it, for one case.
pub struct Rig {
    pub(crate) bench: Arc<dyn IdentityBench>,
    pub(crate) driver: Arc<dyn IdentityDriver>,
    facilities: Vec<IdentityFacility>,
    pulse: Arc<Pulse>,
    operation: OperationId,
    /// What the case has seen that no error may tell.
    seen: Mutex<Vec<SecretString>>,
    /// Who has given trusts, to take them back.
    trustors: Mutex<Vec<Client>>,
}

impl Rig {
    pub(crate) async fn new(benches: &dyn IdentityBenches) -> Outcome<Self> {
        let bench = benches.bench().await?;
        let ticking = Arc::clone(&bench);
        let pulse = Arc::new(Pulse::new(move || {
            let bench = Arc::clone(&ticking);
            Box::pin(async move { bench.tick().await })
        }));
        let driver = Arc::new(Driven::new(bench.driver()?, Arc::clone(&pulse)));
        Ok(Self {
            driver,
            facilities: benches.facilities(),
            pulse,
            operation: OperationId::from_untyped_uuid(RandomIds.uuid()),
            seen: Mutex::default(),
            trustors: Mutex::default(),
            bench,
        })
    }

    pub(crate) fn can(&self) -> IdentityCapabilities {
        self.driver.capabilities()
    }

    pub(crate) fn has(&self, facility: IdentityFacility) -> bool {
        self.facilities.contains(&facility)
    }

    /// A driver whose secret the service refuses.
    pub(crate) fn intruder(&self) -> Outcome<Arc<dyn IdentityDriver>> {
        let inner = self.bench.intruder()?;
        Ok(Arc::new(Driven::new(inner, Arc::clone(&self.pulse))))
    }

    /// A call outside any operation.
    pub(crate) fn ctx(&self) -> CallCtx {
        CallCtx::new(RandomIds.request_id(), CallCtx::MAX_DEADLINE)
    }

    /// Notes what no error may tell.
    pub(crate) fn is_secret(&self, secret: &SecretString) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(secret.clone());
    }

    /// Somebody who has logged in.
    pub(crate) async fn client(&self) -> Outcome<Client> {
        let client = self.bench.client().await?;
        self.is_secret(&client.token);
        Ok(client)
    }

    /// Somebody who has logged in and will give trusts.
    pub(crate) async fn trustor(&self) -> Outcome<Client> {
        let client = self.client().await?;
        let mut trustors = self.trustors.lock().unwrap_or_else(PoisonError::into_inner);
        trustors.push(client.clone());
        Ok(client)
    }

    /// A token that nobody was given, in the form of one.
    pub(crate) fn garbage(&self) -> SecretString {
        let token = SecretString::from(RandomIds.uuid().simple().to_string());
        self.is_secret(&token);
        token
    }

    /// Checks that a text holds no secret.
    pub(crate) fn tells_none(&self, told: &str, what: &str) -> Outcome {
        for secret in self.secrets() {
            check!(
                !told.contains(secret.expose_secret()),
                "a secret is in {what}"
            );
        }
        Ok(())
    }

    /// Checks that a verb failed with one of these kinds, without a secret in its words.
    pub(crate) fn refused<T>(
        &self,
        result: Result<T, DriverError>,
        kinds: &[ErrorKind],
    ) -> Outcome<DriverError> {
        let Err(error) = result else {
            return Err(Broken(format!(
                "was to be refused with {kinds:?}, and there was a reply"
            )));
        };
        check!(
            kinds.contains(&error.kind),
            "was to be refused with {kinds:?}, and the error is {:?}: {error} ({})",
            error.kind,
            error.remote_call.as_deref().unwrap_or("no remote call")
        );
        check!(!error.message.trim().is_empty(), "the error tells nothing");
        // What a driver does not do at all it refuses by itself.
        if error.kind != ErrorKind::Unsupported {
            has_call(&error)?;
        }
        self.keeps_secrets(&error)?;
        Ok(error)
    }

    /// Takes back what clients have given, and puts the bench away.
    pub(crate) async fn end(&self) -> Outcome {
        let taken = self.take_back().await;
        let away = self.bench.end().await;
        taken?;
        Ok(away?)
    }

    async fn take_back(&self) -> Outcome {
        if self.has(IdentityFacility::Power) {
            self.bench.power(true).await?;
        }
        if self.has(IdentityFacility::Cut) {
            self.bench.arm(None).await?;
        }
        let trustors = {
            let trustors = self.trustors.lock().unwrap_or_else(PoisonError::into_inner);
            trustors.clone()
        };
        if trustors.is_empty() || !self.has(IdentityFacility::Trusts) {
            return Ok(());
        }
        // The tokens of the case may have ended.
        let now = self.client().await?;
        for trustor in &trustors {
            for trust in self.bench.trusts(trustor).await? {
                let mut left = PATIENCE;
                loop {
                    let gone = self
                        .driver
                        .delete_trust(&self.ctx(), &now.token, &trust)
                        .await;
                    match gone {
                        Err(error) if error.is_transient() && left > 0 => self.pause().await?,
                        other => break other?,
                    }
                    left -= 1;
                }
            }
        }
        Ok(())
    }
}

/// Trusts.
impl Rig {
    /// Asks for a trust of all roles of a client.
    pub(crate) fn trust_of(&self, client: &Client) -> CreateTrust {
        CreateTrust {
            token: client.token.clone(),
            roles: client.roles.clone(),
        }
    }

    /// A trust that a client has given.
    pub(crate) async fn trust(&self, client: &Client) -> Outcome<Trust> {
        let request = self.trust_of(client);
        let made = self
            .driver
            .create_trust(&self.step("trust"), request)
            .await?;
        self.hide(&made.id);
        Ok(made)
    }

    /// A trust's id is a secret too.
    pub(crate) fn hide(&self, id: &TrustId) {
        self.is_secret(&SecretString::from(id.as_str()));
    }
}

/// Where every remote call of the kit arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service;

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("identity service")
    }
}

#[async_trait]
impl Stand for Rig {
    type Driver = dyn IdentityDriver;
    type Place = Service;

    const PATIENCE: usize = 60;
    const ROUNDS: u64 = 2;

    fn called(at: Service) -> Vec<Service> {
        vec![at]
    }

    fn restarted(&self, _at: Service) -> Outcome<Arc<Self::Driver>> {
        let inner = self.bench.driver()?;
        Ok(Arc::new(Driven::new(inner, Arc::clone(&self.pulse))))
    }

    fn step(&self, key: &str) -> CallCtx {
        self.ctx().for_step(self.operation, key, 1)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.bench.clock()
    }

    fn deadline(&self) -> Duration {
        self.bench.deadline()
    }

    async fn arm(&self, _at: Service, cut: Option<Cut>) -> Outcome {
        Ok(self.bench.arm(cut).await?)
    }

    fn calls(&self, _at: Service) -> Outcome<u64> {
        Ok(self.bench.calls()?)
    }

    fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = self.bench.secrets();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.extend(seen.iter().cloned());
        secrets
    }

    async fn pause(&self) -> Outcome {
        Ok(self.bench.pass(PAUSE).await?)
    }
}

/// Checks that an error tells its remote call.
pub(crate) fn has_call(error: &DriverError) -> Outcome {
    check!(
        error
            .remote_call
            .as_ref()
            .is_some_and(|call| !call.trim().is_empty()),
        "the error does not tell its remote call: {error}"
    );
    Ok(())
}
