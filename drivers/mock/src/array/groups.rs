//! Groups: which volumes are sent where, how often, and how far their sending is.

use protector_framework::{
    DeleteGroup, DriverError, EnsureGroup, ErrorKind, GroupRef, GroupStatus, GroupVolume,
    ReplicationMode, Result, SetGroupVolumes, StartReplication, Transfer, TransferState,
};

use super::files::{checked, remove};
use super::open::Open;
use super::settle::{interrupt, open_link};
use super::state::{Group, GroupMember, LinkRecord};
use super::take::{self, no_group};
use crate::store::failed;

impl Open {
    pub(super) fn ensure_group(&mut self, req: &EnsureGroup) -> Result<GroupStatus> {
        if req.mode != ReplicationMode::Async {
            return Err(DriverError::unsupported("synchronous groups"));
        }
        let name = checked(req.group.as_str())?;
        let state = self.own.state();
        if let Some(group) = state.groups.get(name)
            && group.target.id != req.target.id
        {
            return Err(DriverError::conflict(format!(
                "array group `{name}` sends to array `{}` and not to `{}`; delete it first",
                group.target.name, req.target.name
            )));
        }
        if !state.links.contains_key(req.target.id.as_str()) {
            return Err(DriverError::new(
                ErrorKind::InvalidRequest,
                format!(
                    "array `{}` has no link to array `{}` ({}); link them first",
                    state.name, req.target.name, req.target.id
                ),
            ));
        }
        let now = self.now;
        let groups = &mut self.own.state_mut().groups;
        let group = groups.entry(name.to_owned()).or_insert_with(|| Group {
            target: req.target.clone(),
            interval_seconds: None,
            keep_points: None,
            suspended: false,
            members: Vec::new(),
            points: Vec::new(),
            scheduled_points: 0,
            schedule_from: now,
            last_complete_at: None,
            manifest: None,
        });
        if group.suspended {
            group.schedule_from = now;
        }
        group.suspended = false;
        group.interval_seconds = req.interval_seconds;
        group.keep_points = req.keep_points;
        self.settle();
        self.group_status(name)
    }

    pub(crate) fn group_status(&self, name: &str) -> Result<GroupStatus> {
        let group = self.group(name)?;
        let present = self.own.files.volumes()?;
        let volumes: Vec<_> = group
            .members
            .iter()
            .filter_map(|member| {
                let file = present.iter().find(|v| v.serial == member.serial)?;
                Some(GroupVolume::new(
                    &*file.name,
                    &*member.serial,
                    member.seed.is_none(),
                ))
            })
            .collect();
        let scheduled = group.interval_seconds.is_some() && !group.suspended;
        Ok(
            GroupStatus::new(name, group.target.clone(), volumes, scheduled)
                .last_complete_at(group.last_complete_at),
        )
    }

    pub(super) fn set_group_volumes(&mut self, req: &SetGroupVolumes) -> Result<GroupStatus> {
        let name = req.group.as_str();
        let old = self.group(name)?.members.clone();
        let mut members: Vec<GroupMember> = Vec::new();
        for volume in &req.volumes {
            let file = self.own.files.require(volume.as_str())?;
            if members.iter().any(|member| member.serial == file.serial) {
                continue;
            }
            match old.iter().find(|member| member.serial == file.serial) {
                Some(known) => members.push(known.clone()),
                None => {
                    let seed = take::seed(&mut self.own, name, &file)?;
                    members.push(GroupMember {
                        serial: file.serial,
                        seed: Some(seed),
                    });
                }
            }
        }
        self.group_mut(name)?.members = members;
        self.settle();
        self.group_status(name)
    }

    pub(super) fn suspend_group(&mut self, name: &str) -> Result<()> {
        let now = self.now;
        let Ok(group) = self.group(name) else {
            return Ok(());
        };
        let link = self.link_of(group);
        let group = self.group_mut(name)?;
        group.suspended = true;
        if let Some(link) = link {
            for sending in group.sendings() {
                sending.interrupt(now, &link);
            }
        }
        Ok(())
    }

