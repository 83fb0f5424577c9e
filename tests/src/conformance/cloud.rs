//! A mock cloud of its own in a directory, with a clock that moves by hand.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use protector_conformance::{BenchError, Cut, Effect};
use protector_driver_mock::world::{
    Fault, Furniture, MockArray, MockCloud, PROTECTOR_PASSWORD, Rule, Script, TENANT_PASSWORD,
};
use protector_framework::{DriverEnv, ErrorKind, ManualClock, RandomIds, Registry, SecretString};
use tempfile::TempDir;

pub(super) const WRONG_PASSWORD: &str = "conformance-wrong-password-7be1";
const TOKEN: &str = "conformance-token-c4a8";
/// What the clock moves on while a verb runs.
const TICK: Duration = Duration::from_millis(250);

/// The cloud, the array behind it, and the drivers for it.
pub(super) struct Ground {
    pub(super) clock: Arc<ManualClock>,
    pub(super) registry: Registry,
    pub(super) array: MockArray,
    pub(super) cloud: MockCloud,
    pub(super) has: Furniture,
    _directory: TempDir,
}

impl Ground {
    pub(super) fn new() -> Result<Self, BenchError> {
        let directory = tempfile::tempdir().map_err(BenchError::new)?;
        let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        let clock = Arc::new(ManualClock::new(start));
        let env = DriverEnv {
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
        };
        let pool = directory.path().join("array").join("pool");
        let array = MockArray::create(pool, "mock-a", TOKEN, env.clone())?;
        let home = directory.path().join("cloud");
        let cloud = MockCloud::create(home, "RegionOne", env.clone())?;
        let has = cloud.furnish(&array, "10.20.0.0/24")?;
        cloud.add_keypair(&has.user, "key")?;
        cloud.set_endpoint("protector", "http://127.0.0.1:8788/v1/%(tenant_id)s")?;
        Ok(Self {
            clock,
            registry: Registry::from_linked(env).map_err(BenchError::new)?,
            array,
            cloud,
            has,
            _directory: directory,
        })
    }

    pub(super) fn secrets() -> Vec<SecretString> {
        [PROTECTOR_PASSWORD, WRONG_PASSWORD, TENANT_PASSWORD, TOKEN]
            .map(SecretString::from)
            .into()
    }

    pub(super) fn tick(&self) {
        self.clock.advance(TICK);
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Counts calls from zero. Each verb is one remote call of a mock; without a cut a rule that
    /// never acts counts them.
    pub(super) fn arm(&self, cut: Option<Cut>) -> Result<(), BenchError> {
        let rule = match cut {
            None => Rule::new("*", Fault::LostReply).nth(u64::MAX),
            Some(cut) => Rule::new("*", fault(cut.effect)).nth(cut.nth),
        };
        Ok(self.cloud.set_faults(&Script { rules: vec![rule] })?)
    }

    pub(super) fn calls(&self) -> Result<u64, BenchError> {
        let counts = self.cloud.fault_counts()?;
        Ok(counts.first().copied().unwrap_or_default())
    }
}

pub(super) fn fault(effect: Effect) -> Fault {
    match effect {
        Effect::LostBefore => Fault::Error {
            kind: ErrorKind::Unreachable,
            message: "the connection broke before the call was sent".to_owned(),
        },
        Effect::LostAfter => Fault::LostReply,
        Effect::Hang => Fault::Hang,
    }
}
