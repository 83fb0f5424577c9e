//! Volumes that exist: their state and what a boot reads from them.

use std::collections::BTreeSet;

use protector_framework::{
    ErrorKind, Result, ServerId, SetVolumeProperties, Volume, VolumeId, VolumeStatus, VolumeTypeId,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::wire::WireVolume;
use crate::session::{Call, Service, Session, Trip};

/// The highest microversion of Victoria, the oldest release that is served.
pub(super) const CINDER: (u16, u16) = (3, 62);
/// From here on a volume tells the id of its type.
const TYPE_IDS: (u16, u16) = (3, 63);

pub(super) fn cinder<'a>(path: impl IntoIterator<Item = &'a str>) -> Call {
    Call::get(Service::Volume, path).at(CINDER.0, CINDER.1)
}

pub(super) fn volume_action(id: &VolumeId, body: Value) -> Call {
    Call::post(Service::Volume, ["volumes", id.as_str(), "action"], body).at(CINDER.0, CINDER.1)
}

#[derive(Deserialize)]
struct WireSnapshot {
    #[serde(default)]
    volume_id: String,
}

impl Cloud {
    /// A volume as Cinder shows it to an admin, who also sees where it lies.
    pub(super) async fn volume(&self, trip: &Trip, id: &VolumeId) -> Result<WireVolume> {
        let call = Call::get(Service::Volume, ["volumes", id.as_str()]).at(TYPE_IDS.0, TYPE_IDS.1);
        let volume: WireVolume = self.service.send(trip, call).await?.at("volume")?;
        self.check_owner(trip, "volume", id.as_str(), volume.tenant_id.as_deref())
            .await?;
        Ok(volume)
    }

    /// A volume with who holds it and what hangs on it.
    pub(super) async fn volume_now(&self, trip: &Trip, id: &VolumeId) -> Result<Volume> {
        let wire = self.volume(trip, id).await?;
        self.complete(trip, wire).await
    }

    /// The project's volumes of this name; those of use first, then the oldest.
    pub(super) async fn volumes_named(&self, trip: &Trip, name: &str) -> Result<Vec<Volume>> {
        let call = Call::get(Service::Volume, ["volumes", "detail"])
            .at(TYPE_IDS.0, TYPE_IDS.1)
            .query("name", name);
        let mut found: Vec<WireVolume> = self.service.list(trip, call, "volumes").await?;
        found.retain(|volume| volume.name == name);
        found.sort_by_key(|volume| {
            let failed = volume.state() == VolumeStatus::Error;
            (failed, volume.created_at.clone(), volume.id.clone())
        });
        let mut volumes = Vec::with_capacity(found.len());
        for wire in found {
            volumes.push(self.complete(trip, wire).await?);
        }
        Ok(volumes)
    }

    /// Adds what other calls tell about a volume.
    pub(super) async fn complete(&self, trip: &Trip, wire: WireVolume) -> Result<Volume> {
        let id = VolumeId::from(wire.id.as_str());
        let volume_type = self.type_of(trip, &wire).await?;
        let attachments = self.attachments(trip, &id).await?;
        let servers: BTreeSet<ServerId> = attachments
            .iter()
            .filter_map(|attachment| attachment.instance.as_deref().map(ServerId::from))
            .collect();
        // Old clients attach without a record of the attachment, but never without the state.
        let connected = wire.state() == VolumeStatus::InUse
            || attachments
                .iter()
                .any(|attachment| attachment.is_connected());
        let mut volume = wire
            .into_volume()
            .servers(servers.into_iter().collect::<Vec<_>>())
            .connected(connected)
            .snapshots(self.snapshots(trip, &id).await?);
        volume.volume_type = volume_type;
        Ok(volume)
    }

    async fn snapshots(&self, trip: &Trip, id: &VolumeId) -> Result<u64> {
        let call = cinder(["snapshots"]).query("volume_id", id.as_str());
        let found: Vec<WireSnapshot> = self.service.list(trip, call, "snapshots").await?;
        let own = found.iter().filter(|entry| entry.volume_id == id.as_str());
        Ok(u64::try_from(own.count()).unwrap_or(u64::MAX))
    }

    /// The id of a volume's type: told by newer clouds, looked up by name at others.
    pub(super) async fn type_of(
        &self,
        trip: &Trip,
        volume: &WireVolume,
    ) -> Result<Option<VolumeTypeId>> {
        if let Some(id) = &volume.volume_type_id {
            return Ok(Some(id.as_str().into()));
        }
        let Some(name) = &volume.volume_type else {
            return Ok(None);
        };
        let types = self.volume_types(trip).await?;
        let found = types.into_iter().find(|kind| kind.name == *name);
        Ok(found.map(|kind| kind.id))
    }

    /// Changes only what differs, so that a repeated call does nothing.
    pub(super) async fn set_properties(
        &self,
        trip: &Trip,
        req: &SetVolumeProperties,
    ) -> Result<()> {
        let now = self.volume(trip, &req.id).await?;
        let session = self.tenant();
        if now.bootable.0 != req.bootable {
            let body = json!({"os-set_bootable": {"bootable": req.bootable}});
            self.act_on_volume(trip, session, &req.id, body).await?;
        }
        let same =
            |(key, value): (&String, &String)| now.volume_image_metadata.get(key) == Some(value);
        if !req.image_metadata.iter().all(same) {
            let body = json!({"os-set_image_metadata": {"metadata": req.image_metadata}});
            self.act_on_volume(trip, session, &req.id, body).await?;
        }
        if let Some(name) = req.name.as_ref().filter(|name| **name != now.name) {
            let body = json!({"volume": {"name": name}});
            let call = Call::put(Service::Volume, ["volumes", req.id.as_str()], body)
                .at(CINDER.0, CINDER.1)
                .repeatable();
            session.send(trip, call).await?;
        }
        Ok(())
    }

    async fn act_on_volume(
        &self,
        trip: &Trip,
        session: &Session,
        id: &VolumeId,
        body: Value,
    ) -> Result<()> {
        let call = volume_action(id, body).repeatable();
        session.send(trip, call).await.map(drop)
    }
}

/// Cinder answers 400 where a volume's or group's state forbids the call.
pub(super) fn state_refusal(
    mut error: protector_framework::DriverError,
) -> protector_framework::DriverError {
    if error.kind == ErrorKind::InvalidRequest {
        error.kind = ErrorKind::Conflict;
    }
    error
}
