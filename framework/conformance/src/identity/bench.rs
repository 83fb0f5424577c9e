//! What the identity kit needs beside the driver: clients with tokens, and a hand on what drivers
//! cannot do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{Clock, IdentityDriver, ProjectId, SecretString, TrustId, UserId};
use serde::{Deserialize, Serialize};

pub use crate::fault::{BenchError, Cut, Effect};

/// Something that a bench can do. A case that needs one which the bench does not have is reported
/// as skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdentityFacility {
    /// A client logs in: [`IdentityBench::client`].
    Client,
    /// A token is revoked: [`IdentityBench::revoke`].
    Revoke,
    /// All tokens that there are expire: [`IdentityBench::expire`].
    Expire,
    /// A token is got with a trust: [`IdentityBench::delegated`].
    Delegated,
    /// The service stops to answer: [`IdentityBench::power`].
    Power,
    /// A driver with a wrong secret: [`IdentityBench::intruder`].
    Intruder,
    /// Remote calls are counted, and the connection is lost at one of them: [`IdentityBench::arm`]
    /// with [`Effect::LostBefore`] and [`Effect::LostAfter`], [`IdentityBench::calls`].
    Cut,
    /// A remote call is never answered: [`IdentityBench::arm`] with [`Effect::Hang`].
    Hang,
    /// The trusts that a client has given are told: [`IdentityBench::trusts`].
    Trusts,
}

impl IdentityFacility {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Client,
        Self::Revoke,
        Self::Expire,
        Self::Delegated,
        Self::Power,
        Self::Intruder,
        Self::Cut,
        Self::Hang,
        Self::Trusts,
    ];
}

impl std::fmt::Display for IdentityFacility {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Client => "log a client in",
            Self::Revoke => "revoke a token",
            Self::Expire => "let tokens expire",
            Self::Delegated => "log in with a trust",
            Self::Power => "switch the service off",
            Self::Intruder => "use a wrong secret",
            Self::Cut => "lose the connection at a remote call",
            Self::Hang => "leave a remote call unanswered",
            Self::Trusts => "tell which trusts there are",
        })
    }
}

/// Somebody who has logged in to a project with a password.
#[derive(Debug, Clone)]
pub struct Client {
    /// The token.
    pub token: SecretString,
    /// The user.
    pub user: UserId,
    /// The project.
    pub project: ProjectId,
    /// Roles of the user in the project, at least one.
    pub roles: Vec<String>,
}

/// Makes benches, one for each case.
#[async_trait]
pub trait IdentityBenches: Send + Sync {
    /// What is tested, for the report.
    fn name(&self) -> &str;

    /// What every bench of this maker can do. The suite skips what needs more.
    fn facilities(&self) -> Vec<IdentityFacility>;

    /// Why the benches do not have a facility, where the report should say more than that.
    fn lack(&self, _facility: IdentityFacility) -> Option<String> {
        None
    }

    /// An identity service, or one that others use too.
    async fn bench(&self) -> Result<Arc<dyn IdentityBench>, BenchError>;
}

/// One identity service, and all that the suite does there beside the driver.
#[async_trait]
pub trait IdentityBench: Send + Sync {
    /// The clock of the drivers that [`IdentityBench::driver`] makes.
    fn clock(&self) -> Arc<dyn Clock>;

    /// A new instance of the driver, as after a restart.
    ///
    /// # Errors
    /// Where it cannot be built.
    fn driver(&self) -> Result<Arc<dyn IdentityDriver>, BenchError>;

    /// A project that the service's account may look at.
    ///
    /// # Errors
    /// Where there is none.
    async fn project(&self) -> Result<ProjectId, BenchError>;

    /// What must not be in any error, beside the tokens and trusts that the suite sees itself.
    fn secrets(&self) -> Vec<SecretString>;

    /// Lets time pass. On a clock that moves by hand this much; on others less will do.
    ///
    /// # Errors
    /// Where the service does not follow.
    async fn pass(&self, time: Duration) -> Result<(), BenchError>;

    /// Is called every few milliseconds while verbs run. A bench whose clock moves by hand moves it a
    /// little, so that a driver that waits comes to its end; others do nothing.
    async fn tick(&self) {}

    /// How long a call that is never answered is given.
    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Is called when a case has ended: removes what the bench made.
    ///
    /// # Errors
    /// What could not be removed.
    async fn end(&self) -> Result<(), BenchError> {
        Ok(())
    }

    /// Logs a client in with a password, to a project in which the client may make trusts. Every call
    /// gives a new token; the clients of two benches are different users, or nobody else's cases
    /// run at the same time.
    ///
    /// # Errors
    /// Where it cannot.
    async fn client(&self) -> Result<Client, BenchError> {
        Err(BenchError::missing(IdentityFacility::Client))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// Where it cannot.
    async fn revoke(&self, _token: &SecretString) -> Result<(), BenchError> {
        Err(BenchError::missing(IdentityFacility::Revoke))
    }

    /// Lets every token that there is expire, those of the driver too.
    ///
    /// # Errors
    /// Where it cannot.
    async fn expire(&self) -> Result<(), BenchError> {
        Err(BenchError::missing(IdentityFacility::Expire))
    }

    /// Logs the service's account in with a trust.
    ///
    /// # Errors
    /// Where the trust is not valid.
    async fn delegated(&self, _trust: &TrustId) -> Result<SecretString, BenchError> {
        Err(BenchError::missing(IdentityFacility::Delegated))
    }

    /// Switches the service off or on. One that is off answers nobody.
    ///
    /// # Errors
    /// Where it cannot.
    async fn power(&self, _on: bool) -> Result<(), BenchError> {
        Err(BenchError::missing(IdentityFacility::Power))
    }

    /// A driver instance with a secret that the service refuses. The secret is one of
    /// [`IdentityBench::secrets`].
    ///
    /// # Errors
    /// Where it cannot.
    fn intruder(&self) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        Err(BenchError::missing(IdentityFacility::Intruder))
    }

    /// Waits until no remote call is on its way, counts remote calls from zero, and lets one of them
    /// go wrong; `None`: none.
    ///
    /// # Errors
    /// Where it cannot.
    async fn arm(&self, _cut: Option<Cut>) -> Result<(), BenchError> {
        Err(BenchError::missing(IdentityFacility::Cut))
    }

    /// How many remote calls have begun since [`IdentityBench::arm`].
    ///
    /// # Errors
    /// Where it cannot.
    fn calls(&self) -> Result<u64, BenchError> {
        Err(BenchError::missing(IdentityFacility::Cut))
    }

    /// The trusts that a client has given to the service.
    ///
    /// # Errors
    /// Where the service does not say.
    async fn trusts(&self, _of: &Client) -> Result<Vec<TrustId>, BenchError> {
        Err(BenchError::missing(IdentityFacility::Trusts))
    }
}
