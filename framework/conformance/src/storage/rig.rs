//! A bench with two drivers on it, and what cases do again and again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    ArrayGroupName, ArrayIdentity, ArrayVolume, ArrayVolumeName, ArrayVolumeSerial, CallCtx, Clock,
    DeleteGroup, DriverError, EnsureGroup, ErrorKind, GenericUuid as _, GetGroup, GetReplication,
    GroupRef, GroupStatus, Ids as _, ListPoints, MaterializeVolume, OperationId, PinPoint, Point,
    PointName, RandomIds, ReplicationMode, ResolveVolume, SecretString, SetGroupVolumes,
    StartReplication, StorageCapabilities, StorageDriver, Transfer, TransferState, VolumeId,
};

use crate::plague::Stand;
use crate::pulse::Pulse;
use crate::storage::bench::{Bench, Benches, Cut, Facility, NewName, Side};
use crate::storage::case::{Broken, Outcome, check};
use crate::storage::driven::Driven;

/// The size of the volumes that the suite makes.
pub(crate) const SIZE: u64 = 1 << 20;
/// What is written at either end of a volume.
const WRITTEN: usize = 4096;
/// How often a wait looks, and how much time passes between two looks.
const LOOKS: u32 = 900;
const PAUSE: Duration = Duration::from_secs(1);
/// How long a call that is never answered may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The kinds with which what has not wholly arrived is refused: the point is there and not
/// complete, or it is not there yet.
pub(crate) const NOT_USABLE: &[ErrorKind] = &[ErrorKind::Conflict, ErrorKind::NotFound];

/// Two arrays and a driver for each, for one case.
pub struct Rig {
    pub(crate) bench: Arc<dyn Bench>,
    pub(crate) source: Arc<dyn StorageDriver>,
    pub(crate) target: Arc<dyn StorageDriver>,
    facilities: Vec<Facility>,
    pulse: Arc<Pulse>,
    identities: [ArrayIdentity; 2],
    operation: OperationId,
    /// The groups that the case has named, to remove them.
    groups: Mutex<BTreeSet<ArrayGroupName>>,
}

/// A Cinder volume on an array.
#[derive(Debug, Clone)]
pub(crate) struct Vol {
    pub(crate) id: VolumeId,
    pub(crate) name: ArrayVolumeName,
    pub(crate) serial: ArrayVolumeSerial,
    pub(crate) label: String,
}

impl Rig {
    pub(crate) async fn new(benches: &dyn Benches) -> Outcome<Self> {
        let bench = benches.bench().await?;
        let identities = [
            bench.identity(Side::Source).await?,
            bench.identity(Side::Target).await?,
        ];
        let ticking = Arc::clone(&bench);
        let pulse = Arc::new(Pulse::new(move || {
            let bench = Arc::clone(&ticking);
            Box::pin(async move { bench.tick().await })
        }));
        let driven = |side| -> Outcome<Arc<dyn StorageDriver>> {
            Ok(Arc::new(Driven::new(
                bench.driver(side)?,
                Arc::clone(&pulse),
            )))
        };
        Ok(Self {
            source: driven(Side::Source)?,
            target: driven(Side::Target)?,
            facilities: benches.facilities(),
            pulse,
            identities,
            operation: OperationId::from_untyped_uuid(RandomIds.uuid()),
            groups: Mutex::default(),
            bench,
        })
    }

    /// A further instance of a side's driver, as after a crash.
    pub(crate) fn restarted(&self, side: Side) -> Outcome<Arc<dyn StorageDriver>> {
        let inner = self.bench.driver(side)?;
        Ok(Arc::new(Driven::new(inner, Arc::clone(&self.pulse))))
    }

    /// A driver whose secret the array refuses.
    pub(crate) fn intruder(&self, side: Side) -> Outcome<Arc<dyn StorageDriver>> {
        let inner = self.bench.intruder(side)?;
        Ok(Arc::new(Driven::new(inner, Arc::clone(&self.pulse))))
    }

