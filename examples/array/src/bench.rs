//! Two linked Shelf arrays for the storage kit, with a clock that moves by hand.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use protector_conformance::{
    Bench, BenchError, Benches, Cut, Effect, Facility, LinkCondition, NewName, Side,
};
use protector_driver_mock::world::{Fault, LinkSettings, MockArray, Rule, Script};
use protector_framework::{
    ArrayIdentity, ArrayVolumeName, ArrayVolumeSerial, Clock, DriverConfig, DriverEnv, ErrorKind,
    GroupRef, ManualClock, PointName, RandomIds, Result, SecretString, StorageDriver,
};
use serde_json::json;
use tempfile::TempDir;

use crate::Shelf;

const TOKEN: &str = "shelf-token-7d20";
const WRONG_TOKEN: &str = "shelf-wrong-token-51fe";
const HOST: &str = "compute-1";
/// What the clock moves on while a driver waits.
const TICK: Duration = Duration::from_millis(250);
/// How many ticks without a request make it plain that the driver waits. On a busy machine a call
/// takes as long as several.
const QUIET: u32 = 20;

/// Makes a driver from its configuration, as `build` of its registration does.
type Build = dyn Fn(DriverConfig, DriverEnv) -> Result<Arc<dyn StorageDriver>> + Send + Sync;

/// Makes pairs of Shelf arrays for any driver that speaks to them.
pub struct ShelfBenches {
    name: String,
    build: Arc<Build>,
}

impl ShelfBenches {
    /// `name` is the heading of the report, `build` makes the driver.
    pub fn new(
        name: impl Into<String>,
        build: impl Fn(DriverConfig, DriverEnv) -> Result<Arc<dyn StorageDriver>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            build: Arc::new(build),
        }
    }
}

impl std::fmt::Debug for ShelfBenches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ShelfBenches").field(&self.name).finish()
    }
}

#[async_trait]
impl Benches for ShelfBenches {
    fn name(&self) -> &str {
        &self.name
    }

    fn facilities(&self) -> Vec<Facility> {
        Facility::ALL.into()
    }

    async fn bench(&self) -> Result<Arc<dyn Bench>, BenchError> {
        Ok(Arc::new(ShelfBench::start(self.build.clone()).await?))
    }
}

struct ShelfBench {
    build: Arc<Build>,
    clock: Arc<ManualClock>,
    env: DriverEnv,
    arrays: [MockArray; 2],
    shelves: [Shelf; 2],
    quiet: Mutex<Quiet>,
    _directory: TempDir,
}

/// Since when nobody has called.
#[derive(Debug, Default)]
struct Quiet {
    traffic: u64,
    ticks: u32,
}

impl ShelfBench {
    async fn start(build: Arc<Build>) -> Result<Self, BenchError> {
        let directory = tempfile::tempdir().map_err(BenchError::new)?;
        let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        let clock = Arc::new(ManualClock::new(start));
        let env = DriverEnv {
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
        };
        let arrays = [
            array(directory.path(), "shelf-a", &env)?,
            array(directory.path(), "shelf-b", &env)?,
        ];
        arrays[0].link(&arrays[1], &LinkSettings::up())?;
        let shelves = [
            serve(&arrays[0], &env).await?,
            serve(&arrays[1], &env).await?,
        ];
        Ok(Self {
            build,
            clock,
            env,
            arrays,
            shelves,
            quiet: Mutex::default(),
            _directory: directory,
        })
    }

    fn array(&self, side: Side) -> &MockArray {
        &self.arrays[usize::from(side == Side::Target)]
    }

    fn driver_with(&self, side: Side, token: &str) -> Result<Arc<dyn StorageDriver>, BenchError> {
        let shelf = &self.shelves[usize::from(side == Side::Target)];
        let config =
            DriverConfig::new(json!({"url": shelf.url()})).secret("api_token", token.into());
        Ok((self.build)(config, self.env.clone())?)
    }
}

fn array(home: &Path, name: &str, env: &DriverEnv) -> Result<MockArray, BenchError> {
    let array = MockArray::create(home.join(name).join("pool"), name, TOKEN, env.clone())?;
    array.record_connections()?;
    Ok(array)
}

async fn serve(array: &MockArray, env: &DriverEnv) -> Result<Shelf, BenchError> {
    let any_port = ([127, 0, 0, 1], 0).into();
    Shelf::start(array.clone(), env.clone(), any_port)
        .await
        .map_err(BenchError::new)
}

#[async_trait]
impl Bench for ShelfBench {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn driver(&self, side: Side) -> Result<Arc<dyn StorageDriver>, BenchError> {
        self.driver_with(side, TOKEN)
    }

    async fn identity(&self, side: Side) -> Result<ArrayIdentity, BenchError> {
        Ok(self.array(side).identity()?)
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
        let traffic: u64 = self.shelves.iter().map(Shelf::traffic).sum();
        let waits = {
            let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
            if quiet.traffic != traffic {
                *quiet = Quiet { traffic, ticks: 0 };
            }
            quiet.ticks = quiet.ticks.saturating_add(1);
            quiet.ticks > QUIET
        };
        if waits {
            self.clock.advance(TICK);
        }
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
        // Each request is one verb of the array. Without a cut a rule that never acts counts them.
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

fn fault(effect: Effect) -> Fault {
    match effect {
        Effect::LostBefore => Fault::Error {
            kind: ErrorKind::Unreachable,
            message: "the connection broke before the call was carried out".to_owned(),
        },
        Effect::LostAfter => Fault::LostReply,
        Effect::Hang => Fault::Hang,
    }
}
