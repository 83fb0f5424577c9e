//! The rules in force, which are read again when a file changes while requests are served.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use crate::error::ConfigError;
use crate::sections::PolicySection;

use super::{Policy, files_of};

/// Shared by all requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PolicyStore {
    current: Arc<RwLock<Arc<Policy>>>,
    files: Option<Arc<Files>>,
}

/// Where the rules come from, and how the files were when they were read last.
#[derive(Debug)]
struct Files {
    section: PolicySection,
    seen: Mutex<Vec<Seen>>,
}

/// A file as it was. Any difference counts, also to an older time: who brings an old file back keeps
/// its time.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    file: Option<(Option<SystemTime>, u64, u64)>,
}

impl PolicyStore {
    /// Keeps these rules until others are put in their place.
    pub fn new(policy: Policy) -> Self {
        Self {
            current: Arc::new(RwLock::new(Arc::new(policy))),
            files: None,
        }
    }

    /// Reads the rules from their files, and again in [`PolicyStore::fresh`].
    ///
    /// # Errors
    /// Those of [`Policy::load`].
    pub fn open(section: &PolicySection) -> Result<Self, ConfigError> {
        let seen = look(section);
        let files = Files {
            section: section.clone(),
            seen: Mutex::new(seen),
        };
        Ok(Self {
            files: Some(Arc::new(files)),
            ..Self::new(Policy::load(section)?)
        })
    }

    /// The rules in force; a request asks once and keeps them to its end.
    pub fn current(&self) -> Arc<Policy> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// The rules in force, after looking whether a file has changed. Files that cannot be used are told
    /// once, and the rules that were good stay in force.
    pub fn fresh(&self) -> Arc<Policy> {
        if let Some(files) = &self.files
            && files.have_changed()
        {
            match Policy::load(&files.section) {
                Ok(policy) => {
                    for warning in &policy.warnings {
                        tracing::warn!("{warning}");
                    }
                    tracing::info!("the policy files have changed; their rules are in force");
                    self.replace(policy);
                }
                Err(error) => tracing::error!(
                    %error,
                    "the policy files have changed and cannot be used; the rules stay as they were"
                ),
            }
        }
        self.current()
    }

    /// Puts other rules in force, for requests that begin after it.
    pub fn replace(&self, policy: Policy) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

impl Files {
    /// Says so once for each change. Looks before anything is read, so that a change meanwhile is
    /// found the next time.
    fn have_changed(&self) -> bool {
        let now = look(&self.section);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *seen != now;
        *seen = now;
        changed
    }
}

fn look(section: &PolicySection) -> Vec<Seen> {
    // A directory that cannot be read is told when its files are.
    let more = files_of(&section.policy_dirs).unwrap_or_default();
    std::iter::once(section.policy_file.clone())
        .chain(more)
        .map(|path| {
            let file = std::fs::metadata(&path).ok().map(|found| {
                use std::os::unix::fs::MetadataExt as _;
                (found.modified().ok(), found.len(), found.ino())
            });
            Seen { path, file }
        })
        .collect()
}
