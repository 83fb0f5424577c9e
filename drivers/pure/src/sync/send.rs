//! A synchronous group at its source.

use protector_framework::{
    DriverError, EnsureGroup, ErrorKind, GroupStatus, GroupVolume, PointName, Result, Transfer,
    TransferState,
};
use serde_json::json;

use super::{inside, own_pod, pod};
use crate::book::{self, Book};
use crate::client::{Call, refused_is_looked_at};
use crate::group::{DEFAULT_KEEP, Sent, destroy_snapshot, unknown};
use crate::names;
use crate::points;
use crate::side::identity;
use crate::wire::{Volume, time};

impl Sent<'_> {
    /// Notes the group's form on both arrays. The pod is made and stretched with its first volumes:
    /// nothing can be moved into a stretched one.
    pub(crate) async fn ensure_sync(&mut self, req: &EnsureGroup) -> Result<()> {
        let me = identity(&self.me);
        let mut far = Book::open(self.far, &me, self.group).await?;
        far.write(self.far, book::form(&req.target, req.mode))
            .await?;
        if let Some(pod) = self.book.pod().map(str::to_owned) {
            let wanted = self.wanted().await?;
            self.ensure_pod(&pod, &wanted).await?;
            pod::schedule(self.own, &inside(&pod, self.group), req.interval_seconds).await?;
        }
        let interval = req.interval_seconds.unwrap_or_default();
        self.book.write(self.own, [book::interval(interval)]).await
    }

    /// Sets the volumes to exactly these.
    pub(crate) async fn set_volumes_sync(&mut self, asked: &[&str]) -> Result<GroupStatus> {
        let wanted = self.named_or_moved(asked).await?;
        let wanted = wanted.as_slice();
        let pod = self.pod_for(wanted)?;
        // Where the group's points are is known on both arrays before the first can be taken.
        let mut far = Book::open(self.far, &identity(&self.me), self.group).await?;
        far.write(self.far, [book::pod(&pod)]).await?;
        self.book.write(self.own, [book::pod(&pod)]).await?;
        self.remember(wanted).await?;
        self.ensure_pod(&pod, wanted).await?;
        let interval = self.book.interval();
        pod::schedule(self.own, &inside(&pod, self.group), interval).await?;
        self.status_sync(wanted).await
    }

    /// The volumes of these names. An earlier call may have moved some from the array's root into the
    /// driver's own pod.
    async fn named_or_moved(&self, asked: &[&str]) -> Result<Vec<Volume>> {
        match self.own.live_volumes(asked).await {
            Err(error) if error.kind == ErrorKind::NotFound => {}
            other => return other,
        }
        let pod = own_pod(&self.me.id, self.group);
        let mut present = Vec::new();
        for name in asked {
            let moved = format!("{pod}::{name}");
            let is_there = match names::container(name).is_empty() {
                true => self.own.volume(&moved).await?.is_some_and(|v| !v.destroyed),
                false => false,
            };
            present.push(if is_there { moved } else { (*name).to_owned() });
        }
        let present: Vec<&str> = present.iter().map(String::as_str).collect();
        self.own.live_volumes(&present).await
    }

    /// The one pod that holds them, or the driver's own for those that are in none.
    fn pod_for(&self, wanted: &[Volume]) -> Result<String> {
        let own = own_pod(&self.me.id, self.group);
        let mut pods: Vec<&str> = wanted.iter().map(|v| v.pod.name.as_str()).collect();
        pods.sort_unstable();
        pods.dedup();
        match pods.as_slice() {
            [] => Ok(self.book.pod().map_or(own, str::to_owned)),
            [""] => Ok(own),
            [pod] => Ok((*pod).to_owned()),
            ["", pod] if names::same(pod, &own) => Ok(own),
            several => Err(DriverError::new(
                ErrorKind::InvalidRequest,
                format!(
                    "the volumes of synchronous group `{}` are in several places ({}); points of \
                     all of them at one moment need one pod",
                    self.group,
                    several
                        .iter()
                        .map(|pod| if pod.is_empty() {
                            "the array's root"
                        } else {
                            pod
                        })
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            )),
        }
    }

    /// The pod with these volumes, on both arrays, and the group inside it.
    async fn ensure_pod(&mut self, name: &str, wanted: &[Volume]) -> Result<()> {
        let target = self.book.target().ok_or_else(|| unknown(self.group))?;
        let there = self.target_name().await?;
        let inner = inside(name, self.group);
        let is_own = names::same(name, &own_pod(&self.me.id, self.group));
        if is_own {
            if pod::find(self.own, name)
                .await?
                .is_some_and(|pod| pod.destroyed)
            {
                // What was in it may come back with it.
                self.note_former(&inner).await?;
            }
            let pod = pod::ensure(self.own, name, &self.me).await?;
            let outside: Vec<&Volume> = wanted
                .iter()
                .filter(|volume| !names::same(&volume.pod.name, name))
                .collect();
            if !outside.is_empty() && pod::part(&pod, target.id.as_str(), &there).is_some() {
                // The array's rule: a stretched pod takes no volumes in. The other array keeps what
                // it has and gets the rest when it is back.
                pod::unstretch(self.own, &pod, &self.me, &there).await?;
            }
            for volume in outside {
                pod::moved(self.own, volume, name).await?;
            }
        } else if !wanted.is_empty() && !self.is_stretched(name).await? {
            return Err(DriverError::conflict(format!(
                "pod `{name}` holds volumes of synchronous group `{}` and is not on array \
                 `{there}`; it is not the driver's own, so stretch it to there first",
                self.group
            )));
        }
        self.ensure_group(&inner).await?;
        // Moved volumes have another name now.
        let present = self.wanted().await?;
        let members = self.without_strangers(&inner, &present).await?;
        let new: Vec<&Volume> = present
            .iter()
            .filter(|volume| members.iter().all(|one| one.member.id != volume.id))
            .collect();
        self.add(&inner, &new).await?;
        if is_own && !present.is_empty() && !self.is_stretched(name).await? {
            pod::stretch(self.own, name, target.id.as_str(), &there).await?;
        }
        Ok(())
    }

    /// Whether the target is one of the pod's arrays.
    async fn is_stretched(&self, pod: &str) -> Result<bool> {
        let target = self.book.target().ok_or_else(|| unknown(self.group))?;
        let there = self.target_name().await?;
        let pod = pod::find(self.own, pod).await?;
        Ok(pod.is_some_and(|pod| pod::part(&pod, target.id.as_str(), &there).is_some()))
    }

    /// The group as it is.
    pub(crate) async fn status_sync(&mut self, wanted: &[Volume]) -> Result<GroupStatus> {
        let target = self.book.target().ok_or_else(|| unknown(self.group))?;
        let serials: Vec<&str> = wanted.iter().map(|v| v.serial.as_str()).collect();
        let present = match serials.is_empty() {
            true => Vec::new(),
            false => self.own.volumes_by_serial(&serials).await?,
        };
        let Some(pod) = self.book.pod().map(str::to_owned) else {
            return Ok(GroupStatus::new(self.group, target, Vec::new(), false));
        };
        let whole = self.is_whole(&pod).await?;
        let inner = inside(&pod, self.group);
        let scheduled = self
            .own
            .group(&inner)
            .await?
            .is_some_and(|group| !group.destroyed && group.snapshot_schedule.enabled);
        let volumes: Vec<GroupVolume> = present
            .iter()
            .map(|volume| GroupVolume::new(volume.name.as_str(), volume.serial.as_str(), whole))
            .collect();
        let any = whole && !present.is_empty();
        let newest = any.then(|| self.own.now(&self.me));
        Ok(GroupStatus::new(self.group, target, volumes, scheduled).last_complete_at(newest))
    }

    /// Whether the target has all of the pod.
    async fn is_whole(&self, pod: &str) -> Result<bool> {
        let target = self.book.target().ok_or_else(|| unknown(self.group))?;
        let there = self.target_name().await?;
        let pod = pod::find(self.own, pod).await?;
        Ok(pod.is_some_and(|pod| pod::is_whole_at(&pod, target.id.as_str(), &there)))
    }

    /// Takes a point unless it is there. Both arrays have it at once.
    pub(crate) async fn start_sync(&self, point: &PointName, suffix: &str) -> Result<Transfer> {
        let inner = self.inner()?;
        let name = format!("{inner}.{suffix}");
        if self.own.group_snapshot(&name).await?.is_none() {
            let call = Call::post("protection-group-snapshots")
                .with("source_names", &inner)
                .json(json!({"suffix": suffix}));
            refused_is_looked_at(self.own.send(call).await)?;
        }
        let transfer = self.transfer_sync(point, suffix).await?;
        self.prune_sync(&inner).await?;
        Ok(transfer)
    }

    /// Whether the other array has a point too.
    pub(crate) async fn transfer_sync(&self, point: &PointName, suffix: &str) -> Result<Transfer> {
        let inner = self.inner()?;
        let taken = self
            .own
            .group_snapshot(&format!("{inner}.{suffix}"))
            .await?;
        let taken = taken.filter(|taken| !taken.destroyed).ok_or_else(|| {
            DriverError::not_found(format!("point `{point}` of array group `{}`", self.group))
        })?;
        let pod = self.book.pod().ok_or_else(|| unknown(self.group))?;
        let state = match self.is_whole(pod).await? {
            true => TransferState::Complete,
            false => TransferState::Stalled,
        };
        Ok(Transfer::new(point, state, time(taken.created), 0_u64))
    }

    fn inner(&self) -> Result<String> {
        let pod = self.book.pod().ok_or_else(|| {
            DriverError::conflict(format!("array group `{}` has no volumes yet", self.group))
        })?;
        Ok(inside(pod, self.group))
    }

    async fn prune_sync(&self, inner: &str) -> Result<()> {
        let keep = self.book.keep().unwrap_or(DEFAULT_KEEP).max(1);
        let all = points::taken(self.own, inner, None).await?;
        let beyond = all.len().saturating_sub(keep);
        for old in all.iter().take(beyond) {
            destroy_snapshot(self.own, &old.snapshot.name).await?;
        }
        Ok(())
    }
}
