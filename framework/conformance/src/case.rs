//! A case: one promise, what is needed to test it, and the test.

use futures::future::BoxFuture;
use protector_framework::{DriverError, DriverKind};

use crate::fault::BenchError;

/// What the suites of the three kinds of driver differ in.
pub trait Kit: Sized + 'static {
    /// The kind of driver it is about.
    const KIND: DriverKind;
    /// What a bench of it may be able to do.
    type Facility: Copy + PartialEq + std::fmt::Display + Send + Sync + 'static;
    /// What a driver of it may claim.
    type Claim: Copy + Send + Sync + 'static;
    /// A bench with the driver on it.
    type Rig: Send + Sync + 'static;
}

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

/// What went wrong with things of which each is tried, however the others went.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<String>);

impl Failures {
    /// What one of them came to, where it went well.
    pub(crate) fn note<T>(&mut self, outcome: Outcome<T>) -> Option<T> {
        outcome.map_err(|Broken(why)| self.0.push(why)).ok()
    }

    /// Fails where one of them failed, and tells all of it.
    pub(crate) fn outcome(self) -> Outcome {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Broken(self.0.join("; "))),
        }
    }
}

/// Fails the case unless the condition holds.
macro_rules! check {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err($crate::case::Broken(format!($($why)+)));
        }
    };
}
pub(crate) use check;

type Run<R> = Box<dyn for<'a> Fn(&'a R) -> BoxFuture<'a, Outcome> + Send + Sync>;

/// One case of a suite.
pub struct Case<K: Kit> {
    id: String,
    promise: String,
    needs: Vec<K::Facility>,
    claims: Vec<K::Claim>,
    run: Run<K::Rig>,
}

impl<K: Kit> std::fmt::Debug for Case<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<K: Kit> Case<K> {
    pub(crate) fn new(
        id: impl Into<String>,
        promise: impl Into<String>,
        run: impl for<'a> Fn(&'a K::Rig) -> BoxFuture<'a, Outcome> + Send + Sync + 'static,
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
    pub(crate) fn needs(mut self, facilities: &[K::Facility]) -> Self {
        for facility in facilities {
            if !self.needs.contains(facility) {
                self.needs.push(*facility);
            }
        }
        self
    }

    /// Is about what a driver promises only with these claims.
    #[must_use]
    pub(crate) fn claims(mut self, claims: &[K::Claim]) -> Self {
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
    pub fn facilities(&self) -> &[K::Facility] {
        &self.needs
    }

    /// What the driver must claim for the promise to bind it.
    pub fn claimed(&self) -> &[K::Claim] {
        &self.claims
    }

    pub(crate) async fn run(&self, rig: &K::Rig) -> Outcome {
        (self.run)(rig).await
    }
}
