//! Servers for the cases.

use protector_framework::{
    BootVolume, EnsureServer, PortId, Server, ServerId, ServerRef, ServerStatus, VolumeId,
    VolumeStatus,
};

use super::case::{Broken, Outcome, check};
use super::rig::Rig;
use crate::plague::Stand as _;

/// A server of a case.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) id: ServerId,
    pub(crate) tag: String,
    pub(crate) root: VolumeId,
}

impl Guest {
    pub(crate) fn named(&self) -> ServerRef {
        ServerRef::new(&self.id)
    }
}

impl Rig {
    /// The request for a server that boots from this volume.
    pub(crate) fn server_from(
        &self,
        tag: &str,
        root: &VolumeId,
        ports: &[PortId],
    ) -> Outcome<EnsureServer> {
        let volumes = vec![BootVolume::new(root)];
        let flavor = self.bench.flavor()?;
        Ok(EnsureServer::new(tag, tag, flavor, volumes, ports.to_vec()))
    }

    /// A running server without ports.
    pub(crate) async fn guest(&self, name: &str) -> Outcome<Guest> {
        let root = self.root(&format!("{name}-root")).await?;
        self.guest_from(name, root, &[]).await
    }

    /// A running server from a volume that is free.
    pub(crate) async fn guest_from(
        &self,
        name: &str,
        root: VolumeId,
        ports: &[PortId],
    ) -> Outcome<Guest> {
        let tag = self.tag(name);
        let request = self.server_from(&tag, &root, ports)?;
        let ctx = self.step(&tag);
        let made = self
            .patiently(|| self.driver.ensure_server(&ctx, request.clone()))
            .await?;
        let guest = Guest {
            id: made.id,
            tag,
            root,
        };
        self.becomes(&guest.id, ServerStatus::Active).await?;
        Ok(guest)
    }

    pub(crate) async fn server(&self, id: &ServerId) -> Outcome<Server> {
        let request = ServerRef::new(id);
        Ok(self.driver.get_server(&self.ctx(), request).await?)
    }

    /// Waits until a server is in a state and the cloud has done with it.
    pub(crate) async fn becomes(&self, id: &ServerId, wanted: ServerStatus) -> Outcome<Server> {
        let what = format!("server {id} {wanted:?}");
        let look = || async {
            let now = self.server(id).await?;
            check!(
                now.status != ServerStatus::Error || wanted == ServerStatus::Error,
                "{what} was awaited, and it is in error: {}",
                now.fault.as_deref().unwrap_or("no reason given")
            );
            Ok((now.status == wanted && !now.busy).then_some(now))
        };
        self.until(&what, look).await
    }

    /// Stops a server and waits for it.
    pub(crate) async fn stopped(&self, guest: &Guest) -> Outcome<Server> {
        self.patiently(|| self.stop(guest)).await?;
        self.becomes(&guest.id, ServerStatus::Stopped).await
    }

    async fn stop(&self, guest: &Guest) -> protector_framework::Result<()> {
        self.driver.stop_server(&self.ctx(), guest.named()).await
    }

    /// Parks a server that is stopped and waits for it.
    pub(crate) async fn parked(&self, guest: &Guest) -> Outcome<Server> {
        self.stopped(guest).await?;
        let park = || async { self.driver.park_server(&self.ctx(), guest.named()).await };
        self.patiently(park).await?;
        self.becomes(&guest.id, ServerStatus::Shelved).await
    }

    /// Deletes a server and waits until it is gone.
    pub(crate) async fn deleted(&self, id: &ServerId) -> Outcome {
        let delete = || async {
            let request = ServerRef::new(id);
            self.driver.delete_server(&self.ctx(), request).await
        };
        self.patiently(delete).await?;
        self.gone(id).await
    }

    /// Waits until a server is gone.
    pub(crate) async fn gone(&self, id: &ServerId) -> Outcome {
        let look = || async {
            let request = ServerRef::new(id);
            match self.driver.get_server(&self.ctx(), request).await {
                Ok(server) => Ok((server.status == ServerStatus::Deleted).then_some(())),
                Err(error) if error.kind == protector_framework::ErrorKind::NotFound => {
                    Ok(Some(()))
                }
                Err(error) => Err(Broken::from(error)),
            }
        };
        self.until(&format!("server {id} gone"), look).await
    }

    /// Waits until a volume is free again.
    pub(crate) async fn freed(&self, volume: &VolumeId) -> Outcome {
        let free = |now: &protector_framework::Volume| {
            now.status == VolumeStatus::Available && now.servers.is_empty()
        };
        self.volume_until(volume, "free", free).await.map(drop)
    }

    /// The servers of the project with a tag.
    pub(crate) async fn tagged(&self, tag: &str) -> Outcome<Vec<Server>> {
        let request = protector_framework::FindServer::new(tag);
        Ok(self.driver.find_servers(&self.ctx(), request).await?)
    }
}
