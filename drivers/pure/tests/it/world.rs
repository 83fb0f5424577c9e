//! Two protected volumes on a pair of arrays, and an engine that can die at any call.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use protector_framework::{
    ArrayVolume, ArrayVolumeName, DeleteGroup, DiscardVolume, DriverError, EnsureGroup, ErrorKind,
    GetReplication, GroupRef, ListPoints, MaterializeVolume, OverwriteVolume, Point,
    ReplicationMode, ResolveVolume, Result, SetGroupVolumes, StartReplication, StorageDriver,
    SuspendGroup, TransferState,
};

use crate::fabric::{A, B, Fabric, GROUP};

/// The Cinder volumes on the first array, and their copies on the second.
pub(crate) const ORIGINALS: [&str; 2] = [
    "11111111-0000-4000-8000-000000000001",
    "22222222-0000-4000-8000-000000000002",
];
pub(crate) const COPIES: [&str; 2] = [
    "33333333-0000-4000-8000-000000000003",
    "44444444-0000-4000-8000-000000000004",
];
/// No step needs more beginnings than this after one misfortune.
const TRIES: usize = 4;

/// What Cinder calls a volume on its array.
pub(crate) fn cinder(id: &str) -> String {
    format!("volume-{id}-cinder")
}

fn other(array: &'static str) -> &'static str {
    if array == A { B } else { A }
}

/// Two volumes on the first array and what was written to them.
pub(crate) struct World {
    pub(crate) fabric: Fabric,
    pub(crate) serials: [String; 2],
    mode: ReplicationMode,
    /// The instances of an engine that has not been restarted.
    drivers: Mutex<BTreeMap<&'static str, Arc<dyn StorageDriver>>>,
    /// After how many calls to the arrays the engine dies.
    doom: Mutex<Option<usize>>,
    /// The names of the groups' volumes as a document has them, by serial.
    names: Mutex<BTreeMap<String, ArrayVolumeName>>,
}

impl World {
    pub(crate) async fn new(mode: ReplicationMode) -> Self {
        let fabric = Fabric::new().await;
        let serials = [
            fabric.volume(A, &cinder(ORIGINALS[0]), b"one").await,
            fabric.volume(A, &cinder(ORIGINALS[1]), b"two").await,
        ];
        Self {
            fabric,
            serials,
            mode,
            drivers: Mutex::default(),
            doom: Mutex::default(),
            names: Mutex::default(),
        }
    }

    /// Lets the engine die with the answer of this call unread, counted over both arrays from now.
    pub(crate) fn doom(&self, call: usize) {
        self.fabric.control().clear_calls();
        *self.doom.lock().unwrap() = Some(call);
    }

    /// Whether the engine is still to die.
    pub(crate) fn is_doomed(&self) -> bool {
        self.doom.lock().unwrap().is_some()
    }

    /// Lets the engine live.
    pub(crate) fn spare(&self) {
        *self.doom.lock().unwrap() = None;
    }

    fn dies_now(&self) -> bool {
        let calls = self.fabric.control().call_count();
        let mut doom = self.doom.lock().unwrap();
        doom.take_if(|call| calls >= *call).is_some()
    }

    fn driver(&self, at: &'static str) -> Arc<dyn StorageDriver> {
        let mut drivers = self.drivers.lock().unwrap();
        Arc::clone(drivers.entry(at).or_insert_with(|| self.fabric.driver(at)))
    }

    /// As if the engine had died: nothing that it knew is left.
    pub(crate) fn restart(&self) {
        self.drivers.lock().unwrap().clear();
    }

    /// Runs a verb; `None` where its caller dies in it.
    async fn lives<T>(&self, verb: impl Future<Output = T>) -> Option<T> {
        let mut verb = std::pin::pin!(self.fabric.going(verb));
        poll_fn(|cx| match self.dies_now() {
            true => Poll::Ready(None),
            false => verb.as_mut().poll(cx).map(Some),
        })
        .await
    }

    /// Runs one step as an engine does: after its death, or a failure that may pass, by a new
    /// instance.
    async fn step<T, F: Future<Output = Result<T>>>(
        &self,
        at: &'static str,
        step: impl Fn(Arc<dyn StorageDriver>) -> F,
    ) -> Result<T> {
        let mut last = DriverError::conflict("never tried");
        for _ in 0..TRIES {
            match self.lives(step(self.driver(at))).await {
                None => last = DriverError::conflict("the engine died"),
                Some(Err(error)) if error.is_transient() => last = error,
                Some(ended) => return ended,
            }
            self.restart();
        }
        Err(last)
    }

    /// The volumes of these Cinder volumes, by their names of now.
    pub(crate) async fn present(&self, at: &'static str, ids: &[&str]) -> Result<Vec<ArrayVolume>> {
        let f = &self.fabric;
        let mut found = Vec::new();
        for id in ids {
            let ask = async |d: Arc<dyn StorageDriver>| {
                d.resolve_volume(&f.ctx(), ResolveVolume::new(*id)).await
            };
            found.push(self.step(at, ask).await?);
        }
        Ok(found)
    }

    /// Writes to the beginning of a Cinder volume.
    pub(crate) async fn write(&self, at: &'static str, id: &str, bytes: &[u8]) -> Result<()> {
        let volume = self.present(at, &[id]).await?.remove(0);
        let control = self.fabric.control();
        control
            .write_volume(at, volume.name.as_str(), 0, bytes)
            .unwrap();
        Ok(())
    }

    pub(crate) async fn set_up(&self, from: &'static str, ids: &[&str]) -> Result<()> {
        let f = &self.fabric;
        self.step(from, async |d| {
            let request = EnsureGroup::new(GROUP, self.mode, f.identity(other(from)));
            d.ensure_group(&f.step("ensure"), request.interval_seconds(3600_u64))
                .await
        })
        .await?;
        let volumes = self.present(from, ids).await?;
        let names: Vec<_> = volumes.into_iter().map(|volume| volume.name).collect();
        let status = self
            .step(from, async |d| {
                let request = SetGroupVolumes::new(GROUP, names.clone());
                d.set_group_volumes(&f.step("set"), request).await
            })
            .await?;
        let held = status
            .volumes
            .into_iter()
            .map(|held| (held.serial.to_string(), held.name));
        self.names.lock().unwrap().extend(held);
        Ok(())
    }

    pub(crate) async fn replicate(&self, from: &'static str, point: &str) -> Result<()> {
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
            f.clock.advance(Duration::from_secs(1));
        }
        Err(DriverError::conflict("the point does not arrive"))
    }

    /// The points of the group that an array sends, as it has them itself.
    pub(crate) async fn own_points(&self, at: &'static str) -> Result<Vec<Point>> {
        let f = &self.fabric;
        let local = GroupRef::Local { name: GROUP.into() };
        self.step(at, async |d| {
            d.list_points(&f.ctx(), ListPoints::new(local.clone()))
                .await
        })
        .await
    }

    /// The points that an array has received from the other one.
    pub(crate) async fn points(&self, at: &'static str) -> Result<Vec<Point>> {
        let f = &self.fabric;
        self.step(at, async |d| {
            d.list_points(&f.ctx(), ListPoints::new(f.replica(other(at))))
                .await
        })
        .await
    }

    pub(crate) async fn copy(
        &self,
        at: &'static str,
        point: &str,
        slot: usize,
        name: &str,
    ) -> Result<ArrayVolume> {
        let f = &self.fabric;
        self.step(at, async |d| {
            let source = self.serials[slot].as_str();
            let request = MaterializeVolume::new(f.replica(other(at)), point, source, name);
            d.materialize_volume(&f.step(name), request).await
        })
        .await
    }

    /// Copies of both volumes, as Cinder then has them.
    pub(crate) async fn copies(&self, at: &'static str, point: &str) -> Result<()> {
        for (slot, id) in COPIES.into_iter().enumerate() {
            self.copy(at, point, slot, &cinder(id)).await?;
        }
        Ok(())
    }

    async fn overwrite(&self, at: &'static str, point: &str, slot: usize) -> Result<()> {
        let f = &self.fabric;
        let from = self.present(other(at), &[COPIES[slot]]).await?.remove(0);
        // As an engine does: it bears another name while it is written, and was found before.
        let name = match self.present(at, &[ORIGINALS[slot]]).await {
            Ok(mut found) => found.remove(0).name,
            Err(error) if error.kind == ErrorKind::NotFound => self.known_name(slot),
            Err(error) => return Err(error),
        };
        self.step(at, async |d| {
            let serial = self.serials[slot].as_str();
            let replica = f.replica(other(at));
            let request = OverwriteVolume::new(replica, point, &from.serial, &name, serial);
            d.overwrite_volume(&f.step(&cinder(ORIGINALS[slot])), request)
                .await
        })
        .await?;
        Ok(())
    }

    fn known_name(&self, slot: usize) -> ArrayVolumeName {
        self.names.lock().unwrap()[&self.serials[slot]].clone()
    }

    pub(crate) async fn suspend(&self, at: &'static str) -> Result<()> {
        let f = &self.fabric;
        self.step(at, async |d| {
            d.suspend_group(&f.step("suspend"), SuspendGroup::new(GROUP))
                .await
        })
        .await
    }

    pub(crate) async fn discard(&self, at: &'static str, volume: &ArrayVolume) -> Result<()> {
        let f = &self.fabric;
        self.step(at, async |d| {
            let request = DiscardVolume::new(&volume.name, &volume.serial);
            d.discard_volume(&f.step("discard"), request).await
        })
        .await
    }

    /// Deletes the group that an array sends.
    pub(crate) async fn delete_here(&self, from: &'static str) -> Result<()> {
        let f = &self.fabric;
        let local = GroupRef::Local { name: GROUP.into() };
        self.step(from, async |d| {
            d.delete_group(&f.ctx(), DeleteGroup::new(local.clone()))
                .await
        })
        .await
    }

    /// Deletes the group that an array sends, and what the other one has received of it.
    pub(crate) async fn delete(&self, from: &'static str) -> Result<()> {
        let f = &self.fabric;
        self.delete_here(from).await?;
        self.step(other(from), async |d| {
            d.delete_group(&f.ctx(), DeleteGroup::new(f.replica(from)))
                .await
        })
        .await
    }

    /// The way out, of a group that has sent a point: what was written last is on the second array.
    pub(crate) async fn move_out(&self) -> Result<()> {
        self.write(A, ORIGINALS[0], b"last").await?;
        self.replicate(A, "final").await?;
        self.suspend(A).await?;
        self.copies(B, "final").await
    }

    /// The copies are protected by the first array.
    pub(crate) async fn reverse(&self) -> Result<()> {
        self.set_up(B, &COPIES).await?;
        self.replicate(B, "reverse").await
    }

    /// The way home: the originals take over what was written to the copies last.
    pub(crate) async fn move_home(&self) -> Result<()> {
        for copy in COPIES {
            self.write(B, copy, b"away").await?;
        }
        self.replicate(B, "back").await?;
        for slot in [0, 1] {
            self.overwrite(A, "back", slot).await?;
        }
        self.suspend(B).await?;
        self.set_up(A, &ORIGINALS).await?;
        self.replicate(A, "again").await
    }

    /// Nothing of the copies is left.
    pub(crate) async fn clean_up(&self, copies: &[ArrayVolume]) -> Result<()> {
        self.delete(B).await?;
        for copy in copies {
            self.discard(B, copy).await?;
        }
        Ok(())
    }

    /// The first bytes of what these Cinder volumes hold.
    pub(crate) async fn holds(&self, at: &'static str, ids: &[&str]) -> Vec<Vec<u8>> {
        let volumes = self.present(at, ids).await.unwrap();
        volumes
            .iter()
            .map(|volume| self.fabric.read(at, volume.name.as_str(), 4))
            .collect()
    }

    /// The names of an array's live volumes, without what they lie in.
    pub(crate) async fn volumes(&self, at: &str) -> Vec<String> {
        let mut names = self.fabric.volumes(at).await;
        for name in &mut names {
            if let Some((_, base)) = name.split_once("::") {
                *name = base.to_owned();
            }
        }
        names.sort();
        names
    }

    /// The live volumes of an array that are in no pod.
    pub(crate) async fn in_root(&self, at: &str) -> Vec<String> {
        let mut names = self.fabric.volumes(at).await;
        names.retain(|name| !name.contains("::"));
        names
    }
}
