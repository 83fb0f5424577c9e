//! Decides by policy.

use protector_config::{Credentials, PolicyStore, Target};
use protector_framework::{ProjectId, SecretString, TokenInfo, TokenScope};

use crate::call::Caller;
use crate::failure::Failure;

/// The rules in force. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    policy: PolicyStore,
}

impl Judge {
    pub(crate) fn new(policy: PolicyStore) -> Self {
        Self { policy }
    }

    /// The caller, with whether it is an administrator.
    pub(crate) fn caller(&self, token: TokenInfo, secret: SecretString) -> Caller {
        let is_admin = self.policy.current().is_admin(&credentials(&token, false));
        Caller {
            token,
            secret,
            is_admin,
        }
    }

    /// Asks whether the caller may do `rule` to something of `project`; of its own where there is
    /// none.
    ///
    /// # Errors
    /// 403.
    pub(crate) fn require(
        &self,
        rule: &str,
        caller: &Caller,
        project: Option<&ProjectId>,
    ) -> Result<(), Failure> {
        if self.allows(rule, caller, project) {
            return Ok(());
        }
        Err(Failure::denied(rule))
    }

    pub(crate) fn allows(&self, rule: &str, caller: &Caller, project: Option<&ProjectId>) -> bool {
        let mut target = Target::none();
        if let Some(project) = project.or(caller.project()) {
            target = target.with("project_id", project.as_str());
        }
        target = target.with("user_id", caller.token.user_id.as_str());
        let credentials = credentials(&caller.token, caller.is_admin);
        self.policy.current().allows(rule, &credentials, &target)
    }
}

fn credentials(token: &TokenInfo, is_admin: bool) -> Credentials {
    let mut credentials = Credentials {
        user_id: token.user_id.to_string(),
        user_domain_id: Some(token.user_domain_id.clone()),
        roles: token.roles.clone(),
        is_admin,
        ..Credentials::default()
    };
    match &token.scope {
        TokenScope::Project { id, domain_id, .. } => {
            credentials.project_id = Some(id.to_string());
            credentials.project_domain_id = Some(domain_id.clone());
        }
        TokenScope::Domain { id } => credentials.domain_id = Some(id.clone()),
        TokenScope::System => credentials.system_scope = Some("all".to_owned()),
        TokenScope::Unscoped => {}
    }
    credentials
}
