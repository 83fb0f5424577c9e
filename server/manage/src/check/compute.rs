//! One project of a cloud that is there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protector_conformance::BenchError;
use protector_conformance::compute::{
    Adoptable, ComputeBench, ComputeBenches, ComputeFacility, GroupKind, TestNetwork,
};
use protector_framework::{
    CallCtx, Clock, ComputeDriver, Ids as _, RandomIds, Registry, ResourceId, SecretString,
    SetVolumeProperties, SystemClock, Volume, VolumeId, VolumeRef, VolumeStatus,
};

use super::settings::{ArrayVolumeSettings, ComputeSettings};
use crate::failure::Failure;

/// How many addresses and volumes one case needs at most.
const ADDRESSES: usize = 4;
const VOLUMES: usize = 2;
/// How many array volumes a whole run uses up: what was adopted and let go has another name.
const ARRAY_VOLUMES: usize = 16;

/// How often a wait for a volume looks.
const LOOKS: usize = 120;

/// The project, and what the settings lend to the cases.
pub(super) struct LiveClouds {
    lent: Arc<Lent>,
    subject: String,
}

/// What is handed out to the cases and given back.
struct Lent {
    registry: Registry,
    driver: String,
    settings: ComputeSettings,
    addresses: Mutex<Vec<String>>,
    volumes: Mutex<Vec<VolumeId>>,
    array_volumes: Mutex<Vec<ArrayVolumeSettings>>,
}

impl LiveClouds {
    pub(super) fn new(
        registry: &Registry,
        driver: &str,
        settings: &ComputeSettings,
    ) -> Result<Self, Failure> {
        // Settings that are wrong are one line, and not a report in which everything fails.
        registry.compute(driver, settings.driver.config())?;
        let addresses = settings.network.iter().flat_map(|n| n.addresses.clone());
        let volumes = settings.volumes.iter().map(|id| id.as_str().into());
        Ok(Self {
            lent: Arc::new(Lent {
                registry: registry.clone(),
                driver: driver.to_owned(),
                addresses: Mutex::new(addresses.collect()),
                volumes: Mutex::new(volumes.collect()),
                array_volumes: Mutex::new(settings.array_volumes.clone()),
                settings: settings.clone(),
            }),
            subject: format!("the driver {driver}"),
        })
    }

    /// Why a facility is not there, if so.
    fn why_not(&self, facility: ComputeFacility) -> Option<String> {
        let settings = &self.lent.settings;
        let addresses = settings.network.as_ref().map_or(0, |n| n.addresses.len());
        match facility {
            ComputeFacility::Ports if settings.network.is_none() => {
                Some("the settings have no `network`".to_owned())
            }
            ComputeFacility::Ports if addresses < ADDRESSES => Some(format!(
                "`network` has {addresses} addresses, and a case needs {ADDRESSES}"
            )),
            ComputeFacility::Servers if settings.flavor.is_none() => {
                Some("the settings have no `flavor`".to_owned())
            }
            ComputeFacility::Servers if settings.volumes.len() < VOLUMES => Some(format!(
                "the settings name {} `volumes`, and a case needs {VOLUMES}",
                settings.volumes.len()
            )),
            ComputeFacility::Adoption if settings.array_volumes.len() < ARRAY_VOLUMES => {
                Some(format!(
                    "the settings name {} `array_volumes`, and the cases use up {ARRAY_VOLUMES}",
                    settings.array_volumes.len()
                ))
            }
            ComputeFacility::Groups if settings.group.is_none() => {
                Some("the settings have no `group`".to_owned())
            }
            ComputeFacility::Intruder if !settings.driver.try_wrong_secret => {
                Some("the settings do not say `try_wrong_secret`".to_owned())
            }
            ComputeFacility::Ports
            | ComputeFacility::Servers
            | ComputeFacility::Adoption
            | ComputeFacility::Groups
            | ComputeFacility::Intruder => None,
            _ => Some("not on a live system".to_owned()),
        }
    }
}

#[async_trait]
impl ComputeBenches for LiveClouds {
    fn name(&self) -> &str {
        &self.subject
    }

    fn facilities(&self) -> Vec<ComputeFacility> {
        let all = ComputeFacility::ALL.into_iter();
        all.filter(|facility| self.why_not(*facility).is_none())
            .collect()
    }

    fn lack(&self, facility: ComputeFacility) -> Option<String> {
        self.why_not(facility)
    }

    async fn bench(&self) -> Result<Arc<dyn ComputeBench>, BenchError> {
        Ok(Arc::new(LiveCloud {
            lent: Arc::clone(&self.lent),
            namespace: super::namespace(),
            clock: Arc::new(SystemClock::new()),
            has: Mutex::default(),
        }))
    }
}

