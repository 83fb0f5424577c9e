//! A cloud's directory held under its lock.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use protector_framework::{DriverError, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::settle::settle;
use super::state::ComputeState;
use crate::identity::IdentityState;
use crate::store::{Lock, Stored};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub region: String,
    /// No service of the cloud answers.
    pub down: bool,
}

/// A cloud whose state only we may change now.
#[derive(Debug)]
pub(crate) struct Held {
    directory: PathBuf,
    meta: Stored<Meta>,
    identity: Stored<IdentityState>,
    _lock: Lock,
}

pub(crate) fn meta_file(directory: &Path) -> PathBuf {
    directory.join("cloud.json")
}

pub(crate) fn identity_file(directory: &Path) -> PathBuf {
    directory.join("identity.json")
}

pub(crate) fn compute_file(directory: &Path) -> PathBuf {
    directory.join("compute.json")
}

impl Held {
    /// Waits for the cloud.
    pub(crate) fn take(directory: &Path) -> Result<Self> {
        let lock = Lock::take(directory, "lock").map_err(|_| missing(directory))?;
        Ok(Self {
            meta: Stored::read(&meta_file(directory))?.ok_or_else(|| missing(directory))?,
            identity: Stored::read(&identity_file(directory))?.ok_or_else(|| missing(directory))?,
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// Refuses where the cloud is switched off.
    pub(crate) fn alive(&self) -> Result<()> {
        if self.meta.value.down {
            return Err(DriverError::new(
                ErrorKind::Unreachable,
                "the cloud is switched off",
            ));
        }
        Ok(())
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta.value
    }

    pub(crate) fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta.value
    }

    pub(crate) fn identity(&self) -> &IdentityState {
        &self.identity.value
    }

    pub(crate) fn identity_mut(&mut self) -> &mut IdentityState {
        &mut self.identity.value
    }

    pub(crate) fn save(&mut self) -> Result<()> {
        self.meta.save(&meta_file(&self.directory))?;
        self.identity.save(&identity_file(&self.directory))
    }
}

/// A cloud with its servers, volumes and ports, brought to `now`.
#[derive(Debug)]
pub(crate) struct Whole {
    pub held: Held,
    pub now: DateTime<Utc>,
    compute: Stored<ComputeState>,
}

impl Whole {
    pub(crate) fn take(directory: &Path, now: DateTime<Utc>) -> Result<Self> {
        let held = Held::take(directory)?;
        let compute = Stored::read(&compute_file(directory))?.ok_or_else(|| missing(directory))?;
        let mut whole = Self { held, now, compute };
        settle(&mut whole.compute.value, now);
        whole.save()?;
        Ok(whole)
    }

    pub(crate) fn compute(&self) -> &ComputeState {
        &self.compute.value
    }

    /// Tells states of the cloud apart.
    pub(crate) fn fingerprint(&self) -> Result<String> {
        serde_json::to_string(&self.compute.value)
            .map_err(|error| DriverError::new(ErrorKind::Unexpected, error.to_string()))
    }

    pub(crate) fn compute_mut(&mut self) -> &mut ComputeState {
        &mut self.compute.value
    }

    pub(crate) fn save(&mut self) -> Result<()> {
        self.held.save()?;
        self.compute.save(&compute_file(&self.held.directory))
    }
}

fn missing(directory: &Path) -> DriverError {
    DriverError::new(
        ErrorKind::Unreachable,
        format!("no mock cloud at {}", directory.display()),
    )
}
