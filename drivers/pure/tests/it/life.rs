//! Whole procedures, each broken off at every call that changes something and begun again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use protector_framework::{
    ArrayVolume, DiscardVolume, DriverError, GetReplication, ListPoints, MaterializeVolume,
    OverwriteVolume, Result, StartReplication, StorageDriver, SuspendGroup, TransferState,
};
use protector_pure_simulator::{Effect, Fault, LinkState};

use crate::fabric::{A, B, Fabric, GROUP, SIZE};

const METHODS: [&str; 4] = ["POST", "PATCH", "PUT", "DELETE"];
const V1: &str = "volume-11111111-0000-4000-8000-000000000001-cinder";
const V2: &str = "volume-22222222-0000-4000-8000-000000000002-cinder";
/// No procedure needs more beginnings than this after one fault.
const TRIES: usize = 4;

/// Two volumes on the first array and what was written to them.
struct World {
    fabric: Fabric,
    serials: [String; 2],
    /// The instances of an engine that has not been restarted.
    drivers: Mutex<BTreeMap<&'static str, Arc<dyn StorageDriver>>>,
}

impl World {
    async fn new() -> Self {
        let fabric = Fabric::new().await;
        let serials = [
            fabric.volume(A, V1, b"one").await,
            fabric.volume(A, V2, b"two").await,
        ];
        Self {
            fabric,
            serials,
            drivers: Mutex::default(),
        }
    }

    fn driver(&self, at: &'static str) -> Arc<dyn StorageDriver> {
        let mut drivers = self.drivers.lock().unwrap();
        Arc::clone(drivers.entry(at).or_insert_with(|| self.fabric.driver(at)))
    }

    /// As if the engine had died: nothing that it knew is left.
    fn restart(&self) {
        self.drivers.lock().unwrap().clear();
    }

    /// Runs one step as an engine does: a failure that may pass is met by a new instance.
    async fn step<T, F: Future<Output = Result<T>>>(
        &self,
        at: &'static str,
        step: impl Fn(Arc<dyn StorageDriver>) -> F,
    ) -> Result<T> {
        let mut last = None;
        for _ in 0..TRIES {
            match self.fabric.going(step(self.driver(at))).await {
                Err(error) if error.is_transient() => {
                    self.restart();
                    last = Some(error);
                }
                ended => return ended,
            }
        }
        Err(last.unwrap_or_else(|| DriverError::conflict("never tried")))
    }

    async fn set_up(&self, from: &'static str, volumes: &[&str]) -> Result<()> {
        let f = &self.fabric;
        let to = if from == A { B } else { A };
        self.step(from, async |d| {
            d.ensure_group(&f.step("ensure"), f.ensure(to).interval_seconds(3600))
                .await
        })
        .await?;
        self.step(from, async |d| {
            d.set_group_volumes(&f.step("set"), f.set(volumes)).await
        })
        .await?;
        Ok(())
    }

    async fn replicate(&self, from: &'static str, point: &str) -> Result<()> {
        let f = &self.fabric;
        self.step(from, async |d| {
            d.start_replication(&f.step(point), StartReplication::new(GROUP, point))
                .await
        })
        .await?;
        for _ in 0..30 {
            let told = self
                .step(from, async |d| {
                    d.get_replication(&f.step(point), GetReplication::new(GROUP, point))
                        .await
                })
                .await?;
            if told.state == TransferState::Complete {
                return Ok(());
            }
            f.clock.advance(std::time::Duration::from_secs(1));
        }
        Err(DriverError::conflict("the point does not arrive"))
    }

    async fn copy(
        &self,
        at: &'static str,
        point: &str,
        slot: usize,
        name: &str,
    ) -> Result<ArrayVolume> {
        let f = &self.fabric;
        let from = if at == A { B } else { A };
        self.step(at, async |d| {
            let request =
                MaterializeVolume::new(f.replica(from), point, self.serials[slot].as_str(), name);
            d.materialize_volume(&f.step(name), request).await
        })
        .await
    }

    async fn suspend(&self, at: &'static str) -> Result<()> {
        let f = &self.fabric;
        self.step(at, async |d| {
            d.suspend_group(&f.step("suspend"), SuspendGroup::new(GROUP))
                .await
        })
        .await
    }

    async fn discard(&self, at: &'static str, volume: &ArrayVolume) -> Result<()> {
        let f = &self.fabric;
        self.step(at, async |d| {
            let request = DiscardVolume::new(&volume.name, &volume.serial);
            d.discard_volume(&f.step("discard"), request).await
        })
        .await
    }

