//! Whole procedures, in both modes, broken off at every call and begun again: they come to the same
//! end.

use std::time::Duration;

use futures::StreamExt as _;
use protector_framework::{
    ArrayVolume, ErrorKind, GetGroup, GetReplication, ReplicationMode, Result, StartReplication,
    TransferState,
};
use protector_pure_simulator::{Effect, Fault, LinkState, Saved};

use crate::fabric::{A, B, GROUP, SIZE};
use crate::world::{COPIES, ORIGINALS, World, cinder};

/// What a procedure begins with, does, and must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Procedure {
    SetUp,
    Unplanned,
    Test,
    Delete,
    /// A new group under the name of one that was deleted, here and on the target.
    Anew,
    /// The same where the target keeps what it has received.
    AnewBeside,
    MoveOut,
    Reverse,
    MoveHome,
    CleanUp,
}

impl Procedure {
    /// Brings a new world to where the procedure begins; the copies where there are some.
    async fn stage(self, world: &World) -> Vec<ArrayVolume> {
        if self > Self::SetUp {
            world.set_up(A, &ORIGINALS).await.unwrap();
            world.replicate(A, "first").await.unwrap();
        }
        if self > Self::MoveOut {
            world.move_out().await.unwrap();
        }
        if self > Self::Reverse {
            world.reverse().await.unwrap();
        }
        if self > Self::MoveHome {
            world.move_home().await.unwrap();
        }
        match self {
            Self::Unplanned => world.fabric.control().set_power(A, false).unwrap(),
            Self::Anew => world.delete(A).await.unwrap(),
            Self::AnewBeside => world.delete_here(A).await.unwrap(),
            Self::CleanUp => return world.present(B, &COPIES).await.unwrap(),
            _ => {}
        }
        Vec::new()
    }

    async fn run(self, world: &World, copies: &[ArrayVolume]) -> Result<()> {
        match self {
            Self::SetUp => {
                world.set_up(A, &ORIGINALS).await?;
                world.replicate(A, "first").await
            }
            Self::Anew | Self::AnewBeside => {
                world.write(A, ORIGINALS[0], b"anew").await?;
                world.set_up(A, &ORIGINALS).await?;
                world.replicate(A, "anew").await
            }
            Self::Unplanned => {
                let points = world.points(B).await?;
                let newest = points.iter().rfind(|point| point.complete).unwrap();
                world.copies(B, newest.name.as_str()).await
            }
            Self::Test => {
                for slot in [0, 1] {
                    let test = world.copy(B, "first", slot, "test").await?;
                    world.discard(B, &test).await?;
                }
                Ok(())
            }
            Self::Delete => world.delete(A).await,
            Self::MoveOut => world.move_out().await,
            Self::Reverse => world.reverse().await,
            Self::MoveHome => world.move_home().await,
            Self::CleanUp => world.clean_up(copies).await,
        }
    }

