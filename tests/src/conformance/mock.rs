//! Two mock arrays in a directory of their own, with a clock that moves by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use protector_conformance::{
    Bench, BenchError, Benches, Cut, Facility, LinkCondition, NewName, Side,
};
use protector_driver_mock::world::{Fault, LinkSettings, MockArray, Rule, Script};
use protector_framework::{
    ArrayIdentity, ArrayVolumeName, ArrayVolumeSerial, Clock, DriverEnv, GroupRef, ManualClock,
    PointName, RandomIds, Registry, SecretString, StorageDriver,
};
use tempfile::TempDir;

use super::cloud::fault;

const TOKEN: &str = "conformance-token-f3c1";
const WRONG_TOKEN: &str = "conformance-wrong-token-9ab2";
const HOST: &str = "compute-1";
/// What the clock moves on while a verb runs.
const TICK: Duration = Duration::from_millis(250);

/// Makes pairs of mock arrays.
#[derive(Debug, Default, Clone, Copy)]
pub struct MockBenches;

#[async_trait]
impl Benches for MockBenches {
    fn name(&self) -> &str {
        "the mock array"
    }

    fn facilities(&self) -> Vec<Facility> {
        Facility::ALL.into()
    }

    async fn bench(&self) -> Result<Arc<dyn Bench>, BenchError> {
        Ok(Arc::new(MockBench::new(None, false)?))
    }
}

/// What stands around each driver of a bench.
type Wrap = Arc<dyn Fn(Arc<dyn StorageDriver>) -> Arc<dyn StorageDriver> + Send + Sync>;

/// Makes pairs of mock arrays whose driver has something around it.
#[cfg(test)]
pub(super) struct WrappedBenches {
    wrap: Wrap,
    outlive: bool,
}

#[cfg(test)]
impl WrappedBenches {
    pub(super) fn new<T: StorageDriver>(
        wrap: impl Fn(Arc<dyn StorageDriver>) -> Arc<T> + Send + Sync + 'static,
    ) -> Self {
        Self {
            wrap: Arc::new(move |inner| wrap(inner)),
            outlive: false,
        }
    }

    /// The arrays stay when a case has ended, as real ones do.
    pub(super) fn outliving_their_cases(mut self) -> Self {
        self.outlive = true;
        self
    }
}

#[cfg(test)]
#[async_trait]
impl Benches for WrappedBenches {
    fn name(&self) -> &str {
        "the mock array behind something"
    }

    fn facilities(&self) -> Vec<Facility> {
        Facility::ALL.into()
    }

    async fn bench(&self) -> Result<Arc<dyn Bench>, BenchError> {
        let wrap = Some(Arc::clone(&self.wrap));
        Ok(Arc::new(MockBench::new(wrap, self.outlive)?))
    }
}

struct MockBench {
    wrap: Option<Wrap>,
    outlives: bool,
    clock: Arc<ManualClock>,
    registry: Registry,
    arrays: [MockArray; 2],
    _directory: TempDir,
}

impl MockBench {
    fn new(wrap: Option<Wrap>, outlives: bool) -> Result<Self, BenchError> {
        let directory = tempfile::tempdir().map_err(BenchError::new)?;
        let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        let clock = Arc::new(ManualClock::new(start));
        let env = DriverEnv {
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
        };
        let arrays = [
            array(directory.path(), "mock-a", &env)?,
            array(directory.path(), "mock-b", &env)?,
        ];
        arrays[0].link(&arrays[1], &LinkSettings::up())?;
        Ok(Self {
            wrap,
            outlives,
            clock,
            registry: Registry::from_linked(env).map_err(BenchError::new)?,
            arrays,
            _directory: directory,
        })
    }

    fn array(&self, side: Side) -> &MockArray {
        &self.arrays[usize::from(side == Side::Target)]
    }

    fn driver_with(&self, side: Side, token: &str) -> Result<Arc<dyn StorageDriver>, BenchError> {
        let config = self.array(side).driver_config(token);
        let driver = self.registry.storage("mock", config)?;
        Ok(match &self.wrap {
            Some(wrap) => wrap(driver),
            None => driver,
        })
    }
}

fn array(home: &Path, name: &str, env: &DriverEnv) -> Result<MockArray, BenchError> {
    let array = MockArray::create(home.join(name).join("pool"), name, TOKEN, env.clone())?;
    array.record_connections()?;
    Ok(array)
}

#[async_trait]
impl Bench for MockBench {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn driver(&self, side: Side) -> Result<Arc<dyn StorageDriver>, BenchError> {
        self.driver_with(side, TOKEN)
    }

    async fn identity(&self, side: Side) -> Result<ArrayIdentity, BenchError> {
        Ok(self.array(side).identity()?)
    }

    fn outlives_its_case(&self) -> bool {
        self.outlives
    }

