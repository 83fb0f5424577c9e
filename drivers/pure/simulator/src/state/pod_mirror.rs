//! What makes the arrays of a stretched pod hold the same.
//!
//! Each array has its own copy of all objects, with the same ids, serials and contents. After every
//! change on one array the others are made like it.

use std::collections::BTreeSet;

use super::error::Outcome;
use super::fabric::{At, Fabric};
use super::snapshot::SnapshotOf;
use crate::content::{Key, Manifest};

impl Fabric {
    /// Brings what an array has changed in its pods to the other arrays of these.
    pub(crate) fn mirror_from(&mut self, at: At) {
        let changed = |pod: &&super::pod::Pod| pod.is_stretched() && pod.online().any(|o| o == at);
        let pods: Vec<String> = self
            .pods
            .values()
            .filter(changed)
            .map(|pod| pod.id.clone())
            .collect();
        for pod in pods {
            self.mirror_pod(&pod, at);
        }
    }

    /// Brings what happened by itself, which happens on the first array of a pod.
    pub(super) fn mirror_pods(&mut self) {
        let stretched = self.pods.values().filter(|pod| pod.is_stretched());
        let pods: Vec<(String, At)> = stretched
            .filter_map(|pod| Some((pod.id.clone(), pod.online().next()?)))
            .collect();
        for (pod, at) in pods {
            self.mirror_pod(&pod, at);
        }
    }

    pub(super) fn mirror_pod(&mut self, id: &str, from: At) {
        let Some(pod) = self.pods.get(id) else {
            return;
        };
        let name = pod.name.clone();
        let others: Vec<At> = pod.online().filter(|at| *at != from).collect();
        for to in others {
            let done = self
                .mirror_volumes(&name, from, to)
                .and_then(|()| self.mirror_groups(&name, from, to))
                .and_then(|()| self.mirror_snapshots(&name, from, to));
            if let Err(error) = done {
                tracing::warn!(
                    error = error.message,
                    pod = name,
                    "a pod could not be mirrored"
                );
            }
        }
    }

    /// Brings what was written into a volume's file on another array of its pod.
    pub(crate) fn refresh(&mut self, at: At, id: &str) -> Outcome<()> {
        let Some(name) = self.volume(at, id).map(|volume| volume.name.clone()) else {
            return Ok(());
        };
        let Some(pod) = super::names::Scoped::parse(&name).pod else {
            return Ok(());
        };
        let online: Vec<At> = match self.pod(at, &pod) {
            Ok(pod) if pod.is_stretched() => pod.online().collect(),
            _ => return Ok(()),
        };
        let key = Key::Volume(name);
        for from in online
            .iter()
            .filter(|from| **from != at && online.contains(&at))
        {
            let written = self.arrays[*from].store.manifest(&key)?;
            if self
                .volume(*from, id)
                .is_some_and(|held| held.known != written)
            {
                self.receive(*from, at, &key, &key)?;
                if let Some(held) = self.arrays[*from].volumes.get_mut(id) {
                    held.known = written;
                }
            }
        }
        Ok(())
    }

    fn mirror_volumes(&mut self, pod: &str, from: At, to: At) -> Outcome<()> {
        let wanted: BTreeSet<String> = self.volumes_of_pod(from, pod).into_iter().collect();
        for gone in self.volumes_of_pod(to, pod) {
            if !wanted.contains(&gone) {
                self.forget_volume(to, &gone)?;
            }
        }
        for id in &wanted {
            let Some(volume) = self.volume(from, id).cloned() else {
                continue;
            };
            let held = self.volume(to, id).cloned();
            if held.is_some() {
                self.set_volume_name(to, id, &volume.name)?;
            }
            let like = held.is_some_and(|held| {
                held.known == volume.known && held.provisioned == volume.provisioned
            });
            if !like {
                let key = Key::Volume(volume.name.clone());
                self.receive(from, to, &key, &key)?;
            }
            let tags: Vec<_> = self.arrays[from]
                .tags
                .iter()
                .filter(|t| &t.volume == id)
                .cloned()
                .collect();
            let target = &mut self.arrays[to];
            target.tags.retain(|tag| &tag.volume != id);
            target.tags.extend(tags);
            target.volumes.insert(id.clone(), volume);
        }
        Ok(())
    }

