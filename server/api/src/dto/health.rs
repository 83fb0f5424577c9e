use std::collections::BTreeMap;

use poem_openapi::Object;
use poem_openapi::types::Any;
use protector_control::{ArrayHealth, Health};
use protector_db::ServiceRecord;
use protector_framework::{DriverInfo, DriverOrigin, GenericUuid as _, RefusedFile};
use protector_model::Site;
use serde_json::Value;
use uuid::Uuid;

use super::common::{SiteStatusWord, Timestamp};

/// How this deployment and what it depends on are.
#[derive(Debug, Object)]
#[oai(rename = "Health")]
pub(crate) struct HealthView {
    /// `ok`, or `degraded` where something below is amiss.
    status: String,
    /// The sites.
    sites: Vec<SiteHealthView>,
    /// The processes of this site.
    services: Vec<ServiceHealthView>,
    /// The arrays that policies name.
    arrays: Vec<ArrayHealthView>,
}

/// A site's health. From microversion 1.2 with details, for those who may see them.
#[derive(Debug, Object)]
#[oai(rename = "SiteHealth", skip_serializing_if_is_none)]
pub(crate) struct SiteHealthView {
    /// The site.
    id: Uuid,
    /// Its name.
    name: String,
    /// Its status.
    status: SiteStatusWord,
    /// Why it has that status.
    status_reason: Option<String>,
    /// When its services were last asked.
    validated_at: Option<Timestamp>,
    /// Which of its services answered.
    reachable: Option<BTreeMap<String, bool>>,
    /// What those said that did not answer.
    details: Option<BTreeMap<String, String>>,
}

/// A process's health. From microversion 1.2 with details, for those who may see them.
#[derive(Debug, Object)]
#[oai(rename = "ServiceHealth", skip_serializing_if_is_none)]
pub(crate) struct ServiceHealthView {
    /// `protector-api` or `protector-engine`.
    binary: String,
    /// `up` or `down`.
    state: String,
    /// Where it runs.
    host: Option<String>,
    /// Its last heartbeat.
    last_seen_at: Option<Timestamp>,
}

/// An array's health. From microversion 1.2 with details, for those who may see them.
#[derive(Debug, Object)]
#[oai(rename = "ArrayHealth", skip_serializing_if_is_none)]
pub(crate) struct ArrayHealthView {
    /// The site it belongs to.
    site_id: Uuid,
    /// What its administrators call it.
    name: String,
    /// Whether it answered now.
    reachable: bool,
    /// Its driver.
    driver: Option<String>,
    /// Where its API is.
    url: Option<String>,
    /// Why it did not answer.
    detail: Option<String>,
}

impl HealthView {
    pub(crate) fn new(health: Health, details: bool) -> Self {
        let (sites, services, arrays) = (health.sites, health.services, health.arrays);
        Self {
            status: if health.ok { "ok" } else { "degraded" }.to_owned(),
            sites: sites.into_iter().map(|s| site(s, details)).collect(),
            services: services.into_iter().map(|s| service(s, details)).collect(),
            arrays: arrays.into_iter().map(|a| array(a, details)).collect(),
        }
    }
}

fn site(site: Site, details: bool) -> SiteHealthView {
    let reach = site.reach;
    let reachable = [
        ("keystone", reach.keystone),
        ("nova", reach.nova),
        ("cinder", reach.cinder),
        ("neutron", reach.neutron),
        ("protector", reach.protector),
    ];
    let reachable = reachable.map(|(name, up)| (name.to_owned(), up));
    SiteHealthView {
        id: site.id.into_untyped_uuid(),
        name: site.name,
        status: site.status.into(),
        status_reason: site.status_reason.filter(|_| details),
        validated_at: reach.checked_at.map(Timestamp).filter(|_| details),
        reachable: details.then(|| reachable.into()),
        details: details.then_some(reach.details),
    }
}

