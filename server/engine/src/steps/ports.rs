//! Ports on the target, found again by their MAC.

use protector_framework::{EnsurePort, GenericUuid as _, OperationId, ResourceId};
use protector_model::outputs::PortsMade;
use protector_model::seeded::{Bug, is_on};
use protector_model::translate::{TranslatedPort, test_mac, test_network, translate};

use super::work::Work;
use super::{Output, output};
use crate::failure::StepFailure;

pub(super) async fn create(work: &Work<'_>, test: bool) -> Output {
    let cloud = work.compute().await?;
    let mut ports = Vec::new();
    for mut request in requests(work, test, work.operation())? {
        if is_on(Bug::PortsAnew) && test {
            let again = work.steps.ids.uuid();
            request.mac_address = test_mac(again, &request.mac_address);
        }
        let port = cloud
            .ensure_port(&work.ctx()?, request)
            .await
            .map_err(|e| work.failed(&e))?;
        ports.push(port.id);
    }
    output(&PortsMade { ports })
}

/// The ports of the step's member as they are asked for.
pub(super) fn requests(
    work: &Work<'_>,
    test: bool,
    operation: OperationId,
) -> Result<Vec<EnsurePort>, StepFailure> {
    let member = work.member()?;
    let target = work.site();
    let translated = translate(&work.document, member, target).ok_or_else(|| {
        StepFailure::permanent(
            format!("`{}` uses what is not mapped to this site", member.name),
            "complete the resource mappings, then `retry`",
        )
    })?;
    translated
        .ports
        .iter()
        .map(|port| {
            if test {
                let network = test_network(
                    &work.document,
                    &port.spec.network_id,
                    member.blueprint_site,
                    target,
                )
                .ok_or_else(|| {
                    StepFailure::permanent(
                        format!("network {} has no test network", port.spec.network_id),
                        "map a `test_network`",
                    )
                })?;
                let mac = test_mac(operation.into_untyped_uuid(), &port.mac_address);
                // The address belongs to the production network: a clone takes any.
                Ok(request(port, network, mac))
            } else {
                Ok(
                    request(port, port.network_id.clone(), port.mac_address.clone())
                        .fixed_ips(port.fixed_ips.clone()),
                )
            }
        })
        .collect()
}

fn request(port: &TranslatedPort, network: ResourceId, mac: String) -> EnsurePort {
    EnsurePort::new(network, mac)
        .name(port.spec.name.clone())
        .security_groups(port.security_groups.clone())
        .allowed_address_pairs(port.allowed_address_pairs.clone())
        .port_security_enabled(port.spec.port_security_enabled)
        .vnic_type(port.spec.vnic_type.clone())
        .description(port.spec.description.clone())
}
