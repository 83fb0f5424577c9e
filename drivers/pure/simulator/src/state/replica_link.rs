//! Replica links: one pod follows another one on another array, without waiting for it.

use super::array::Millis;
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::Scoped;
use super::volume::Volume;
use crate::content::Key;

/// A pod's id on one array.
pub(crate) type PodEnd = (At, String);

/// One pod that another follows; each end is an array and a pod's id.
#[derive(Debug, Clone)]
pub(crate) struct ReplicaLink {
    pub id: String,
    pub source: PodEnd,
    pub target: PodEnd,
    pub paused: bool,
    /// Up to when the target has everything.
    pub recovery_point: Option<Millis>,
}

impl ReplicaLink {
    /// The own end and the other one.
    pub(crate) fn seen_from(&self, at: At) -> Option<(&PodEnd, &PodEnd)> {
        match at {
            at if at == self.source.0 => Some((&self.source, &self.target)),
            at if at == self.target.0 => Some((&self.target, &self.source)),
            _ => None,
        }
    }
}

impl Fabric {
    /// How many links a pod is the source and the target of.
    pub(crate) fn replica_link_counts(&self, at: At, pod: &str) -> (usize, usize) {
        let end = |end: &PodEnd| end.0 == at && end.1 == pod;
        let sources = self
            .replica_links
            .iter()
            .filter(|link| end(&link.source))
            .count();
        let targets = self
            .replica_links
            .iter()
            .filter(|link| end(&link.target))
            .count();
        (sources, targets)
    }

    pub(crate) fn create_replica_link(
        &mut self,
        at: At,
        local: &str,
        array: &str,
        remote: &str,
    ) -> Outcome<String> {
        let to = self
            .array_at(array)
            .filter(|to| self.link(at, *to).is_some());
        let to = to.ok_or_else(|| ApiError::refused(array, "Target array could not be found."))?;
        let source = self.live_pod(at, local)?.clone();
        let target = self.live_pod(to, remote)?.clone();
        if source.is_stretched() || target.is_stretched() {
            return Err(ApiError::refused(local, "Cannot link a stretched pod."));
        }
        if target.promoted {
            return Err(ApiError::refused(remote, "Remote pod must be demoted."));
        }
        let both = |link: &ReplicaLink| link.source.1 == source.id && link.target.1 == target.id;
        if self.replica_links.iter().any(both) {
            return Err(ApiError::exists(Kind::ReplicaLink, local));
        }
        let id = self.new_id();
        self.replica_links.push(ReplicaLink {
            id: id.clone(),
            source: (at, source.id),
            target: (to, target.id),
            paused: false,
            recovery_point: None,
        });
        Ok(id)
    }

    pub(crate) fn replica_link_status(&self, link: &ReplicaLink) -> &'static str {
        let promoted = |end: &PodEnd| self.pods.get(&end.1).is_some_and(|p| p.promoted);
        match link.recovery_point {
            _ if link.paused => "paused",
            _ if !self.reaches(link.source.0, link.target.0) => "unhealthy",
            None => "baselining",
            Some(_) if !promoted(&link.source) => "quiesced",
            Some(_) => "replicating",
        }
    }

    /// Brings every pod that follows another up to it, and turns links whose ends have changed
    /// their parts. What is sent is small: it takes no time.
    pub(super) fn follow_pods(&mut self) {
        for place in 0..self.replica_links.len() {
            let link = self.replica_links[place].clone();
            let promoted = |end: &PodEnd| self.pods.get(&end.1).is_some_and(|p| p.promoted);
            let (leads, alone) = (promoted(&link.source), promoted(&link.target));
            if link.paused || !self.reaches(link.source.0, link.target.0) {
                continue;
            }
            if !leads && alone {
                let link = &mut self.replica_links[place];
                std::mem::swap(&mut link.source, &mut link.target);
            } else if !alone {
                match self.follow(&link) {
                    Ok(()) if leads => {
                        self.replica_links[place].recovery_point = Some(self.now);
                    }
                    Ok(()) => {}
                    Err(error) => tracing::warn!(error = error.message, "a pod could not follow"),
                }
            }
        }
        let pods: Vec<String> = self.pods.keys().cloned().collect();
        let both =
            |link: &ReplicaLink| pods.contains(&link.source.1) && pods.contains(&link.target.1);
        self.replica_links.retain(both);
    }

    fn follow(&mut self, link: &ReplicaLink) -> Outcome<()> {
        let name = |end: &PodEnd| self.pods.get(&end.1).map(|pod| pod.name.clone());
        let (Some(from), Some(to)) = (name(&link.source), name(&link.target)) else {
            return Ok(());
        };
        let volumes = self.volumes_of_pod(link.source.0, &from);
        let volumes: Vec<Volume> = volumes
            .iter()
            .filter_map(|id| self.volume(link.source.0, id).cloned())
            .collect();
        for volume in volumes.iter().filter(|volume| volume.destroyed.is_none()) {
            let own = Scoped::parse(&volume.name).in_pod(Some(&to));
            self.follow_volume(link, volume, &own)?;
        }
        Ok(())
    }

    fn follow_volume(&mut self, link: &ReplicaLink, source: &Volume, name: &str) -> Outcome<()> {
        let to = link.target.0;
        let held = self
            .volume_id(to, name)
            .ok()
            .and_then(|id| self.volume(to, &id).cloned());
        if held.as_ref().is_some_and(|held| {
            held.known == source.known && held.provisioned == source.provisioned
        }) {
            return Ok(());
        }
        let into = Key::Volume(name.to_owned());
        self.receive(link.source.0, to, &Key::Volume(source.name.clone()), &into)?;
        let id = self.new_id();
        let array = &mut self.arrays[to];
        let (id, serial) = match held {
            Some(held) => (held.id, held.serial),
            None => (id, array.new_serial()),
        };
        let volume = Volume {
            id: id.clone(),
            name: name.to_owned(),
            serial,
            source: None,
            ..source.clone()
        };
        array.volumes.insert(id, volume);
        Ok(())
    }
}
