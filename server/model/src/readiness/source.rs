//! Whether the protected servers still are what was protected, and whether their data is sent.

use protector_framework::Blueprint;

use super::finding::{FindingCode, Object};
use super::judge::{Judge, NONE, PLANNED, is_silent};
use super::observed::{Fact, SourceFacts};
use crate::document::{Instance, InstanceState, Member};
use crate::status::MemberStatus;
use crate::{drift, eligibility};

impl Judge<'_> {
    pub(super) fn source(&mut self) {
        let Some(source) = &self.observed.source else {
            return;
        };
        for member in &self.document.members {
            let copy = member.instance(self.source);
            let Some(copy) = copy.filter(|copy| copy.state == InstanceState::Production) else {
                continue;
            };
            match source.servers.get(&member.id) {
                None | Some(Fact::NotAsked) => {}
                Some(Fact::Known(None)) => self.gone(member, copy),
                Some(Fact::Known(Some(now))) => self.server(member, copy, now),
                Some(Fact::Unknown(_)) if is_silent(&source.site) => {}
                Some(Fact::Unknown(unknown)) => {
                    let what = format!("whether `{}` is what was protected", member.name);
                    let object = self.member(member).on(self.source);
                    self.not_learned(object, &what, unknown);
                }
            }
        }
        self.sending(source);
    }

    fn gone(&mut self, member: &Member, copy: &Instance) {
        let at = self.name(self.source);
        let mut object = Object::new("server").name(&*member.name);
        object.id = copy.server_id.as_ref().map(ToString::to_string);
        self.found(
            PLANNED,
            FindingCode::ServerGone,
            object.on(self.source).of(member.id),
            format!(
                "the server of `{}` does not exist any more on site `{at}`",
                member.name
            ),
            "remove the member, or bring it back from a recovery point by an unplanned failover",
        );
    }

    fn server(&mut self, member: &Member, copy: &Instance, now: &Blueprint) {
        let object = Object::new("server").id(&now.server_id).name(&*member.name);
        let object = object.on(self.source).of(member.id);
        let name = &member.name;
        if let Some(known) = &member.blueprint {
            if let Err(changed) = drift::in_slots(known, copy, now) {
                let (held, has) = (copy.volumes.len(), now.volumes.len());
                let lost = match has > held {
                    true => format!("; {held} of {has} disks are protected"),
                    false => String::new(),
                };
                self.found(
                    PLANNED,
                    FindingCode::VolumesDrifted,
                    object.clone(),
                    format!("the volumes of `{name}` have changed: {changed}{lost}"),
                    "remove the member and add it again; until then its recovery points lack a \
                     volume",
                );
            }
            let same_site = member.blueprint_site == self.source;
            let changed = drift::shape(known, now, same_site);
            if !changed.is_empty() {
                self.found(
                    PLANNED,
                    FindingCode::ServerDrifted,
                    object.clone(),
                    format!(
                        "`{name}` is no longer what was protected: {}",
                        changed.join(", ")
                    ),
                    "`refresh` the member, or ask with `accept_drift` to move it as it is now",
                )
                .may_be_accepted();
            }
        }
        let reasons = eligibility::reasons(self.document, self.source, now);
        if !reasons.is_empty() {
            self.found(
                PLANNED,
                FindingCode::NotEligible,
                object,
                format!(
                    "`{name}` could not be protected as it is now: {}",
                    reasons.join("; ")
                ),
                "change the server back, or ask with `accept_drift` to move it all the same",
            )
            .may_be_accepted();
        }
    }

    fn sending(&mut self, source: &SourceFacts) {
        let group = self.document.remote_name();
        let object = || Object::new("array_group").id(&group).on(self.source);
        let sending = match &source.sending {
            Fact::NotAsked => return,
            Fact::Unknown(_) if source.site.array.unknown().is_some() => return,
            Fact::Unknown(unknown) => {
                let object = object();
                return self.not_learned(object, "whether the source's array sends", unknown);
            }
            Fact::Known(sending) => sending,
        };
        let Some(sending) = sending else {
            let object = object();
            self.found(
                NONE,
                FindingCode::ReplicationMissing,
                object,
                format!("the source's array has no group {group}: nothing is replicated"),
                "`reprotect` the group, or `sync` it",
            );
            return;
        };
        if !sending.scheduled {
            let object = object();
            self.found(
                NONE,
                FindingCode::ReplicationSuspended,
                object,
                format!("array group {group} makes no recovery points by itself"),
                "`reprotect` the group, or `sync` it",
            );
        }
        for member in &self.document.members {
            let copy = member.instance(self.source);
            let Some(copy) = copy.filter(|copy| copy.state == InstanceState::Production) else {
                continue;
            };
            for volume in &copy.volumes {
                let sent = sending.volumes.iter().find(|v| v.serial == volume.serial);
                let object = Object::new("volume").id(&volume.id).on(self.source);
                let object = object.of(member.id);
                let leaving = member.status == MemberStatus::Removing;
                match sent {
                    Some(sent) if sent.seeded => {}
                    Some(_) => self.info(
                        FindingCode::Seeding,
                        object,
                        format!(
                            "the first full copy of a volume of `{}` is on its way",
                            member.name
                        ),
                        "wait; until then no recovery point holds it",
                    ),
                    None if member.status == MemberStatus::Adding || leaving => {}
                    None => {
                        self.found(
                            NONE,
                            FindingCode::NotReplicated,
                            object,
                            format!(
                                "volume {} of `{}` is not in array group {group}",
                                volume.id, member.name
                            ),
                            "`sync` the group: that puts its volumes into the array group",
                        );
                    }
                }
            }
        }
    }
}
