//! Adopting array volumes and letting them go.
//!
//! A failed adoption leaves a record in state `error` without a link to the array. Deleting such a
//! record has been seen to destroy an unrelated array volume, so nothing here ever deletes a
//! volume, and an adoption is not even tried before the back end shows the array volume.

use protector_framework::{
    DriverError, EnsureManagedVolume, ErrorKind, Result, Volume, VolumeId, VolumeStatus,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::cloud::Cloud;
use super::volumes::{CINDER, cinder, state_refusal, volume_action};
use super::wire::WireVolume;
use crate::session::{Call, Service, Trip};

/// Entries of one page of array volumes; the usual limit of a cloud.
const PAGE: usize = 1_000;
/// What no back end and no volume is called.
const NOTHING: &str = "protector-asks-whether-it-may-adopt";
/// More pages than any array fills.
const MOST_PAGES: usize = 100;

/// An array volume as the back end shows it.
#[derive(Deserialize)]
struct WireManageable {
    reference: Value,
    #[serde(default)]
    safe_to_manage: bool,
    #[serde(default)]
    reason_not_safe: Option<String>,
    #[serde(default)]
    cinder_id: Option<String>,
}

impl WireManageable {
    /// Drivers put the name under one of two keys.
    fn is_named(&self, name: &str) -> bool {
        ["source-name", "name"]
            .iter()
            .any(|key| self.reference[*key] == name)
    }
}

impl Cloud {
    pub(super) async fn adopt(&self, trip: &Trip, req: &EnsureManagedVolume) -> Result<Volume> {
        if let Some(volume) = self.adopted(trip, &req.name).await? {
            return Ok(volume);
        }
        match self.manage(trip, req).await {
            Ok(volume) => Ok(volume),
            Err(error) => {
                self.find_after(error, || async move { self.adopted(trip, &req.name).await })
                    .await
            }
        }
    }

    async fn adopted(&self, trip: &Trip, name: &str) -> Result<Option<Volume>> {
        Ok(self.volumes_named(trip, name).await?.into_iter().next())
    }

    async fn manage(&self, trip: &Trip, req: &EnsureManagedVolume) -> Result<Volume> {
        let early = trip.leaving_time_to_look(&*self.env.clock);
        self.check_offered(&early, req).await?;
        // The volume will belong to the token's project, so this is the service's account in the
        // tenant's project; a trust may not manage.
        let call = Call::post(Service::Volume, ["manageable_volumes"], body(req))
            .at(CINDER.0, CINDER.1)
            .needs(3, 8);
        let wire: WireVolume = match self.service.send(&early, call).await {
            Ok(reply) => reply.at("volume")?,
            Err(error) => return Err(error),
        };
        self.complete(trip, wire).await
    }

    /// Asks to adopt a volume of a back end that no cloud has. The policy is asked before the back end
    /// is looked for, so that nothing comes of it but the answer.
    pub(super) async fn ask_to_adopt_nothing(&self, trip: &Trip) -> Result<()> {
        let nothing = json!({"source-name": NOTHING, "name": NOTHING});
        let host = format!("{NOTHING}@{NOTHING}#{NOTHING}");
        let body = json!({"volume": {"host": host, "ref": nothing, "name": NOTHING}});
        let call = Call::post(Service::Volume, ["manageable_volumes"], body)
            .at(CINDER.0, CINDER.1)
            .needs(3, 8);
        match self.service.send(trip, call).await {
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::InvalidRequest) => {
                Ok(())
            }
            Err(error) => Err(error),
            Ok(_) => Err(DriverError::new(
                ErrorKind::Unexpected,
                format!(
                    "the block storage service took a volume of the back end `{host}`, which it \
                     cannot have; look for a volume named `{NOTHING}`"
                ),
            )
            .with_call("POST /manageable_volumes")),
        }
    }

    /// Makes sure that the back end shows the array volume and would adopt it.
    async fn check_offered(&self, trip: &Trip, req: &EnsureManagedVolume) -> Result<()> {
        let Some(offer) = self.offer(trip, req).await? else {
            return Err(DriverError::not_found(format!(
                "array volume `{}` at the back end `{}`, as the block storage service sees it,",
                req.source_name, req.host
            ))
            .with_call("GET /manageable_volumes/detail"));
        };
        if offer.safe_to_manage {
            return Ok(());
        }
        let holder = match &offer.cinder_id {
            Some(id) => format!("it is volume {id}"),
            None => "no volume is named for it".to_owned(),
        };
        Err(DriverError::conflict(format!(
            "the back end `{}` shows array volume `{}` and will not give it to volume `{}`: {} \
             ({holder})",
            req.host,
            req.source_name,
            req.name,
            offer
                .reason_not_safe
                .as_deref()
                .unwrap_or("no reason given"),
        ))
        .with_call("GET /manageable_volumes/detail"))
    }

    async fn offer(
        &self,
        trip: &Trip,
        req: &EnsureManagedVolume,
    ) -> Result<Option<WireManageable>> {
        let mut seen = 0;
        for _ in 0..MOST_PAGES {
            // This list has no links to a next page.
            let call = cinder(["manageable_volumes", "detail"])
                .needs(3, 8)
                .query("host", &req.host)
                .query("limit", PAGE.to_string())
                .query("offset", seen.to_string());
            let page: Vec<WireManageable> = self
                .service
                .send(trip, call)
                .await?
                .at("manageable-volumes")?;
            if page.is_empty() {
                return Ok(None);
            }
            seen += page.len();
            let found = page
                .into_iter()
                .find(|entry| entry.is_named(&req.source_name));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    pub(super) async fn release(&self, trip: &Trip, id: &VolumeId) -> Result<()> {
        let volume = match self.volume(trip, id).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        if volume.status == "unmanaging" {
            return Ok(());
        }
        check_free(&self.complete(trip, volume).await?)?;
        let early = trip.leaving_time_to_look(&*self.env.clock);
        let call = volume_action(id, json!({"os-unmanage": {}}));
        match self.service.send(&early, call).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => {
                self.find_after(state_refusal(error), || async move {
                    self.released(trip, id).await
                })
                .await
            }
        }
    }

    async fn released(&self, trip: &Trip, id: &VolumeId) -> Result<Option<()>> {
        match self.volume(trip, id).await {
            Ok(volume) => Ok((volume.status == "unmanaging").then_some(())),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Some(())),
            Err(error) => Err(error),
        }
    }
}

