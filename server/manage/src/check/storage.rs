//! Two arrays that are there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protector_conformance::BenchError;
use protector_conformance::storage::{Bench, Benches, Facility, NewName, Side};
use protector_framework::{
    ArrayIdentity, ArrayVolumeName, CallCtx, Clock, Ids as _, RandomIds, Registry, SecretString,
    StorageDriver, SystemClock,
};

use super::settings::{DriverSettings, StorageSettings};
use super::volumes::VolumeProgram;
use crate::failure::Failure;

/// Both arrays, and the driver for them.
pub(super) struct LiveArrays {
    registry: Registry,
    driver: String,
    settings: StorageSettings,
    subject: String,
}

impl LiveArrays {
    pub(super) fn new(
        registry: &Registry,
        driver: &str,
        settings: &StorageSettings,
    ) -> Result<Self, Failure> {
        // Settings that are wrong are one line, and not a report in which everything fails.
        for side in [&settings.source, &settings.target] {
            registry.storage(driver, side.config())?;
        }
        Ok(Self {
            registry: registry.clone(),
            driver: driver.to_owned(),
            settings: settings.clone(),
            subject: format!("the driver {driver}"),
        })
    }

    fn tries_wrong_secrets(&self) -> bool {
        self.settings.source.try_wrong_secret && self.settings.target.try_wrong_secret
    }
}

#[async_trait]
impl Benches for LiveArrays {
    fn name(&self) -> &str {
        &self.subject
    }

    fn facilities(&self) -> Vec<Facility> {
        match self.tries_wrong_secrets() {
            true => vec![Facility::Intruder],
            false => Vec::new(),
        }
    }

    fn lack(&self, facility: Facility) -> Option<String> {
        let why = match facility {
            Facility::Volumes => "the settings have no `volume_program`",
            Facility::Intruder => "the settings of both arrays do not say `try_wrong_secret`",
            _ => "not on a live system",
        };
        Some(why.to_owned())
    }

    fn makes_volumes(&self) -> bool {
        !self.settings.volume_program.is_empty()
    }

    async fn bench(&self) -> Result<Arc<dyn Bench>, BenchError> {
        Ok(Arc::new(LivePair {
            registry: self.registry.clone(),
            driver: self.driver.clone(),
            program: VolumeProgram(self.settings.volume_program.clone()),
            settings: self.settings.clone(),
            namespace: format!("{}-", super::namespace()),
            clock: Arc::new(SystemClock::new()),
            made: Mutex::default(),
        }))
    }
}

struct LivePair {
    registry: Registry,
    driver: String,
    settings: StorageSettings,
    program: VolumeProgram,
    namespace: String,
    clock: Arc<SystemClock>,
    /// The names of the Cinder volumes that the program has made.
    made: Mutex<BTreeSet<ArrayVolumeName>>,
}

impl LivePair {
    fn side(&self, side: Side) -> &DriverSettings {
        match side {
            Side::Source => &self.settings.source,
            Side::Target => &self.settings.target,
        }
    }

    fn made(&self) -> MutexGuard<'_, BTreeSet<ArrayVolumeName>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bench for LivePair {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn driver(&self, side: Side) -> Result<Arc<dyn StorageDriver>, BenchError> {
        let config = self.side(side).config();
        Ok(self.registry.storage(&self.driver, config)?)
    }

    async fn identity(&self, side: Side) -> Result<ArrayIdentity, BenchError> {
        let ctx = CallCtx::new(RandomIds.request_id(), CallCtx::MAX_DEADLINE);
        Ok(self.driver(side)?.describe(&ctx).await?.identity)
    }

    fn namespace(&self) -> String {
        self.namespace.clone()
    }

    fn outlives_its_case(&self) -> bool {
        true
    }

    fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = self.settings.source.secrets();
        secrets.extend(self.settings.target.secrets());
        secrets
    }

    async fn create_volume(
        &self,
        side: Side,
        name: NewName,
        size_bytes: u64,
    ) -> Result<ArrayVolumeName, BenchError> {
        let (kind, name) = match name {
            NewName::Cinder(id) => ("cinder", id.to_string()),
            NewName::Plain(name) => ("plain", name),
        };
        let size = size_bytes.to_string();
        let arguments = ["create", kind, &name, &size];
        let printed = self.program.lines(side, &arguments).await?;
        let [made] = &printed[..] else {
            return Err(BenchError::new(format_args!(
                "the volume program was to print the name of the volume that it made, and printed \
                 {printed:?}"
            )));
        };
        let made = ArrayVolumeName::from(made.as_str());
        self.made().insert(made.clone());
        Ok(made)
    }

    async fn volumes(&self, side: Side) -> Result<Vec<ArrayVolumeName>, BenchError> {
        let all = self.program.lines(side, &["list"]).await?;
        let made = self.made();
        let all = all.into_iter().map(ArrayVolumeName::from);
        let own = |name: &ArrayVolumeName| {
            made.contains(name) || name.as_str().starts_with(&self.namespace)
        };
        Ok(all.filter(own).collect())
    }

    async fn write(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), BenchError> {
        let offset = offset.to_string();
        let arguments = ["write", volume.as_str(), &offset];
        self.program.run(side, &arguments, bytes).await.map(drop)
    }

    async fn read(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, BenchError> {
        let (offset, length) = (offset.to_string(), length.to_string());
        let arguments = ["read", volume.as_str(), &offset, &length];
        self.program.run(side, &arguments, &[]).await
    }

    /// As long as it takes: an array's own time cannot be moved.
    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        self.clock.sleep(time).await;
        Ok(())
    }

    async fn end(&self) -> Result<(), BenchError> {
        if self.program.0.is_empty() {
            return Ok(());
        }
        for side in Side::BOTH {
            for volume in self.volumes(side).await? {
                let arguments = ["delete", volume.as_str()];
                self.program.run(side, &arguments, &[]).await?;
            }
        }
        Ok(())
    }

    fn intruder(&self, side: Side) -> Result<Arc<dyn StorageDriver>, BenchError> {
        let config = self.side(side).wrong();
        Ok(self.registry.storage(&self.driver, config)?)
    }
}
