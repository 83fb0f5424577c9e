//! One identity service that is there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_conformance::BenchError;
use protector_conformance::identity::{Client, IdentityBench, IdentityBenches, IdentityFacility};
use protector_framework::{Clock, IdentityDriver, ProjectId, Registry, SecretString, SystemClock};

use super::settings::IdentitySettings;
use crate::failure::Failure;

/// The service, and the driver for it.
pub(super) struct LiveAccounts {
    registry: Registry,
    driver: String,
    settings: IdentitySettings,
    subject: String,
}

impl LiveAccounts {
    pub(super) fn new(
        registry: &Registry,
        driver: &str,
        settings: &IdentitySettings,
    ) -> Result<Self, Failure> {
        // Settings that are wrong are one line, and not a report in which everything fails.
        registry.identity(driver, settings.driver.config())?;
        Ok(Self {
            registry: registry.clone(),
            driver: driver.to_owned(),
            settings: settings.clone(),
            subject: format!("the driver {driver}"),
        })
    }
}

#[async_trait]
impl IdentityBenches for LiveAccounts {
    fn name(&self) -> &str {
        &self.subject
    }

    fn facilities(&self) -> Vec<IdentityFacility> {
        let mut all = Vec::new();
        if self.settings.client.is_some() {
            all.push(IdentityFacility::Client);
        }
        if self.settings.driver.try_wrong_secret {
            all.push(IdentityFacility::Intruder);
        }
        all
    }

    fn lack(&self, facility: IdentityFacility) -> Option<String> {
        let why = match facility {
            IdentityFacility::Client => "the settings have no `client`",
            IdentityFacility::Intruder => "the settings do not say `try_wrong_secret`",
            _ => "not on a live system",
        };
        Some(why.to_owned())
    }

    async fn bench(&self) -> Result<Arc<dyn IdentityBench>, BenchError> {
        Ok(Arc::new(LiveAccount {
            registry: self.registry.clone(),
            driver: self.driver.clone(),
            settings: self.settings.clone(),
            clock: Arc::new(SystemClock::new()),
        }))
    }
}

struct LiveAccount {
    registry: Registry,
    driver: String,
    settings: IdentitySettings,
    clock: Arc<SystemClock>,
}

#[async_trait]
impl IdentityBench for LiveAccount {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn driver(&self) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        let config = self.settings.driver.config();
        Ok(self.registry.identity(&self.driver, config)?)
    }

    async fn project(&self) -> Result<ProjectId, BenchError> {
        Ok(self.settings.project.as_str().into())
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.settings.driver.secrets()
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        super::pause(&self.clock, time).await;
        Ok(())
    }

    /// The same token each time: there is only what the settings say.
    async fn client(&self) -> Result<Client, BenchError> {
        let client = self.settings.client.as_ref();
        let client = client.ok_or_else(|| BenchError::new("the settings have no `client`"))?;
        Ok(Client {
            token: client.token.clone(),
            user: client.user.as_str().into(),
            project: client.project.as_str().into(),
            roles: client.roles.clone(),
        })
    }

    fn intruder(&self) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        let config = self.settings.driver.wrong();
        Ok(self.registry.identity(&self.driver, config)?)
    }
}
