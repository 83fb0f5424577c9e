use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use protector_framework::GenericUuid as _;
use protector_model::Site;

use super::{Answer, Api, Part};
use crate::call::Call;
use crate::dto::{
    CreateSiteBody, DriverList, ReplicationType, ServiceList, SiteDocument, SiteFailoverBody,
    SiteFailoverDocument, SiteList, SitePlanDocument, SiteView, UpdateSiteBody, VolumeTypeList,
};
use crate::failure::Failure;
use crate::listing::{Listing, counted};
use crate::reply::{Accepted, Created, Done, OneOf, Shown};

pub(super) struct Sites(pub(super) Api);

impl Sites {
    async fn shown(&self, site: Site) -> Answer<SiteDocument> {
        let keys = self.0.services.peer_keys().await?;
        let key = keys.get(&site.id);
        Ok(SiteDocument {
            site: SiteView::new(site, key),
        })
    }
}

#[OpenApi(tag = "Part::Sites")]
impl Sites {
    /// List sites
    ///
    /// Both sites hold the same list with the same ids.
    #[oai(path = "/v1/admin/sites", method = "get", operation_id = "list_sites")]
    async fn list_sites(&self, listing: Listing) -> Answer<Shown<SiteList>> {
        let found = self.0.services.page_sites(&listing.page()).await?;
        let (sites, links) = listing.finish(found, |site| site.id.into_untyped_uuid());
        let count = match listing.all() {
            Some(all) => Some(counted(&self.0.services.page_sites(&all).await?)),
            None => None,
        };
        let keys = self.0.services.peer_keys().await?;
        let shown = |site: Site| {
            let key = keys.get(&site.id);
            SiteView::new(site, key)
        };
        let sites = sites.into_iter().map(shown).collect();
        Ok(Shown::new(SiteList {
            sites,
            links,
            count,
        }))
    }

