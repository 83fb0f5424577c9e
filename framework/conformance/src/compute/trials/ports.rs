//! Making and deleting ports.

use async_trait::async_trait;
use protector_framework::{
    CallCtx, ComputeDriver, DriverError, EnsurePort, FindPort, Port, PortRef,
};

use super::servers::not_staged;
use crate::compute::bench::ComputeFacility;
use crate::compute::case::{Compute, Outcome, check};
use crate::compute::rig::{Cloud, Rig};
use crate::plague::{Trial, Verb};

pub(super) fn verbs() -> Vec<Verb<Compute>> {
    vec![
        Verb {
            name: "ensure-port",
            at: Cloud,
            needs: &[ComputeFacility::Ports],
            claims: &[],
            at_once: true,
            trial: || Box::<Ensure>::default(),
        },
        Verb {
            name: "delete-port",
            at: Cloud,
            needs: &[ComputeFacility::Ports],
            claims: &[],
            at_once: true,
            trial: || Box::<Delete>::default(),
        },
    ]
}

async fn found(rig: &Rig, mac: &str) -> Outcome<Option<Port>> {
    let request = FindPort::new(&rig.network().await?.id, mac);
    Ok(rig.driver.find_port(&rig.ctx(), request).await?)
}

/// A port that is not there yet.
#[derive(Default)]
struct Ensure {
    request: Option<EnsurePort>,
}

#[async_trait]
impl Trial<Rig> for Ensure {
    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        if let Some(last) = &self.request
            && let Some(port) = found(rig, &last.mac_address).await?
        {
            let request = PortRef::new(&port.id);
            rig.driver.delete_port(&rig.ctx(), request).await?;
        }
        self.request = Some(rig.port_at(&rig.mac(), 0).await?);
        Ok(())
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let request = self.request.clone().ok_or_else(not_staged);
        let request = request.map_err(DriverError::not_found)?;
        Ok(format!("{:?}", driver.ensure_port(ctx, request).await?))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let request = self.request.as_ref().ok_or_else(not_staged)?;
        let found = found(rig, &request.mac_address).await?;
        check!(
            found
                .as_ref()
                .is_some_and(|port| port.fixed_ips == request.fixed_ips),
            "asked for was {request:?}, found is {found:?}"
        );
        Ok(())
    }
}

/// A port that goes.
#[derive(Default)]
struct Delete {
    port: Option<Port>,
}

#[async_trait]
impl Trial<Rig> for Delete {
    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        self.port = Some(rig.port(0).await?);
        Ok(())
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let port = self.port.as_ref().ok_or_else(not_staged);
        let port = port.map_err(DriverError::not_found)?;
        driver.delete_port(ctx, PortRef::new(&port.id)).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let port = self.port.as_ref().ok_or_else(not_staged)?;
        let found = found(rig, &port.mac_address).await?;
        check!(found.is_none(), "it is still there: {found:?}");
        Ok(())
    }
}
