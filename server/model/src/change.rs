//! What a user can change of a group's document, as data, so that the site which took the call can
//! hand it to the site that has authority.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::{Blueprint, MemberId, ServerId, SiteId, VolumeTypeId};
use serde::{Deserialize, Serialize};

use crate::document::{GroupDocument, Instance, InstanceState, Member};
use crate::drift::{self, VolumeDrift};
use crate::policy::{BadMappings, Mapping, Policy, check_mappings};
use crate::probe::Probe;
use crate::status::{GroupStatus, MemberStatus};

/// A change of a group's document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum GroupChange {
    /// Name, description or the type on the secondary site; `None` leaves a field.
    Update {
        /// The new name.
        name: Option<String>,
        /// The new description.
        description: Option<String>,
        /// The new type on the secondary site.
        secondary_volume_type_id: Option<VolumeTypeId>,
    },
    /// A server joins; the operation that follows captures it.
    AddMember {
        /// The id the member gets.
        member: MemberId,
        /// The server's name.
        name: String,
        /// The server on the current primary.
        server_id: ServerId,
        /// Its tier.
        boot_tier: u8,
        /// Its delay in seconds.
        boot_delay: u32,
        /// Its probe.
        #[serde(default)]
        probe: Option<Probe>,
    },
    /// A member's place in the boot order; `None` leaves a field.
    SetBoot {
        /// The member.
        member: MemberId,
        /// Its new tier.
        boot_tier: Option<u8>,
        /// Its new delay in seconds.
        boot_delay: Option<u32>,
        /// Its new probe; `Some(None)` takes it away.
        #[serde(default, with = "given")]
        probe: Option<Option<Probe>>,
    },
    /// A member's server was read again.
    Refresh {
        /// The member.
        member: MemberId,
        /// What was read, on the site that the group runs on.
        blueprint: Box<Blueprint>,
    },
    /// A member is about to leave; the operation that follows takes it out.
    StartRemoving {
        /// The member.
        member: MemberId,
    },
    /// A member that was about to leave stays after all.
    KeepMember {
        /// The member.
        member: MemberId,
    },
    /// A member that never was protected goes away again.
    ForgetMember {
        /// The member.
        member: MemberId,
    },
    /// A new policy, or another form of it.
    SetPolicy {
        /// The policy without its secrets.
        policy: Box<Policy>,
    },
    /// The policy goes away.
    RemovePolicy,
    /// The whole list of mappings.
    SetMappings {
        /// The mappings.
        mappings: Vec<Mapping>,
    },
    /// What a site that has no authority holds of the members now: it found, parked or removed
    /// copies of its own. `None`: it holds nothing of the member any more.
    ReportCopies {
        /// The site that reports.
        site: SiteId,
        /// The members it reports about.
        copies: BTreeMap<MemberId, Option<Instance>>,
    },
}