    /// The way out: what was written last is on the second array.
    async fn move_out(&self) -> Result<[ArrayVolume; 2]> {
        self.set_up(A, &[V1, V2]).await?;
        self.replicate(A, "first").await?;
        self.fabric
            .control()
            .write_volume(A, V1, 0, b"last")
            .unwrap();
        self.replicate(A, "final").await?;
        self.suspend(A).await?;
        Ok([
            self.copy(B, "final", 0, "copy-1").await?,
            self.copy(B, "final", 1, "copy-2").await?,
        ])
    }

    /// The way home: the originals take over what the copies hold.
    async fn move_home(&self, copies: &[ArrayVolume; 2]) -> Result<()> {
        let f = &self.fabric;
        let names: Vec<&str> = copies.iter().map(|copy| copy.name.as_str()).collect();
        self.set_up(B, &names).await?;
        self.replicate(B, "back").await?;
        self.suspend(B).await?;
        for (copy, (name, serial)) in copies.iter().zip([V1, V2].into_iter().zip(&self.serials)) {
            self.step(A, async |d| {
                let request =
                    OverwriteVolume::new(f.replica(B), "back", &copy.serial, name, serial.as_str());
                d.overwrite_volume(&f.step(name), request).await
            })
            .await?;
        }
        self.set_up(A, &[V1, V2]).await?;
        for copy in copies {
            self.discard(B, copy).await?;
        }
        Ok(())
    }

    fn written(&self, at: &str, volumes: [&str; 2]) -> [Vec<u8>; 2] {
        [
            self.fabric.read(at, volumes[0], 4),
            self.fabric.read(at, volumes[1], 4),
        ]
    }
}

/// What a procedure begins with, does, and must come to.
#[derive(Clone, Copy)]
enum Procedure {
    SetUp,
    MoveOut,
    MoveHome,
    Unplanned,
    Test,
    Delete,
}

impl Procedure {
    async fn stage(self, world: &World) -> Option<[ArrayVolume; 2]> {
        match self {
            Self::SetUp | Self::MoveOut => None,
            Self::MoveHome => {
                let copies = world.move_out().await.unwrap();
                for copy in &copies {
                    let name = copy.name.as_str();
                    let control = world.fabric.control();
                    control.write_volume(B, name, 0, b"away").unwrap();
                }
                Some(copies)
            }
            Self::Unplanned | Self::Test | Self::Delete => {
                world.set_up(A, &[V1, V2]).await.unwrap();
                world.replicate(A, "first").await.unwrap();
                if matches!(self, Self::Unplanned) {
                    world.fabric.control().set_power(A, false).unwrap();
                }
                None
            }
        }
    }

    async fn run(self, world: &World, staged: Option<&[ArrayVolume; 2]>) -> Result<()> {
        let f = &world.fabric;
        match self {
            Self::SetUp => {
                world.set_up(A, &[V1, V2]).await?;
                world.replicate(A, "first").await
            }
            Self::MoveOut => world.move_out().await.map(drop),
            Self::MoveHome => world.move_home(staged.unwrap()).await,
            Self::Unplanned => {
                let newest = world
                    .step(B, async |d| {
                        d.list_points(&f.ctx(), ListPoints::new(f.replica(A))).await
                    })
                    .await?;
                let newest = newest.iter().rfind(|point| point.complete).unwrap();
                let point = newest.name.as_str();
                world.copy(B, point, 0, "copy-1").await?;
                world.copy(B, point, 1, "copy-2").await.map(drop)
            }
            Self::Test => {
                for slot in [0, 1] {
                    let test = world.copy(B, "first", slot, "test").await?;
                    world.discard(B, &test).await?;
                }
                Ok(())
            }
            Self::Delete => {
                for (at, group) in [
                    (
                        A,
                        protector_framework::GroupRef::Local { name: GROUP.into() },
                    ),
                    (B, f.replica(A)),
                ] {
                    world
                        .step(at, async |d| {
                            let request = protector_framework::DeleteGroup::new(group.clone());
                            d.delete_group(&f.ctx(), request).await
                        })
                        .await?;
                }
                Ok(())
            }
        }
    }