    /// Register a site
    ///
    /// Tries its account and tells the other site. Without credentials the service's own user and
    /// password are tried there; where they are refused the site is `registered` with the reason.
    /// The same name with the same data again answers 200, with other data 409.
    #[oai(
        path = "/v1/admin/sites",
        method = "post",
        operation_id = "create_site"
    )]
    async fn create_site(
        &self,
        call: Call,
        body: Json<CreateSiteBody>,
    ) -> Answer<OneOf<Created<SiteDocument>, Shown<SiteDocument>>> {
        let new = body.0.site.into();
        let done = self.0.services.register_site(&call.actor(), new).await?;
        let url = call.base.at(&format!("/v1/admin/sites/{}", done.site.id));
        let document = self.shown(done.site).await?;
        Ok(match done.created {
            true => OneOf::First(Created::at(document, url)),
            false => OneOf::Second(Shown::new(document)),
        })
    }

    /// Show a site
    ///
    /// With what was found when its services were last asked.
    #[oai(
        path = "/v1/admin/sites/:site",
        method = "get",
        operation_id = "show_site"
    )]
    async fn show_site(
        &self,
        /// The site, by id or name.
        site: Path<String>,
    ) -> Answer<Shown<SiteDocument>> {
        let site = self.0.services.get_site(&site.0).await?;
        Ok(Shown::new(self.shown(site).await?))
    }

    /// Change a site
    ///
    /// Fields that are left out stay. The other site is told. A site whose Protector shows another
    /// key than before (`peer_key_offered`) gets no secrets and no changes until the new key is set
    /// here as `peer_key`.
    #[oai(
        path = "/v1/admin/sites/:site",
        method = "patch",
        operation_id = "update_site"
    )]
    async fn update_site(
        &self,
        call: Call,
        /// The site, by id or name.
        site: Path<String>,
        body: Json<UpdateSiteBody>,
    ) -> Answer<Shown<SiteDocument>> {
        let change = body.0.site.into();
        let services = &self.0.services;
        let site = services.update_site(&call.actor(), &site.0, change).await?;
        Ok(Shown::new(self.shown(site).await?))
    }

    /// Remove a site
    ///
    /// Only one that no group uses. The other site is told.
    #[oai(
        path = "/v1/admin/sites/:site",
        method = "delete",
        operation_id = "delete_site"
    )]
    async fn delete_site(
        &self,
        call: Call,
        /// The site, by id or name.
        site: Path<String>,
    ) -> Answer<Done> {
        self.0.services.delete_site(&call.actor(), &site.0).await?;
        Ok(Done)
    }

    /// Ask a site's services for a sign of life
    ///
    /// Answers 200 also where some do not answer; what was found is kept and shown.
    #[oai(
        path = "/v1/admin/sites/:site/validate",
        method = "post",
        operation_id = "validate_site"
    )]
    async fn validate_site(
        &self,
        call: Call,
        /// The site, by id or name.
        site: Path<String>,
    ) -> Answer<Shown<SiteDocument>> {
        let services = &self.0.services;
        let site = services.validate_site(&call.actor(), &site.0).await?;
        Ok(Shown::new(self.shown(site).await?))
    }

    /// List a site's volume types
    ///
    /// As a project sees them; with a replication type only those that replicate so.
    #[oai(
        path = "/v1/admin/sites/:site/volume-types",
        method = "get",
        operation_id = "list_site_volume_types"
    )]
    async fn list_site_volume_types(
        &self,
        call: Call,
        /// The site, by id or name.
        site: Path<String>,
        /// The project on that site, by id; without it, that of the path or the token.
        project_id: Query<Option<String>>,
        /// Only types that replicate so.
        replication_type: Query<Option<ReplicationType>>,
    ) -> Answer<Shown<VolumeTypeList>> {
        let project = match project_id.0 {
            Some(project) => project.into(),
            None => call.project.clone().ok_or_else(|| {
                Failure::bad("project_id: is missing, and the token is not for a project")
            })?,
        };
        let mode = replication_type.0.map(Into::into);
        let services = &self.0.services;
        let found = services
            .site_volume_types(&call.actor(), &site.0, &project, mode)
            .await?;
        let volume_types = found.into_iter().map(Into::into).collect();
        Ok(Shown::new(VolumeTypeList { volume_types }))
    }

    /// Fail a site over
    ///
    /// Brings every group whose primary is the site up on its other one, each by an operation of its
    /// own. Engines begin them tier by tier, where a group counts by its member that starts first,
    /// and within a tier project by project; no group waits until another has ended. Groups for which
    /// nothing was started are in `refused`, each with the reason. An unplanned failover is asked for
    /// at the other site and needs nothing of this one. The same key with the same body again answers
    /// with the same operations, and tries those again that were refused. With `dry_run` the answer
    /// is the plans and nothing is done.
    #[oai(
        path = "/v1/admin/sites/:site/failover",
        method = "post",
        operation_id = "fail_over_site"
    )]
    async fn fail_over_site(
        &self,
        call: Call,
        /// The site, by id or name.
        site: Path<String>,
        /// The same key with the same body again answers with the first operations.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        key: Header<Option<String>>,
        body: Json<SiteFailoverBody>,
    ) -> Answer<OneOf<Accepted<SiteFailoverDocument>, Shown<SitePlanDocument>>> {
        let request = body.0.failover.request(key.0);
        let planned = request.dry_run;
        let services = &self.0.services;
        let done = services
            .fail_over_site(&call.actor(), &site.0, request)
            .await?;
        for operation in &done.operations {
            call.noted.began(operation);
        }
        Ok(match planned {
            true => OneOf::Second(Shown::new(done.into())),
            false => OneOf::First(Accepted::new(done.into())),
        })
    }

    /// List drivers
    ///
    /// Those of the answering process: where each comes from, what it can do, an example and the JSON
    /// Schema of its settings; and the files that were to be drivers and were not loaded.
    #[oai(
        path = "/v1/admin/drivers",
        method = "get",
        operation_id = "list_drivers"
    )]
    async fn list_drivers(&self) -> Answer<Shown<DriverList>> {
        let found = self.0.services.list_drivers().await?;
        Ok(Shown::new(DriverList {
            drivers: found.known.into_iter().map(Into::into).collect(),
            refused: found.refused.into_iter().map(Into::into).collect(),
        }))
    }

    /// List services
    ///
    /// The processes of this site by their heartbeats; up is who was seen within the last minute.
    #[oai(
        path = "/v1/admin/services",
        method = "get",
        operation_id = "list_services"
    )]
    async fn list_services(&self) -> Answer<Shown<ServiceList>> {
        let found = self.0.services.list_services().await?;
        let services = found.into_iter().map(Into::into).collect();
        Ok(Shown::new(ServiceList { services }))
    }
}
