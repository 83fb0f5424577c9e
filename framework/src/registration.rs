//! How a driver announces itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::{
    ComputeCapabilities, ComputeDriver, DriverConfig, DriverEnv, IdentityCapabilities,
    IdentityDriver, Result, StorageCapabilities, StorageDriver,
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

impl DriverKind {
    /// `storage`, `compute` or `identity`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Compute => "compute",
            Self::Identity => "identity",
        }
    }
}

/// One of the three driver traits, as a trait object.
pub trait DriverTrait: Send + Sync + 'static {
    /// Which kind it is.
    const KIND: DriverKind;
    /// What its drivers say they can do.
    type Capabilities: Serialize;
}

impl DriverTrait for dyn StorageDriver {
    const KIND: DriverKind = DriverKind::Storage;
    type Capabilities = StorageCapabilities;
}

impl DriverTrait for dyn ComputeDriver {
    const KIND: DriverKind = DriverKind::Compute;
    type Capabilities = ComputeCapabilities;
}

impl DriverTrait for dyn IdentityDriver {
    const KIND: DriverKind = DriverKind::Identity;
    type Capabilities = IdentityCapabilities;
}

/// A driver as it announces itself: enough to list, document and build it. Made by
/// [`register_storage_driver!`](crate::register_storage_driver) and its siblings.
pub struct Registration<T: ?Sized + DriverTrait> {
    /// The name that policies, sites and configuration use. Unique within a kind.
    pub name: &'static str,
    /// The driver's own version.
    pub version: &'static str,
    /// The module that registers it; what its crate logs is part of the program's log.
    pub module: &'static str,
    /// One sentence for lists.
    pub summary: &'static str,
    /// Example settings, as JSON.
    pub example: &'static str,
    /// JSON Schema of the settings.
    pub schema: fn() -> serde_json::Value,
    /// All that an instance of it can claim; one with certain settings may claim less.
    pub capabilities: fn() -> T::Capabilities,
    /// Builds an instance. Does no I/O; fails with `InvalidConfig`.
    pub build: fn(DriverConfig, DriverEnv) -> Result<Arc<T>>,
}

inventory::collect!(Registration<dyn StorageDriver>);
inventory::collect!(Registration<dyn ComputeDriver>);
inventory::collect!(Registration<dyn IdentityDriver>);

/// Registers a storage driver that is linked into the program: the fields of [`Registration`], the
/// version being the crate's own.
#[macro_export]
macro_rules! register_storage_driver {
    ($($fields:tt)*) => { $crate::register_driver!($crate::StorageDriver, $($fields)*); };
}

/// Registers a compute driver that is linked into the program, as
/// [`register_storage_driver!`](crate::register_storage_driver).
#[macro_export]
macro_rules! register_compute_driver {
    ($($fields:tt)*) => { $crate::register_driver!($crate::ComputeDriver, $($fields)*); };
}

/// Registers an identity driver that is linked into the program, as
/// [`register_storage_driver!`](crate::register_storage_driver).
#[macro_export]
macro_rules! register_identity_driver {
    ($($fields:tt)*) => { $crate::register_driver!($crate::IdentityDriver, $($fields)*); };
}

#[macro_export]
#[doc(hidden)]
macro_rules! register_driver {
    ($kind:path, $($field:ident : $value:expr),+ $(,)?) => {
        $crate::inventory::submit! {
            $crate::Registration::<dyn $kind> {
                version: env!("CARGO_PKG_VERSION"),
                module: module_path!(),
                $($field: $value),+
            }
        }
    };
}

/// Where a driver's code comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverOrigin {
    /// It is part of the program.
    Linked,
    /// It was loaded from a shared library.
    File(PathBuf),
}

/// What can be shown of a driver.
#[derive(Debug, Clone, Serialize)]
pub struct DriverInfo {
    /// The kind.
    pub kind: DriverKind,
    /// The name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Example settings.
    pub example: serde_json::Value,
    /// JSON Schema of the settings.
    pub schema: serde_json::Value,
    /// All that an instance of it can claim, by name.
    pub capabilities: serde_json::Value,
    /// Where its code comes from.
    pub origin: DriverOrigin,
    /// The version of the ABI it was built for, `major.minor`; `None` where it is linked.
    pub abi: Option<String>,
}

/// The crates of the drivers that are linked into the program, as their log lines are named: `tracing`'s
/// targets begin with them.
pub fn log_targets() -> BTreeSet<&'static str> {
    let storage = inventory::iter::<Registration<dyn StorageDriver>>.into_iter();
    let compute = inventory::iter::<Registration<dyn ComputeDriver>>.into_iter();
    let identity = inventory::iter::<Registration<dyn IdentityDriver>>.into_iter();
    let modules = storage
        .map(|registration| registration.module)
        .chain(compute.map(|registration| registration.module))
        .chain(identity.map(|registration| registration.module));
    modules
        .filter_map(|module| module.split("::").next())
        .collect()
}

impl<T: ?Sized + DriverTrait> Registration<T> {
    /// What can be shown of it.
    pub fn info(&self) -> DriverInfo {
        let example = serde_json::from_str(self.example);
        DriverInfo {
            kind: T::KIND,
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            summary: self.summary.to_owned(),
            example: example.unwrap_or_else(|_| self.example.into()),
            schema: (self.schema)(),
            // What cannot be written as JSON claims nothing.
            capabilities: serde_json::to_value((self.capabilities)()).unwrap_or_default(),
            origin: DriverOrigin::Linked,
            abi: None,
        }
    }
}
