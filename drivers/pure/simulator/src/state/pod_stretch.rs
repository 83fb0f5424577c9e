//! Pods that get a second array, and arrays that leave one.

use super::array::Millis;
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::Scoped;
use super::pod::{Pod, PodMember, PodState};

impl Fabric {
    /// Puts the pod onto another array too, which gets all its volumes.
    pub(crate) fn stretch(&mut self, at: At, name: &str, to: &str) -> Outcome<()> {
        let pod = self.live_pod(at, name)?.clone();
        let to = self.array_at(to).filter(|to| *to != at || pod.is_on(*to));
        let Some(to) = to.filter(|to| *to == at || self.link(at, *to).is_some()) else {
            return Err(ApiError::refused(name, "Target array could not be found."));
        };
        if pod.is_on(to) {
            return Err(ApiError::refused(name, "Pod already includes this array."));
        }
        if pod.is_stretched() {
            return Err(ApiError::refused(name, "Pod array limit reached."));
        }
        if !pod.promoted {
            return Err(ApiError::refused(name, "Cannot stretch a demoted pod."));
        }
        if !self.reaches(at, to) {
            return Err(ApiError::refused(name, "Target array is not connected."));
        }
        if self.pod(to, name).is_ok() {
            return Err(ApiError::exists(Kind::Pod, name));
        }
        // What the array has kept of the pod is a start.
        let leftover = self
            .pods
            .values()
            .find(|held| held.is_on(to) && held.leftover_of.as_deref() == Some(pod.id.as_str()));
        let leftover = leftover.map(|held| held.id.clone());
        let bytes = self.bytes_to_resync(at, to, &pod.name, leftover.as_deref());
        if let Some(leftover) = leftover {
            self.forget_pod(to, &leftover)?;
        }
        let state = self.resync(bytes);
        self.pod_mut(&pod.id)?
            .members
            .push(PodMember { at: to, state });
        Ok(())
    }

    pub(super) fn resync(&self, bytes: u64) -> PodState {
        let delay = Millis::try_from(self.switches.resync_delay.as_millis());
        PodState::Resyncing {
            sent: 0,
            bytes,
            ready: self.now + delay.unwrap_or(Millis::MAX / 2),
        }
    }

    /// Takes an array out of a pod. It keeps what it has as a destroyed pod, which makes a return
    /// short.
    pub(crate) fn unstretch(
        &mut self,
        at: At,
        name: &str,
        from: &str,
        unknown: bool,
    ) -> Outcome<()> {
        let pod = self.live_pod(at, name)?.clone();
        let missing = || ApiError::refused(name, "Array could not be found in the pod.");
        let leaving = self
            .array_at(from)
            .filter(|from| pod.is_on(*from))
            .ok_or_else(missing)?;
        if !pod.is_stretched() {
            return Err(ApiError::refused(
                name,
                "Cannot remove the last array of a pod.",
            ));
        }
        let stays = pod.members.iter().find(|member| member.at != leaving);
        let stays = stays.ok_or_else(missing)?;
        let peers_meet = self.reaches(stays.at, leaving);
        if !unknown && (!peers_meet || stays.state != PodState::Online) {
            let text = "Cannot unstretch while the other array's state is unknown.";
            return Err(ApiError::refused(name, text));
        }
        let whole = pod.online().any(|online| online == leaving);
        let kept = self.pod_mut(&pod.id)?;
        kept.members.retain(|member| member.at != leaving);
        for member in &mut kept.members {
            member.state = PodState::Online;
        }
        let frozen = matches!(
            pod.members
                .iter()
                .find(|m| m.at == leaving)
                .map(|m| m.state),
            Some(PodState::Offline { .. })
        );
        self.keep_leftover(leaving, &pod, whole || frozen)
    }

    fn keep_leftover(&mut self, at: At, pod: &Pod, keeps: bool) -> Outcome<()> {
        let volumes = self.volumes_of_pod(at, &pod.name);
        for group in self.groups_of_pod(at, &pod.name) {
            self.forget_group(at, &group)?;
        }
        if !keeps {
            for volume in volumes {
                self.forget_volume(at, &volume)?;
            }
            return Ok(());
        }
        let name = format!("{}.restretch", pod.name);
        if let Ok(old) = self.pod(at, &name) {
            let old = old.id.clone();
            self.forget_pod(at, &old)?;
        }
        for volume in volumes {
            let base = self.volume(at, &volume).map(|v| Scoped::parse(&v.name));
            let to = base
                .map(|base| base.in_pod(Some(&name)))
                .unwrap_or_default();
            self.set_volume_name(at, &volume, &to)?;
            self.arrays[at].connections.retain(|c| c.volume != volume);
        }
        self.insert_leftover(at, pod, name, Some(pod.id.clone()));
        Ok(())
    }

    pub(super) fn insert_leftover(&mut self, at: At, pod: &Pod, name: String, of: Option<String>) {
        let id = self.new_id();
        let now = self.now;
        for volume in self.volumes_of_pod(at, &name) {
            if let Some(volume) = self.arrays[at].volumes.get_mut(&volume) {
                volume.destroyed = volume.destroyed.or(Some(now));
            }
        }
        let leftover = Pod {
            id: id.clone(),
            name,
            destroyed: Some(now),
            members: vec![PodMember {
                at,
                state: PodState::Online,
            }],
            leftover_of: of,
            ..pod.clone()
        };
        self.pods.insert(id, leftover);
    }
}
