//! Decides by policy.

use protector_config::{Credentials, PolicyStore, ServiceIdentity, Target};
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

    /// The caller, with whether it is an administrator. Looks whether the rules have changed: each
    /// request begins here.
    pub(crate) fn caller(
        &self,
        token: TokenInfo,
        secret: SecretString,
        service: Option<TokenInfo>,
    ) -> Caller {
        let mut caller = Caller {
            token,
            secret,
            service,
            is_admin: false,
        };
        caller.is_admin = self.policy.fresh().is_admin(&credentials(&caller));
        caller
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
        let credentials = credentials(caller);
        self.policy.current().allows(rule, &credentials, &target)
    }
}

fn credentials(caller: &Caller) -> Credentials {
    let token = &caller.token;
    let mut credentials = Credentials {
        user_id: token.user_id.to_string(),
        user_domain_id: Some(token.user_domain_id.clone()),
        roles: token.roles.clone(),
        is_admin: caller.is_admin,
        is_admin_project: token.is_admin_project,
        service: caller.service.as_ref().map(service),
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

fn service(token: &TokenInfo) -> ServiceIdentity {
    let mut identity = ServiceIdentity {
        user_id: token.user_id.to_string(),
        user_domain_id: Some(token.user_domain_id.clone()),
        roles: token.roles.clone(),
        ..ServiceIdentity::default()
    };
    if let TokenScope::Project { id, domain_id, .. } = &token.scope {
        identity.project_id = Some(id.to_string());
        identity.project_domain_id = Some(domain_id.clone());
    }
    identity
}