    pub(crate) fn driver(&self, side: Side) -> &dyn StorageDriver {
        match side {
            Side::Source => &*self.source,
            Side::Target => &*self.target,
        }
    }

    pub(crate) fn can(&self) -> StorageCapabilities {
        self.source.capabilities()
    }

    pub(crate) fn identity(&self, side: Side) -> ArrayIdentity {
        self.identities[usize::from(side == Side::Target)].clone()
    }

    pub(crate) fn operation(&self) -> OperationId {
        self.operation
    }

    /// A call outside any operation.
    pub(crate) fn ctx(&self) -> CallCtx {
        CallCtx::new(RandomIds.request_id(), CallCtx::MAX_DEADLINE)
    }

    /// A call of a step; the same key is the same call.
    pub(crate) fn step(&self, key: &str) -> CallCtx {
        self.ctx().for_step(self.operation, key, 1)
    }

    /// The same step of another operation.
    pub(crate) fn step_of_another(&self, key: &str) -> CallCtx {
        let operation = OperationId::from_untyped_uuid(RandomIds.uuid());
        self.ctx().for_step(operation, key, 1)
    }

    /// A name that nothing else has.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.bench.namespace())
    }

    /// The name of the group that most cases use.
    pub(crate) fn group(&self) -> ArrayGroupName {
        self.group_named("kit-group")
    }

    pub(crate) fn group_named(&self, name: &str) -> ArrayGroupName {
        let group = ArrayGroupName::from(self.name(name));
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.insert(group.clone());
        group
    }

    /// The groups that the case has named.
    pub(super) fn groups(&self) -> BTreeSet<ArrayGroupName> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.clone()
    }

    pub(super) fn has(&self, facility: Facility) -> bool {
        self.facilities.contains(&facility)
    }

    /// A group as its source has it.
    pub(crate) fn local(&self, group: &ArrayGroupName) -> GroupRef {
        GroupRef::Local {
            name: group.clone(),
        }
    }

    /// What the target has received of a group of the source.
    pub(crate) fn replica(&self, group: &ArrayGroupName) -> GroupRef {
        self.received(group, Side::Source)
    }

    /// What has been received of a group of `from`.
    pub(crate) fn received(&self, group: &ArrayGroupName, from: Side) -> GroupRef {
        GroupRef::Replica {
            name: group.clone(),
            source: self.identity(from),
        }
    }

    pub(crate) async fn pass(&self, time: Duration) -> Outcome {
        Ok(self.bench.pass(time).await?)
    }
}

/// The arrays are a bench's own and wait for nothing: a call that fails though nothing has gone wrong is
/// a broken promise.
#[async_trait]
impl Stand for Rig {
    type Driver = dyn StorageDriver;
    type Place = Side;

    const PATIENCE: usize = 0;
    const ROUNDS: u64 = 4;

    fn called(at: Side) -> Vec<Side> {
        vec![at, at.other()]
    }

    fn restarted(&self, at: Side) -> Outcome<Arc<dyn StorageDriver>> {
        self.restarted(at)
    }

    fn step(&self, key: &str) -> CallCtx {
        self.step(key)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.bench.clock()
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    async fn arm(&self, at: Side, cut: Option<Cut>) -> Outcome {
        Ok(self.bench.arm(at, cut).await?)
    }

    fn calls(&self, at: Side) -> Outcome<u64> {
        Ok(self.bench.calls(at)?)
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.bench.secrets()
    }

    async fn pause(&self) -> Outcome {
        self.pass(PAUSE).await
    }
}

/// Volumes and their bytes.
impl Rig {
    /// A Cinder volume of [`SIZE`] that holds `label`.
    pub(crate) async fn volume(&self, side: Side, label: &str) -> Outcome<Vol> {
        self.volume_sized(side, label, SIZE).await
    }

