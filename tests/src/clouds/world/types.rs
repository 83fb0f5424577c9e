//! What only an admin can make: flavor, volume types, group type.

use serde_json::json;

use crate::clouds::cloud::Cloud;
use crate::clouds::failure::Outcome;
use crate::clouds::http::{Service, list, text};

/// Ids on one cloud.
#[derive(Debug, Clone)]
pub struct Types {
    /// The servers' flavor.
    pub flavor: String,
    /// The replicated volume type.
    pub replicated: String,
    /// The volume type of test clones.
    pub plain: String,
}

/// The name of the flavor.
pub(super) const FLAVOR: &str = "protected.small";

impl Types {
    /// Makes what is missing.
    pub(super) async fn build(admin: &Cloud, backend: &str) -> Outcome<Self> {
        let name = |what: &str| format!("{what}-{backend}");
        let backend = ("volume_backend_name", backend);
        let replicated = [
            backend,
            ("replication_enabled", "<is> True"),
            ("replication_type", "<in> async"),
        ];
        group_type(&admin.cinder).await?;
        Ok(Self {
            flavor: flavor(&admin.nova).await?,
            replicated: volume_type(&admin.cinder, &name("replicated"), &replicated).await?,
            plain: volume_type(&admin.cinder, &name("plain"), &[backend]).await?,
        })
    }
}

async fn flavor(nova: &Service) -> Outcome<String> {
    let have = nova.get("/flavors").await?;
    if let Some(id) = id_of(list(&have, "/flavors"), FLAVOR) {
        return Ok(id);
    }
    let body = json!({"flavor": {"name": FLAVOR, "vcpus": 1, "ram": 512, "disk": 0}});
    text(&nova.post("/flavors", &body).await?, "/flavor/id")
}

async fn volume_type(cinder: &Service, name: &str, specs: &[(&str, &str)]) -> Outcome<String> {
    let have = cinder.get("/types").await?;
    if let Some(id) = id_of(list(&have, "/volume_types"), name) {
        return Ok(id);
    }
    let specs: serde_json::Map<_, _> = specs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    let body = json!({"volume_type": {"name": name, "extra_specs": specs}});
    text(&cinder.post("/types", &body).await?, "/volume_type/id")
}

/// The group type that Protector's groups are made of; arrays ask for the spec.
async fn group_type(cinder: &Service) -> Outcome {
    let name = "protector";
    let have = cinder.get("/group_types").await?;
    if id_of(list(&have, "/group_types"), name).is_some() {
        return Ok(());
    }
    let body = json!({"group_type": {"name": name,
        "group_specs": {"consistent_group_snapshot_enabled": "<is> True"}}});
    cinder.post("/group_types", &body).await.map(|_| ())
}

fn id_of(all: &[serde_json::Value], name: &str) -> Option<String> {
    let one = all.iter().find(|one| one["name"] == name)?;
    one["id"].as_str().map(str::to_owned)
}