    async fn verify(self, world: &World) {
        let f = &world.fabric;
        let both = |one: &[u8; 4], two: &[u8; 4]| [one.to_vec(), two.to_vec()];
        match self {
            Self::SetUp => {
                let points = f.received(B, A).await;
                let first = points.iter().find(|p| p.name.as_str() == "first").unwrap();
                assert!(first.complete);
                assert_eq!(first.volumes.len(), 2);
                assert!(f.volumes(B).await.is_empty());
            }
            Self::MoveOut => {
                assert_eq!(
                    world.written(B, ["copy-1", "copy-2"]),
                    both(b"last", b"two\0")
                );
                assert_eq!(f.volumes(B).await, ["copy-1", "copy-2"]);
            }
            Self::MoveHome => {
                assert_eq!(world.written(A, [V1, V2]), both(b"away", b"away"));
                assert_eq!(f.volumes(A).await, [V1, V2]);
                assert!(f.volumes(B).await.is_empty());
                for (name, serial) in [V1, V2].into_iter().zip(&world.serials) {
                    let get = protector_framework::GetVolume::new(name);
                    let told = f.driver(A).get_volume(&f.ctx(), get).await.unwrap();
                    assert_eq!(told.serial.as_str(), serial);
                    assert_eq!(told.size_bytes, SIZE);
                }
            }
            Self::Unplanned => {
                assert_eq!(
                    world.written(B, ["copy-1", "copy-2"]),
                    both(b"one\0", b"two\0")
                );
                assert_eq!(f.volumes(B).await, ["copy-1", "copy-2"]);
            }
            Self::Test => assert!(f.volumes(B).await.is_empty()),
            Self::Delete => {
                assert!(f.received(B, A).await.is_empty());
                assert_eq!(f.volumes(A).await, [V1, V2]);
                let get = protector_framework::GetGroup::new(GROUP);
                f.driver(A).get_group(&f.ctx(), get).await.unwrap_err();
            }
        }
    }
}

/// One run with one fault; says whether there was a call for it to strike.
async fn broken_off(
    procedure: Procedure,
    array: &'static str,
    method: &'static str,
    after: usize,
    effect: Effect,
) -> bool {
    let world = World::new().await;
    let staged = procedure.stage(&world).await;
    let control = world.fabric.control();
    control.clear_calls();
    let fault = Fault::once(array, method, "", effect).after(u32::try_from(after).unwrap());
    control.inject(fault).unwrap();
    let done = procedure.run(&world, staged.as_ref()).await;
    let calls = control.calls(array);
    let struck = calls.iter().filter(|call| call.method == method).count() > after;
    control.clear_faults();
    done.unwrap_or_else(|error| panic!("{method} {after} at {array}: {:?} {error}", error.kind));
    // And once more as a whole, as a restarted engine may do.
    world.restart();
    let again = procedure.run(&world, staged.as_ref()).await;
    if !matches!(procedure, Procedure::MoveHome | Procedure::MoveOut) {
        again.unwrap_or_else(|error| panic!("again after {method} {after} at {array}: {error}"));
    }
    procedure.verify(&world).await;
    struck
}

/// Breaks a procedure off after every call that changed something: its answer is lost. That a call
/// is lost before it took effect leaves the arrays as the answer lost before it did.
async fn at_every_call(procedure: Procedure) {
    let kinds = [A, B]
        .into_iter()
        .flat_map(|array| METHODS.map(|method| (array, method)));
    let struck: Vec<usize> = futures::stream::iter(kinds)
        .map(async |(array, method)| {
            let mut after = 0;
            while broken_off(procedure, array, method, after, Effect::DropAfter).await {
                after += 1;
            }
            after
        })
        .buffer_unordered(4)
        .collect()
        .await;
    assert!(struck.iter().sum::<usize>() > 0, "nothing was broken off");
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_up_converges() {
    at_every_call(Procedure::SetUp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_out_converges() {
    at_every_call(Procedure::MoveOut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_home_converges() {
    at_every_call(Procedure::MoveHome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unplanned_move_converges_with_the_target_alone() {
    at_every_call(Procedure::Unplanned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_leaves_nothing() {
    at_every_call(Procedure::Test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_converges() {
    at_every_call(Procedure::Delete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_goes_down_midway_delays_and_breaks_nothing() {
    let world = World::new().await;
    world.set_up(A, &[V1, V2]).await.unwrap();
    let f = &world.fabric;
    let control = f.control();
    control.write_volume(A, V1, 0, &vec![7; 512 << 10]).unwrap();
    control
        .set_link(A, B, LinkState::Up, Some(32 << 10))
        .unwrap();
    let start = StartReplication::new(GROUP, "slow");
    f.driver(A)
        .start_replication(&f.ctx(), start)
        .await
        .unwrap();
    f.clock.advance(std::time::Duration::from_secs(4));
    control.set_link(A, B, LinkState::Down, None).unwrap();
    let get = || GetReplication::new(GROUP, "slow");
    let told = f.driver(A).get_replication(&f.ctx(), get()).await.unwrap();
    assert_eq!(told.state, TransferState::Stalled);
    let points = f.received(B, A).await;
    let slow = points.iter().find(|point| point.name.as_str() == "slow");
    assert!(slow.is_none_or(|point| !point.complete), "{points:?}");
    control.set_link(A, B, LinkState::Up, None).unwrap();
    f.clock.advance(std::time::Duration::from_secs(60));
    let told = f.driver(A).get_replication(&f.ctx(), get()).await.unwrap();
    assert_eq!(told.state, TransferState::Complete);
}
