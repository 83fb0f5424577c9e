use poem_openapi::Object;
use protector_control::NewTenantMapping;
use protector_db::{Quotas, TrustRecord};
use protector_framework::GenericUuid as _;
use protector_model::TenantMapping;
use uuid::Uuid;

use super::common::Timestamp;
use crate::listing::Link;

/// A pair of projects whose groups may be protected from one site to the other.
#[derive(Debug, Object)]
#[oai(rename = "TenantMapping")]
pub(crate) struct TenantMappingView {
    /// Its id, the same on both sites.
    id: Uuid,
    /// One site.
    primary_site_id: Uuid,
    /// The project on it.
    primary_project_id: String,
    /// The other site.
    secondary_site_id: Uuid,
    /// The project on it.
    secondary_project_id: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

impl From<TenantMapping> for TenantMappingView {
    fn from(mapping: TenantMapping) -> Self {
        Self {
            id: mapping.id.into_untyped_uuid(),
            primary_site_id: mapping.primary_site_id.into_untyped_uuid(),
            primary_project_id: mapping.primary_project_id.to_string(),
            secondary_site_id: mapping.secondary_site_id.into_untyped_uuid(),
            secondary_project_id: mapping.secondary_project_id.to_string(),
            created_at: mapping.created_at.into(),
            updated_at: mapping.updated_at.into(),
        }
    }
}

/// One tenant mapping.
#[derive(Debug, Object)]
pub(crate) struct TenantMappingDocument {
    /// The mapping.
    pub(crate) tenant_mapping: TenantMappingView,
}

/// A list of tenant mappings.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct TenantMappingList {
    /// The mappings.
    pub(crate) tenant_mappings: Vec<TenantMappingView>,
    /// The next page, where there is one.
    pub(crate) links: Option<Vec<Link>>,
    /// How many there are on all pages, where `with_count` asks for it.
    pub(crate) count: Option<u64>,
}

/// A pair of projects to allow groups for.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CreateTenantMapping {
    /// One site, by id or name.
    #[oai(validator(min_length = 1, max_length = 255))]
    primary_site_id: String,
    /// The project on it, by id.
    #[oai(validator(min_length = 1, max_length = 64))]
    primary_project_id: String,
    /// The other site, by id or name.
    #[oai(validator(min_length = 1, max_length = 255))]
    secondary_site_id: String,
    /// The project on it, by id.
    #[oai(validator(min_length = 1, max_length = 64))]
    secondary_project_id: String,
}

impl From<CreateTenantMapping> for NewTenantMapping {
    fn from(mapping: CreateTenantMapping) -> Self {
        Self {
            primary_site: mapping.primary_site_id,
            primary_project_id: mapping.primary_project_id.into(),
            secondary_site: mapping.secondary_site_id,
            secondary_project_id: mapping.secondary_project_id.into(),
        }
    }
}

/// The body that makes a tenant mapping.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CreateTenantMappingBody {
    /// The mapping.
    pub(crate) tenant_mapping: CreateTenantMapping,
}

/// A trust that a project gave to Protector on this site; its id is a secret.
#[derive(Debug, Object)]
#[oai(rename = "Trust")]
pub(crate) struct TrustView {
    /// The site whose identity service holds it.
    site_id: Uuid,
    /// The project.
    project_id: String,
    /// Who gave it.
    trustor_user_id: String,
    /// Who may use it.
    trustee_user_id: String,
    /// The roles that it passes on.
    roles: Vec<String>,
    /// `active`, `broken` or `revoked`.
    state: String,
    /// When it last worked.
    last_ok_at: Option<Timestamp>,
    /// Why it last did not.
    last_error: Option<String>,
    /// When it was made.
    created_at: Timestamp,
}

impl From<TrustRecord> for TrustView {
    fn from(record: TrustRecord) -> Self {
        Self {
            site_id: record.site_id.into_untyped_uuid(),
            project_id: record.project_id.to_string(),
            trustor_user_id: record.trust.trustor_user_id.to_string(),
            trustee_user_id: record.trust.trustee_user_id.to_string(),
            roles: record.trust.roles,
            state: record.state,
            last_ok_at: record.last_ok_at.map(Timestamp),
            last_error: record.last_error,
            created_at: record.created_at.into(),
        }
    }
}

/// One trust.
#[derive(Debug, Object)]
pub(crate) struct TrustDocument {
    /// The trust.
    pub(crate) trust: TrustView,
}

/// The trusts of a project.
#[derive(Debug, Object)]
pub(crate) struct TrustList {
    /// The trusts.
    pub(crate) trusts: Vec<TrustView>,
}

/// What a project may have; -1 is unlimited.
#[derive(Debug, Object)]
#[oai(rename = "QuotaSet")]
pub(crate) struct QuotaView {
    /// The project.
    id: String,
    /// Protection groups.
    protection_groups: i64,
    /// Members of one group.
    members_per_group: i64,
    /// Operations that are not finished.
    running_operations: i64,
}

impl QuotaView {
    pub(crate) fn new(project: &str, quotas: Quotas) -> Self {
        Self {
            id: project.to_owned(),
            protection_groups: quotas.protection_groups,
            members_per_group: quotas.members_per_group,
            running_operations: quotas.running_operations,
        }
    }
}

/// The quotas of one project.
#[derive(Debug, Object)]
pub(crate) struct QuotaDocument {
    /// The quotas.
    pub(crate) quota_set: QuotaView,
}

/// Quotas to set; those that are left out stay.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct UpdateQuotas {
    /// Protection groups; -1 is unlimited.
    #[oai(validator(minimum(value = "-1"), maximum(value = "1000000")))]
    protection_groups: Option<i64>,
    /// Members of one group; -1 is unlimited.
    #[oai(validator(minimum(value = "-1"), maximum(value = "1000000")))]
    members_per_group: Option<i64>,
    /// Operations that are not finished; -1 is unlimited.
    #[oai(validator(minimum(value = "-1"), maximum(value = "1000000")))]
    running_operations: Option<i64>,
}

impl UpdateQuotas {
    pub(crate) fn over(self, now: Quotas) -> Quotas {
        Quotas {
            protection_groups: self.protection_groups.unwrap_or(now.protection_groups),
            members_per_group: self.members_per_group.unwrap_or(now.members_per_group),
            running_operations: self.running_operations.unwrap_or(now.running_operations),
        }
    }
}

/// The body that sets quotas.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct UpdateQuotasBody {
    /// The quotas.
    pub(crate) quota_set: UpdateQuotas,
}