/// Why a change makes no sense for the document as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// The group's status forbids it.
    #[error("the protection group is `{status}`; {needs}")]
    Status {
        /// Its status.
        status: GroupStatus,
        /// What it would have to be.
        needs: String,
    },
    /// The member is not in the group.
    #[error("member {0} is not in the protection group")]
    NoMember(MemberId),
    /// The member is not what can be read again.
    #[error("the member is `{status}`; only what is protected can be read again")]
    Member {
        /// Its status.
        status: MemberStatus,
    },
    /// The server that was read is another one.
    #[error("the member's server is not {0} any more; read it again")]
    OtherServer(ServerId),
    /// Its volumes are not those whose data is replicated.
    #[error(
        "its volumes have changed: {0}; remove the member and add it again, until then its recovery \
         points lack a volume"
    )]
    Volumes(#[from] VolumeDrift),
    /// The server is in the group already.
    #[error("server {0} is already a member of the protection group")]
    AlreadyMember(ServerId),
    /// The policy is in use.
    #[error("the policy protects {0} members; remove them first")]
    PolicyInUse(usize),
    /// There is no policy.
    #[error("the protection group has no replication policy; create one first")]
    NoPolicy,
    /// A site reports copies of a group that runs on it.
    #[error("site {0} has authority over the protection group and reports to nobody")]
    OwnCopies(SiteId),
    /// The mappings cannot be used.
    #[error(transparent)]
    Mapping(#[from] BadMappings),
}

/// A field that is left alone, taken away or set: written as nothing, `[]` and `[value]`.
mod given {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::probe::Probe;

    pub(super) fn serialize<S: Serializer>(
        given: &Option<Option<Probe>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        given.as_ref().map(Option::as_slice).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Option<Probe>>, D::Error> {
        let given: Option<Vec<Probe>> = Option::deserialize(from)?;
        Ok(given.map(|probes| probes.into_iter().next()))
    }
}

impl GroupChange {
    /// The document after the change, as the next version.
    ///
    /// # Errors
    /// Where the change makes no sense for the document.
    pub fn apply(
        &self,
        document: &GroupDocument,
        now: DateTime<Utc>,
    ) -> Result<GroupDocument, ChangeRefused> {
        if matches!(
            document.status,
            GroupStatus::Conflict | GroupStatus::Deleting
        ) {
            return Err(ChangeRefused::Status {
                status: document.status,
                needs: "it cannot be changed now".to_owned(),
            });
        }
        let mut next = document.next_version(now);
        match self {
            Self::Update {
                name,
                description,
                secondary_volume_type_id,
            } => {
                if let Some(name) = name {
                    next.name.clone_from(name);
                }
                if let Some(description) = description {
                    next.description.clone_from(description);
                }
                if let Some(volume_type) = secondary_volume_type_id {
                    next.volume_types
                        .insert(next.secondary_site_id, volume_type.clone());
                }
            }
            Self::AddMember {
                member,
                name,
                server_id,
                boot_tier,
                boot_delay,
                probe,
            } => {
                if next.policy.is_none() {
                    return Err(ChangeRefused::NoPolicy);
                }
                let site = next.current_primary_site_id;
                if next
                    .members
                    .iter()
                    .any(|m| m.instance(site).and_then(|i| i.server_id.as_ref()) == Some(server_id))
                {
                    return Err(ChangeRefused::AlreadyMember(server_id.clone()));
                }
                let instance = Instance {
                    state: InstanceState::Production,
                    server_id: Some(server_id.clone()),
                    ports: Vec::new(),
                    volumes: Vec::new(),
                    made: false,
                };
                next.members.push(Member {
                    id: *member,
                    name: name.clone(),
                    boot_tier: *boot_tier,
                    boot_delay: *boot_delay,
                    probe: probe.clone(),
                    status: MemberStatus::Adding,
                    status_reason: None,
                    blueprint: None,
                    blueprint_site: site,
                    instances: [(site, instance)].into(),
                    created_at: now,
                    updated_at: now,
                });
            }
            Self::SetBoot {
                member,
                boot_tier,
                boot_delay,
                probe,
            } => {
                let found = next
                    .member_mut(*member)
                    .ok_or(ChangeRefused::NoMember(*member))?;
                found.boot_tier = boot_tier.unwrap_or(found.boot_tier);
                found.boot_delay = boot_delay.unwrap_or(found.boot_delay);
                if let Some(probe) = probe {
                    found.probe.clone_from(probe);
                }
                found.updated_at = now;
            }
            Self::Refresh { member, blueprint } => {
                let site = next.current_primary_site_id;
                let found = next
                    .member_mut(*member)
                    .ok_or(ChangeRefused::NoMember(*member))?;
                refresh(found, site, blueprint)?;
                found.updated_at = now;
            }
            Self::StartRemoving { member } => {
                let found = next
                    .member_mut(*member)
                    .ok_or(ChangeRefused::NoMember(*member))?;
                found.status = MemberStatus::Removing;
                found.updated_at = now;
            }
            Self::KeepMember { member } => {
                let home = next.is_home();
                let found = next
                    .member_mut(*member)
                    .ok_or(ChangeRefused::NoMember(*member))?;
                if found.status == MemberStatus::Removing {
                    found.status = match home {
                        true => MemberStatus::Protected,
                        false => MemberStatus::FailedOver,
                    };
                    found.updated_at = now;
                }
            }
            Self::ForgetMember { member } => {
                next.member(*member)
                    .ok_or(ChangeRefused::NoMember(*member))?;
                next.members.retain(|m| m.id != *member);
            }
            Self::SetPolicy { policy } => next.policy = Some((**policy).clone()),
            Self::RemovePolicy => {
                if next.policy.is_none() {
                    return Err(ChangeRefused::NoPolicy);
                }
                if !next.members.is_empty() {
                    return Err(ChangeRefused::PolicyInUse(next.members.len()));
                }
                next.policy = None;
            }
            Self::SetMappings { mappings } => {
                check_mappings(mappings)?;
                next.mappings.clone_from(mappings);
            }
            Self::ReportCopies { site, copies } => {
                if *site == next.current_primary_site_id {
                    return Err(ChangeRefused::OwnCopies(*site));
                }
                for (id, copy) in copies {
                    // A member that has left meanwhile needs no record.
                    let Some(member) = next.member_mut(*id) else {
                        continue;
                    };
                    match copy {
                        Some(copy) => member.instances.insert(*site, copy.clone()),
                        None => member.instances.remove(site),
                    };
                    member.updated_at = now;
                }
            }
        }
        Ok(next)
    }
}

/// Takes what was read of a member's server in place of what was known of it.
fn refresh(member: &mut Member, site: SiteId, read: &Blueprint) -> Result<(), ChangeRefused> {
    let protected = matches!(
        member.status,
        MemberStatus::Protected | MemberStatus::FailedOver
    );
    let (true, Some(known), Some(here)) = (protected, &member.blueprint, member.instance(site))
    else {
        return Err(ChangeRefused::Member {
            status: member.status,
        });
    };
    if here.server_id.as_ref() != Some(&read.server_id) {
        return Err(ChangeRefused::OtherServer(read.server_id.clone()));
    }
    let blueprint = drift::refreshed(known, here, read.clone())?;
    member.is_now(site, blueprint);
    Ok(())
}

#[cfg(test)]
mod tests {
    use protector_framework::{FlavorSpec, GenericUuid as _, VolumeSpec};
    use uuid::Uuid;

    use super::*;
    use crate::document::InstanceVolume;

    fn read(server: &str, volumes: &[(&str, u64)]) -> Blueprint {
        let specs = volumes
            .iter()
            .map(|(id, size)| VolumeSpec::new(*id, *size, false));
        let flavor = FlavorSpec::new("m1", 1_u32, 512_u64, 0_u64);
        Blueprint::new(server, "web", flavor, specs.collect::<Vec<_>>(), Vec::new())
    }

    fn site() -> SiteId {
        SiteId::from_untyped_uuid(Uuid::from_u128(1))
    }

    fn member() -> Member {
        let known = read("server", &[("root", 1), ("data", 2)]);
        let volumes = known.volumes.iter().map(|spec| InstanceVolume {
            id: spec.id.clone(),
            array_name: spec.id.as_str().into(),
            serial: spec.id.as_str().into(),
        });
        let copy = Instance {
            state: InstanceState::Production,
            server_id: Some("server".into()),
            ports: Vec::new(),
            volumes: volumes.collect(),
            made: false,
        };
        Member {
            id: MemberId::from_untyped_uuid(Uuid::from_u128(2)),
            name: "web".to_owned(),
            boot_tier: 3,
            boot_delay: 0,
            probe: None,
            status: MemberStatus::Protected,
            status_reason: None,
            blueprint: Some(known),
            blueprint_site: site(),
            instances: [(site(), copy)].into(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_was_read_again_takes_the_known_ones_place_and_keeps_its_slots() {
        let mut member = member();
        let mut now = read("server", &[("data", 2), ("root", 1)]);
        now.name = "shop".to_owned();
        now.flavor.vcpus = 8;
        refresh(&mut member, site(), &now).unwrap();
        let blueprint = member.blueprint.as_ref().unwrap();
        assert_eq!((member.name.as_str(), blueprint.flavor.vcpus), ("shop", 8));
        let ids: Vec<&str> = blueprint.volumes.iter().map(|v| v.id.as_str()).collect();
        assert_eq!(ids, ["root", "data"]);
        let copy = member.instance(site()).unwrap();
        assert_eq!(copy.volumes[0].id.as_str(), "root");
    }

    #[test]
    fn nothing_is_taken_of_another_server_other_volumes_or_a_member_that_is_not_protected() {
        let same = read("server", &[("root", 1), ("data", 2)]);
        let other = read("another", &[("root", 1), ("data", 2)]);
        let more = read("server", &[("root", 1), ("data", 2), ("more", 1)]);
        let grown = read("server", &[("root", 1), ("data", 3)]);
        for (status, now) in [
            (MemberStatus::Protected, &other),
            (MemberStatus::Protected, &more),
            (MemberStatus::Protected, &grown),
            (MemberStatus::Adding, &same),
            (MemberStatus::Removing, &same),
            (MemberStatus::Quarantined, &same),
        ] {
            let before = Member { status, ..member() };
            let mut member = before.clone();
            assert!(
                refresh(&mut member, site(), now).is_err(),
                "{status} {now:?}"
            );
            assert_eq!(member, before);
        }
        refresh(&mut member(), site(), &same).unwrap();
    }
}
