//! What a real array does not have: the fabric's time, broken links, lost answers, the bytes of
//! volumes, and what was called. In process here, over plain HTTP in `http`.

mod bytes;
mod command;
mod dump;
mod http;
mod saved;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::RecordedCall;
use crate::fault::Fault;
use crate::spec::Switches;
use crate::state::{ApiError, At, Host, LimitKind, ManualEradication};
use crate::world::{Shared, World};

pub(crate) use http::ControlService;
pub use saved::Saved;

/// Whether two arrays reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// They do.
    Up,
    /// Nothing gets through; what was on its way stands still.
    Down,
}

/// What SafeMode locks on an array.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Safemode {
    /// Who may eradicate before its time; none stays as it is.
    pub manual_eradication: Option<ManualEradication>,
    /// Protection groups whose retention is locked from now on.
    pub lock_groups: Vec<String>,
    /// Protection groups whose retention is locked no longer (only support can do that).
    pub unlock_groups: Vec<String>,
}

/// Something that was asked of the control API and cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ControlError(String);

impl From<ApiError> for ControlError {
    fn from(error: ApiError) -> Self {
        let context = error.context.map(|context| format!("{context}: "));
        Self(format!("{}{}", context.unwrap_or_default(), error.message))
    }
}

/// Moves and breaks a running fabric. Every call is done when it returns; cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    shared: Shared,
}

type Done<T> = Result<T, ControlError>;

impl Control {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// The fabric's time in milliseconds since 1970, which is the `_as_of` of its arrays.
    pub fn now(&self) -> i64 {
        self.settled().fabric.now
    }

    /// Moves the fabric's time: schedules, transfers, retention and eradication happen as they
    /// would have.
    pub fn advance(&self, by: Duration) {
        let mut world = self.settled();
        world.time.advance(by);
        world.settle();
    }

    /// Stops the fabric's time, or lets it go on from where it stands.
    pub fn freeze_clock(&self, freeze: bool) {
        self.settled().time.freeze(freeze);
    }

    /// Sets the link of two arrays: whether it is up, and how many bytes it carries in a second
    /// (none: as many as are asked of it). Arrays that are not connected become so.
    ///
    /// # Errors
    /// No such array.
    pub fn set_link(
        &self,
        a: &str,
        b: &str,
        state: LinkState,
        bytes_per_second: Option<u64>,
    ) -> Done<()> {
        let mut world = self.settled();
        let (a, b) = (find(&world, a)?, find(&world, b)?);
        if a == b {
            return Err(ControlError("an array has no link to itself".to_owned()));
        }
        world.fabric.join(a, b);
        if let Some(link) = world.fabric.link_mut(a, b) {
            link.up = state == LinkState::Up;
            link.bytes_per_second = bytes_per_second;
        }
        world.settle();
        Ok(())
    }

    /// Turns an array off, so that nobody reaches it, or on again.
    ///
    /// # Errors
    /// No such array.
    pub fn set_power(&self, array: &str, on: bool) -> Done<()> {
        self.with(array, |world, at| {
            world.fabric.arrays[at].powered = on;
            world.settle();
            Ok(())
        })
    }

    /// Whether an array reaches the mediator that decides which side of a pod stays.
    ///
    /// # Errors
    /// No such array.
    pub fn set_mediator(&self, array: &str, reachable: bool) -> Done<()> {
        self.with(array, |world, at| {
            world.fabric.arrays[at].reaches_mediator = reachable;
            world.settle();
            Ok(())
        })
    }

    /// Gives an array another name, as its administrator would.
    ///
    /// # Errors
    /// No such array, or a name that it cannot have.
    pub fn rename_array(&self, array: &str, name: &str) -> Done<()> {
        self.with(array, |world, at| {
            Ok(world.fabric.rename_array(at, name)?)
        })
    }

    /// Connects a volume to a host of the simulator's own, as an attached server would.
    ///
    /// # Errors
    /// No such array or volume, or it is connected already.
    pub fn connect_host(&self, array: &str, volume: &str) -> Done<()> {
        self.with(array, |world, at| {
            let volume = world.fabric.volume_id(at, volume)?;
            let host = match world.fabric.host_id(at, HOST) {
                Ok(host) => host,
                Err(_) => {
                    let name = HOST.to_owned();
                    world.fabric.create_host(
                        at,
                        Host {
                            name,
                            ..Host::default()
                        },
                    )?
                }
            };
            world.fabric.connect(at, &host, &volume, None)?;
            Ok(())
        })
    }

    /// Takes every connection of a volume away.
    ///
    /// # Errors
    /// No such array or volume.
    pub fn disconnect_host(&self, array: &str, volume: &str) -> Done<()> {
        self.with(array, |world, at| {
            let volume = world.fabric.volume_id(at, volume)?;
            world.fabric.arrays[at]
                .connections
                .retain(|held| held.volume != volume);
            Ok(())
        })
    }