fn service(service: ServiceRecord, details: bool) -> ServiceHealthView {
    ServiceHealthView {
        binary: service.binary,
        state: state(service.up),
        host: details.then_some(service.host),
        last_seen_at: details.then_some(service.last_seen_at.into()),
    }
}

fn array(array: ArrayHealth, details: bool) -> ArrayHealthView {
    ArrayHealthView {
        site_id: array.site_id.into_untyped_uuid(),
        name: array.name,
        reachable: array.reachable,
        driver: details.then_some(array.driver),
        url: details.then_some(array.url),
        detail: array.detail.filter(|_| details),
    }
}

fn state(up: bool) -> String {
    if up { "up" } else { "down" }.to_owned()
}

/// The health of this deployment.
#[derive(Debug, Object)]
pub(crate) struct HealthDocument {
    /// The health.
    pub(crate) health: HealthView,
}

/// A process of this site.
#[derive(Debug, Object)]
#[oai(rename = "Service")]
pub(crate) struct ServiceView {
    /// Its id.
    id: Uuid,
    /// `protector-api` or `protector-engine`.
    binary: String,
    /// Where it runs.
    host: String,
    /// `up` or `down`.
    state: String,
    /// Its last heartbeat.
    last_seen_at: Timestamp,
}

impl From<ServiceRecord> for ServiceView {
    fn from(record: ServiceRecord) -> Self {
        Self {
            id: record.id,
            binary: record.binary,
            host: record.host,
            state: state(record.up),
            last_seen_at: record.last_seen_at.into(),
        }
    }
}

/// The processes of this site.
#[derive(Debug, Object)]
pub(crate) struct ServiceList {
    /// The processes.
    pub(crate) services: Vec<ServiceView>,
}

/// A driver of this process.
#[derive(Debug, Object)]
#[oai(rename = "Driver")]
pub(crate) struct DriverView {
    /// `storage`, `compute` or `identity`.
    kind: String,
    /// Its name.
    name: String,
    /// Its own version.
    version: String,
    /// One sentence about it.
    summary: String,
    /// `linked`, or `file`: it was loaded from `file`.
    origin: String,
    /// The shared library that it was loaded from.
    #[oai(skip_serializing_if_is_none)]
    file: Option<String>,
    /// The version of the driver ABI that the library was built for.
    #[oai(skip_serializing_if_is_none)]
    abi: Option<String>,
    /// What it can do, by name; with certain settings it may do less.
    capabilities: Any<Value>,
    /// Example settings.
    example: Any<Value>,
    /// JSON Schema of its settings.
    schema: Any<Value>,
}

/// A file in the directory of drivers that was not loaded.
#[derive(Debug, Object)]
#[oai(rename = "RefusedDriverFile")]
pub(crate) struct RefusedFileView {
    /// The file.
    file: String,
    /// Why.
    reason: String,
}

impl From<RefusedFile> for RefusedFileView {
    fn from(refused: RefusedFile) -> Self {
        Self {
            file: refused.file.display().to_string(),
            reason: refused.reason,
        }
    }
}

impl From<DriverInfo> for DriverView {
    fn from(driver: DriverInfo) -> Self {
        let (origin, file) = match driver.origin {
            DriverOrigin::Linked => ("linked", None),
            DriverOrigin::File(file) => ("file", Some(file.display().to_string())),
        };
        Self {
            kind: driver.kind.word().to_owned(),
            name: driver.name,
            version: driver.version,
            summary: driver.summary,
            origin: origin.to_owned(),
            file,
            abi: driver.abi,
            capabilities: Any(driver.capabilities),
            example: Any(driver.example),
            schema: Any(driver.schema),
        }
    }
}

/// The drivers of this process.
#[derive(Debug, Object)]
pub(crate) struct DriverList {
    /// The drivers.
    pub(crate) drivers: Vec<DriverView>,
    /// Files of the directory of drivers that were not loaded.
    pub(crate) refused: Vec<RefusedFileView>,
}
