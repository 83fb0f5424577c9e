//! Who holds a volume. An attachment is made before its server is, and so decides which of two
//! creates wins.

use std::time::Duration;

use protector_framework::{ErrorKind, Result, VolumeId};

use super::cloud::Cloud;
use super::wire::WireAttachment;
use crate::session::{Call, Service, Trip};

/// Nova reserves a volume a moment before the server it is for can be found.
const SETTLE: Duration = Duration::from_secs(3);

impl Cloud {
    /// The attachments of a volume, connected or only reserved.
    pub(super) async fn attachments(
        &self,
        trip: &Trip,
        volume: &VolumeId,
    ) -> Result<Vec<WireAttachment>> {
        let call = Call::get(Service::Volume, ["attachments", "detail"])
            .needs(3, 27)
            .query("volume_id", volume.as_str());
        self.service.list(trip, call, "attachments").await
    }

    /// Drops what is reserved for servers that do not exist: a create that died half way leaves it,
    /// and it would refuse every later create.
    pub(super) async fn drop_orphans(&self, trip: &Trip, volume: &VolumeId) -> Result<()> {
        let orphans = self.orphans(trip, volume).await?;
        if orphans.is_empty() {
            return Ok(());
        }
        // A server that is just being created looks the same; what is still so later is dead.
        self.env.clock.sleep(SETTLE).await;
        let still = self.orphans(trip, volume).await?;
        for orphan in orphans.iter().filter(|orphan| still.contains(orphan)) {
            tracing::info!(
                volume = %volume,
                attachment = %orphan.id,
                server = orphan.instance.as_deref().unwrap_or_default(),
                "dropping an attachment that is reserved for a server that does not exist"
            );
            let call = Call::delete(Service::Volume, ["attachments", &orphan.id]).needs(3, 27);
            match self.service.send(trip, call).await {
                Err(error) if error.kind == ErrorKind::NotFound => {}
                other => drop(other?),
            }
        }
        Ok(())
    }

    async fn orphans(&self, trip: &Trip, volume: &VolumeId) -> Result<Vec<WireAttachment>> {
        let mut orphans = Vec::new();
        for attachment in self.attachments(trip, volume).await? {
            if attachment.status == "reserved"
                && let Some(server) = &attachment.instance
                && !self.server_exists(trip, server).await?
            {
                orphans.push(attachment);
            }
        }
        Ok(orphans)
    }

    async fn server_exists(&self, trip: &Trip, id: &str) -> Result<bool> {
        let call = Call::get(Service::Compute, ["servers", id]);
        match self.service.send(trip, call).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
