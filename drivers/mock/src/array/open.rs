//! An array held under its lock, together with the arrays it is linked to.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use protector_framework::{DriverError, ErrorKind, Result};

use super::files::{Files, remove};
use super::state::ArrayState;
use crate::sparse;
use crate::store::{Lock, Stored, failed};

/// An array whose state only we may change now.
#[derive(Debug)]
pub(crate) struct Held {
    pub files: Files,
    stored: Stored<ArrayState>,
    _lock: Lock,
}

impl Held {
    /// Waits for the array. Its partners are not settled.
    pub(crate) fn take(pool: &Path) -> Result<Self> {
        let files = Files::of(pool);
        let lock = Lock::take(&files.book, "lock").map_err(|error| {
            DriverError::new(
                ErrorKind::Unreachable,
                format!("no mock array at {}: {error}", pool.display()),
            )
        })?;
        let stored = Stored::read(&files.state())?.ok_or_else(|| {
            DriverError::new(
                ErrorKind::Unreachable,
                format!("no mock array at {}", pool.display()),
            )
        })?;
        // Whoever wrote there died before it was done, for we hold the lock.
        remove(&files.scratch()).map_err(|e| failed("empty", &files.scratch(), &e))?;
        Ok(Self {
            files,
            stored,
            _lock: lock,
        })
    }

    pub(crate) fn state(&self) -> &ArrayState {
        &self.stored.value
    }

    pub(crate) fn state_mut(&mut self) -> &mut ArrayState {
        &mut self.stored.value
    }

    pub(crate) fn save(&mut self) -> Result<()> {
        self.stored.save(&self.files.state())
    }

    /// Refuses where the array is switched off.
    pub(crate) fn alive(&self) -> Result<()> {
        if self.state().down {
            return Err(DriverError::new(
                ErrorKind::Unreachable,
                "the array is switched off",
            ));
        }
        Ok(())
    }
}

/// An array and its partners, brought to `now`.
#[derive(Debug)]
pub(crate) struct Open {
    pub own: Held,
    pub partners: Vec<Held>,
    pub now: DateTime<Utc>,
}

impl Open {
    /// Waits for the array and for those of its partners that are there.
    pub(crate) fn at(pool: &Path, now: DateTime<Utc>) -> Result<Self> {
        Self::with(pool, &[], now)
    }

    /// The same with further partners, which need not be linked yet.
    pub(crate) fn with(pool: &Path, others: &[PathBuf], now: DateTime<Utc>) -> Result<Self> {
        let mut wanted: BTreeSet<PathBuf> = others.iter().cloned().collect();
        wanted.extend(partners_of(&peek(pool)?));
        wanted.remove(pool);
        loop {
            let (own, partners) = take_in_order(pool, &wanted)?;
            let linked = partners_of(own.state());
            if linked.is_subset(&wanted) {
                let mut open = Self { own, partners, now };
                open.settle();
                open.save()?;
                return Ok(open);
            }
            // Linked by somebody between our look and our lock.
            wanted.extend(linked);
        }
    }

    /// Tells states of the array and its partners apart, with every byte of its volumes.
    pub(crate) fn fingerprint(&self) -> Result<String> {
        let mut text = String::new();
        for held in self.partners.iter().chain([&self.own]) {
            let state = serde_json::to_string(held.state());
            text += &state.map_err(|e| DriverError::new(ErrorKind::Unexpected, e.to_string()))?;
        }
        for volume in self.own.files.volumes()? {
            let path = self.own.files.volume(&volume.name);
            let content = File::open(&path).and_then(|file| sparse::hash(&file));
            let content = content.map_err(|error| failed("read", &path, &error))?;
            let snapshots = self.own.files.snapshots_of(&volume.serial)?;
            text += &format!("{volume:?} {content} {snapshots:?}");
        }
        Ok(text)
    }

    pub(crate) fn save(&mut self) -> Result<()> {
        for partner in &mut self.partners {
            if let Err(error) = partner.save() {
                tracing::warn!(%error, "a partner's state could not be written");
            }
        }
        self.own.save()
    }
}

/// A fixed order over all processes: nobody waits for a lock while another waits for his.
fn take_in_order(pool: &Path, others: &BTreeSet<PathBuf>) -> Result<(Held, Vec<Held>)> {
    let mut all: Vec<&Path> = others.iter().map(PathBuf::as_path).collect();
    all.push(pool);
    all.sort_unstable();
    let mut own = None;
    let mut partners = Vec::new();
    for directory in all {
        if directory == pool {
            own = Some(Held::take(directory)?);
            continue;
        }
        match Held::take(directory) {
            Ok(partner) => partners.push(partner),
            // An array that is gone must not be needed by the other one.
            Err(error) => tracing::debug!(%error, "a linked array is gone"),
        }
    }
    let own = own.ok_or_else(|| DriverError::not_found("the array"))?;
    Ok((own, partners))
}

fn peek(pool: &Path) -> Result<ArrayState> {
    Stored::<ArrayState>::read(&Files::of(pool).state())?
        .map(|stored| stored.value)
        .ok_or_else(|| {
            DriverError::new(
                ErrorKind::Unreachable,
                format!("no mock array at {}", pool.display()),
            )
        })
}

fn partners_of(state: &ArrayState) -> BTreeSet<PathBuf> {
    state
        .links
        .values()
        .map(|link| link.directory.clone())
        .collect()
}
