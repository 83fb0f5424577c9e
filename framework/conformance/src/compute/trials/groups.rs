//! Volume groups.

use async_trait::async_trait;
use protector_framework::{
    CallCtx, ComputeDriver, DriverError, SetVolumeGroupVolumes, VolumeGroup, VolumeGroupRef,
    VolumeId,
};

use super::servers::not_staged;
use crate::compute::bench::ComputeFacility;
use crate::compute::case::{Compute, Outcome, check};
use crate::compute::rig::{Cloud, Rig};
use crate::plague::{Trial, Verb};

pub(super) fn verbs() -> Vec<Verb<Compute>> {
    vec![
        Verb {
            name: "ensure-volume-group",
            at: Cloud,
            needs: &[ComputeFacility::Groups],
            claims: &[],
            at_once: true,
            trial: || Box::<Ensure>::default(),
        },
        Verb {
            name: "set-volume-group-volumes",
            at: Cloud,
            needs: &[ComputeFacility::Groups, ComputeFacility::Servers],
            claims: &[],
            at_once: true,
            trial: || Box::<Members>::default(),
        },
        Verb {
            name: "delete-volume-group",
            at: Cloud,
            needs: &[ComputeFacility::Groups],
            claims: &[],
            at_once: true,
            trial: || Box::<Delete>::default(),
        },
    ]
}

/// A group that is not there yet.
#[derive(Default)]
struct Ensure {
    name: String,
}

#[async_trait]
impl Trial<Rig> for Ensure {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.name = rig.group_name(&format!("round-{round}"));
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let request = rig.group_request(&self.name);
        let request = request.map_err(DriverError::not_found)?;
        let made = driver.ensure_volume_group(ctx, request).await?;
        Ok(format!("{} {}", made.id, made.name))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let request = rig.group_request(&self.name)?;
        let found = rig.driver.ensure_volume_group(&rig.ctx(), request).await?;
        rig.group_ready(&found.id).await?;
        check!(found.name == self.name, "its name is `{}`", found.name);
        let request = rig.group_request(&self.name)?;
        let again = rig.driver.ensure_volume_group(&rig.ctx(), request).await?;
        check!(
            again.id == found.id,
            "there are groups {} and {}",
            found.id,
            again.id
        );
        Ok(())
    }
}

/// A group that gets a volume.
#[derive(Default)]
struct Members {
    group: Option<VolumeGroup>,
    volumes: Vec<VolumeId>,
}

#[async_trait]
impl Trial<Rig> for Members {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.group = Some(rig.group("web").await?);
        self.volumes = vec![rig.root("root").await?];
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        let group = self.group.as_ref().ok_or_else(not_staged)?;
        rig.group_holds(&group.id, &[]).await
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let group = self.group.as_ref().ok_or_else(not_staged);
        let group = group.map_err(DriverError::not_found)?;
        let request = SetVolumeGroupVolumes::new(&group.id, self.volumes.clone());
        let set = driver.set_volume_group_volumes(ctx, request).await?;
        Ok(set.id.to_string())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let group = self.group.as_ref().ok_or_else(not_staged)?;
        rig.group_has(&group.id, &self.volumes).await
    }
}

/// A group that goes.
#[derive(Default)]
struct Delete {
    group: Option<VolumeGroup>,
}

#[async_trait]
impl Trial<Rig> for Delete {
    async fn stage(&mut self, rig: &Rig, round: u64) -> Outcome {
        self.group = Some(rig.group(&format!("round-{round}")).await?);
        Ok(())
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let group = self.group.as_ref().ok_or_else(not_staged);
        let group = group.map_err(DriverError::not_found)?;
        let request = VolumeGroupRef::new(&group.id);
        driver.delete_volume_group(ctx, request).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let group = self.group.as_ref().ok_or_else(not_staged)?;
        rig.group_gone(&group.id).await
    }
}
