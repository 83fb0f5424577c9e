//! Protection groups: volumes whose snapshots are taken together and sent to other arrays.

use super::array::{LimitKind, Millis};
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, Scoped, check, same};
use super::news::NewsKind;
use super::schedule::{Retention, Schedule};

/// The most targets of one group.
const MAX_TARGETS: usize = 4;

/// One array that a group is sent to, as its source knows it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub array: At,
    /// Whether the other array lets it in, as far as the source has heard.
    pub allowed: bool,
}

/// One protection group, or what another array's group is here.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub id: String,
    /// On its own array, with its pod.
    pub name: String,
    /// For a group that comes from elsewhere: the array and the group's id there.
    pub origin: Option<(At, String)>,
    pub created: Millis,
    pub destroyed: Option<Millis>,
    /// Volume ids.
    pub members: Vec<String>,
    pub targets: Vec<Target>,
    /// For a group that comes from elsewhere: whether it is let in.
    pub allowed: bool,
    pub replication: Schedule,
    pub local_snapshots: Schedule,
    pub source_retention: Retention,
    pub target_retention: Retention,
    /// SafeMode: may not be relaxed.
    pub ratcheted: bool,
    pub next_suffix: u64,
}

/// What a PATCH changes; what is none stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupPatch {
    pub replication: Option<Schedule>,
    pub local_snapshots: Option<Schedule>,
    pub source_retention: Option<Retention>,
    pub target_retention: Option<Retention>,
    pub ratcheted: Option<bool>,
}

impl Fabric {
    pub(crate) fn group(&self, at: At, id: &str) -> Option<&Group> {
        self.arrays[at].groups.get(id)
    }

    pub(super) fn group_mut(&mut self, at: At, id: &str) -> Outcome<&mut Group> {
        let groups = &mut self.arrays[at].groups;
        groups
            .get_mut(id)
            .ok_or_else(|| ApiError::missing(Kind::Group, id))
    }

    /// `group`, `pod::group`, `array:group`, or `pod:group`.
    pub(crate) fn group_name(&self, group: &Group) -> String {
        let Some((from, _)) = &group.origin else {
            return group.name.clone();
        };
        let place = Scoped::parse(&group.name);
        match place.pod {
            Some(pod) => format!("{pod}:{}", place.base),
            None => format!("{}:{}", self.arrays[*from].name, group.name),
        }
    }

    pub(crate) fn group_id(&self, at: At, name: &str) -> Outcome<String> {
        self.arrays[at]
            .groups
            .values()
            .find(|group| same(&self.group_name(group), name))
            .map(|group| group.id.clone())
            .ok_or_else(|| ApiError::missing(Kind::Group, name))
    }

    pub(crate) fn live_group_id(&self, at: At, name: &str) -> Outcome<String> {
        let id = self.group_id(at, name)?;
        match self.group(at, &id).and_then(|group| group.destroyed) {
            Some(_) => Err(ApiError::destroyed(Kind::Group, name)),
            None => Ok(id),
        }
    }

    pub(crate) fn group_ids(&self, at: At, names: &[String]) -> Outcome<Vec<String>> {
        names
            .iter()
            .map(|name| self.live_group_id(at, name))
            .collect()
    }

    /// A live group of this array's own.
    pub(crate) fn own_group_id(&self, at: At, name: &str) -> Outcome<String> {
        let id = self.live_group_id(at, name)?;
        match self
            .group(at, &id)
            .is_some_and(|group| group.origin.is_some())
        {
            true => Err(ApiError::refused(name, "Protection group is not local.")),
            false => Ok(id),
        }
    }

    /// The groups that hold a volume, destroyed ones too.
    pub(crate) fn groups_of(&self, at: At, volume: &str) -> Vec<String> {
        self.arrays[at]
            .groups
            .values()
            .filter(|group| group.members.iter().any(|member| member == volume))
            .map(|group| group.id.clone())
            .collect()
    }

    pub(crate) fn is_locked(&self, at: At, group: &str) -> bool {
        self.group(at, group).is_some_and(|group| group.ratcheted)
    }

