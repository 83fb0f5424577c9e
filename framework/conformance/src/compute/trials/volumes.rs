//! Adopting volumes, letting them go, and setting what they carry.

use std::collections::BTreeMap;

use async_trait::async_trait;
use protector_framework::{
    CallCtx, ComputeDriver, DriverError, SetVolumeProperties, Volume, VolumeId, VolumeRef,
};

use super::servers::not_staged;
use crate::compute::bench::{Adoptable, ComputeFacility};
use crate::compute::case::{Compute, Outcome, check};
use crate::compute::rig::{Cloud, Rig};
use crate::plague::{Trial, Verb};

pub(super) fn verbs() -> Vec<Verb<Compute>> {
    vec![
        Verb {
            name: "ensure-managed-volume",
            at: Cloud,
            needs: &[ComputeFacility::Adoption],
            claims: &[],
            // A name is no key to a block storage service: two requests at the same moment are two
            // records of one array volume. The engine's lease keeps them apart.
            at_once: false,
            trial: || Box::<Adopt>::default(),
        },
        Verb {
            name: "unmanage-volume",
            at: Cloud,
            needs: &[ComputeFacility::Adoption],
            claims: &[],
            at_once: true,
            trial: || Box::<Release>::default(),
        },
        Verb {
            name: "set-volume-properties",
            at: Cloud,
            needs: &[ComputeFacility::Servers],
            claims: &[],
            at_once: true,
            trial: || Box::<Properties>::default(),
        },
    ]
}

/// An array volume that the cloud does not know yet.
#[derive(Default)]
struct Adopt {
    from: Option<Adoptable>,
    name: String,
}

#[async_trait]
impl Trial<Rig> for Adopt {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        let name = format!("round-{round}");
        self.from = Some(rig.bench.array_volume(&name).await?);
        self.name = rig.volume_name(&name);
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let from = self.from.as_ref().ok_or_else(not_staged);
        let request = rig.adopt(&self.name, from.map_err(DriverError::not_found)?);
        let made = driver.ensure_managed_volume(ctx, request).await?;
        Ok(format!("{} {}", made.id, made.name))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let found = rig.driver.find_volumes(&rig.ctx(), &self.name).await?;
        check!(
            found.len() == 1,
            "there was to be one volume, and there are {found:?}"
        );
        rig.available(&found[0].id).await?;
        rig.kept(self.from.as_ref().ok_or_else(not_staged)?).await
    }
}

/// A volume that is let go.
#[derive(Default)]
struct Release {
    volume: Option<(Volume, Adoptable)>,
}

#[async_trait]
impl Trial<Rig> for Release {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.volume = Some(rig.adopted(&format!("round-{round}")).await?);
        Ok(())
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let volume = self.volume.as_ref().ok_or_else(not_staged);
        let (volume, _) = volume.map_err(DriverError::not_found)?;
        let request = VolumeRef::new(&volume.id);
        driver.unmanage_volume(ctx, request).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let (volume, from) = self.volume.as_ref().ok_or_else(not_staged)?;
        rig.volume_gone(&volume.id).await?;
        rig.kept(from).await
    }
}

/// A volume that gets properties.
#[derive(Default)]
struct Properties {
    volume: Option<VolumeId>,
    name: String,
}

#[async_trait]
impl Trial<Rig> for Properties {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        let volume = rig.root("root").await?;
        self.name = rig.volume(&volume).await?.name;
        self.volume = Some(volume);
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        let volume = self.volume.as_ref().ok_or_else(not_staged)?;
        let request = SetVolumeProperties::new(volume, false).name(self.name.clone());
        let set = rig.driver.set_volume_properties(&rig.ctx(), request).await;
        Ok(set?)
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let volume = self.volume.as_ref().ok_or_else(not_staged);
        let volume = volume.map_err(DriverError::not_found)?;
        let image = BTreeMap::from([("hw_disk_bus".to_owned(), "virtio".to_owned())]);
        let request = SetVolumeProperties::new(volume, true)
            .image_metadata(image)
            .name(format!("{}-new", self.name));
        driver.set_volume_properties(ctx, request).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let volume = self.volume.as_ref().ok_or_else(not_staged)?;
        let now = rig.volume(volume).await?;
        check!(
            now.bootable && now.name == format!("{}-new", self.name),
            "it is {now:?}"
        );
        Ok(())
    }
}