    pub(crate) async fn volume_sized(&self, side: Side, label: &str, size: u64) -> Outcome<Vol> {
        let id = VolumeId::from(RandomIds.uuid().to_string());
        let name = NewName::Cinder(id.clone());
        let name = self.bench.create_volume(side, name, size).await?;
        self.write(side, &name, label).await?;
        let found = self
            .driver(side)
            .resolve_volume(&self.ctx(), ResolveVolume::new(&id))
            .await?;
        Ok(Vol {
            id,
            name,
            serial: found.serial,
            label: label.to_owned(),
        })
    }

    /// Several volumes of the source, each with content of its own.
    pub(crate) async fn volumes(&self, labels: &[&str]) -> Outcome<Vec<Vol>> {
        let mut all = Vec::new();
        for label in labels {
            all.push(self.volume(Side::Source, label).await?);
        }
        Ok(all)
    }

    /// A volume that Cinder does not know, of [`SIZE`], that holds `label`.
    pub(crate) async fn plain_volume(&self, side: Side, name: &str) -> Outcome<ArrayVolumeName> {
        let plain = NewName::Plain(self.name(name));
        let made = self.bench.create_volume(side, plain, SIZE).await?;
        self.write(side, &made, name).await?;
        Ok(made)
    }

    /// Writes `label` to both ends of a volume of [`SIZE`] or more.
    pub(crate) async fn write(&self, side: Side, name: &ArrayVolumeName, label: &str) -> Outcome {
        let bytes = pattern(label);
        self.bench.write(side, name, 0, &bytes).await?;
        let end = SIZE - WRITTEN as u64;
        self.bench.write(side, name, end, &bytes).await?;
        Ok(())
    }

    /// Checks that the first [`SIZE`] bytes of a volume are `label` at both ends and zeros between.
    pub(crate) async fn holds(&self, side: Side, name: &ArrayVolumeName, label: &str) -> Outcome {
        let bytes = self.bench.read(side, name, 0, length()).await?;
        let mut wanted = vec![0; length()];
        let pattern = pattern(label);
        wanted[..WRITTEN].copy_from_slice(&pattern);
        wanted[length() - WRITTEN..].copy_from_slice(&pattern);
        if bytes == wanted {
            return Ok(());
        }
        let at = bytes.iter().zip(&wanted).position(|(a, b)| a != b);
        let start: String = bytes.iter().take(24).map(|b| char::from(*b)).collect();
        Err(Broken(format!(
            "volume `{name}` on the {side:?} was to hold `{label}`: {} bytes read, the first \
             difference at {at:?}, it begins with {start:?}",
            bytes.len()
        )))
    }

    /// Checks that a volume of one side holds the same bytes as one of the other.
    pub(crate) async fn same(&self, a: &ArrayVolumeName, b: &ArrayVolumeName) -> Outcome {
        let here = self.bench.read(Side::Source, a, 0, length()).await?;
        let there = self.bench.read(Side::Target, b, 0, length()).await?;
        check!(
            here == there,
            "`{a}` on the source and `{b}` on the target were to hold the same bytes"
        );
        Ok(())
    }

    /// The names of all volumes of a side, sorted.
    pub(crate) async fn names(&self, side: Side) -> Outcome<Vec<ArrayVolumeName>> {
        let mut names = self.bench.volumes(side).await?;
        names.sort();
        Ok(names)
    }
}

/// What there is beside volumes.
impl Rig {
    /// What a side holds beside volumes, sorted.
    pub(crate) async fn holdings(&self, side: Side) -> Outcome<Vec<String>> {
        let mut held = self.bench.holdings(side).await?;
        held.sort();
        Ok(held)
    }

    /// Checks that a side holds what it held, beside volumes.
    pub(crate) async fn holds_only(&self, side: Side, before: &[String]) -> Outcome {
        let held = self.holdings(side).await?;
        check!(
            held == before,
            "the {side:?} held {before:?} beside volumes, and holds {held:?}"
        );
        Ok(())
    }

