//! Pods: volumes that live on one array, or on two at the same time.

use super::array::{LimitKind, Millis};
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, Scoped, check, same};

/// How whole one array's part of a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PodState {
    Online,
    /// Getting what it lacks: thousandths of bytes of so many bytes, and not before a time.
    Resyncing {
        sent: u128,
        bytes: u64,
        ready: Millis,
    },
    /// Lost the other array and serves nothing since.
    Offline {
        frozen_at: Millis,
    },
}

/// One array of a pod.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PodMember {
    pub at: At,
    pub state: PodState,
}

/// One pod.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub id: String,
    pub name: String,
    pub created: Millis,
    pub destroyed: Option<Millis>,
    pub members: Vec<PodMember>,
    pub promoted: bool,
    /// Who stays online when the arrays lose each other, best first.
    pub preferences: Vec<At>,
    pub mediator: String,
    pub quota: Option<u64>,
    /// For what an array keeps after it left a pod: that pod.
    pub leftover_of: Option<String>,
}

impl Pod {
    pub(crate) fn is_on(&self, at: At) -> bool {
        self.members.iter().any(|member| member.at == at)
    }

    pub(crate) fn is_stretched(&self) -> bool {
        self.members.len() > 1
    }

    pub(super) fn online(&self) -> impl Iterator<Item = At> + '_ {
        let online = self.members.iter().filter(|m| m.state == PodState::Online);
        online.map(|member| member.at)
    }
}

impl Fabric {
    /// A pod by name, live or destroyed.
    pub(crate) fn pod(&self, at: At, name: &str) -> Outcome<&Pod> {
        self.pods
            .values()
            .find(|pod| pod.is_on(at) && same(&pod.name, name))
            .ok_or_else(|| ApiError::missing(Kind::Pod, name))
    }

    pub(crate) fn live_pod(&self, at: At, name: &str) -> Outcome<&Pod> {
        let pod = self.pod(at, name)?;
        match pod.destroyed {
            Some(_) => Err(ApiError::destroyed(Kind::Pod, name)),
            None => Ok(pod),
        }
    }

    pub(super) fn pod_mut(&mut self, id: &str) -> Outcome<&mut Pod> {
        self.pods
            .get_mut(id)
            .ok_or_else(|| ApiError::missing(Kind::Pod, id))
    }

    /// Changes a live pod.
    pub(crate) fn change_pod(
        &mut self,
        at: At,
        name: &str,
        change: impl FnOnce(&mut Pod),
    ) -> Outcome<()> {
        let id = self.live_pod(at, name)?.id.clone();
        change(self.pod_mut(&id)?);
        Ok(())
    }

    /// Whether volumes may go in and out.
    pub(super) fn check_pod_is_open(&self, at: At, name: &str) -> Outcome<()> {
        let pod = self.live_pod(at, name)?;
        match (pod.is_stretched(), pod.promoted) {
            (true, _) => Err(ApiError::refused(
                name,
                "Cannot move volumes into or out of a stretched pod.",
            )),
            (_, false) => Err(ApiError::refused(
                name,
                "Cannot move volumes into or out of a demoted pod.",
            )),
            _ => Ok(()),
        }
    }

    /// A pod's quota is charged on provisioned sizes.
    pub(super) fn check_quota(
        &self,
        at: At,
        pod: Option<&str>,
        more: u64,
        name: &str,
    ) -> Outcome<()> {
        let Some(pod) = pod else {
            return Ok(());
        };
        let Some(quota) = self.live_pod(at, pod)?.quota else {
            return Ok(());
        };
        let volumes = self.volumes_of_pod(at, pod).into_iter();
        let used: u64 = volumes
            .filter_map(|id| Some(self.volume(at, &id)?.provisioned))
            .sum();
        match used + more > quota {
            true => Err(ApiError::refused(name, "Pod quota limit reached.")),
            false => Ok(()),
        }
    }

    pub(crate) fn volumes_of_pod(&self, at: At, pod: &str) -> Vec<String> {
        let within = |full: &str| Scoped::parse(full).pod.is_some_and(|p| same(&p, pod));
        let volumes = self.arrays[at].volumes.values();
        volumes
            .filter(|v| within(&v.name))
            .map(|v| v.id.clone())
            .collect()
    }

