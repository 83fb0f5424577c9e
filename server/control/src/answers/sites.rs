use std::collections::BTreeMap;

use async_trait::async_trait;
use protector_db::{Page, PeerKey, Quotas, ServiceRecord, TrustRecord};
use protector_framework::{
    ProjectId, ReplicationMode, SecretString, SiteId, TenantMappingId, VolumeType,
};
use protector_model::{Actor, Site, TenantMapping};

use crate::control::Control;
use crate::refusal::Result;
use crate::services::{
    Drivers, Health, NewSite, NewTenantMapping, Registered, SiteChange, SiteServices,
};
use crate::{health, sites, tenants, trusts};

#[async_trait]
impl SiteServices for Control {
    async fn page_sites(&self, page: &Page) -> Result<Vec<Site>> {
        Ok(self.db.page_sites(page).await?)
    }

    async fn get_site(&self, site: &str) -> Result<Site> {
        self.site(site).await
    }

    async fn register_site(&self, actor: &Actor, new: NewSite) -> Result<Registered> {
        sites::register(self, actor, new).await
    }

    async fn update_site(&self, actor: &Actor, site: &str, change: SiteChange) -> Result<Site> {
        sites::update(self, actor, site, change).await
    }

    async fn delete_site(&self, actor: &Actor, site: &str) -> Result<()> {
        sites::delete(self, actor, site).await
    }

    async fn validate_site(&self, actor: &Actor, site: &str) -> Result<Site> {
        sites::validate(self, actor, site).await
    }

    async fn peer_keys(&self) -> Result<BTreeMap<SiteId, PeerKey>> {
        sites::peer_keys(self).await
    }

    async fn site_volume_types(
        &self,
        actor: &Actor,
        site: &str,
        project: &ProjectId,
        mode: Option<ReplicationMode>,
    ) -> Result<Vec<VolumeType>> {
        sites::volume_types(self, actor, site, project, mode).await
    }

    async fn page_tenant_mappings(&self, page: &Page) -> Result<Vec<TenantMapping>> {
        Ok(self.db.page_tenant_mappings(page).await?)
    }

    async fn get_tenant_mapping(&self, id: TenantMappingId) -> Result<TenantMapping> {
        tenants::get(self, id).await
    }

    async fn create_tenant_mapping(
        &self,
        actor: &Actor,
        new: NewTenantMapping,
    ) -> Result<TenantMapping> {
        tenants::create(self, actor, new).await
    }

    async fn delete_tenant_mapping(&self, actor: &Actor, id: TenantMappingId) -> Result<()> {
        tenants::delete(self, actor, id).await
    }

    async fn get_quotas(&self, project: &ProjectId) -> Result<Quotas> {
        Ok(self.db.quotas(project).await?)
    }

    async fn set_quotas(
        &self,
        actor: &Actor,
        project: &ProjectId,
        quotas: Quotas,
    ) -> Result<Quotas> {
        tenants::set_quotas(self, actor, project, quotas).await
    }

    async fn reset_quotas(&self, actor: &Actor, project: &ProjectId) -> Result<()> {
        tenants::reset_quotas(self, actor, project).await
    }

    async fn create_trust(
        &self,
        actor: &Actor,
        project: &ProjectId,
        token: &SecretString,
    ) -> Result<TrustRecord> {
        trusts::create(self, actor, project, token).await
    }

    async fn list_trusts(&self, project: &ProjectId) -> Result<Vec<TrustRecord>> {
        Ok(self.db.list_trusts(project).await?)
    }

    async fn delete_trust(
        &self,
        actor: &Actor,
        project: &ProjectId,
        token: &SecretString,
    ) -> Result<()> {
        trusts::delete(self, actor, project, token).await
    }

    async fn health(&self, actor: &Actor) -> Result<Health> {
        health::health(self, actor).await
    }

    async fn list_services(&self) -> Result<Vec<ServiceRecord>> {
        Ok(self.db.list_services().await?)
    }

    async fn list_drivers(&self) -> Result<Drivers> {
        let registry = self.reach.registry();
        Ok(Drivers {
            known: registry.drivers(),
            refused: registry.refused().to_vec(),
        })
    }
}
