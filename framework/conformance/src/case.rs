//! A case: one promise, what is needed to test it, and the test.

use futures::future::BoxFuture;
use protector_framework::{DriverError, StorageCapabilities};
use serde::Serialize;

use crate::bench::{BenchError, Facility};
use crate::rig::Rig;

/// A promise that was not kept: what was expected, and what was seen.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub(crate) String);

impl From<DriverError> for Broken {
    fn from(error: DriverError) -> Self {
        Self(format!(
            "{} was to succeed: {:?}: {error}",
            error.remote_call.as_deref().unwrap_or("a verb"),
            error.kind
        ))
    }
}

impl From<BenchError> for Broken {
    fn from(error: BenchError) -> Self {
        Self(error.to_string())
    }
}

/// How a case ends.
pub(crate) type Outcome<T = ()> = std::result::Result<T, Broken>;

/// Fails the case unless the condition holds.
macro_rules! check {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err($crate::case::Broken(format!($($why)+)));
        }
    };
}
pub(crate) use check;

/// A capability that a driver may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Claim {
    /// Snapshots are sent at an interval and on demand.
    AsyncReplication,
    /// Each write is on both arrays.
    SyncReplication,
    /// Points can be kept from retention.
    PinPoints,
    /// Connected hosts are seen.
    ConnectionState,
    /// Documents travel with the data.
    Manifest,
    /// What was written since a point is told.
    WrittenSince,
}

impl Claim {
    /// Whether a driver makes it.
    pub fn is_made(self, by: &StorageCapabilities) -> bool {
        match self {
            Self::AsyncReplication => by.async_replication,
            Self::SyncReplication => by.sync_replication,
            Self::PinPoints => by.pin_points,
            Self::ConnectionState => by.connection_state,
            Self::Manifest => by.manifest,
            Self::WrittenSince => by.written_since,
        }
    }
}

type Run = Box<dyn for<'a> Fn(&'a Rig) -> BoxFuture<'a, Outcome> + Send + Sync>;

/// One case of the suite.
pub struct Case {
    id: String,
    promise: String,
    needs: Vec<Facility>,
    claims: Vec<Claim>,
    run: Run,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Case {
    pub(crate) fn new(
        id: impl Into<String>,
        promise: impl Into<String>,
        run: impl for<'a> Fn(&'a Rig) -> BoxFuture<'a, Outcome> + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: id.into(),
            promise: promise.into(),
            needs: Vec::new(),
            claims: Vec::new(),
            run: Box::new(run),
        }
    }

    /// Needs these of the bench.
    #[must_use]
    pub(crate) fn needs(mut self, facilities: &[Facility]) -> Self {
        self.needs.extend_from_slice(facilities);
        self
    }

    /// Is about what a driver promises only with these claims.
    #[must_use]
    pub(crate) fn claims(mut self, claims: &[Claim]) -> Self {
        self.claims.extend_from_slice(claims);
        self
    }

    /// `group/what-is-promised`, unique in the suite.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is promised, in one sentence.
    pub fn promise(&self) -> &str {
        &self.promise
    }

    /// What the bench must be able to do.
    pub fn facilities(&self) -> &[Facility] {
        &self.needs
    }

    /// What the driver must claim for the promise to bind it.
    pub fn claimed(&self) -> &[Claim] {
        &self.claims
    }

    pub(crate) async fn run(&self, rig: &Rig) -> Outcome {
        (self.run)(rig).await
    }
}

/// A case from a function, with what it needs and what must be claimed.
macro_rules! case {
    ($id:literal, $promise:literal, $run:path $(, needs $($need:ident)+)? $(, claims $($claim:ident)+)?) => {
        $crate::case::Case::new($id, $promise, |rig| Box::pin($run(rig)))
            $(.needs(&[$($crate::bench::Facility::$need),+]))?
            $(.claims(&[$($crate::case::Claim::$claim),+]))?
    };
}
pub(crate) use case;
