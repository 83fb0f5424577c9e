//! Building and deleting servers.

use async_trait::async_trait;
use protector_framework::{CallCtx, ComputeDriver, DriverError, ServerStatus, VolumeId};

use crate::compute::bench::ComputeFacility;
use crate::compute::case::{Broken, Compute, ComputeClaim, Outcome, check};
use crate::compute::rig::{Cloud, Rig};
use crate::compute::servers::Guest;
use crate::plague::{Trial, Verb};

pub(super) fn verbs() -> Vec<Verb<Compute>> {
    vec![
        Verb {
            name: "ensure-server",
            at: Cloud,
            needs: &[ComputeFacility::Servers],
            claims: &[ComputeClaim::ServerTags],
            at_once: true,
            trial: || Box::<Ensure>::default(),
        },
        Verb {
            name: "delete-server",
            at: Cloud,
            needs: &[ComputeFacility::Servers],
            claims: &[ComputeClaim::ServerTags],
            at_once: true,
            trial: || Box::<Delete>::default(),
        },
    ]
}

pub(super) fn not_staged() -> Broken {
    Broken("the trial was not staged".to_owned())
}

/// A server that is not there yet, on a volume that every round uses again.
#[derive(Default)]
struct Ensure {
    root: Option<VolumeId>,
    tag: String,
}

#[async_trait]
impl Trial<Rig> for Ensure {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.root = Some(rig.root("root").await?);
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        let root = self.root.as_ref().ok_or_else(not_staged)?;
        if !self.tag.is_empty() {
            for server in rig.tagged(&self.tag).await? {
                rig.deleted(&server.id).await?;
            }
        }
        rig.freed(root).await?;
        self.tag = rig.tag(&format!("round-{round}"));
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let request = self
            .root
            .as_ref()
            .ok_or_else(not_staged)
            .and_then(|root| rig.server_from(&self.tag, root, &[]))
            .map_err(DriverError::not_found)?;
        let made = driver.ensure_server(ctx, request).await?;
        Ok(format!("{} {}", made.id, made.name))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let root = self.root.as_ref().ok_or_else(not_staged)?;
        let found = rig.tagged(&self.tag).await?;
        check!(
            found.len() == 1,
            "there was to be one server, and there are {found:?}"
        );
        let now = rig.becomes(&found[0].id, ServerStatus::Active).await?;
        let volume = rig.volume(root).await?;
        check!(
            volume.servers == [now.id.clone()],
            "its root volume is held by {:?}",
            volume.servers
        );
        Ok(())
    }
}

/// A server that goes.
#[derive(Default)]
struct Delete {
    guest: Option<Guest>,
    root: Option<VolumeId>,
}

#[async_trait]
impl Trial<Rig> for Delete {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.root = Some(rig.root("root").await?);
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        let root = self.root.clone().ok_or_else(not_staged)?;
        let name = format!("round-{round}");
        self.guest = Some(rig.guest_from(&name, root, &[]).await?);
        Ok(())
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let guest = self.guest.as_ref().ok_or_else(not_staged);
        let guest = guest.map_err(DriverError::not_found)?;
        driver.delete_server(ctx, guest.named()).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let guest = self.guest.as_ref().ok_or_else(not_staged)?;
        rig.gone(&guest.id).await?;
        rig.freed(&guest.root).await
    }
}
