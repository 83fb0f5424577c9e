//! What a user can change of a group's document, as data, so that the site which took the call can
//! hand it to the site that has authority.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::{MemberId, ServerId, SiteId, VolumeTypeId};
use serde::{Deserialize, Serialize};

use crate::document::{GroupDocument, Instance, InstanceState, Member};
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