    pub(crate) fn groups_of_pod(&self, at: At, pod: &str) -> Vec<String> {
        let within = |full: &str| Scoped::parse(full).pod.is_some_and(|p| same(&p, pod));
        let own = self.arrays[at]
            .groups
            .values()
            .filter(|g| g.origin.is_none());
        own.filter(|g| within(&g.name))
            .map(|g| g.id.clone())
            .collect()
    }

    /// Whether this array takes the scheduled snapshots of a group. In a stretched pod one does.
    pub(super) fn acts_for_group(&self, at: At, group: &str) -> bool {
        let name = self
            .group(at, group)
            .map(|group| Scoped::parse(&group.name));
        let Some(pod) = name.and_then(|name| name.pod) else {
            return true;
        };
        let first = self.pod(at, &pod).ok().and_then(|pod| pod.online().next());
        first == Some(at)
    }

    pub(crate) fn create_pod(
        &mut self,
        at: At,
        name: &str,
        preferences: &[String],
    ) -> Outcome<String> {
        check(NameKind::Pod, name, name)?;
        if let Ok(held) = self.pod(at, name) {
            let text = self.switches.pending_name_text;
            return Err(ApiError::taken(
                Kind::Pod,
                name,
                held.destroyed.is_some(),
                text,
            ));
        }
        let held = self.pods.values().filter(|pod| pod.is_on(at)).count() as u64;
        let limit = self.arrays[at].limits.get(&LimitKind::Pods);
        if limit.is_some_and(|most| held >= *most) {
            return Err(ApiError::limit(Kind::Pod, name));
        }
        let preferences = self.preferred(name, preferences)?;
        let id = self.new_id();
        self.pods.insert(
            id.clone(),
            Pod {
                id: id.clone(),
                name: name.to_owned(),
                created: self.now,
                destroyed: None,
                members: vec![PodMember {
                    at,
                    state: PodState::Online,
                }],
                promoted: true,
                preferences,
                mediator: "purestorage".to_owned(),
                quota: None,
                leftover_of: None,
            },
        );
        Ok(id)
    }

    /// The arrays that a pod prefers.
    pub(crate) fn preferred(&self, pod: &str, names: &[String]) -> Outcome<Vec<At>> {
        let find = |name: &String| {
            self.array_at(name)
                .ok_or_else(|| ApiError::refused(pod, "Target array could not be found."))
        };
        names.iter().map(find).collect()
    }

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

