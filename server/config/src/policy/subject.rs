//! Who asks, and what for.

use serde_json::{Map, Value, json};

/// What a token is valid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A project; also a token without any scope.
    Project,
    /// A domain.
    Domain,
    /// The whole cloud.
    System,
}

/// Who asks, from a validated token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user_id: String,
    /// The user's domain.
    pub user_domain_id: Option<String>,
    /// The project of the token.
    pub project_id: Option<String>,
    /// That project's domain.
    pub project_domain_id: Option<String>,
    /// The domain of a domain-scoped token.
    pub domain_id: Option<String>,
    /// `all` for a system-scoped token.
    pub system_scope: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// What [`super::Policy::is_admin`] said.
    pub is_admin: bool,
    /// False where the identity service says that the project is not the admin one.
    pub is_admin_project: bool,
    /// Whose service token came beside the user's, if one did.
    pub service: Option<ServiceIdentity>,
}

/// Who passes a request on for its user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceIdentity {
    /// The service's user.
    pub user_id: String,
    /// That user's domain.
    pub user_domain_id: Option<String>,
    /// The project of the service's token.
    pub project_id: Option<String>,
    /// That project's domain.
    pub project_domain_id: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
}

impl Credentials {
    /// What the token is valid for.
    pub fn scope(&self) -> Scope {
        if self.system_scope.is_some() {
            Scope::System
        } else if self.domain_id.is_some() {
            Scope::Domain
        } else {
            Scope::Project
        }
    }

    pub(crate) fn attributes(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put("user_id", json!(self.user_id));
        put("user_domain_id", json!(self.user_domain_id));
        put("project_id", json!(self.project_id));
        put("tenant_id", json!(self.project_id));
        put("project_domain_id", json!(self.project_domain_id));
        put("domain_id", json!(self.domain_id));
        put("system_scope", json!(self.system_scope));
        put("roles", json!(self.roles));
        put("is_admin", json!(self.is_admin));
        put("is_admin_project", json!(self.is_admin_project));
        let service = self.service.as_ref();
        put("service_user_id", json!(service.map(|s| &s.user_id)));
        let domain = service.and_then(|s| s.user_domain_id.as_ref());
        put("service_user_domain_id", json!(domain));
        let project = service.and_then(|s| s.project_id.as_ref());
        put("service_project_id", json!(project));
        let domain = service.and_then(|s| s.project_domain_id.as_ref());
        put("service_project_domain_id", json!(domain));
        let roles = service.map(|s| s.roles.as_slice()).unwrap_or_default();
        put("service_roles", json!(roles));
        if let Some(system) = &self.system_scope {
            put("system", json!(system));
        }
        map
    }
}

/// What is asked for: the fields of the object, or the caller's project for a list or a create.
///
/// A field is either there or not; there is no way to put "nothing" into it, because nothing equals
/// nothing and `project_id:%(project_id)s` would let a token without a project in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Target {
    fields: Map<String, Value>,
}

impl Target {
    /// Nothing in particular, as for administrative calls.
    pub fn none() -> Self {
        Self::default()
    }

    /// Something that belongs to a project.
    pub fn project(project_id: impl Into<String>) -> Self {
        Self::none().with("project_id", project_id)
    }

    /// Adds a field under its flat name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields
            .insert(name.to_owned(), Value::String(value.into()));
        self
    }

    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}
