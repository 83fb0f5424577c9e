use chrono::{DateTime, Utc};
use protector_framework::{ProjectId, SiteId, TenantMappingId};
use serde::{Deserialize, Serialize};

pub use crate::status::SiteStatus;

/// Whether the services of a site answered when they were last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// When they were asked; `None`: never.
    pub checked_at: Option<DateTime<Utc>>,
    /// Identity.
    pub keystone: bool,
    /// Compute.
    pub nova: bool,
    /// Block storage.
    pub cinder: bool,
    /// Network.
    pub neutron: bool,
    /// The site's own Protector.
    pub protector: bool,
    /// What the services that did not answer said, by service.
    #[serde(default)]
    pub details: std::collections::BTreeMap<String, String>,
}

/// A registered cloud. Both sites hold the same list with the same ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its id, the same on both sites.
    pub id: SiteId,
    /// Its name, unique.
    pub name: String,
    /// For people.
    pub description: String,
    /// Which compute and identity drivers speak to it; `openstack` unless told otherwise.
    pub site_type: String,
    /// Its identity service.
    pub auth_url: String,
    /// Its region.
    pub region_name: String,
    /// What its account is called; the password is a secret beside it.
    pub account: Account,
    /// Its status.
    pub status: SiteStatus,
    /// Why it has that status, where it is not `active`.
    pub status_reason: Option<String>,
    /// Whether this deployment is the one of the site.
    pub is_local: bool,
    /// The last validation.
    pub reach: Reach,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// The account that Protector uses on a site, without its password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// `password` (default) or `v3applicationcredential`.
    pub auth_type: Option<String>,
    /// The user.
    pub username: Option<String>,
    /// The user's domain, by name.
    pub user_domain_name: Option<String>,
    /// The account's own project.
    pub project_name: Option<String>,
    /// That project's domain, by name.
    pub project_domain_name: Option<String>,
    /// The application credential.
    pub application_credential_id: Option<String>,
}

/// A pair of projects whose groups may be protected from one site to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantMapping {
    /// Its id, the same on both sites.
    pub id: TenantMappingId,
    /// One site.
    pub primary_site_id: SiteId,
    /// The project on it.
    pub primary_project_id: ProjectId,
    /// The other site.
    pub secondary_site_id: SiteId,
    /// The project on it.
    pub secondary_project_id: ProjectId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl TenantMapping {
    /// The project on a site, if the mapping is about that site.
    pub fn project_on(&self, site: SiteId) -> Option<&ProjectId> {
        if site == self.primary_site_id {
            Some(&self.primary_project_id)
        } else if site == self.secondary_site_id {
            Some(&self.secondary_project_id)
        } else {
            None
        }
    }
}