    fn resync(&self, bytes: u64) -> PodState {
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

    fn insert_leftover(&mut self, at: At, pod: &Pod, name: String, of: Option<String>) {
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

    /// Stops writes to a pod. What it holds at this moment is kept as `<pod>.undo-demote`.
    pub(crate) fn demote_pod(&mut self, at: At, name: &str) -> Outcome<()> {
        let pod = self.live_pod(at, name)?.clone();
        if pod.is_stretched() {
            return Err(ApiError::refused(name, "Cannot demote a stretched pod."));
        }
        if !pod.promoted {
            return Ok(());
        }
        self.pod_mut(&pod.id)?.promoted = false;
        let undo = format!("{}.undo-demote", pod.name);
        if let Ok(old) = self.pod(at, &undo) {
            let old = old.id.clone();
            self.forget_pod(at, &old)?;
        }
        self.copy_volumes(at, &pod.name, &undo)?;
        self.insert_leftover(at, &pod, undo, None);
        Ok(())
    }

    /// Allows writes again, from what a demotion has kept if that is asked for.
    pub(crate) fn promote_pod(&mut self, at: At, name: &str, from: Option<&str>) -> Outcome<()> {
        let pod = self.live_pod(at, name)?.clone();
        if let Some(from) = from {
            let undo = self.pod(at, from)?.clone();
            for volume in self.volumes_of_pod(at, &pod.name) {
                self.forget_volume(at, &volume)?;
            }
            self.copy_volumes(at, &undo.name, &pod.name)?;
            self.forget_pod(at, &undo.id)?;
        }
        self.pod_mut(&pod.id)?.promoted = true;
        Ok(())
    }

    /// Makes a pod of copies of another one's volumes.
    pub(crate) fn clone_pod(&mut self, at: At, source: &str, name: &str) -> Outcome<String> {
        let source = self.live_pod(at, source)?.name.clone();
        let id = self.create_pod(at, name, &[])?;
        self.copy_volumes(at, &source, name)?;
        Ok(id)
    }

    pub(crate) fn rename_pod(&mut self, at: At, name: &str, to: &str) -> Outcome<()> {
        let pod = self.live_pod(at, name)?.clone();
        check(NameKind::Pod, to, to)?;
        for member in &pod.members {
            if self
                .pod(member.at, to)
                .is_ok_and(|other| other.id != pod.id)
            {
                return Err(ApiError::exists(Kind::Pod, to));
            }
        }
        for member in &pod.members {
            for volume in self.volumes_of_pod(member.at, &pod.name) {
                let base = self
                    .volume(member.at, &volume)
                    .map(|v| Scoped::parse(&v.name));
                let full = base.map(|base| base.in_pod(Some(to))).unwrap_or_default();
                self.set_volume_name(member.at, &volume, &full)?;
            }
            for group in self.groups_of_pod(member.at, &pod.name) {
                let group = self.group_mut(member.at, &group)?;
                group.name = Scoped::parse(&group.name).in_pod(Some(to));
            }
        }
        to.clone_into(&mut self.pod_mut(&pod.id)?.name);
        Ok(())
    }

    pub(crate) fn destroy_pod(
        &mut self,
        at: At,
        name: &str,
        destroy: bool,
        contents: bool,
    ) -> Outcome<()> {
        let pod = self.pod(at, name)?.clone();
        match (destroy, pod.destroyed) {
            (true, Some(_)) => return Err(ApiError::destroyed_already(Kind::Pod, name)),
            (false, None) => return Err(ApiError::not_destroyed(Kind::Pod, name)),
            _ => {}
        }
        if pod.is_stretched() {
            return Err(ApiError::refused(name, "Cannot destroy a stretched pod."));
        }
        let volumes = self.volumes_of_pod(at, &pod.name);
        let groups = self.groups_of_pod(at, &pod.name);
        let live = |volume: &&String| {
            self.volume(at, volume)
                .is_some_and(|v| v.destroyed.is_none())
        };
        if destroy && !contents && volumes.iter().any(|volume| live(&volume)) {
            return Err(ApiError::refused(
                name,
                "Cannot destroy pod because it is not empty.",
            ));
        }
        for volume in volumes {
            let when = self.volume(at, &volume).and_then(|v| v.destroyed);
            if when == (if destroy { None } else { pod.destroyed }) {
                self.destroy_volume(at, &volume, destroy)?;
            }
        }
        for group in groups {
            let when = self.group(at, &group).and_then(|g| g.destroyed);
            if when == (if destroy { None } else { pod.destroyed }) {
                self.destroy_group(at, &group, destroy)?;
            }
        }
        let now = self.now;
        self.pod_mut(&pod.id)?.destroyed = destroy.then_some(now);
        Ok(())
    }

    pub(crate) fn eradicate_pod(&mut self, at: At, name: &str, contents: bool) -> Outcome<()> {
        let pod = self.pod(at, name)?.clone();
        if pod.destroyed.is_none() {
            return Err(ApiError::not_destroyed(Kind::Pod, name));
        }
        let allowed = self.arrays[at].check_eradication(false);
        if allowed.is_err() {
            let text = "Cannot eradicate pod: eradication is disabled.";
            return Err(ApiError::refused(name, text));
        }
        if !contents && !self.volumes_of_pod(at, &pod.name).is_empty() {
            return Err(ApiError::refused(
                name,
                "Cannot eradicate pod because it is not empty.",
            ));
        }
        self.forget_pod(at, &pod.id)
    }

    pub(super) fn forget_pod(&mut self, at: At, id: &str) -> Outcome<()> {
        let Some(pod) = self.pods.remove(id) else {
            return Ok(());
        };
        for volume in self.volumes_of_pod(at, &pod.name) {
            self.forget_volume(at, &volume)?;
        }
        for group in self.groups_of_pod(at, &pod.name) {
            self.forget_group(at, &group)?;
        }
        self.arrays[at].default_protections.remove(&pod.name);
        Ok(())
    }

    /// Lets stretched pods notice lost and found arrays. True when something changed.
    pub(super) fn turn_pods(&mut self) -> bool {
        let stretched: Vec<Pod> = self
            .pods
            .values()
            .filter(|pod| pod.is_stretched())
            .cloned()
            .collect();
        stretched.iter().any(|pod| self.turn_pod(pod))
    }

    fn turn_pod(&mut self, pod: &Pod) -> bool {
        let [one, other] = [pod.members[0], pod.members[1]];
        let meet = self.reaches(one.at, other.at);
        if !meet && one.state == PodState::Online && other.state == PodState::Online {
            let winner = self.winner(pod);
            let frozen_at = self.now;
            for member in [one.at, other.at] {
                if Some(member) != winner {
                    self.set_pod_state(&pod.id, member, PodState::Offline { frozen_at });
                }
            }
            return true;
        }
        for (member, peer) in [(one, other), (other, one)] {
            match member.state {
                PodState::Offline { .. } if meet && peer.state == PodState::Online => {
                    let bytes = self.bytes_to_resync(peer.at, member.at, &pod.name, None);
                    let state = self.resync(bytes);
                    self.set_pod_state(&pod.id, member.at, state);
                    return true;
                }
                PodState::Offline { .. }
                    if meet && matches!(peer.state, PodState::Offline { .. }) =>
                {
                    self.set_pod_state(&pod.id, member.at, PodState::Online);
                    return true;
                }
                PodState::Resyncing { sent, bytes, ready }
                    if meet && peer.state == PodState::Online =>
                {
                    let unlimited = self
                        .link(one.at, other.at)
                        .is_some_and(|link| link.bytes_per_second.is_none());
                    let over = unlimited || sent >= u128::from(bytes) * 1000;
                    if over && ready <= self.now {
                        self.set_pod_state(&pod.id, member.at, PodState::Online);
                        self.mirror_pod(&pod.id, peer.at);
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// Who stays online: the preferred array, else the first that reaches the mediator.
    fn winner(&self, pod: &Pod) -> Option<At> {
        let on = |at: &At| pod.is_on(*at) && self.arrays[*at].powered;
        let preferred = pod.preferences.iter().copied().find(on);
        preferred.or_else(|| {
            let members = pod.members.iter().map(|member| member.at);
            members
                .into_iter()
                .find(|at| on(at) && self.arrays[*at].reaches_mediator)
        })
    }

    fn set_pod_state(&mut self, id: &str, at: At, state: PodState) {
        if let Some(pod) = self.pods.get_mut(id) {
            for member in &mut pod.members {
                if member.at == at {
                    member.state = state;
                }
            }
        }
    }

    /// Moves the bytes of resyncs.
    pub(super) fn move_resyncs(&mut self, elapsed: Millis) {
        let links = self.links.clone();
        for pod in self.pods.values_mut().filter(|pod| pod.members.len() > 1) {
            let (one, other) = (pod.members[0].at, pod.members[1].at);
            let link = links.iter().find(|link| link.joins(one, other) && link.up);
            let Some(rate) = link.and_then(|link| link.bytes_per_second) else {
                continue;
            };
            for member in &mut pod.members {
                if let PodState::Resyncing { sent, bytes, .. } = &mut member.state {
                    let moved = u128::from(rate) * u128::from(elapsed.unsigned_abs());
                    *sent = (*sent + moved).min(u128::from(*bytes) * 1000);
                }
            }
        }
    }

    pub(super) fn next_resync_end(&self) -> Option<Millis> {
        let mut next: Option<Millis> = None;
        for pod in self.pods.values().filter(|pod| pod.is_stretched()) {
            let (one, other) = (pod.members[0].at, pod.members[1].at);
            let rate = self
                .link(one, other)
                .filter(|link| link.up)
                .map(|l| l.bytes_per_second);
            for member in &pod.members {
                if let (PodState::Resyncing { sent, bytes, ready }, Some(rate)) =
                    (member.state, rate)
                {
                    let left = (u128::from(bytes) * 1000).saturating_sub(sent);
                    let millis = rate.map_or(0, |rate| left.div_ceil(u128::from(rate).max(1)));
                    let end = self.now + Millis::try_from(millis).unwrap_or(Millis::MAX / 4);
                    let end = end.max(ready);
                    next = Some(next.map_or(end, |next| next.min(end)));
                }
            }
        }
        next
    }
}
