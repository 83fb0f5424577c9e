use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::{
    ComputeDriver, DriverConfig, DriverEnv, DriverError, IdentityDriver, Result, StorageDriver,
};

/// The three kinds of driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    /// One array.
    Storage,
    /// One project of one cloud.
    Compute,
    /// One identity service.
    Identity,
}

/// A driver as it announces itself: enough to list, document and build it.
pub struct Registration<T: ?Sized + 'static> {
    /// The name that policies, sites and configuration use. Unique within a kind.
    pub name: &'static str,
    /// One sentence for lists.
    pub summary: &'static str,
    /// Example settings, as JSON.
    pub example: &'static str,
    /// JSON Schema of the settings.
    pub schema: fn() -> serde_json::Value,
    /// Builds an instance. Does no I/O; fails with `InvalidConfig`.
    pub build: fn(DriverConfig, DriverEnv) -> Result<Arc<T>>,
}

inventory::collect!(Registration<dyn StorageDriver>);
inventory::collect!(Registration<dyn ComputeDriver>);
inventory::collect!(Registration<dyn IdentityDriver>);

/// What can be shown of a registered driver.
#[derive(Debug, Clone, Serialize)]
pub struct DriverInfo {
    /// The kind.
    pub kind: DriverKind,
    /// The name.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Example settings, as JSON.
    pub example: &'static str,
    /// JSON Schema of the settings.
    pub schema: serde_json::Value,
}

/// Two drivers of one kind want the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two {kind:?} drivers are registered under the name `{name}`")]
pub struct RegistryError {
    /// The kind.
    pub kind: DriverKind,
    /// The name they share.
    pub name: &'static str,
}

/// All drivers of this process, gathered once and passed around.
#[derive(Clone)]
pub struct Registry {
    storage: BTreeMap<&'static str, &'static Registration<dyn StorageDriver>>,
    compute: BTreeMap<&'static str, &'static Registration<dyn ComputeDriver>>,
    identity: BTreeMap<&'static str, &'static Registration<dyn IdentityDriver>>,
    env: DriverEnv,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("storage", &self.storage.keys())
            .field("compute", &self.compute.keys())
            .field("identity", &self.identity.keys())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Gathers every driver that is linked into this process.
    ///
    /// # Errors
    /// When two drivers of a kind share a name.
    pub fn from_linked(env: DriverEnv) -> Result<Self, RegistryError> {
        Ok(Self {
            storage: gather(DriverKind::Storage)?,
            compute: gather(DriverKind::Compute)?,
            identity: gather(DriverKind::Identity)?,
            env,
        })
    }

    /// Builds a storage driver.
    ///
    /// # Errors
    /// `InvalidConfig` where the name is not known (the message lists those that are) or the
    /// settings are wrong.
    pub fn storage(&self, name: &str, config: DriverConfig) -> Result<Arc<dyn StorageDriver>> {
        (find(&self.storage, DriverKind::Storage, name)?.build)(config, self.env.clone())
    }

    /// Builds a compute driver.
    ///
    /// # Errors
    /// As [`Registry::storage`].
    pub fn compute(&self, name: &str, config: DriverConfig) -> Result<Arc<dyn ComputeDriver>> {
        (find(&self.compute, DriverKind::Compute, name)?.build)(config, self.env.clone())
    }

    /// Builds an identity driver.
    ///
    /// # Errors
    /// As [`Registry::storage`].
    pub fn identity(&self, name: &str, config: DriverConfig) -> Result<Arc<dyn IdentityDriver>> {
        (find(&self.identity, DriverKind::Identity, name)?.build)(config, self.env.clone())
    }

    /// Every registered driver, by kind and name.
    pub fn drivers(&self) -> Vec<DriverInfo> {
        let mut all = describe(&self.storage, DriverKind::Storage);
        all.extend(describe(&self.compute, DriverKind::Compute));
        all.extend(describe(&self.identity, DriverKind::Identity));
        all
    }

    /// The names of one kind, sorted.
    pub fn names(&self, kind: DriverKind) -> Vec<&'static str> {
        match kind {
            DriverKind::Storage => self.storage.keys().copied().collect(),
            DriverKind::Compute => self.compute.keys().copied().collect(),
            DriverKind::Identity => self.identity.keys().copied().collect(),
        }
    }
}

type Table<T> = BTreeMap<&'static str, &'static Registration<T>>;

fn gather<T: ?Sized>(kind: DriverKind) -> Result<Table<T>, RegistryError>
where
    Registration<T>: inventory::Collect,
{
    let mut table = BTreeMap::new();
    for registration in inventory::iter::<Registration<T>> {
        if table.insert(registration.name, registration).is_some() {
            return Err(RegistryError {
                kind,
                name: registration.name,
            });
        }
    }
    Ok(table)
}

fn find<T: ?Sized>(
    table: &Table<T>,
    kind: DriverKind,
    name: &str,
) -> Result<&'static Registration<T>> {
    table.get(name).copied().ok_or_else(|| {
        let known: Vec<_> = table.keys().copied().collect();
        DriverError::invalid_config(format!(
            "there is no {kind:?} driver named `{name}`; known: {}",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        ))
    })
}

fn describe<T: ?Sized>(table: &Table<T>, kind: DriverKind) -> Vec<DriverInfo> {
    table
        .values()
        .map(|r| DriverInfo {
            kind,
            name: r.name,
            summary: r.summary,
            example: r.example,
            schema: (r.schema)(),
        })
        .collect()
}
