//! The people of a mock cloud: projects, users, roles, tokens, and the catalog they see.

use protector_framework::{
    DriverError, ExposeSecret, ProjectId, Result, SecretString, TokenScope, TrustId, UserId,
};

use super::cloud::MockCloud;
use crate::cloud::{SecurityGroupRecord, Whole};
use crate::identity::{
    Credential, EndpointRecord, ProjectRecord, Token, User, new_token, seconds_delta, unauthorized,
};
use crate::secret::hashed;

impl MockCloud {
    /// Adds a project with its default security group; one of this name is the reply.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_project(&self, name: &str) -> Result<ProjectId> {
        let (id, group) = (self.new_id(), self.new_uuid());
        self.change(|whole| {
            let projects = &mut whole.held.identity_mut().projects;
            if let Some((id, _)) = projects.iter().find(|(_, p)| p.name == name) {
                return Ok(id.as_str().into());
            }
            let project = ProjectRecord {
                name: name.to_owned(),
                enabled: true,
            };
            projects.insert(id.clone(), project);
            let default = SecurityGroupRecord {
                name: "default".to_owned(),
                project: id.clone(),
            };
            whole.compute_mut().security_groups.insert(group, default);
            Ok(id.into())
        })
    }

    /// Adds a user, or gives the one of this name the password.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_user(&self, name: &str, password: &str) -> Result<UserId> {
        let id = self.new_id();
        self.change(|whole| {
            let users = &mut whole.held.identity_mut().users;
            let known = users.iter().find(|(_, user)| user.name == name);
            let id = known.map_or(id, |(id, _)| id.clone());
            let user = User {
                name: name.to_owned(),
                password: hashed(&id, password),
                enabled: true,
            };
            users.insert(id.clone(), user);
            Ok(id.into())
        })
    }

    /// Gives a user a role in a project.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn grant(&self, user: &UserId, project: &ProjectId, role: &str) -> Result<()> {
        self.change(|whole| {
            let roles = &mut whole.held.identity_mut().roles;
            let projects = roles.entry(user.to_string()).or_default();
            let given = projects.entry(project.to_string()).or_default();
            given.insert(role.to_owned());
            Ok(())
        })
    }

    /// Takes a role in a project from a user.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn revoke(&self, user: &UserId, project: &ProjectId, role: &str) -> Result<()> {
        self.change(|whole| {
            let roles = &mut whole.held.identity_mut().roles;
            if let Some(projects) = roles.get_mut(user.as_str())
                && let Some(given) = projects.get_mut(project.as_str())
            {
                given.remove(role);
            }
            Ok(())
        })
    }

    /// Gives a user a role on the whole system.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn grant_system(&self, user: &UserId, role: &str) -> Result<()> {
        self.change(|whole| {
            let roles = &mut whole.held.identity_mut().system_roles;
            let given = roles.entry(user.to_string()).or_default();
            given.insert(role.to_owned());
            Ok(())
        })
    }

    /// Adds an application credential of a user in a project; the reply is its id.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_application_credential(
        &self,
        user: &UserId,
        project: &ProjectId,
        secret: &str,
    ) -> Result<String> {
        let id = self.new_id();
        self.change(|whole| {
            let credential = Credential {
                user: user.to_string(),
                project: project.to_string(),
                secret: hashed(&id, secret),
            };
            let credentials = &mut whole.held.identity_mut().credentials;
            credentials.insert(id.clone(), credential);
            Ok(id)
        })
    }

    /// A token for a user in a project, as a client that logs in gets it.
    ///
    /// # Errors
    /// `NotFound` for the project; `Unauthorized` without a role in it.
    pub fn issue_token(&self, user: &UserId, project: &ProjectId) -> Result<SecretString> {
        self.change(|whole| {
            let identity = whole.held.identity();
            let scope = identity.project_scope(project.as_str())?;
            if identity
                .roles_of(user.as_str(), project.as_str())
                .is_empty()
            {
                return Err(unauthorized(format!(
                    "user `{user}` has no role in project `{project}`"
                )));
            }
            Ok(self.new_token(whole, user, scope, None))
        })
    }

    /// A token for a user on the whole system.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn issue_system_token(&self, user: &UserId) -> Result<SecretString> {
        self.change(|whole| Ok(self.new_token(whole, user, TokenScope::System, None)))
    }

    /// A token got with a trust, as a trustee gets it.
    ///
    /// # Errors
    /// `NotFound` for the trust.
    pub fn issue_trust_token(&self, trust: &TrustId) -> Result<SecretString> {
        self.change(|whole| {
            let identity = whole.held.identity();
            let record = identity
                .trusts
                .get(trust.as_str())
                .cloned()
                .ok_or_else(|| DriverError::not_found("the trust"))?;
            let scope = identity.project_scope(&record.project)?;
            let user = UserId::from(record.trustor);
            Ok(self.new_token(whole, &user, scope, Some(trust.to_string())))
        })
    }

    /// The trusts that a user has given.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn trusts(&self, trustor: &UserId) -> Result<Vec<TrustId>> {
        let whole = self.look()?;
        let all = whole.held.identity().trusts.iter();
        let given = all.filter(|(_, trust)| trust.trustor == trustor.as_str());
        Ok(given.map(|(id, _)| id.as_str().into()).collect())
    }

    /// Makes a token invalid before its time.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn revoke_token(&self, token: &SecretString) -> Result<()> {
        self.change(|whole| {
            let name = hashed("token", token.expose_secret());
            whole.held.identity_mut().tokens.remove(&name);
            Ok(())
        })
    }

    /// How long new tokens are valid.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn set_token_seconds(&self, seconds: u64) -> Result<()> {
        self.change(|whole| {
            whole.held.identity_mut().token_seconds = seconds;
            Ok(())
        })
    }

    /// Adds an endpoint on all three interfaces, or changes its URL. `%(tenant_id)s` in the URL
    /// stands for the token's project.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn set_endpoint(&self, service_type: &str, url: &str) -> Result<()> {
        self.change(|whole| {
            let region = whole.held.meta().region.clone();
            let endpoints = &mut whole.held.identity_mut().endpoints;
            endpoints.retain(|endpoint| endpoint.service_type != service_type);
            for interface in ["public", "internal", "admin"] {
                endpoints.push(EndpointRecord {
                    service_type: service_type.to_owned(),
                    interface: interface.to_owned(),
                    region: region.clone(),
                    url: url.to_owned(),
                });
            }
            Ok(())
        })
    }

    fn new_token(
        &self,
        whole: &mut Whole,
        user: &UserId,
        scope: TokenScope,
        trust: Option<String>,
    ) -> SecretString {
        let text = new_token(&*self.env.ids);
        let now = whole.now;
        let identity = whole.held.identity_mut();
        let token = Token {
            user: user.to_string(),
            scope,
            expires_at: now + seconds_delta(identity.token_seconds),
            trust,
            credential: false,
        };
        identity.issue(&text, token, now);
        text.into()
    }

    /// An id as Keystone writes it.
    fn new_id(&self) -> String {
        self.env.ids.uuid().simple().to_string()
    }
}
