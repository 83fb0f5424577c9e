//! Servers that exist: their state and what changes it.

use protector_framework::{
    Console, DriverError, ErrorKind, Result, Server, ServerStatus, ServerVolume,
    SetDeleteOnTermination,
};

use super::state::{LockedBy, ServerRecord, ServerState, TaskKind};
use super::view::{View, wrong_state};
use crate::identity::unauthorized;

/// The metadata of a server that says what its guest writes to the console.
const CONSOLE: &str = "mock:console";

impl View<'_> {
    pub(crate) fn show_server(&self, id: &str) -> Result<Server> {
        Ok(shown(id, self.server(id)?))
    }

    /// What a guest has written: that it can be logged in to, or what its metadata says it writes
    /// instead. A server that has not run since it was made has no console yet.
    pub(crate) fn console(&self, id: &str, lines: u32) -> Result<Console> {
        let server = self.server(id)?;
        if server.state != ServerState::Active {
            return Err(DriverError::new(
                ErrorKind::Busy,
                format!("server `{id}` has no console while it does not run"),
            ));
        }
        let written = match server.metadata.get(CONSOLE) {
            Some(text) => text.clone(),
            None => format!("booting\n{} login: ", server.name),
        };
        let all: Vec<&str> = written.lines().collect();
        let lines = usize::try_from(lines).unwrap_or(usize::MAX);
        Ok(Console::new(
            all[all.len().saturating_sub(lines)..].join("\n"),
        ))
    }

    /// The project's servers with this tag, oldest first.
    pub(crate) fn servers_tagged(&self, tag: &str) -> Vec<Server> {
        let mut found: Vec<_> = self
            .state
            .servers
            .iter()
            .filter(|(_, server)| self.is_mine(&server.project))
            .filter(|(_, server)| server.tags.iter().any(|own| own == tag))
            .collect();
        found.sort_by_key(|(_, server)| server.made);
        found.iter().map(|(id, server)| shown(id, server)).collect()
    }

    pub(crate) fn stop(&mut self, id: &str) -> Result<()> {
        let server = self.server(id)?;
        if matches!(
            server.state,
            ServerState::Shutoff | ServerState::ShelvedOffloaded
        ) && server.task.is_none()
            || server.does(TaskKind::PoweringOff)
            || server.does(TaskKind::Shelving)
        {
            return Ok(());
        }
        if !matches!(server.state, ServerState::Active | ServerState::Error)
            || server.task.is_some()
        {
            return Err(wrong_state(id, server, "stopped"));
        }
        self.may_change(id)?;
        self.begin(id, TaskKind::PoweringOff)
    }

    pub(crate) fn start(&mut self, id: &str) -> Result<()> {
        let server = self.server(id)?;
        if server.state == ServerState::Active && server.task.is_none()
            || server.does(TaskKind::PoweringOn)
        {
            return Ok(());
        }
        if server.state != ServerState::Shutoff || server.task.is_some() {
            return Err(wrong_state(id, server, "started"));
        }
        self.may_change(id)?;
        self.begin(id, TaskKind::PoweringOn)
    }

    /// Locks: from outside the project against its owner, else for the owner. An admin's lock goes
    /// over an owner's.
    pub(crate) fn resize(&mut self, id: &str, flavor: &str) -> Result<()> {
        self.may_change(id)?;
        if !self.state.flavors.contains_key(flavor) {
            return Err(DriverError::not_found(format!("flavor `{flavor}`")));
        }
        self.server_mut(id)?.flavor = flavor.to_owned();
        Ok(())
    }

    pub(crate) fn lock(&mut self, id: &str, by: LockedBy) -> Result<()> {
        if by == LockedBy::Admin && !self.caller.outside {
            return Err(unauthorized(
                "a lock that the owner cannot undo is made from another project; the account needs \
                 the role `admin` in one",
            ));
        }
        let server = self.server_mut(id)?;
        if server.locked_by != Some(LockedBy::Admin) {
            server.locked_by = Some(by);
        }
        Ok(())
    }

    pub(crate) fn unlock(&mut self, id: &str) -> Result<()> {
        let admin = self.caller.admin;
        let server = self.server_mut(id)?;
        if server.locked_by == Some(LockedBy::Admin) && !admin {
            return Err(unauthorized(format!(
                "server `{id}` was locked by an admin"
            )));
        }
        server.locked_by = None;
        Ok(())
    }

    pub(crate) fn park(&mut self, id: &str) -> Result<()> {
        let server = self.server(id)?;
        if server.state == ServerState::ShelvedOffloaded && server.task.is_none()
            || server.does(TaskKind::Shelving)
        {
            return Ok(());
        }
        if server.state != ServerState::Shutoff || server.task.is_some() {
            return Err(wrong_state(id, server, "parked; stop it first"));
        }
        self.may_change(id)?;
        self.begin(id, TaskKind::Shelving)
    }

    pub(crate) fn unpark(&mut self, id: &str) -> Result<()> {
        let server = self.server(id)?;
        if server.state == ServerState::Active && server.task.is_none()
            || server.does(TaskKind::Unshelving)
        {
            return Ok(());
        }
        if server.state != ServerState::ShelvedOffloaded || server.task.is_some() {
            return Err(wrong_state(id, server, "unparked"));
        }
        self.may_change(id)?;
        self.begin(id, TaskKind::Unshelving)
    }

    pub(crate) fn delete_server(&mut self, id: &str) -> Result<()> {
        match self.server(id) {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(server) if server.does(TaskKind::Deleting) => return Ok(()),
            Ok(_) => {}
        }
        self.may_change(id)?;
        self.begin(id, TaskKind::Deleting)
    }

    pub(crate) fn set_delete_on_termination(&mut self, req: &SetDeleteOnTermination) -> Result<()> {
        let server = self.server_mut(req.server.as_str())?;
        let held = server
            .volumes
            .iter_mut()
            .find(|held| held.id == req.volume.as_str())
            .ok_or_else(|| {
                DriverError::not_found(format!(
                    "volume `{}` of server `{}`",
                    req.volume, req.server
                ))
            })?;
        held.delete_on_termination = req.delete;
        Ok(())
    }
}

pub(crate) fn shown(id: &str, server: &ServerRecord) -> Server {
    let status = match server.state {
        ServerState::Build => ServerStatus::Building,
        ServerState::Active => ServerStatus::Active,
        ServerState::Shutoff => ServerStatus::Stopped,
        ServerState::ShelvedOffloaded => ServerStatus::Shelved,
        ServerState::Error => ServerStatus::Error,
    };
    let volumes: Vec<_> = server
        .volumes
        .iter()
        .map(|held| {
            ServerVolume::new(&*held.id)
                .device(held.device.clone())
                .delete_on_termination(held.delete_on_termination)
        })
        .collect();
    Server::new(id, &*server.name, status)
        .raw_status(server.status())
        .busy(server.task.is_some())
        .locked(server.locked_by.is_some())
        .volumes(volumes)
        .tags(server.tags.clone())
        .fault(server.fault.clone())
}