    /// Takes one volume out of a group's snapshot, as if it had never been in it. The point is
    /// named as the array names it, the volume as in the point.
    ///
    /// # Errors
    /// No such array, point or volume.
    pub fn remove_from_point(&self, array: &str, point: &str, volume: &str) -> Done<()> {
        self.with(array, |world, at| {
            Ok(world.fabric.remove_from_point(at, point, volume)?)
        })
    }

    /// Ends every session of an array: each client has to log in again.
    ///
    /// # Errors
    /// No such array.
    pub fn expire_sessions(&self, array: &str) -> Done<()> {
        self.with(array, |world, at| {
            world.access[at].expire_all();
            Ok(())
        })
    }

    /// Lets something go wrong.
    ///
    /// # Errors
    /// No such array.
    pub fn inject(&self, fault: Fault) -> Done<()> {
        let array = fault.array.clone();
        self.with(&array, |world, _| {
            world.faults.add(fault);
            Ok(())
        })
    }

    /// Takes all faults back that have not happened.
    pub fn clear_faults(&self) {
        self.settled().faults.clear();
    }

    /// How many calls are in the record of all arrays.
    pub fn call_count(&self) -> usize {
        self.shared.lock().calls.iter().map(Vec::len).sum()
    }

    /// How many faults have not happened, or not for the last time.
    pub fn pending_faults(&self) -> usize {
        self.shared.lock().faults.pending()
    }

    /// How many objects of a kind an array may have; none is as many as are wanted.
    ///
    /// # Errors
    /// No such array.
    pub fn set_limit(&self, array: &str, kind: LimitKind, most: Option<u64>) -> Done<()> {
        self.with(array, |world, at| {
            let limits = &mut world.fabric.arrays[at].limits;
            match most {
                Some(most) => limits.insert(kind, most),
                None => limits.remove(&kind),
            };
            Ok(())
        })
    }

    /// How many bytes an array has. With as much or more in use it is full: it takes no new volumes,
    /// copies and points, and transfers to it stand still.
    ///
    /// # Errors
    /// No such array.
    pub fn set_capacity(&self, array: &str, bytes: u64) -> Done<()> {
        self.with(array, |world, at| {
            world.fabric.arrays[at].capacity = bytes;
            world.settle();
            Ok(())
        })
    }

    /// How long destroyed objects can be recovered.
    ///
    /// # Errors
    /// No such array.
    pub fn set_eradication_delay(&self, array: &str, delay: Duration) -> Done<()> {
        self.with(array, |world, at| {
            let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX / 4);
            world.fabric.arrays[at].eradication_delay = delay;
            world.settle();
            Ok(())
        })
    }

    /// Locks and unlocks.
    ///
    /// # Errors
    /// No such array or group.
    pub fn set_safemode(&self, array: &str, safemode: &Safemode) -> Done<()> {
        self.with(array, |world, at| {
            let fabric = &mut world.fabric;
            if let Some(manual) = safemode.manual_eradication {
                fabric.arrays[at].manual_eradication = manual;
            }
            for (names, locked) in [
                (&safemode.lock_groups, true),
                (&safemode.unlock_groups, false),
            ] {
                for id in fabric.group_ids(at, names)? {
                    if let Some(group) = fabric.arrays[at].groups.get_mut(&id) {
                        group.ratcheted = locked;
                    }
                }
            }
            Ok(())
        })
    }

    /// How the arrays behave where that is not established.
    pub fn switches(&self) -> Switches {
        self.settled().fabric.switches.clone()
    }

    /// Changes how the arrays behave, from the next call on.
    pub fn change_switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.settled().fabric.switches);
    }

    /// The calls that came to an array since it started or since [`Control::clear_calls`], in their
    /// order. None for an array that is not there.
    pub fn calls(&self, array: &str) -> Vec<RecordedCall> {
        let world = self.shared.lock();
        world
            .fabric
            .array_at(array)
            .map(|at| world.calls[at].clone())
            .unwrap_or_default()
    }

    /// Forgets the calls of all arrays.
    pub fn clear_calls(&self) {
        self.shared.lock().calls.iter_mut().for_each(Vec::clear);
    }

    /// What all arrays hold, for people: no tokens, no bytes.
    pub fn dump(&self) -> Value {
        dump::dump(&self.settled().fabric)
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, World> {
        let mut world = self.shared.lock();
        world.settle();
        world
    }

    fn with<T>(&self, array: &str, act: impl FnOnce(&mut World, At) -> Done<T>) -> Done<T> {
        let mut world = self.settled();
        let at = find(&world, array)?;
        let done = act(&mut world, at)?;
        world.fabric.mirror_from(at);
        Ok(done)
    }
}

/// What volumes are connected to by [`Control::connect_host`].
const HOST: &str = "simulated-host";

fn find(world: &World, array: &str) -> Done<At> {
    let at = world.fabric.array_at(array);
    at.ok_or_else(|| ControlError(format!("there is no array named {array:?}")))
}
