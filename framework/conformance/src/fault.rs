//! What goes wrong with a remote call on purpose, and what goes wrong with a bench.

use protector_framework::DriverError;

/// What happens to one remote call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The connection is lost before the call takes effect.
    LostBefore,
    /// The connection is lost after the call took effect; the reply never comes.
    LostAfter,
    /// Nothing happens and nothing comes back.
    Hang,
}

/// A remote call that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Which call, counted from 1 since it was armed.
    pub nth: u64,
    /// What happens to it.
    pub effect: Effect,
}

/// The bench, not the driver, has failed.
#[derive(Debug, thiserror::Error)]
#[error("the bench: {0}")]
pub struct BenchError(String);

impl BenchError {
    /// Says what the bench could not do, and why.
    pub fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }

    /// A facility that a bench declares and does not have.
    pub(crate) fn missing(facility: impl std::fmt::Display) -> Self {
        Self(format!("declares that it can {facility}, and cannot"))
    }
}

impl From<DriverError> for BenchError {
    fn from(error: DriverError) -> Self {
        Self::new(error)
    }
}
