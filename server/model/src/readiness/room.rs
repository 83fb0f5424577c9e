//! Whether there is room on the target: quotas, where volumes are adopted, and the array's space.

use protector_framework::{ResourceKind, VolumeType, VolumeTypeId};

use super::finding::{FindingCode, Object};
use super::judge::{ALL, Judge, NONE};
use super::observed::{Cause, Fact};
use crate::backend;
use crate::document::Member;

/// The share of an array's space from which on it is said to be tight.
const TIGHT_PERCENT: u64 = 90;

/// What the members to be built take of the project's quota.
#[derive(Default)]
struct Needs {
    instances: u64,
    vcpus: u64,
    ram_mib: u64,
    volumes: u64,
    gib: u64,
    ports: u64,
    /// Whether each flavor's size on the target is known; else the source's is taken.
    sizes_known: bool,
}

impl Judge<'_> {
    pub(super) fn quota(&mut self, built: &[&Member]) {
        let headroom = match &self.observed.target.headroom {
            Fact::NotAsked => return,
            Fact::Unknown(_) if self.silent() => return,
            Fact::Unknown(unknown) => {
                let object = Object::new("quota").on(self.target);
                return self.not_learned(object, "what the project's quotas leave", unknown);
            }
            Fact::Known(headroom) => headroom,
        };
        let needs = self.needs(built);
        let sized = if needs.sizes_known { ALL } else { NONE };
        let at = self.name(self.target);
        for (what, needed, left, blocks) in [
            ("instances", needs.instances, headroom.instances, ALL),
            ("cores", needs.vcpus, headroom.vcpus, sized),
            ("ram", needs.ram_mib, headroom.ram_mib, sized),
            ("volumes", needs.volumes, headroom.volumes, ALL),
            ("gigabytes", needs.gib, headroom.volume_gib, ALL),
            ("ports", needs.ports, headroom.ports, ALL),
        ] {
            let Some(left) = left.filter(|left| *left < needed) else {
                continue;
            };
            let missing = needed - left;
            let unit = if what == "ram" { " MiB" } else { "" };
            self.found(
                blocks,
                FindingCode::QuotaShort,
                Object::new("quota").name(what).on(self.target),
                format!(
                    "quota `{what}` of the project on site `{at}`: {needed}{unit} needed, {left} \
                     left, {missing} missing"
                ),
                format!(
                    "raise the project's quota `{what}` there by {missing}{unit}, or free some"
                ),
            );
        }
    }

    fn needs(&self, built: &[&Member]) -> Needs {
        let mut needs = Needs {
            sizes_known: true,
            ..Needs::default()
        };
        for member in built {
            let Some(blueprint) = &member.blueprint else {
                continue;
            };
            let mapped = self.mapped_flavor(member);
            let there = self.listed(ResourceKind::Flavor).and_then(|all| {
                all.iter().find(|flavor| match &mapped {
                    Some(id) => flavor.id == *id,
                    None => flavor.name == blueprint.flavor.name,
                })
            });
            let size = there.and_then(|flavor| Some((flavor.vcpus?, flavor.ram_mib?)));
            needs.sizes_known &= size.is_some();
            let own = (blueprint.flavor.vcpus, blueprint.flavor.ram_mib);
            let (vcpus, ram_mib) = size.unwrap_or(own);
            needs.instances += 1;
            needs.vcpus += u64::from(vcpus);
            needs.ram_mib += ram_mib;
            needs.volumes += blueprint.volumes.len() as u64;
            needs.gib += blueprint.volumes.iter().map(|v| v.size_gib).sum::<u64>();
            needs.ports += blueprint.ports.len() as u64;
        }
        needs
    }

    /// Where volumes would be adopted, and of which type.
    pub(super) fn back_end(&mut self) {
        let (target, at) = (self.target, self.name(self.target));
        let Some(wanted) = backend::target_type(self.document, target, self.is_test()) else {
            self.found(
                ALL,
                FindingCode::VolumeTypeMissing,
                Object::new("volume_type").on(target),
                format!("the group has no volume type on site `{at}`"),
                "set `secondary_volume_type_id`",
            );
            return;
        };
        let object = Object::new("volume_type").id(&wanted).on(target);
        let types = match &self.observed.target.volume_types {
            Fact::NotAsked => return,
            Fact::Unknown(_) if self.silent() => return,
            Fact::Unknown(unknown) => {
                return self.not_learned(object, "whether the target has the volume type", unknown);
            }
            Fact::Known(types) => types,
        };
        let Some(found) = types.iter().find(|t| t.id == wanted) else {
            self.found(
                ALL,
                FindingCode::VolumeTypeMissing,
                object,
                format!("volume type {wanted} cannot be used by the project on site `{at}`"),
                "open the type to the project, or set another as the group's",
            );
            return;
        };
        // Extra specs are shown to administrators only.
        let told = !found.extra_specs.is_empty();
        if told && !self.is_test() && !found.replicates(self.document.replication_type) {
            self.found(
                NONE,
                FindingCode::VolumeTypeNotReplicated,
                object,
                format!(
                    "volume type `{}` on site `{at}` is not replicated",
                    found.name
                ),
                "choose a replicated type: without one the way back is not open",
            );
        }
        self.pool(&wanted, types);
    }

    fn pool(&mut self, wanted: &VolumeTypeId, types: &[VolumeType]) {
        let object = Object::new("pool").on(self.target);
        match &self.observed.target.pools {
            Fact::NotAsked => {}
            Fact::Unknown(unknown) if unknown.cause == Cause::Refused => {
                let at = self.name(self.target);
                self.found(
                    ALL,
                    FindingCode::CredentialsRefused,
                    object,
                    format!(
                        "Protector's account may not list the pools of site `{at}`, without which no \
                         volume can be adopted: {}",
                        unknown.because
                    ),
                    "give the account the role that the cloud's policy asks for pools and manage",
                )
                .by(unknown);
            }
            Fact::Unknown(_) if self.silent() => {}
            Fact::Unknown(unknown) => {
                self.not_learned(object, "where volumes can be adopted", unknown);
            }
            Fact::Known(pools) => {
                let asked = self.document.policy.as_ref();
                let asked = asked.and_then(|policy| policy.secondary_backend_host.as_deref());
                if let Err(none) = backend::choose_pool(types, pools, wanted, asked) {
                    let what_to_do = none.what_to_do();
                    self.found(
                        ALL,
                        FindingCode::NoPool,
                        object,
                        none.to_string(),
                        what_to_do,
                    );
                }
            }
        }
    }

    /// Copies take hardly any space at first: only a full array refuses them.
    pub(super) fn space(&mut self) {
        let Some(array) = self.observed.target.site.array.known() else {
            return;
        };
        let (Some(capacity), Some(used)) = (array.capacity_bytes, array.used_bytes) else {
            return;
        };
        let identity = &array.identity;
        let object = Object::new("array").id(&identity.id).name(&*identity.name);
        let object = object.on(self.target);
        let message = format!(
            "{used} of {capacity} bytes of array `{}` are used",
            identity.name
        );
        let what_to_do = "free space on the array, or add some";
        if used >= capacity {
            self.found(ALL, FindingCode::ArrayFull, object, message, what_to_do);
        } else if used / TIGHT_PERCENT >= capacity / 100 {
            self.found(NONE, FindingCode::ArrayTight, object, message, what_to_do);
        }
    }
}
