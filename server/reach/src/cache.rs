use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Instances by what they speak to, each with the revision of what it was built from. One of an
/// older revision is replaced.
#[derive(Debug)]
pub(crate) struct Cache<K, R, T>(Mutex<HashMap<K, (R, T)>>);

impl<K, R, T> Default for Cache<K, R, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, R: PartialEq, T: Clone> Cache<K, R, T> {
    /// The instance of exactly this revision.
    pub(crate) fn get(&self, key: &K, revision: &R) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key)
            .filter(|(kept, _)| kept == revision)
            .map(|(_, instance)| instance.clone())
    }

    /// Keeps an instance and returns it.
    pub(crate) fn keep(&self, key: K, revision: R, instance: T) -> T {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(key, (revision, instance.clone()));
        instance
    }
}
