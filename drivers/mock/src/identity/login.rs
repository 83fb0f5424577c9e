//! The service's own account logging in.

use std::collections::BTreeSet;

use protector_framework::{ExposeSecret, Result};

use super::state::{IdentityState, unauthorized};
use crate::secret::hashed;
use crate::settings::{Account, Login, Named};

/// Who logged in, and where.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub user: String,
    pub project: String,
    pub roles: BTreeSet<String>,
    pub credential: bool,
}

impl Session {
    pub(crate) fn has(&self, role: &str) -> bool {
        self.roles.contains(role)
    }
}

impl IdentityState {
    /// Logs the account in, in its own project.
    pub(crate) fn login(&self, account: &Account) -> Result<Session> {
        match &account.login {
            Login::Password {
                user,
                project,
                password,
            } => {
                let refused = || unauthorized(format!("{} could not log in", title(user)));
                let id = self.user_id(user).ok_or_else(refused)?;
                if !self.check_password(&id, password.expose_secret()) {
                    return Err(refused());
                }
                let project_id = self.project_id(project).unwrap_or_default();
                let roles = self.roles_of(&id, &project_id);
                if roles.is_empty() {
                    return Err(unauthorized(format!(
                        "{} has no role in project {}",
                        title(user),
                        title(project)
                    )));
                }
                Ok(Session {
                    user: id,
                    project: project_id,
                    roles,
                    credential: false,
                })
            }
            Login::ApplicationCredential { id, secret } => {
                let known = self
                    .credentials
                    .get(id)
                    .filter(|known| known.secret == hashed(id, secret.expose_secret()))
                    .ok_or_else(|| {
                        unauthorized(format!("application credential `{id}` was refused"))
                    })?;
                Ok(Session {
                    user: known.user.clone(),
                    project: known.project.clone(),
                    roles: self.roles_of(&known.user, &known.project),
                    credential: true,
                })
            }
        }
    }
}

fn title(named: &Named) -> String {
    match named {
        Named::Id(id) => format!("`{id}`"),
        Named::Name { name, .. } => format!("`{name}`"),
    }
}
