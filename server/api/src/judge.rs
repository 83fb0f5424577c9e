//! Decides by policy.

use protector_config::{
    CheckError, Credentials, Decision, PolicyStore, RemoteAnswers, ServiceIdentity, Target,
};
use protector_framework::{ProjectId, SecretString, TokenInfo, TokenScope};

use crate::call::Caller;
use crate::failure::Failure;
use crate::remote::Remote;

/// The rules in force. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    policy: PolicyStore,
    remote: Remote,
}

impl Judge {
    pub(crate) fn new(policy: PolicyStore, remote: Remote) -> Self {
        Self { policy, remote }
    }

    /// The caller, with whether it is an administrator. Looks whether the rules have changed: each
    /// request begins here.
    pub(crate) async fn caller(
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
        let policy = self.policy.fresh();
        let credentials = credentials(&caller);
        let decide = |answers: &RemoteAnswers| policy.admin_decision(&credentials, answers);
        caller.is_admin = self.decided("context_is_admin", decide).await;
        caller
    }

    /// Asks whether the caller may do `rule` to something of `project`; of its own where there is
    /// none.
    ///
    /// # Errors
    /// 403.
    pub(crate) async fn require(
        &self,
        rule: &str,
        caller: &Caller,
        project: Option<&ProjectId>,
    ) -> Result<(), Failure> {
        if self.allows(rule, caller, project).await {
            return Ok(());
        }
        Err(Failure::denied(rule))
    }

    pub(crate) async fn allows(
        &self,
        rule: &str,
        caller: &Caller,
        project: Option<&ProjectId>,
    ) -> bool {
        let mut target = Target::none();
        if let Some(project) = project.or(caller.project()) {
            target = target.with("project_id", project.as_str());
        }
        target = target.with("user_id", caller.token.user_id.as_str());
        let policy = self.policy.current();
        let credentials = credentials(caller);
        let decide =
            |answers: &RemoteAnswers| policy.decision(rule, &credentials, &target, answers);
        self.decided(rule, decide).await
    }

    /// Decides, and asks other programs where the rule says so. What cannot be decided is refused.
    async fn decided(
        &self,
        rule: &str,
        decide: impl Fn(&RemoteAnswers) -> Result<Decision, CheckError>,
    ) -> bool {
        let mut answers = RemoteAnswers::default();
        loop {
            match decide(&answers) {
                Ok(Decision::Is(verdict)) => return verdict,
                Ok(Decision::Ask(question)) => match self.remote.ask(&question).await {
                    Ok(allowed) => answers.add(&question, allowed),
                    Err(error) => {
                        let url = question.url;
                        tracing::warn!(
                            rule,
                            url,
                            error,
                            "a policy rule is not answered, so it refuses"
                        );
                        return false;
                    }
                },
                Err(error) => {
                    tracing::warn!(rule, %error, "a policy rule cannot be decided, so it refuses");
                    return false;
                }
            }
        }
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
