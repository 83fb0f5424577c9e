use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use protector_framework::ProjectId;

use super::{Answer, Api, Part};
use crate::call::{Call, no_project};
use crate::dto::{QuotaDocument, QuotaView, TrustDocument, TrustList, UpdateQuotasBody};
use crate::failure::Failure;
use crate::reply::{Created, Done, Shown};

pub(super) struct Projects(pub(super) Api);

/// The project whose quotas are meant; only an administrator looks at another's than the path's.
fn quota_project(call: &Call, id: &str) -> Answer<ProjectId> {
    let own = call.project.as_ref().ok_or_else(no_project)?;
    if own.as_str() == id || call.is_admin() {
        return Ok(id.into());
    }
    Err(Failure::not_found(format!("quota set {id} does not exist")))
}

#[OpenApi(tag = "Part::Projects")]
impl Projects {
    /// List trusts
    ///
    /// Those that the project gave to Protector on this site.
    #[oai(
        path = "/v1/:tenant_id/trusts",
        method = "get",
        operation_id = "list_trusts"
    )]
    async fn list_trusts(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
    ) -> Answer<Shown<TrustList>> {
        let Path(_) = tenant_id;
        let found = self.0.services.list_trusts(call.project()?).await?;
        let trusts = found.into_iter().map(Into::into).collect();
        Ok(Shown::new(TrustList { trusts }))
    }

    /// Enrol the project on this site
    ///
    /// Makes a trust from the caller to Protector's own account, with those of the configured
    /// roles that the token carries. A token of an application credential cannot make one.
    #[oai(
        path = "/v1/:tenant_id/trusts",
        method = "post",
        operation_id = "create_trust"
    )]
    async fn create_trust(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
    ) -> Answer<Created<TrustDocument>> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        let made = services
            .create_trust(&call.actor(), call.project()?, call.token()?)
            .await?;
        let document = TrustDocument { trust: made.into() };
        Ok(Created::at(document, call.tenant_url("trusts")))
    }

    /// Withdraw the project's trust on this site
    ///
    /// An absent one is success.
    #[oai(
        path = "/v1/:tenant_id/trusts",
        method = "delete",
        operation_id = "delete_trust"
    )]
    async fn delete_trust(
        &self,
        call: Call,
        /// The project.
        tenant_id: Path<String>,
    ) -> Answer<Done> {
        let Path(_) = tenant_id;
        let services = &self.0.services;
        services
            .delete_trust(&call.actor(), call.project()?, call.token()?)
            .await?;
        Ok(Done)
    }

    /// Show quotas
    ///
    /// What a project may have; -1 is unlimited.
    #[oai(
        path = "/v1/:tenant_id/quota-sets/:id",
        method = "get",
        operation_id = "show_quota_set"
    )]
    async fn show_quotas(
        &self,
        call: Call,
        /// The project of the path.
        tenant_id: Path<String>,
        /// The project whose quotas are meant.
        id: Path<String>,
    ) -> Answer<Shown<QuotaDocument>> {
        let Path(_) = tenant_id;
        let project = quota_project(&call, &id.0)?;
        let quotas = self.0.services.get_quotas(&project).await?;
        Ok(Shown::new(QuotaDocument {
            quota_set: QuotaView::new(&id.0, quotas),
        }))
    }

    /// Set quotas
    ///
    /// Those that are left out stay.
    #[oai(
        path = "/v1/:tenant_id/quota-sets/:id",
        method = "put",
        operation_id = "update_quota_set"
    )]
    async fn update_quotas(
        &self,
        call: Call,
        /// The project of the path.
        tenant_id: Path<String>,
        /// The project whose quotas are meant.
        id: Path<String>,
        body: Json<UpdateQuotasBody>,
    ) -> Answer<Shown<QuotaDocument>> {
        let Path(_) = tenant_id;
        let project = quota_project(&call, &id.0)?;
        let services = &self.0.services;
        let quotas = body.0.quota_set.over(services.get_quotas(&project).await?);
        let kept = services.set_quotas(&call.actor(), &project, quotas).await?;
        Ok(Shown::new(QuotaDocument {
            quota_set: QuotaView::new(&id.0, kept),
        }))
    }

    /// Reset quotas
    ///
    /// Gives the project the defaults again.
    #[oai(
        path = "/v1/:tenant_id/quota-sets/:id",
        method = "delete",
        operation_id = "reset_quota_set"
    )]
    async fn reset_quotas(
        &self,
        call: Call,
        /// The project of the path.
        tenant_id: Path<String>,
        /// The project whose quotas are meant.
        id: Path<String>,
    ) -> Answer<Done> {
        let Path(_) = tenant_id;
        let project = quota_project(&call, &id.0)?;
        self.0
            .services
            .reset_quotas(&call.actor(), &project)
            .await?;
        Ok(Done)
    }
}