/// Why a volume cannot be let go, if so.
fn check_free(volume: &Volume) -> Result<()> {
    let call = format!("POST /volumes/{}/action", volume.id);
    let why = if volume.status == VolumeStatus::Error {
        "it is in error: deleting or releasing it can destroy data on the array; an administrator \
         must look at it first"
            .to_owned()
    } else if volume.connected || !volume.servers.is_empty() {
        let servers: Vec<_> = volume.servers.iter().map(|id| id.as_str()).collect();
        format!("it is held by server {}", servers.join(", "))
    } else if let Some(group) = &volume.group_id {
        format!("it is in the volume group {group}")
    } else if volume.snapshots > 0 {
        format!("it has {} snapshots", volume.snapshots)
    } else {
        match volume.status {
            VolumeStatus::Available => return Ok(()),
            VolumeStatus::Busy => {
                return Err(DriverError::new(
                    ErrorKind::Busy,
                    format!("volume {} is {}", volume.id, volume.raw_status),
                )
                .with_call(call));
            }
            _ => format!("it is {}", volume.raw_status),
        }
    };
    Err(
        DriverError::conflict(format!("volume {} cannot be released: {why}", volume.id))
            .with_call(call),
    )
}

fn body(req: &EnsureManagedVolume) -> Value {
    let mut volume = Map::new();
    let mut put = |name: &str, value: Value| volume.insert(name.to_owned(), value);
    put("host", json!(req.host));
    // Drivers read one key or the other, and some end in error without theirs.
    put(
        "ref",
        json!({"source-name": req.source_name, "name": req.source_name}),
    );
    put("name", json!(req.name));
    put("volume_type", json!(req.volume_type.as_str()));
    put("bootable", json!(req.bootable));
    if !req.description.is_empty() {
        put("description", json!(req.description));
    }
    if !req.metadata.is_empty() {
        put("metadata", json!(req.metadata));
    }
    if let Some(zone) = req
        .availability_zone
        .as_ref()
        .filter(|zone| !zone.is_empty())
    {
        put("availability_zone", json!(zone));
    }
    json!({"volume": volume})
}
