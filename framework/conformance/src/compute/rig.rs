//! A bench with the driver on it, and what cases do again and again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    CallCtx, Clock, ComputeCapabilities, ComputeDriver, DriverError, EnsurePort, ErrorKind,
    FixedIp, GenericUuid as _, Ids as _, OperationId, Port, RandomIds, SecretString, Volume,
    VolumeId, VolumeRef, VolumeStatus,
};
use tokio::sync::OnceCell;

use super::bench::{ComputeBench, ComputeBenches, ComputeFacility, Cut, TestNetwork};
use super::case::{Broken, Outcome, check};
use super::driven::Driven;
use crate::plague::Stand;
use crate::pulse::Pulse;

/// How often a wait looks, and how much time passes between two looks.
const LOOKS: u32 = 240;
const PAUSE: Duration = Duration::from_millis(500);

/// A project of a cloud and a driver for it, for one case.
pub struct Rig {
    pub(crate) bench: Arc<dyn ComputeBench>,
    pub(crate) driver: Arc<dyn ComputeDriver>,
    facilities: Vec<ComputeFacility>,
    pulse: Arc<Pulse>,
    operation: OperationId,
    network: OnceCell<TestNetwork>,
    made: Mutex<Made>,
}

/// The natural keys of all that a case has asked for, to find and remove it by.
#[derive(Debug, Default, Clone)]
pub(super) struct Made {
    pub(super) tags: BTreeSet<String>,
    pub(super) macs: BTreeSet<String>,
    pub(super) volumes: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
}

impl Rig {
    pub(crate) async fn new(benches: &dyn ComputeBenches) -> Outcome<Self> {
        let bench = benches.bench().await?;
        let ticking = Arc::clone(&bench);
        let pulse = Arc::new(Pulse::new(move || {
            let bench = Arc::clone(&ticking);
            Box::pin(async move { bench.tick().await })
        }));
        let driver = Arc::new(Driven::new(bench.driver()?, Arc::clone(&pulse)));
        Ok(Self {
            driver,
            facilities: benches.facilities(),
            pulse,
            operation: OperationId::from_untyped_uuid(RandomIds.uuid()),
            network: OnceCell::new(),
            made: Mutex::default(),
            bench,
        })
    }

    pub(crate) fn can(&self) -> ComputeCapabilities {
        self.driver.capabilities()
    }

    pub(crate) fn has(&self, facility: ComputeFacility) -> bool {
        self.facilities.contains(&facility)
    }

    /// A driver whose secret the cloud refuses.
    pub(crate) fn intruder(&self) -> Outcome<Arc<dyn ComputeDriver>> {
        let inner = self.bench.intruder()?;
        Ok(Arc::new(Driven::new(inner, Arc::clone(&self.pulse))))
    }

    /// A call outside any operation.
    pub(crate) fn ctx(&self) -> CallCtx {
        CallCtx::new(RandomIds.request_id(), CallCtx::MAX_DEADLINE)
    }

    pub(super) fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where every remote call of the kit arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cloud;

impl std::fmt::Display for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cloud")
    }
}

#[async_trait]
impl Stand for Rig {
    type Driver = dyn ComputeDriver;
    type Place = Cloud;

    const PATIENCE: usize = 60;
    const ROUNDS: u64 = 2;

    fn called(at: Cloud) -> Vec<Cloud> {
        vec![at]
    }

    fn restarted(&self, _at: Cloud) -> Outcome<Arc<Self::Driver>> {
        let inner = self.bench.driver()?;
        Ok(Arc::new(Driven::new(inner, Arc::clone(&self.pulse))))
    }

    fn step(&self, key: &str) -> CallCtx {
        self.ctx().for_step(self.operation, key, 1)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.bench.clock()
    }

    fn deadline(&self) -> Duration {
        self.bench.deadline()
    }

    async fn arm(&self, _at: Cloud, cut: Option<Cut>) -> Outcome {
        Ok(self.bench.arm(cut).await?)
    }

    fn calls(&self, _at: Cloud) -> Outcome<u64> {
        Ok(self.bench.calls()?)
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.bench.secrets()
    }

    async fn pause(&self) -> Outcome {
        Ok(self.bench.pass(PAUSE).await?)
    }
}

/// Names that nothing else has; what they name is removed when the case has ended.
impl Rig {
    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.bench.namespace())
    }

    /// A server's tag, which is its name too.
    pub(crate) fn tag(&self, name: &str) -> String {
        let tag = self.name(name);
        self.made().tags.insert(tag.clone());
        tag
    }

    /// The name of a volume to adopt, or of one that is renamed.
    pub(crate) fn volume_name(&self, name: &str) -> String {
        let name = self.name(name);
        self.made().volumes.insert(name.clone());
        name
    }

    /// The name of a volume group.
    pub(crate) fn group_name(&self, name: &str) -> String {
        let name = self.name(name);
        self.made().groups.insert(name.clone());
        name
    }

    /// A port's name.
    pub(crate) fn port_name(&self, name: &str) -> String {
        self.name(name)
    }

    /// A MAC that no other port has.
    pub(crate) fn mac(&self) -> String {
        let mut bytes = [0; 3];
        RandomIds.bytes(&mut bytes);
        let [a, b, c] = bytes;
        let mac = format!("fa:16:3e:{a:02x}:{b:02x}:{c:02x}");
        self.made().macs.insert(mac.clone());
        mac
    }

    /// An id that nothing has.
    pub(crate) fn nobody(&self) -> String {
        RandomIds.uuid().to_string()
    }
}

