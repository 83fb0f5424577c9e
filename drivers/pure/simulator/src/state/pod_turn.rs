//! What stretched pods do by themselves: lose an array, agree on the one that stays, become whole
//! again.

use super::array::Millis;
use super::fabric::{At, Fabric};
use super::pod::{Pod, PodState};

impl Fabric {
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
