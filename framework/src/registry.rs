use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::layers::{Around, LayerSettings, Layered};
use crate::registration::{DriverInfo, DriverKind, DriverTrait, Registration};
use crate::{
    ComputeDriver, DriverConfig, DriverEnv, DriverError, ErrorKind, IdentityDriver, Result,
    StorageDriver,
};

/// Two drivers of one kind want the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two {} drivers are registered under the name `{name}`", .kind.word())]
pub struct RegistryError {
    /// The kind.
    pub kind: DriverKind,
    /// The name they share.
    pub name: String,
}

/// A file that was to hold a driver and was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedFile {
    /// The file, or the directory that could not be read.
    pub file: PathBuf,
    /// Why, in one line.
    pub reason: String,
}

/// All drivers of this process, gathered once and passed around. Each instance that it builds stands
/// within the layers of its driver ([`LayerSettings`]).
#[derive(Clone)]
pub struct Registry {
    storage: Table<dyn StorageDriver>,
    compute: Table<dyn ComputeDriver>,
    identity: Table<dyn IdentityDriver>,
    refused: Vec<RefusedFile>,
    env: DriverEnv,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("storage", &self.storage.0.keys())
            .field("compute", &self.compute.0.keys())
            .field("identity", &self.identity.0.keys())
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
            storage: Table::gather(&env)?,
            compute: Table::gather(&env)?,
            identity: Table::gather(&env)?,
            refused: Vec::new(),
            env,
        })
    }

    /// Adds a storage driver that is not linked.
    ///
    /// # Errors
    /// When there is one of its name already; that one stays.
    pub fn add_storage(
        &mut self,
        info: DriverInfo,
        build: impl Fn(DriverConfig, DriverEnv) -> Result<Arc<dyn StorageDriver>>
        + Send
        + Sync
        + 'static,
    ) -> Result<(), RegistryError> {
        self.storage.add(info, Arc::new(build), &self.env)
    }

    /// Notes a file that was to hold a driver and was not taken.
    pub fn note_refused(&mut self, file: RefusedFile) {
        self.refused.push(file);
    }

    /// The files that were not taken.
    pub fn refused(&self) -> &[RefusedFile] {
        &self.refused
    }

    /// Sets what stands around the instances of drivers, by their names; a name stands for its drivers
    /// of each kind. Returns the names that no driver has.
    pub fn set_layers(&mut self, settings: &BTreeMap<String, LayerSettings>) -> Vec<String> {
        let unknown = settings.keys().filter(|name| {
            let name = name.as_str();
            !(self.storage.0.contains_key(name)
                || self.compute.0.contains_key(name)
                || self.identity.0.contains_key(name))
        });
        let unknown = unknown.cloned().collect();
        self.storage.set_layers(settings, &self.env);
        self.compute.set_layers(settings, &self.env);
        self.identity.set_layers(settings, &self.env);
        unknown
    }

    /// Builds a storage driver.
    ///
    /// # Errors
    /// `InvalidConfig` where the name is not known (the message lists those that are) or the
    /// settings are wrong.
    pub fn storage(&self, name: &str, config: DriverConfig) -> Result<Arc<dyn StorageDriver>> {
        let layered = self.storage.build(name, config, &self.env)?;
        Ok(Arc::new(layered))
    }

    /// Builds a compute driver.
    ///
    /// # Errors
    /// As [`Registry::storage`].
    pub fn compute(&self, name: &str, config: DriverConfig) -> Result<Arc<dyn ComputeDriver>> {
        let layered = self.compute.build(name, config, &self.env)?;
        Ok(Arc::new(layered))
    }

    /// Builds an identity driver.
    ///
    /// # Errors
    /// As [`Registry::storage`].
    pub fn identity(&self, name: &str, config: DriverConfig) -> Result<Arc<dyn IdentityDriver>> {
        let layered = self.identity.build(name, config, &self.env)?;
        Ok(Arc::new(layered))
    }

    /// Every driver, by kind and name.
    pub fn drivers(&self) -> Vec<DriverInfo> {
        let all = self.storage.infos().chain(self.compute.infos());
        all.chain(self.identity.infos()).cloned().collect()
    }

    /// One driver.
    pub fn driver(&self, kind: DriverKind, name: &str) -> Option<&DriverInfo> {
        match kind {
            DriverKind::Storage => self.storage.0.get(name).map(|entry| &entry.info),
            DriverKind::Compute => self.compute.0.get(name).map(|entry| &entry.info),
            DriverKind::Identity => self.identity.0.get(name).map(|entry| &entry.info),
        }
    }

    /// The names of one kind, sorted.
    pub fn names(&self, kind: DriverKind) -> Vec<&str> {
        match kind {
            DriverKind::Storage => self.storage.names(),
            DriverKind::Compute => self.compute.names(),
            DriverKind::Identity => self.identity.names(),
        }
    }
}

type Build<T> = Arc<dyn Fn(DriverConfig, DriverEnv) -> Result<Arc<T>> + Send + Sync>;

struct Entry<T: ?Sized> {
    info: DriverInfo,
    build: Build<T>,
    around: Arc<Around>,
}

impl<T: ?Sized> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            info: self.info.clone(),
            build: self.build.clone(),
            around: self.around.clone(),
        }
    }
}

/// The drivers of one kind by name.
struct Table<T: ?Sized>(BTreeMap<String, Entry<T>>);

impl<T: ?Sized> Clone for Table<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized + DriverTrait> Table<T> {
    fn gather(env: &DriverEnv) -> Result<Self, RegistryError>
    where
        Registration<T>: inventory::Collect,
    {
        let mut table = Self(BTreeMap::new());
        for registration in inventory::iter::<Registration<T>> {
            table.add(registration.info(), Arc::new(registration.build), env)?;
        }
        Ok(table)
    }

    fn add(
        &mut self,
        info: DriverInfo,
        build: Build<T>,
        env: &DriverEnv,
    ) -> Result<(), RegistryError> {
        if self.0.contains_key(&info.name) {
            return Err(RegistryError {
                kind: T::KIND,
                name: info.name,
            });
        }
        let around = Around::new(T::KIND, &info.name, LayerSettings::default(), env);
        let name = info.name.clone();
        let entry = Entry {
            info,
            build,
            around: Arc::new(around),
        };
        self.0.insert(name, entry);
        Ok(())
    }

    fn set_layers(&mut self, settings: &BTreeMap<String, LayerSettings>, env: &DriverEnv) {
        for (name, entry) in &mut self.0 {
            if let Some(settings) = settings.get(name) {
                let around = Around::new(T::KIND, name, settings.clone(), env);
                entry.around = Arc::new(around);
            }
        }
    }

    fn build(&self, name: &str, config: DriverConfig, env: &DriverEnv) -> Result<Layered<T>> {
        let Some(entry) = self.0.get(name) else {
            let known = match self.0.is_empty() {
                true => "none".to_owned(),
                false => self.names().join(", "),
            };
            let kind = T::KIND.word();
            return Err(DriverError::invalid_config(format!(
                "there is no {kind} driver named `{name}`; known: {known}"
            )));
        };
        let around = entry.around.of_instance(&config);
        let build = || (entry.build)(config, env.clone());
        let inner = catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(|_| {
            Err(DriverError::new(
                ErrorKind::Panicked,
                format!(
                    "driver `{name}` panicked while it was built, which is a fault of the driver"
                ),
            ))
        })?;
        Ok(Layered::new(inner, around))
    }

    fn infos(&self) -> impl Iterator<Item = &DriverInfo> {
        self.0.values().map(|entry| &entry.info)
    }

    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
