//! The table that a library exports, and how it makes instances.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::{Arc, OnceLock};

use secrecy::SecretString;
use serde::Deserialize;

use super::forward;
use super::host::Host;
use super::instance::{self, Instance};
use crate::plugin::abi::{self, Create, DriverTable, HostTable, Slice};
use crate::plugin::wire::Manifest;
use crate::{
    DriverConfig, DriverEnv, DriverError, DriverKind, ErrorKind, RandomIds, Registration, Result,
    StorageDriver, SystemClock,
};

/// A driver as a library exports it.
pub struct Library {
    registration: Registration<dyn StorageDriver>,
    exported: OnceLock<Exported>,
}

struct Exported {
    // The table points into it.
    _manifest: Vec<u8>,
    table: DriverTable,
}

// SAFETY: nothing in it changes after it was made, and what its pointers lead to neither.
#[allow(unsafe_code, reason = "a table of constants")]
unsafe impl Send for Exported {}
#[allow(unsafe_code, reason = "a table of constants")]
unsafe impl Sync for Exported {}

/// `config` of the header.
#[derive(Deserialize)]
struct Config {
    settings: serde_json::Value,
    #[serde(default)]
    secrets: BTreeMap<String, SecretString>,
}

impl Library {
    /// The library of a driver.
    pub const fn new(registration: Registration<dyn StorageDriver>) -> Self {
        Self {
            registration,
            exported: OnceLock::new(),
        }
    }

    /// What the entry function returns; null where the driver's own description panics.
    pub fn table(&'static self, create: Create) -> *const DriverTable {
        let made = catch_unwind(AssertUnwindSafe(|| {
            &raw const self.exported.get_or_init(|| self.export(create)).table
        }));
        made.unwrap_or(std::ptr::null())
    }

    fn export(&self, create: Create) -> Exported {
        let info = self.registration.info();
        let manifest = Manifest {
            kind: DriverKind::Storage.word().to_owned(),
            name: info.name,
            version: info.version,
            summary: info.summary,
            example: info.example,
            schema: info.schema,
            capabilities: (self.registration.capabilities)(),
        };
        // A host refuses an empty manifest, and a manifest of texts and JSON can always be written.
        let manifest = serde_json::to_vec(&manifest).unwrap_or_default();
        let table = DriverTable {
            major: abi::MAJOR,
            minor: abi::MINOR,
            size: size_of::<DriverTable>(),
            manifest: Slice::of(&manifest),
            create: Some(create),
            call: Some(instance::call),
            cancel: Some(instance::cancel),
            destroy: Some(instance::destroy),
        };
        Exported {
            _manifest: manifest,
            table,
        }
    }

    /// `create` of the header.
    ///
    /// # Safety
    /// The rules of the header.
    #[allow(unsafe_code, reason = "the library's side of the C ABI")]
    pub unsafe fn create(
        &self,
        host: *const HostTable,
        call_id: u64,
        config: Slice,
    ) -> *mut c_void {
        // SAFETY: the rules of the header.
        let (host, config) = unsafe { (Host::new(host), config.bytes(abi::LONGEST)) };
        let (Some(host), Ok(config)) = (host, config) else {
            return null_mut();
        };
        let made = catch_unwind(AssertUnwindSafe(|| self.instance(host, config)));
        match made {
            Ok(Ok(instance)) => Box::into_raw(Box::new(instance)).cast(),
            Ok(Err(error)) => {
                host.failed(call_id, &error);
                null_mut()
            }
            Err(panic) => {
                host.panicked(call_id, panic);
                null_mut()
            }
        }
    }

    fn instance(&self, host: Host, config: &[u8]) -> Result<Instance> {
        forward::install(host, self.registration.module);
        let config: Config = serde_json::from_slice(config).map_err(|error| {
            DriverError::invalid_config(format!("the configuration cannot be read: {error}"))
        })?;
        let config = DriverConfig {
            settings: config.settings,
            secrets: config.secrets,
        };
        let env = DriverEnv {
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds),
        };
        let clock = env.clock.clone();
        let driver = (self.registration.build)(config, env)?;
        let (told, claimed) = ((self.registration.capabilities)(), driver.capabilities());
        if told != claimed {
            return Err(DriverError::new(
                ErrorKind::Unexpected,
                format!(
                    "driver `{}` says that it can {told:?}, and its instance {claimed:?}",
                    self.registration.name
                ),
            ));
        }
        Ok(Instance::new(self.registration.name, driver, clock, host))
    }
}
