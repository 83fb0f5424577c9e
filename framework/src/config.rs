use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::{Clock, DriverError, Ids, Result};

/// What a driver is built from. Settings can be shown; secrets cannot.
#[derive(Debug, Clone, Default)]
pub struct DriverConfig {
    /// The driver's settings, to the schema of its registration.
    pub settings: serde_json::Value,
    /// Passwords and tokens by the name of the setting they belong to.
    pub secrets: BTreeMap<String, SecretString>,
}

impl DriverConfig {
    /// Settings without secrets.
    pub fn new(settings: serde_json::Value) -> Self {
        Self {
            settings,
            secrets: BTreeMap::new(),
        }
    }

    /// Adds a secret.
    #[must_use]
    pub fn secret(mut self, name: &str, value: SecretString) -> Self {
        self.secrets.insert(name.to_owned(), value);
        self
    }

    /// Reads the settings into the driver's own type.
    ///
    /// # Errors
    /// `InvalidConfig` with the field that is missing or wrong.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.settings)
            .map_err(|error| DriverError::invalid_config(format!("driver settings: {error}")))
    }

    /// The secret of this name.
    ///
    /// # Errors
    /// `InvalidConfig` where it is missing.
    pub fn require_secret(&self, name: &str) -> Result<SecretString> {
        self.secrets
            .get(name)
            .cloned()
            .ok_or_else(|| DriverError::invalid_config(format!("the secret `{name}` is missing")))
    }
}

/// What the host lends a driver.
#[derive(Debug, Clone)]
pub struct DriverEnv {
    /// Time; a driver never reads the system clock or sleeps by itself.
    pub clock: Arc<dyn Clock>,
    /// Identifiers and randomness.
    pub ids: Arc<dyn Ids>,
}
