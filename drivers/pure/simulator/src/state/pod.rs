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
}