struct LiveCloud {
    lent: Arc<Lent>,
    namespace: String,
    clock: Arc<SystemClock>,
    has: Mutex<Has>,
}

/// What this case has been lent.
#[derive(Default)]
struct Has {
    addresses: Vec<String>,
    /// As they were.
    volumes: Vec<Volume>,
}

impl Drop for LiveCloud {
    fn drop(&mut self) {
        let has = std::mem::take(&mut *self.has());
        held(&self.lent.addresses).extend(has.addresses);
        held(&self.lent.volumes).extend(has.volumes.into_iter().map(|volume| volume.id));
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveCloud {
    fn has(&self) -> MutexGuard<'_, Has> {
        held(&self.has)
    }

    fn ctx() -> CallCtx {
        CallCtx::new(RandomIds.request_id(), CallCtx::MAX_DEADLINE)
    }

    /// A volume as it is once the server of the last case has let it go.
    async fn free(&self, id: &VolumeId) -> Result<Volume, BenchError> {
        let driver = self.driver()?;
        let mut said = String::new();
        for _ in 0..LOOKS {
            let request = VolumeRef::new(id);
            let volume = driver.get_volume(&Self::ctx(), request).await?;
            if volume.status == VolumeStatus::Available && volume.servers.is_empty() {
                return Ok(volume);
            }
            said = volume.raw_status;
            super::pause(&self.clock, super::PAUSE).await;
        }
        Err(BenchError::new(format_args!(
            "volume {id} of the settings is not free: it is {said}"
        )))
    }
}

#[async_trait]
impl ComputeBench for LiveCloud {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn driver(&self) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        let config = self.lent.settings.driver.config();
        Ok(self.lent.registry.compute(&self.lent.driver, config)?)
    }

    fn namespace(&self) -> String {
        self.namespace.clone()
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.lent.settings.driver.secrets()
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        super::pause(&self.clock, time).await;
        Ok(())
    }

    /// Gives the volumes back as they were.
    async fn end(&self) -> Result<(), BenchError> {
        let volumes = self.has().volumes.clone();
        for volume in volumes {
            let request = SetVolumeProperties::new(&volume.id, volume.bootable).name(volume.name);
            self.driver()?
                .set_volume_properties(&Self::ctx(), request)
                .await?;
        }
        Ok(())
    }

    async fn network(&self) -> Result<TestNetwork, BenchError> {
        let network = self.lent.settings.network.as_ref();
        let network = network.ok_or_else(|| BenchError::new("the settings have no `network`"))?;
        let addresses = {
            let mut free = held(&self.lent.addresses);
            if free.len() < ADDRESSES {
                return Err(BenchError::new(
                    "no address is left; name more of them, or use --at-once 1",
                ));
            }
            let at = free.len() - ADDRESSES;
            free.split_off(at)
        };
        self.has().addresses.extend(addresses.iter().cloned());
        Ok(TestNetwork {
            id: network.id.as_str().into(),
            subnet: network.subnet.as_str().into(),
            addresses,
            security_group: network.security_group.as_deref().map(ResourceId::from),
        })
    }

    fn flavor(&self) -> Result<ResourceId, BenchError> {
        let flavor = self.lent.settings.flavor.as_deref().map(ResourceId::from);
        flavor.ok_or_else(|| BenchError::new("the settings have no `flavor`"))
    }

    async fn volume(&self, _name: &str, _bootable: bool) -> Result<VolumeId, BenchError> {
        let free = held(&self.lent.volumes).pop();
        let id = free.ok_or_else(|| {
            BenchError::new("no volume is left; name more `volumes`, or use --at-once 1")
        })?;
        match self.free(&id).await {
            Ok(volume) => self.has().volumes.push(volume),
            Err(error) => {
                held(&self.lent.volumes).push(id);
                return Err(error);
            }
        }
        Ok(id)
    }

    async fn array_volume(&self, _name: &str) -> Result<Adoptable, BenchError> {
        let free = held(&self.lent.array_volumes).pop();
        let volume = free
            .ok_or_else(|| BenchError::new("no array volume is left; name more `array_volumes`"))?;
        Ok(Adoptable {
            source_name: volume.name,
            host: volume.host,
            volume_type: volume.volume_type.as_str().into(),
            size_gib: volume.size_gib,
        })
    }

    fn group_type(&self) -> Result<GroupKind, BenchError> {
        let group = self.lent.settings.group.as_ref();
        let group = group.ok_or_else(|| BenchError::new("the settings have no `group`"))?;
        Ok(GroupKind {
            group_type: group.group_type.clone(),
            volume_type: group.volume_type.as_str().into(),
        })
    }

    fn intruder(&self) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        let config = self.lent.settings.driver.wrong();
        Ok(self.lent.registry.compute(&self.lent.driver, config)?)
    }
}