/// Ports and volumes.
impl Rig {
    pub(crate) async fn network(&self) -> Outcome<&TestNetwork> {
        Ok(self
            .network
            .get_or_try_init(|| self.bench.network())
            .await?)
    }

    /// The request for a port with this MAC at one of the network's addresses.
    pub(crate) async fn port_at(&self, mac: &str, address: usize) -> Outcome<EnsurePort> {
        let network = self.network().await?;
        let address = network.addresses.get(address).ok_or_else(|| {
            Broken(format!(
                "the bench: network `{}` was to have four free addresses, and has {:?}",
                network.id, network.addresses
            ))
        })?;
        let fixed = FixedIp::new(&network.subnet, address.as_str());
        Ok(EnsurePort::new(&network.id, mac)
            .name(self.port_name("port"))
            .fixed_ips(vec![fixed]))
    }

    pub(crate) async fn port(&self, address: usize) -> Outcome<Port> {
        let request = self.port_at(&self.mac(), address).await?;
        Ok(self.driver.ensure_port(&self.step("port"), request).await?)
    }

    /// A bootable volume that is free.
    pub(crate) async fn root(&self, name: &str) -> Outcome<VolumeId> {
        Ok(self.bench.volume(&self.name(name), true).await?)
    }

    pub(crate) async fn volume(&self, id: &VolumeId) -> Outcome<Volume> {
        let request = VolumeRef::new(id);
        Ok(self.driver.get_volume(&self.ctx(), request).await?)
    }

    /// Waits until a volume is as it should be; one that ends in error never will.
    pub(crate) async fn volume_until(
        &self,
        id: &VolumeId,
        what: &str,
        holds: impl Fn(&Volume) -> bool + Sync,
    ) -> Outcome<Volume> {
        let look = || async {
            let now = self.volume(id).await?;
            check!(
                now.status != VolumeStatus::Error || holds(&now),
                "volume {id} was to be {what} and is {}",
                now.raw_status
            );
            Ok(holds(&now).then_some(now))
        };
        self.until(&format!("volume {id} {what}"), look).await
    }
}

/// Waits and refusals.
impl Rig {
    /// Looks until there is something to see.
    pub(crate) async fn until<T, F>(&self, what: &str, look: impl Fn() -> F + Sync) -> Outcome<T>
    where
        F: Future<Output = Outcome<Option<T>>> + Send,
    {
        for _ in 0..LOOKS {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            self.pause().await?;
        }
        Err(Broken(format!("not within {LOOKS} looks: {what}")))
    }

    /// Calls until the answer is not that it may be tried again, as every caller does.
    pub(crate) async fn patiently<T, F>(&self, call: impl Fn() -> F + Sync) -> Outcome<T>
    where
        F: Future<Output = Result<T, DriverError>> + Send,
        T: Send,
    {
        for _ in 0..LOOKS {
            match call().await {
                Err(error) if error.is_transient() => self.pause().await?,
                other => return Ok(other?),
            }
        }
        Ok(call().await?)
    }

    /// Checks that a verb failed with one of these kinds, without a secret in its words.
    pub(crate) fn refused<T: std::fmt::Debug>(
        &self,
        result: Result<T, DriverError>,
        kinds: &[ErrorKind],
    ) -> Outcome<DriverError> {
        let error = match result {
            Ok(reply) => {
                return Err(Broken(format!(
                    "was to be refused with {kinds:?}, and the reply was {reply:?}"
                )));
            }
            Err(error) => error,
        };
        check!(
            kinds.contains(&error.kind),
            "was to be refused with {kinds:?}, and the error is {:?}: {error} ({})",
            error.kind,
            error.remote_call.as_deref().unwrap_or("no remote call")
        );
        check!(!error.message.trim().is_empty(), "the error tells nothing");
        // What a driver does not do at all it refuses by itself.
        if error.kind != ErrorKind::Unsupported {
            has_call(&error)?;
        }
        self.keeps_secrets(&error)?;
        Ok(error)
    }

    /// The same, where what was named is not there: the error names it, and trying again is of no
    /// use.
    pub(crate) fn absent<T: std::fmt::Debug>(
        &self,
        result: Result<T, DriverError>,
        name: &str,
    ) -> Outcome {
        let error = self.refused(result, &[ErrorKind::NotFound])?;
        check!(
            error.message.contains(name),
            "the error does not name `{name}`: {error}"
        );
        check!(
            !error.is_transient(),
            "it is told to be tried again: {error}"
        );
        Ok(())
    }
}

/// Checks that an error tells its remote call.
fn has_call(error: &DriverError) -> Outcome {
    check!(
        error
            .remote_call
            .as_ref()
            .is_some_and(|call| !call.trim().is_empty()),
        "the error does not tell its remote call: {error}"
    );
    Ok(())
}