    fn check_unlocked(&self, at: At, group: &str) -> Outcome<()> {
        match self.group(at, group) {
            Some(held) if held.ratcheted => Err(ApiError::refused(
                &held.name,
                "Protection group retention is locked by SafeMode.",
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn create_group(&mut self, at: At, name: &str) -> Outcome<String> {
        let place = Scoped::parse(name);
        check(NameKind::ProtectionGroup, name, &place.base)?;
        if let Some(pod) = &place.pod {
            self.live_pod(at, pod)?;
        }
        if let Ok(held) = self.group_id(at, name) {
            let destroyed = self.live_group_id(at, name).is_err();
            let name = self
                .group(at, &held)
                .map_or(name, |group| group.name.as_str());
            let text = self.switches.pending_name_text;
            return Err(ApiError::taken(Kind::Group, name, destroyed, text));
        }
        self.arrays[at].check_limit(LimitKind::ProtectionGroups, 1, name)?;
        let id = self.new_id();
        let group = Group::new(id.clone(), name.to_owned(), None, self.now);
        self.arrays[at].groups.insert(id.clone(), group);
        Ok(id)
    }

    /// Puts a volume into a group. One that is in it already is refused, as clients expect.
    pub(crate) fn add_member(&mut self, at: At, group: &str, volume: &str) -> Outcome<()> {
        let name = self.volume(at, volume).map(|v| v.name.clone());
        let name = name.ok_or_else(|| ApiError::missing(Kind::Volume, volume))?;
        let held = self.group_mut(at, group)?;
        if held.members.iter().any(|member| member == volume) {
            let text = format!("Volume already belongs to protection group {}.", held.name);
            return Err(ApiError::refused(&name, text));
        }
        let pods = [&held.name, &name].map(|name| Scoped::parse(name).pod.unwrap_or_default());
        if !same(&pods[0], &pods[1]) {
            let text = "Volume and protection group must be in the same pod.";
            return Err(ApiError::refused(&name, text));
        }
        held.members.push(volume.to_owned());
        Ok(())
    }

    pub(crate) fn remove_member(&mut self, at: At, group: &str, volume: &str) -> Outcome<()> {
        self.check_unlocked(at, group)?;
        let name = self.volume(at, volume).map(|v| v.name.clone());
        let held = self.group_mut(at, group)?;
        let before = held.members.len();
        held.members.retain(|member| member != volume);
        if held.members.len() == before {
            let text = format!(
                "Volume could not be found in protection group {}.",
                held.name
            );
            return Err(ApiError::refused(&name.unwrap_or_default(), text));
        }
        Ok(())
    }

    /// Names an array that the group is sent to. The other array hears of it later, and lets it in
    /// or not.
    pub(crate) fn add_target(&mut self, at: At, group: &str, target: At) -> Outcome<()> {
        let array = self.arrays[target].name.clone();
        if self.link(at, target).is_none() {
            return Err(ApiError::missing(Kind::ArrayConnection, &array));
        }
        let held = self.group_mut(at, group)?;
        if held.targets.iter().any(|held| held.array == target) {
            let text = format!("Protection group already includes target {array}.");
            return Err(ApiError::refused(&held.name, text));
        }
        if held.targets.len() >= MAX_TARGETS {
            return Err(ApiError::refused(
                &held.name,
                "Protection group target limit reached.",
            ));
        }
        held.targets.push(Target {
            array: target,
            allowed: false,
        });
        self.send_news(at, target, group, NewsKind::Group);
        Ok(())
    }

    pub(crate) fn remove_target(&mut self, at: At, group: &str, target: At) -> Outcome<()> {
        self.check_unlocked(at, group)?;
        let array = self.arrays[target].name.clone();
        let held = self.group_mut(at, group)?;
        let before = held.targets.len();
        held.targets.retain(|held| held.array != target);
        if held.targets.len() == before {
            let text = format!("Target {array} could not be found.");
            return Err(ApiError::refused(&held.name, text));
        }
        let gone = |s: &super::session::Session| s.group == group && s.to == target;
        self.sessions.retain(|session| !gone(session));
        Ok(())
    }

    /// Lets an inbound group in, or stops it. The source hears of it later.
    pub(crate) fn allow(&mut self, at: At, group: &str, allowed: bool) -> Outcome<()> {
        let name = self.group(at, group).map(|g| self.group_name(g));
        let name = name.ok_or_else(|| ApiError::missing(Kind::Group, group))?;
        let own = self.arrays[at].name.clone();
        let held = self.group_mut(at, group)?;
        let Some((from, origin)) = held.origin.clone() else {
            return Err(ApiError::refused(
                &name,
                "Protection group is not a target group.",
            ));
        };
        if held.allowed == allowed {
            let state = if allowed { "allowed" } else { "disallowed" };
            let text = format!("Protection group is already {state} on {own}.");
            return Err(ApiError::refused(&name, text));
        }
        held.allowed = allowed;
        self.send_news(at, from, &origin, NewsKind::Allowed(allowed));
        Ok(())
    }

    pub(crate) fn patch_group(&mut self, at: At, group: &str, patch: &GroupPatch) -> Outcome<()> {
        let held = self.group(at, group).cloned();
        let held = held.ok_or_else(|| ApiError::missing(Kind::Group, group))?;
        if held.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Group, &held.name));
        }
        if patch.relaxes(&held) {
            self.check_unlocked(at, group)?;
        }
        let mut changed = held;
        if let Some(schedule) = patch.replication {
            schedule.check_replication(&changed.name)?;
            changed.replication = schedule;
        }
        if patch
            .local_snapshots
            .is_some_and(|schedule| schedule.frequency < 300_000)
        {
            return Err(ApiError::refused(
                &changed.name,
                "Invalid snapshot frequency.",
            ));
        }
        changed.local_snapshots = patch.local_snapshots.unwrap_or(changed.local_snapshots);
        for (wanted, held) in [
            (patch.source_retention, &mut changed.source_retention),
            (patch.target_retention, &mut changed.target_retention),
        ] {
            if let Some(wanted) = wanted {
                wanted.check(&changed.name)?;
                *held = wanted;
            }
        }
        changed.ratcheted = patch.ratcheted.unwrap_or(changed.ratcheted);
        self.arrays[at].groups.insert(group.to_owned(), changed);
        self.tell_targets(at, group);
        Ok(())
    }

    pub(crate) fn rename_group(&mut self, at: At, group: &str, to: &str) -> Outcome<()> {
        let held = self.group_mut(at, group)?;
        let from = Scoped::parse(&held.name);
        if held.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Group, &held.name));
        }
        let wanted = Scoped::parse(to);
        check(NameKind::ProtectionGroup, to, &wanted.base)?;
        let to = wanted.in_pod(from.pod.as_deref());
        if self.group_id(at, &to).is_ok_and(|other| other != group) {
            return Err(ApiError::exists(Kind::Group, &to));
        }
        self.group_mut(at, group)?.name = to;
        self.tell_targets(at, group);
        Ok(())
    }

    fn tell_targets(&mut self, at: At, group: &str) {
        let targets = self.group(at, group).map(|held| held.targets.clone());
        for target in targets.unwrap_or_default() {
            self.send_news(at, target.array, group, NewsKind::Group);
        }
    }

    /// Destroys a group with its snapshots, or recovers it with those that went with it.
    pub(crate) fn destroy_group(&mut self, at: At, group: &str, destroy: bool) -> Outcome<()> {
        if destroy {
            self.check_unlocked(at, group)?;
        }
        let now = self.now;
        let name = self.group(at, group).map(|g| self.group_name(g));
        let name = name.unwrap_or_default();
        let held = self.group_mut(at, group)?;
        let before = held.destroyed;
        match (destroy, before) {
            (true, Some(_)) => return Err(ApiError::destroyed_already(Kind::Group, &name)),
            (false, None) => return Err(ApiError::not_destroyed(Kind::Group, &name)),
            _ => held.destroyed = destroy.then_some(now),
        }
        for point in self.arrays[at].points.values_mut() {
            if point.group == group && point.destroyed == (if destroy { None } else { before }) {
                point.destroyed = destroy.then_some(now);
            }
        }
        Ok(())
    }

    pub(crate) fn eradicate_group(&mut self, at: At, group: &str) -> Outcome<()> {
        let held = self.group_mut(at, group)?;
        let locked = held.ratcheted;
        if held.destroyed.is_none() {
            let name = held.name.clone();
            return Err(ApiError::not_destroyed(Kind::Group, &name));
        }
        self.arrays[at].check_eradication(locked)?;
        self.forget_group(at, group)
    }

    /// Nothing of the group or of its snapshots stays on this array.
    pub(super) fn forget_group(&mut self, at: At, group: &str) -> Outcome<()> {
        self.arrays[at].groups.remove(group);
        let points: Vec<String> = self.arrays[at]
            .points
            .values()
            .filter(|point| point.group == group)
            .map(|point| point.id.clone())
            .collect();
        for point in points {
            self.forget_point(at, &point)?;
        }
        self.sessions.retain(|session| session.group != group);
        Ok(())
    }
}

impl Group {
    pub(super) fn new(id: String, name: String, origin: Option<(At, String)>, now: Millis) -> Self {
        Self {
            id,
            name,
            origin,
            created: now,
            destroyed: None,
            members: Vec::new(),
            targets: Vec::new(),
            allowed: false,
            replication: Schedule::every(14_400_000),
            local_snapshots: Schedule::every(3_600_000),
            source_retention: Retention::default(),
            target_retention: Retention::default(),
            ratcheted: false,
            next_suffix: 1,
        }
    }
}

impl GroupPatch {
    fn relaxes(&self, held: &Group) -> bool {
        let shorter = |wanted: &Option<Retention>, held: &Retention| {
            wanted.is_some_and(|wanted| wanted.is_shorter_than(held))
        };
        shorter(&self.source_retention, &held.source_retention)
            || shorter(&self.target_retention, &held.target_retention)
            || self.ratcheted == Some(false)
            || self
                .replication
                .is_some_and(|s| held.replication.enabled && !s.enabled)
    }
}