    async fn verify(self, world: &World) {
        let originals = ORIGINALS.map(cinder);
        match self {
            Self::SetUp => {
                let points = world.points(B).await.unwrap();
                let first = points.iter().find(|p| p.name.as_str() == "first").unwrap();
                assert!(first.complete);
                assert_eq!(first.volumes.len(), 2);
                assert_eq!(world.volumes(A).await, originals);
                assert!(world.in_root(B).await.is_empty());
            }
            Self::Anew | Self::AnewBeside => {
                let own = world.own_points(A).await.unwrap();
                assert!(own.iter().all(|p| p.name.as_str() != "first"), "{own:?}");
                let points = world.points(B).await.unwrap();
                let anew = points.iter().find(|p| p.name.as_str() == "anew").unwrap();
                assert!(anew.complete);
                assert!(
                    self == Self::AnewBeside || points.iter().all(|p| p.name.as_str() != "first")
                );
                let groups = world.fabric.groups(A).await;
                assert!(
                    groups.iter().all(|name| !name.contains("-old")),
                    "{groups:?}"
                );
            }
            Self::MoveOut => {
                assert_eq!(world.holds(B, &COPIES).await, [b"last", b"two\0"]);
                assert_eq!(world.volumes(A).await, originals);
                assert_eq!(world.in_root(B).await, COPIES.map(cinder));
            }
            Self::Reverse => {
                let points = world.points(A).await.unwrap();
                let sent = points.iter().find(|p| p.name.as_str() == "reverse");
                assert!(sent.is_some_and(|p| p.complete && p.volumes.len() == 2));
                assert_eq!(world.holds(B, &COPIES).await, [b"last", b"two\0"]);
            }
            Self::MoveHome => {
                assert_eq!(world.holds(A, &ORIGINALS).await, [b"away", b"away"]);
                let home = world.present(A, &ORIGINALS).await.unwrap();
                for (volume, serial) in home.iter().zip(&world.serials) {
                    assert_eq!(
                        (volume.serial.as_str(), volume.size_bytes),
                        (&**serial, SIZE)
                    );
                }
                let mut all = world.volumes(A).await;
                all.retain(|name| !COPIES.map(cinder).contains(name));
                assert_eq!(all, originals);
            }
            Self::CleanUp => {
                assert_eq!(world.holds(A, &ORIGINALS).await, [b"away", b"away"]);
                assert_eq!(world.volumes(A).await, originals);
                assert!(world.in_root(B).await.is_empty());
            }
            Self::Unplanned => {
                assert_eq!(world.holds(B, &COPIES).await, [b"one\0", b"two\0"]);
                assert_eq!(world.in_root(B).await, COPIES.map(cinder));
            }
            Self::Test => assert!(world.in_root(B).await.is_empty()),
            Self::Delete => {
                let f = &world.fabric;
                assert!(world.points(B).await.unwrap().is_empty());
                assert_eq!(world.in_root(A).await, originals);
                assert!(world.volumes(B).await.is_empty());
                let driver = f.driver(A);
                let told = driver.get_group(&f.ctx(), GetGroup::new(GROUP)).await;
                assert_eq!(told.unwrap_err().kind, ErrorKind::NotFound);
                for array in [A, B] {
                    assert_eq!(f.notes(array).await, [""; 0]);
                }
            }
        }
    }
}

/// What happens to one call.
#[derive(Debug, Clone, Copy)]
enum Misfortune {
    /// The engine dies before it reads the answer; the calls of both arrays are counted.
    Death,
    /// The answer is lost on its way from this array.
    LostAnswer(&'static str),
}

/// What a run was like, told where it fails.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

/// A staged world, to break a procedure off in as often as is wanted.
struct Trial {
    world: World,
    procedure: Procedure,
    copies: Vec<ArrayVolume>,
    staged: Saved,
}

impl Trial {
    async fn new(mode: ReplicationMode, procedure: Procedure) -> Self {
        let world = World::new(mode).await;
        let copies = procedure.stage(&world).await;
        let staged = world.fabric.control().save().unwrap();
        Self {
            world,
            procedure,
            copies,
            staged,
        }
    }

    /// One run with one misfortune; says whether there was a call for it to strike.
    async fn broken_off(&self, misfortune: Misfortune, call: usize) -> bool {
        let _told = Told(format!(
            "{:?}, {misfortune:?} at call {call}",
            self.procedure
        ));
        let (world, control) = (&self.world, self.world.fabric.control());
        control.restore(&self.staged);
        world.restart();
        match misfortune {
            Misfortune::Death => world.doom(call),
            Misfortune::LostAnswer(array) => {
                let fault = Fault {
                    method: None,
                    ..Fault::once(array, "", "", Effect::DropAfter)
                };
                let before = u32::try_from(call - 1).unwrap();
                control.inject(fault.after(before)).unwrap();
            }
        }
        self.run().await;
        let struck = !world.is_doomed() && control.pending_faults() == 0;
        world.spare();
        control.clear_faults();
        self.procedure.verify(world).await;
        struck
    }

    async fn run(&self) {
        self.procedure.run(&self.world, &self.copies).await.unwrap();
    }