    fn secrets(&self) -> Vec<SecretString> {
        vec![TOKEN.into(), WRONG_TOKEN.into()]
    }

    async fn create_volume(
        &self,
        side: Side,
        name: NewName,
        size_bytes: u64,
    ) -> Result<ArrayVolumeName, BenchError> {
        let name = match name {
            NewName::Cinder(id) => format!("volume-{id}-cinder"),
            NewName::Plain(name) => name,
        };
        self.array(side).create_volume(&name, size_bytes)?;
        Ok(name.into())
    }

    async fn volumes(&self, side: Side) -> Result<Vec<ArrayVolumeName>, BenchError> {
        let volumes = self.array(side).volumes()?;
        Ok(volumes.into_iter().map(|volume| volume.name).collect())
    }

    async fn holdings(&self, side: Side) -> Result<Vec<String>, BenchError> {
        let array = self.array(side);
        let groups = array.groups()?;
        let groups = groups.iter().map(|group| format!("group {}", group.group));
        let replicas = array.replicas()?;
        let replicas = replicas.iter().map(|group| format!("received {group:?}"));
        Ok(groups.chain(replicas).collect())
    }

    async fn write(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), BenchError> {
        Ok(self.array(side).write(volume.as_str(), offset, bytes)?)
    }

    async fn read(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, BenchError> {
        Ok(self.array(side).read(volume.as_str(), offset, length)?)
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        self.clock.advance(time);
        // The arrays do by themselves what is due when somebody looks at them.
        self.arrays[0].identity()?;
        Ok(())
    }

    async fn tick(&self) {
        self.clock.advance(TICK);
    }

    async fn set_link(&self, condition: LinkCondition) -> Result<(), BenchError> {
        let link = match condition {
            LinkCondition::Up => LinkSettings::up(),
            LinkCondition::Down => LinkSettings::cut(),
            LinkCondition::Slow(bytes_per_second) => LinkSettings::up().speed(bytes_per_second),
        };
        Ok(self.arrays[0].link(&self.arrays[1], &link)?)
    }

    async fn connect(&self, side: Side, volume: &ArrayVolumeName) -> Result<(), BenchError> {
        Ok(self.array(side).connect(volume.as_str(), HOST)?)
    }

    async fn disconnect(&self, side: Side, volume: &ArrayVolumeName) -> Result<(), BenchError> {
        Ok(self.array(side).disconnect(volume.as_str(), HOST)?)
    }

    async fn rename(
        &self,
        side: Side,
        from: &ArrayVolumeName,
        to: &ArrayVolumeName,
    ) -> Result<(), BenchError> {
        let pool = self.array(side).directory();
        std::fs::rename(pool.join(from.as_str()), pool.join(to.as_str())).map_err(BenchError::new)
    }

    async fn fill(&self, side: Side) -> Result<(), BenchError> {
        Ok(self.array(side).fill()?)
    }

    async fn lose_from_point(
        &self,
        side: Side,
        group: &GroupRef,
        point: &PointName,
        volume: &ArrayVolumeSerial,
    ) -> Result<(), BenchError> {
        let array = self.array(side);
        Ok(array.lose_from_point(group, point.as_str(), volume.as_str())?)
    }

    async fn power(&self, side: Side, on: bool) -> Result<(), BenchError> {
        Ok(self.array(side).set_down(!on)?)
    }

    fn intruder(&self, side: Side) -> Result<Arc<dyn StorageDriver>, BenchError> {
        self.driver_with(side, WRONG_TOKEN)
    }

    async fn read_snapshot(
        &self,
        side: Side,
        volume: &ArrayVolumeName,
        snapshot: &str,
        length: usize,
    ) -> Result<Option<Vec<u8>>, BenchError> {
        let array = self.array(side);
        Ok(array.read_snapshot(volume.as_str(), snapshot, length)?)
    }

    async fn arm(&self, side: Side, cut: Option<Cut>) -> Result<(), BenchError> {
        // Each verb is one remote call of a mock. Without a cut a rule that never acts counts them.
        let rule = match cut {
            None => Rule::new("*", Fault::LostReply).nth(u64::MAX),
            Some(cut) => Rule::new("*", fault(cut.effect)).nth(cut.nth),
        };
        let script = Script { rules: vec![rule] };
        Ok(self.array(side).set_faults(&script)?)
    }

    fn calls(&self, side: Side) -> Result<u64, BenchError> {
        let counts = self.array(side).fault_counts()?;
        Ok(counts.first().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use protector_conformance::Options;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_mock_conforms() {
        let report = protector_conformance::run(&MockBenches, &Options::default()).await;
        assert!(report.is_green(true), "{}", report.table());
        let all = protector_conformance::cases().len();
        assert_eq!(report.passed() + report.not_claimed.len(), all);
        // A mock array does all but mirror.
        assert!(report.not_claimed.iter().all(|id| id.contains("sync")));
    }
}