    pub(super) fn delete_group(&mut self, req: &DeleteGroup) -> Result<()> {
        let points = match self.points(&req.group) {
            Ok(points) => points,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(kept) = points.iter().find(|point| !point.pinned_by.is_empty()) {
            let holders: Vec<_> = kept.pinned_by.iter().map(String::as_str).collect();
            return Err(DriverError::conflict(format!(
                "point `{}` is kept by {}",
                kept.name,
                holders.join(", ")
            )));
        }
        let book = &self.own.files.book;
        let directories = match &req.group {
            GroupRef::Local { name } => {
                let name = checked(name.as_str())?;
                vec![
                    book.join("points").join(name),
                    book.join("seeds").join(name),
                ]
            }
            GroupRef::Replica { name, source } => vec![
                book.join("replicas")
                    .join(checked(source.id.as_str())?)
                    .join(checked(name.as_str())?),
            ],
        };
        let state = self.own.state_mut();
        match &req.group {
            GroupRef::Local { name } => {
                state.groups.remove(name.as_str());
            }
            GroupRef::Replica { name, source } => {
                if let Some(groups) = state.replicas.get_mut(source.id.as_str()) {
                    groups.remove(name.as_str());
                }
            }
        }
        // First the record: files without one are nobody's and are written over.
        self.own.save()?;
        for directory in directories {
            remove(&directory).map_err(|error| failed("remove", &directory, &error))?;
        }
        Ok(())
    }

    pub(super) fn start_replication(&mut self, req: &StartReplication) -> Result<Transfer> {
        let (name, point) = (req.group.as_str(), checked(req.point.as_str())?);
        let group = self.group(name)?;
        if group.suspended {
            return Err(DriverError::conflict(format!(
                "array group `{name}` is suspended"
            )));
        }
        if group.points.iter().all(|known| known.name != point) {
            let now = self.now;
            take::point(&mut self.own, name, point, now)?;
            self.settle();
        }
        self.transfer(name, point)
    }

    pub(super) fn transfer(&self, name: &str, point: &str) -> Result<Transfer> {
        let group = self.group(name)?;
        let record = group
            .points
            .iter()
            .find(|record| record.name == point)
            .ok_or_else(|| {
                DriverError::not_found(format!("point `{point}` of array group `{name}`"))
            })?;
        let link = self.link_of(group).filter(|_| !group.suspended);
        let (state, sent) = match &record.sending {
            None => (TransferState::Complete, record.bytes_total),
            Some(sending) => {
                let state = if link.is_some() {
                    TransferState::Running
                } else {
                    TransferState::Stalled
                };
                (state, sending.arrived_at(self.now, link.as_ref()))
            }
        };
        Ok(Transfer::new(point, state, record.taken_at, sent).bytes_total(record.bytes_total))
    }

    pub(super) fn group(&self, name: &str) -> Result<&Group> {
        let groups = &self.own.state().groups;
        groups.get(name).ok_or_else(|| no_group(name))
    }

    pub(crate) fn group_mut(&mut self, name: &str) -> Result<&mut Group> {
        let groups = &mut self.own.state_mut().groups;
        groups.get_mut(name).ok_or_else(|| no_group(name))
    }

    /// The link a group sends over, where it carries data now.
    fn link_of(&self, group: &Group) -> Option<LinkRecord> {
        self.partners
            .iter()
            .find(|partner| partner.state().id == group.target.id.as_str())
            .and_then(|partner| open_link(&self.own, partner))
    }

    /// Keeps what has arrived over any link, before something closes one.
    pub(crate) fn interrupt_all(&mut self) {
        let now = self.now;
        for partner in &mut self.partners {
            interrupt(&mut self.own, partner, now);
            interrupt(partner, &self.own, now);
        }
    }
}