    /// Breaks the procedure off at every call. What then has come to its end undisturbed is run once
    /// more as a whole, but for those that end with a group suspended: it takes no points.
    async fn at_every_call(&self, misfortune: Misfortune) -> usize {
        let mut call = 1;
        while self.broken_off(misfortune, call).await {
            call += 1;
        }
        if !matches!(self.procedure, Procedure::MoveOut | Procedure::MoveHome) {
            self.world.restart();
            self.run().await;
            self.procedure.verify(&self.world).await;
        }
        call - 1
    }
}

/// Breaks a procedure off at every call that it makes, those that only read among them. That a call
/// is lost before it took effect leaves the arrays as the answer lost before it did.
async fn at_every_call(mode: ReplicationMode, procedure: Procedure) {
    let all = [
        Misfortune::Death,
        Misfortune::LostAnswer(A),
        Misfortune::LostAnswer(B),
    ];
    let struck: Vec<usize> = futures::stream::iter(all)
        .map(async |misfortune| {
            let trial = Trial::new(mode, procedure).await;
            trial.at_every_call(misfortune).await
        })
        .buffered(all.len())
        .collect()
        .await;
    assert!(struck[0] > 0, "the engine has not died once");
    assert!(struck[1] + struck[2] > 0, "no answer was lost");
}

macro_rules! converges {
    ($($name:ident: $mode:ident $procedure:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            at_every_call(ReplicationMode::$mode, Procedure::$procedure).await;
        }
    )*};
}

converges! {
    setting_up_converges: Async SetUp,
    moving_out_converges: Async MoveOut,
    protecting_the_other_way_converges: Async Reverse,
    moving_home_converges: Async MoveHome,
    cleaning_up_converges: Async CleanUp,
    an_unplanned_move_converges_with_the_target_alone: Async Unplanned,
    a_test_leaves_nothing: Async Test,
    deleting_converges: Async Delete,
    a_group_anew_has_nothing_of_the_deleted_one: Async Anew,
    a_group_anew_goes_on_beside_what_the_target_keeps: Async AnewBeside,
    setting_up_a_pod_converges: Sync SetUp,
    moving_out_of_a_pod_converges: Sync MoveOut,
    protecting_the_other_way_with_a_pod_converges: Sync Reverse,
    moving_home_into_a_pod_converges: Sync MoveHome,
    cleaning_up_a_pod_converges: Sync CleanUp,
    an_unplanned_move_out_of_a_pod_converges_with_the_target_alone: Sync Unplanned,
    a_test_of_a_pod_leaves_nothing: Sync Test,
    deleting_a_pod_converges: Sync Delete,
    a_pod_anew_has_nothing_of_the_deleted_one: Sync Anew,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_goes_down_midway_delays_and_breaks_nothing() {
    let world = World::new(ReplicationMode::Async).await;
    world.set_up(A, &ORIGINALS).await.unwrap();
    let f = &world.fabric;
    let control = f.control();
    let name = cinder(ORIGINALS[0]);
    control
        .write_volume(A, &name, 0, &vec![7; 512 << 10])
        .unwrap();
    control
        .set_link(A, B, LinkState::Up, Some(32 << 10))
        .unwrap();
    let start = StartReplication::new(GROUP, "slow");
    f.driver(A)
        .start_replication(&f.ctx(), start)
        .await
        .unwrap();
    f.clock.advance(Duration::from_secs(4));
    control.set_link(A, B, LinkState::Down, None).unwrap();
    let get = || GetReplication::new(GROUP, "slow");
    let told = f.driver(A).get_replication(&f.ctx(), get()).await.unwrap();
    assert_eq!(told.state, TransferState::Stalled);
    let points = f.received(B, A).await;
    let slow = points.iter().find(|point| point.name.as_str() == "slow");
    assert!(slow.is_none_or(|point| !point.complete), "{points:?}");
    control.set_link(A, B, LinkState::Up, None).unwrap();
    f.clock.advance(Duration::from_secs(60));
    let told = f.driver(A).get_replication(&f.ctx(), get()).await.unwrap();
    assert_eq!(told.state, TransferState::Complete);
}
