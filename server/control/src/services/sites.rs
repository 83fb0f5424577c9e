use std::collections::BTreeMap;

use protector_db::{Page, PeerKey, Quotas, ServiceRecord, TrustRecord};
use protector_framework::{
    DriverInfo, ProjectId, RefusedFile, ReplicationMode, SecretString, SiteId, TenantMappingId,
    VolumeType,
};
use protector_model::site::Account;
use protector_model::{Actor, Site, TenantMapping};

use super::surface;

/// The account that Protector is to use on a site.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// What it is called.
    pub account: Account,
    /// Its password.
    pub password: Option<SecretString>,
    /// The secret of an application credential.
    pub application_credential_secret: Option<SecretString>,
}

/// The drivers of this process.
#[derive(Debug, Clone, Default)]
pub struct Drivers {
    /// Those that can be used.
    pub known: Vec<DriverInfo>,
    /// Files of the directory of drivers that were not loaded.
    pub refused: Vec<RefusedFile>,
}

/// A site to register.
#[derive(Debug, Clone)]
pub struct NewSite {
    /// Its name, unique.
    pub name: String,
    /// For people.
    pub description: String,
    /// Which compute and identity drivers speak to it.
    pub site_type: String,
    /// Its identity service.
    pub auth_url: String,
    /// Its region.
    pub region_name: String,
    /// Its account; `None`: the service's own of `[keystone_authtoken]` is tried.
    pub credentials: Option<Credentials>,
}

/// What is to change of a site; `None` leaves a field.
#[derive(Debug, Clone, Default)]
pub struct SiteChange {
    /// Its new name.
    pub name: Option<String>,
    /// Its new description.
    pub description: Option<String>,
    /// Its new identity service.
    pub auth_url: Option<String>,
    /// Its new region.
    pub region_name: Option<String>,
    /// Its new account.
    pub credentials: Option<Credentials>,
    /// The key of its Protector that an operator confirms.
    pub peer_key: Option<String>,
}

/// A registered site.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// The site.
    pub site: Site,
    /// Whether this request made it; `false`: it was there with the same data.
    pub created: bool,
}

/// A pair of projects to allow groups for. Sites by id or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenantMapping {
    /// One site.
    pub primary_site: String,
    /// The project on it.
    pub primary_project_id: ProjectId,
    /// The other site.
    pub secondary_site: String,
    /// The project on it.
    pub secondary_project_id: ProjectId,
}

/// How this deployment and what it depends on are.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Whether nothing below is amiss.
    pub ok: bool,
    /// The sites with their last validation.
    pub sites: Vec<Site>,
    /// The processes of this site.
    pub services: Vec<ServiceRecord>,
    /// The arrays that policies name.
    pub arrays: Vec<ArrayHealth>,
}

/// Whether an array answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayHealth {
    /// The site it belongs to.
    pub site_id: SiteId,
    /// Its driver.
    pub driver: String,
    /// Where its API is.
    pub url: String,
    /// What its administrators call it.
    pub name: String,
    /// Whether it answered now.
    pub reachable: bool,
    /// Why not.
    pub detail: Option<String>,
}

surface! {
    /// Sites, tenants and the deployment itself.
    pub trait SiteServices {
        /// One page of the sites.
        async fn page_sites(&self, page: &Page) -> Vec<Site>;
        /// The site of this id or name.
        async fn get_site(&self, site: &str) -> Site;
        /// Registers a site, tries its account and tells the other site.
        async fn register_site(&self, actor: &Actor, new: NewSite) -> Registered;
        /// Changes a site and tells the other site.
        async fn update_site(&self, actor: &Actor, site: &str, change: SiteChange) -> Site;
        /// Deletes a site that no group uses and tells the other site.
        async fn delete_site(&self, actor: &Actor, site: &str) -> ();
        /// Asks the services of a site and keeps what they said.
        async fn validate_site(&self, actor: &Actor, site: &str) -> Site;
        /// The keys of the sites' Protectors, that of this site with them.
        async fn peer_keys(&self) -> BTreeMap<SiteId, PeerKey>;
        /// The volume types that a project can use on a site; with a mode only those replicated so.
        async fn site_volume_types(
            &self,
            actor: &Actor,
            site: &str,
            project: &ProjectId,
            mode: Option<ReplicationMode>,
        ) -> Vec<VolumeType>;
        /// One page of the tenant mappings.
        async fn page_tenant_mappings(&self, page: &Page) -> Vec<TenantMapping>;
        /// One tenant mapping.
        async fn get_tenant_mapping(&self, id: TenantMappingId) -> TenantMapping;
        /// Allows groups of a pair of projects; the same pair again is the same mapping.
        async fn create_tenant_mapping(
            &self,
            actor: &Actor,
            new: NewTenantMapping,
        ) -> TenantMapping;
        /// Deletes a tenant mapping; its groups stay.
        async fn delete_tenant_mapping(&self, actor: &Actor, id: TenantMappingId) -> ();
        /// What a project may have.
        async fn get_quotas(&self, project: &ProjectId) -> Quotas;
        /// Sets what a project may have.
        async fn set_quotas(&self, actor: &Actor, project: &ProjectId, quotas: Quotas) -> Quotas;
        /// Gives a project the defaults again.
        async fn reset_quotas(&self, actor: &Actor, project: &ProjectId) -> ();
        /// Makes a trust from the caller, whose token it is, to this site's account.
        async fn create_trust(
            &self,
            actor: &Actor,
            project: &ProjectId,
            token: &SecretString,
        ) -> TrustRecord;
        /// The trusts of a project, without their ids.
        async fn list_trusts(&self, project: &ProjectId) -> Vec<TrustRecord>;
        /// Deletes the trust of a project on this site; an absent one is success.
        async fn delete_trust(
            &self,
            actor: &Actor,
            project: &ProjectId,
            token: &SecretString,
        ) -> ();
        /// How the deployment is.
        async fn health(&self, actor: &Actor) -> Health;
        /// The processes of this site.
        async fn list_services(&self) -> Vec<ServiceRecord>;
        /// The drivers of this process.
        async fn list_drivers(&self) -> Drivers;
    }
}
