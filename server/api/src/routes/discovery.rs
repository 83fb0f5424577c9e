use poem::http::HeaderMap;
use poem::http::header::ACCEPT;
use poem_openapi::{Object, OpenApi};

use super::{Answer, Api, Part};
use crate::call::Call;
use crate::dto::{HealthDocument, HealthView};
use crate::failure::Failure;
use crate::healthcheck::Sign;
use crate::listing::Link;
use crate::microversion::Microversion;
use crate::reply::Shown;

pub(super) struct Discovery(pub(super) Api);

/// The versions of the API.
#[derive(Debug, Object)]
pub(crate) struct VersionList {
    /// The versions; there is one.
    versions: Vec<Version>,
}

/// A version of the API.
#[derive(Debug, Object)]
pub(crate) struct Version {
    /// Its id.
    id: String,
    /// `CURRENT`.
    status: String,
    /// The oldest microversion.
    min_version: String,
    /// The newest microversion.
    max_version: String,
    /// Where it is. Without the `self` link clients drop the entry; the link has no project in it
    /// and keeps a proxy's prefix.
    links: Vec<Link>,
}

fn versions(call: &Call) -> Shown<VersionList> {
    Shown::new(VersionList {
        versions: vec![Version {
            id: "v1".to_owned(),
            status: "CURRENT".to_owned(),
            min_version: Microversion::MIN.to_string(),
            max_version: Microversion::MAX.to_string(),
            links: vec![
                Link::new("self", call.base.at("/v1/")),
                Link::new("collection", call.base.at("/")),
            ],
        }],
    })
}

#[OpenApi(tag = "Part::Discovery")]
impl Discovery {
    /// List versions
    ///
    /// Needs no token. All discovery URLs serve the same document.
    #[oai(path = "/", method = "get", operation_id = "list_versions")]
    async fn list_versions(&self, call: Call) -> Answer<Shown<VersionList>> {
        Ok(versions(&call))
    }

    /// Show the version
    ///
    /// Needs no token. `/v1/{tenant_id}`, the URL of the catalog, serves the same.
    #[oai(path = "/v1", method = "get", operation_id = "show_version")]
    async fn show_version(&self, call: Call) -> Answer<Shown<VersionList>> {
        Ok(versions(&call))
    }

    /// Ask for a sign of life
    ///
    /// For load balancers; needs no token and asks only this process and its database. `HEAD` is answered
    /// with 204. A process that `[healthcheck] disable_by_file_path` takes out of service is not well.
    #[oai(path = "/healthcheck", method = "get", operation_id = "healthcheck")]
    async fn healthcheck(&self, call: Call, headers: &HeaderMap) -> Answer<Sign> {
        if let Some(reason) = self.0.live.trouble().await {
            return Err(Failure::unavailable(reason));
        }
        if call.is_head {
            return Ok(Sign::Nothing);
        }
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        Ok(Sign::accepted_by(accept.unwrap_or_default()))
    }

    /// Show the health
    ///
    /// Sites, services and arrays; with their details from microversion 1.2, for callers whom the
    /// rule `protector:health:details` allows.
    #[oai(path = "/v1/health", method = "get", operation_id = "show_health")]
    async fn show_health(&self, call: Call) -> Answer<Shown<HealthDocument>> {
        let health = self.0.services.health(&call.actor()).await?;
        let details = call.version >= Microversion::HEALTH_DETAILS
            && call.allows("protector:health:details").await;
        let health = HealthView::new(health, details);
        Ok(Shown::new(HealthDocument { health }))
    }
}
