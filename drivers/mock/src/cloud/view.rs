//! A cloud as one caller in one project sees it.

use chrono::{DateTime, Utc};
use protector_framework::{DriverError, ErrorKind, ExposeSecret, Ids, Result};

use super::state::{
    ComputeState, GroupRecord, PortRecord, ServerRecord, Task, TaskKind, VolumeRecord,
};
use crate::identity::{IdentityState, unauthorized};
use crate::settings::Account;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The user on whose behalf servers are made: the trustor, where there is a trust.
    pub user: String,
    pub project: String,
    /// Whether the caller is an admin in the project.
    pub admin: bool,
    /// Whether the caller is an admin of another project, from where locks are made.
    pub outside: bool,
}

impl Caller {
    /// Logs in the service's account, with the project's trust where it has one.
    pub(crate) fn log_in(identity: &IdentityState, account: &Account) -> Result<Self> {
        let session = identity.login(account)?;
        let user = match &account.trust {
            None => session.user.clone(),
            Some(id) => {
                let trust = identity
                    .trusts
                    .get(id.expose_secret())
                    .filter(|trust| trust.trustee == session.user)
                    .filter(|trust| trust.project == session.project)
                    .filter(|trust| !identity.trust_roles(trust).is_empty())
                    .ok_or_else(|| unauthorized("the project's trust is not valid"))?;
                trust.trustor.clone()
            }
        };
        if account.trust.is_none() && !session.has("member") {
            return Err(unauthorized("the account needs the role `member`"));
        }
        let is_outside = |project: &str| {
            project != session.project
                && identity.roles_of(&session.user, project).contains("admin")
        };
        let outside = !session.credential
            && match &account.admin_project {
                Some(project) => is_outside(project),
                None => identity.projects.keys().any(|project| is_outside(project)),
            };
        Ok(Self {
            user,
            admin: session.has("admin"),
            outside,
            project: session.project,
        })
    }
}

/// One call on the cloud.
pub(crate) struct View<'a> {
    pub state: &'a mut ComputeState,
    pub caller: Caller,
    pub now: DateTime<Utc>,
    pub ids: &'a dyn Ids,
}

impl View<'_> {
    pub(crate) fn new_id(&self) -> String {
        self.ids.uuid().to_string()
    }

    /// Refuses what only an admin may do.
    pub(super) fn need_admin(&self, what: &str) -> Result<()> {
        if self.caller.admin {
            return Ok(());
        }
        Err(unauthorized(format!(
            "only an admin may {what}; the account needs the role `admin` in project `{}`",
            self.caller.project
        )))
    }

    pub(super) fn is_mine(&self, project: &str) -> bool {
        project == self.caller.project
    }

    pub(crate) fn server(&self, id: &str) -> Result<&ServerRecord> {
        self.state
            .servers
            .get(id)
            .filter(|server| self.is_mine(&server.project))
            .ok_or_else(|| DriverError::not_found(format!("server `{id}`")))
    }

    pub(crate) fn server_mut(&mut self, id: &str) -> Result<&mut ServerRecord> {
        self.server(id)?;
        self.state
            .servers
            .get_mut(id)
            .ok_or_else(|| DriverError::not_found(format!("server `{id}`")))
    }

    pub(crate) fn volume(&self, id: &str) -> Result<&VolumeRecord> {
        self.state
            .volumes
            .get(id)
            .filter(|volume| self.is_mine(&volume.project))
            .ok_or_else(|| DriverError::not_found(format!("volume `{id}`")))
    }

    pub(super) fn volume_mut(&mut self, id: &str) -> Result<&mut VolumeRecord> {
        self.volume(id)?;
        self.state
            .volumes
            .get_mut(id)
            .ok_or_else(|| DriverError::not_found(format!("volume `{id}`")))
    }

    pub(super) fn port(&self, id: &str) -> Result<&PortRecord> {
        self.state
            .ports
            .get(id)
            .filter(|port| self.is_mine(&port.project))
            .ok_or_else(|| DriverError::not_found(format!("port `{id}`")))
    }

    pub(super) fn group(&self, id: &str) -> Result<&GroupRecord> {
        self.state
            .groups
            .get(id)
            .filter(|group| self.is_mine(&group.project))
            .ok_or_else(|| DriverError::not_found(format!("volume group `{id}`")))
    }

    /// Begins something that the cloud finishes later.
    pub(super) fn begin(&mut self, id: &str, kind: TaskKind) -> Result<()> {
        let until = self.state.until(self.now);
        self.server_mut(id)?.task = Some(Task { kind, until });
        Ok(())
    }

    /// Refuses a caller whom a lock keeps out.
    pub(super) fn may_change(&self, id: &str) -> Result<()> {
        let server = self.server(id)?;
        if server.locked_by.is_some() && !self.caller.admin {
            return Err(DriverError::conflict(format!("server `{id}` is locked")));
        }
        Ok(())
    }
}

/// `Busy` where the cloud is at work on the server, else `Conflict`.
pub(super) fn wrong_state(id: &str, server: &ServerRecord, done: &str) -> DriverError {
    let kind = if server.task.is_some() {
        ErrorKind::Busy
    } else {
        ErrorKind::Conflict
    };
    DriverError::new(
        kind,
        format!("server `{id}` is {} and cannot be {done}", server.status()),
    )
}

pub(super) fn invalid(message: impl Into<String>) -> DriverError {
    DriverError::new(ErrorKind::InvalidRequest, message)
}