    pub(crate) async fn delete(&self, side: Side, group: GroupRef) -> Outcome {
        let request = DeleteGroup::new(group);
        Ok(self.driver(side).delete_group(&self.ctx(), request).await?)
    }

    /// Deletes a group of the source, and what the target has received of it.
    pub(crate) async fn delete_both(&self, group: &ArrayGroupName) -> Outcome {
        self.delete(Side::Source, self.local(group)).await?;
        self.delete(Side::Target, self.replica(group)).await
    }

    /// Keeps a received point of the default group for a holder.
    pub(crate) async fn pin(&self, point: &str, holder: &str) -> Outcome {
        let request = PinPoint::new(self.replica(&self.group()), point, holder);
        Ok(self.target.pin_point(&self.ctx(), request).await?)
    }

    /// Lets that point go.
    pub(crate) async fn unpin(&self, point: &str, holder: &str) -> Outcome {
        let request = PinPoint::new(self.replica(&self.group()), point, holder);
        Ok(self.target.unpin_point(&self.ctx(), request).await?)
    }
}

/// Groups and points.
impl Rig {
    /// A group of the source that sends to the target.
    pub(crate) fn ensure(&self, group: &ArrayGroupName) -> EnsureGroup {
        EnsureGroup::new(group, ReplicationMode::Async, self.identity(Side::Target))
    }

    /// Makes a group of these volumes, all of them seeded.
    pub(crate) async fn protect(&self, group: &ArrayGroupName, volumes: &[Vol]) -> Outcome {
        self.protect_as(self.ensure(group), volumes).await
    }

    pub(crate) async fn protect_as(&self, ensure: EnsureGroup, volumes: &[Vol]) -> Outcome {
        let group = ensure.group.clone();
        self.source.ensure_group(&self.ctx(), ensure).await?;
        self.set(&group, volumes).await?;
        self.send(&group, "seed").await?;
        self.seeded(&group).await
    }

    /// The default group with volumes of these labels, seeded, and the point `p1` complete.
    pub(crate) async fn sent(&self, labels: &[&str]) -> Outcome<Vec<Vol>> {
        let volumes = self.volumes(labels).await?;
        let group = self.group();
        self.protect(&group, &volumes).await?;
        self.send(&group, "p1").await?;
        Ok(volumes)
    }

    pub(crate) async fn set(
        &self,
        group: &ArrayGroupName,
        volumes: &[Vol],
    ) -> Outcome<GroupStatus> {
        let names: Vec<_> = volumes.iter().map(|volume| volume.name.clone()).collect();
        let request = SetGroupVolumes::new(group, names);
        Ok(self.source.set_group_volumes(&self.ctx(), request).await?)
    }

    pub(crate) async fn status(&self, group: &ArrayGroupName) -> Outcome<GroupStatus> {
        Ok(self
            .source
            .get_group(&self.ctx(), GetGroup::new(group))
            .await?)
    }

    /// Waits until the first copies of all volumes of a group have arrived.
    pub(crate) async fn seeded(&self, group: &ArrayGroupName) -> Outcome {
        for _ in 0..LOOKS {
            let status = self.status(group).await?;
            if status.volumes.iter().all(|volume| volume.seeded) {
                return Ok(());
            }
            self.pass(PAUSE).await?;
        }
        Err(Broken(format!(
            "the volumes of group `{group}` are not seeded after {LOOKS} s"
        )))
    }

    pub(crate) async fn start(&self, group: &ArrayGroupName, point: &str) -> Outcome<Transfer> {
        let request = StartReplication::new(group, point);
        Ok(self.source.start_replication(&self.ctx(), request).await?)
    }

    pub(crate) async fn transfer(&self, group: &ArrayGroupName, point: &str) -> Outcome<Transfer> {
        let request = GetReplication::new(group, point);
        Ok(self.source.get_replication(&self.ctx(), request).await?)
    }