    fn mirror_groups(&mut self, pod: &str, from: At, to: At) -> Outcome<()> {
        let wanted: BTreeSet<String> = self.groups_of_pod(from, pod).into_iter().collect();
        for gone in self.groups_of_pod(to, pod) {
            if !wanted.contains(&gone) {
                self.forget_group(to, &gone)?;
            }
        }
        for id in wanted {
            let Some(group) = self.group(from, &id).cloned() else {
                continue;
            };
            let points = self.arrays[from].points.values().filter(|p| p.group == id);
            let points: Vec<_> = points.cloned().collect();
            let kept: BTreeSet<String> = points.iter().map(|p| p.id.clone()).collect();
            let target = &mut self.arrays[to];
            target
                .points
                .retain(|_, p| p.group != id || kept.contains(&p.id));
            target
                .points
                .extend(points.into_iter().map(|p| (p.id.clone(), p)));
            target.groups.insert(id, group);
        }
        Ok(())
    }

    /// Snapshots of the pod's volumes and of its groups.
    fn mirror_snapshots(&mut self, pod: &str, from: At, to: At) -> Outcome<()> {
        let wanted = self.snapshots_of_pod(from, pod);
        for gone in self.snapshots_of_pod(to, pod).difference(&wanted) {
            self.forget_snapshot(to, gone)?;
        }
        for id in wanted {
            let Some(snapshot) = self.arrays[from].snapshots.get(&id).cloned() else {
                continue;
            };
            if !self.arrays[to].snapshots.contains_key(&id) {
                let key = Key::Snapshot(id.clone());
                self.receive(from, to, &key, &key)?;
            }
            self.arrays[to].snapshots.insert(id, snapshot);
        }
        Ok(())
    }

    fn snapshots_of_pod(&self, at: At, pod: &str) -> BTreeSet<String> {
        let volumes = self.volumes_of_pod(at, pod);
        let groups = self.groups_of_pod(at, pod);
        let within = |of: &SnapshotOf| match of {
            SnapshotOf::Volume { volume } => volumes.contains(volume),
            SnapshotOf::Point { point, .. } => {
                let point = self.arrays[at].points.get(point);
                // A point that the first pass took away leaves its parts without an owner.
                point.is_none_or(|point| groups.contains(&point.group))
            }
        };
        let snapshots = self.arrays[at].snapshots.values();
        snapshots
            .filter(|s| within(&s.of))
            .map(|s| s.id.clone())
            .collect()
    }

    /// Copies a content from one array to another.
    pub(super) fn receive(&mut self, from: At, to: At, key: &Key, into: &Key) -> Outcome<()> {
        if let Ok([sender, receiver]) = self.arrays.get_disjoint_mut([from, to]) {
            receiver.store.receive(&sender.store, key, into)?;
        }
        Ok(())
    }

    /// Bytes that an array lacks of a pod, given what it has kept of it or still holds.
    pub(super) fn bytes_to_resync(
        &self,
        from: At,
        to: At,
        pod: &str,
        leftover: Option<&str>,
    ) -> u64 {
        let known = BTreeSet::new();
        let leftover = leftover.and_then(|id| self.pods.get(id));
        let held: Vec<String> = self.volumes_of_pod(to, leftover.map_or(pod, |l| l.name.as_str()));
        let base = |id: &String| -> Option<&Manifest> {
            let id = held.iter().find(|held| *held == id)?;
            self.volume(to, id).map(|volume| &volume.known)
        };
        self.volumes_of_pod(from, pod)
            .iter()
            .filter_map(|id| Some(self.volume(from, id)?.known.bytes_since(base(id), &known)))
            .sum()
    }

    /// Copies all volumes of one pod into another.
    pub(super) fn copy_volumes(&mut self, at: At, from: &str, to: &str) -> Outcome<()> {
        for id in self.volumes_of_pod(at, from) {
            let Some(volume) = self.volume(at, &id).cloned() else {
                continue;
            };
            let manifest = self.look_at(at, &id)?;
            let name = super::names::Scoped::parse(&volume.name).in_pod(Some(to));
            let new = self.new_id();
            let array = &mut self.arrays[at];
            let (key, into) = (Key::Volume(volume.name.clone()), Key::Volume(name.clone()));
            array.store.copy(&key, &into)?;
            let serial = array.new_serial();
            let copy = super::volume::Volume {
                id: new.clone(),
                name,
                serial,
                known: manifest,
                destroyed: None,
                source: Some((Some(volume.id.clone()), volume.name.clone())),
                ..volume
            };
            array.volumes.insert(new, copy);
        }
        Ok(())
    }
}
