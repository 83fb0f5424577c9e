//! The rules in force, which can be replaced while requests are served.

use std::sync::{Arc, PoisonError, RwLock};

use super::Policy;

/// Shared by all requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PolicyStore {
    current: Arc<RwLock<Arc<Policy>>>,
}

impl PolicyStore {
    /// Starts with these rules.
    pub fn new(policy: Policy) -> Self {
        Self {
            current: Arc::new(RwLock::new(Arc::new(policy))),
        }
    }

    /// The rules in force; a request asks once and keeps them to its end.
    pub fn current(&self) -> Arc<Policy> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Puts other rules in force, for requests that begin after it.
    pub fn replace(&self, policy: Policy) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}