    /// Takes a point of a group and waits until it is on the target. A moment passes after it, so
    /// that no two points are of the same time.
    pub(crate) async fn send(&self, group: &ArrayGroupName, point: &str) -> Outcome<Point> {
        self.start(group, point).await?;
        let arrived = self.arrive(group, point).await?;
        self.pass(PAUSE).await?;
        Ok(arrived)
    }

    /// Waits until a point that was started is complete, by its source and by its target.
    pub(crate) async fn arrive(&self, group: &ArrayGroupName, point: &str) -> Outcome<Point> {
        for _ in 0..LOOKS {
            if self.transfer(group, point).await?.state == TransferState::Complete {
                return self.complete(group, point).await;
            }
            self.pass(PAUSE).await?;
        }
        Err(Broken(format!(
            "point `{point}` of group `{group}` has not arrived after {LOOKS} s"
        )))
    }

    async fn complete(&self, group: &ArrayGroupName, point: &str) -> Outcome<Point> {
        let listed = self.received_points(group).await?;
        let Some(found) = listed.iter().find(|found| found.name.as_str() == point) else {
            return Err(Broken(format!(
                "point `{point}` is complete by its source and not on the target, which lists {:?}",
                shown(&listed)
            )));
        };
        check!(
            found.complete,
            "point `{point}` is complete by its source and not by its target"
        );
        Ok(found.clone())
    }

    /// The points of a group on the target.
    pub(crate) async fn received_points(&self, group: &ArrayGroupName) -> Outcome<Vec<Point>> {
        let request = ListPoints::new(self.replica(group));
        Ok(self.target.list_points(&self.ctx(), request).await?)
    }

    /// A received point that must be there.
    pub(crate) async fn point(&self, group: &ArrayGroupName, point: &str) -> Outcome<Point> {
        let listed = self.received_points(group).await?;
        let found = listed.iter().find(|found| found.name.as_str() == point);
        found.cloned().ok_or_else(|| {
            Broken(format!(
                "point `{point}` was to be on the target, which lists {:?}",
                shown(&listed)
            ))
        })
    }

    /// The names of the complete points that the target has received, oldest first.
    pub(crate) async fn complete_points(&self, group: &ArrayGroupName) -> Outcome<Vec<PointName>> {
        let listed = self.received_points(group).await?;
        Ok(listed
            .into_iter()
            .filter(|point| point.complete)
            .map(|point| point.name)
            .collect())
    }

    /// The request to make a volume on the target from a point of the default group.
    pub(crate) fn copy_of(&self, point: &str, volume: &Vol, name: &str) -> MaterializeVolume {
        let replica = self.replica(&self.group());
        MaterializeVolume::new(replica, point, &volume.serial, self.name(name))
    }

    /// Makes a volume on the target from a point of the default group.
    pub(crate) async fn copy(&self, point: &str, volume: &Vol, name: &str) -> Outcome<ArrayVolume> {
        let request = self.copy_of(point, volume, name);
        Ok(self
            .target
            .materialize_volume(&self.step(name), request)
            .await?)
    }
}

/// Refusals.
impl Rig {
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
        self.keeps_secrets(&error)?;
        Ok(error)
    }
}

fn length() -> usize {
    usize::try_from(SIZE).unwrap_or_default()
}

pub(crate) fn pattern(label: &str) -> Vec<u8> {
    format!("<{label}>").bytes().cycle().take(WRITTEN).collect()
}

/// Points in few words.
pub(crate) fn shown(points: &[Point]) -> Vec<String> {
    let words = |point: &Point| {
        let state = if point.complete {
            "complete"
        } else {
            "incomplete"
        };
        format!("{} ({state}, {} volumes)", point.name, point.volumes.len())
    };
    points.iter().map(words).collect()
}
