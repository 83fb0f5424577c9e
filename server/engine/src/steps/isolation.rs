//! Whether test servers can reach production from the networks they are to be put on. It is asked
//! before anything of a test is made.

use std::collections::BTreeSet;

use protector_framework::{GetResource, ResourceId, ResourceKind};
use protector_model::translate::{is_of_production, test_network};
use serde_json::json;

use super::Output;
use super::work::Work;
use crate::failure::StepFailure;

/// Refuses a network that leads out of the cloud or to one that the group's servers run on. What
/// else it leads to, or who else can use it, is told.
pub(super) async fn check(work: &Work<'_>) -> Output {
    let cloud = work.compute().await?;
    let mut notes = Vec::new();
    for network in networks(work) {
        let asked = GetResource::new(ResourceKind::TestNetwork, &network);
        let found = cloud
            .get_resource(&work.ctx()?, asked)
            .await
            .map_err(|e| work.failed(&e))?;
        if found.external {
            return Err(open(&network, "leads out of the cloud"));
        }
        let production = |id: &&ResourceId| is_of_production(&work.document, id, work.site());
        if let Some(reached) = found.routed_to.iter().find(production) {
            let how = format!("has a router to {reached}, which servers of the group run on");
            return Err(open(&network, &how));
        }
        if found.shared {
            notes.push(format!(
                "test network {network} is shared: servers of other projects may be on it"
            ));
        }
        if !found.routed_to.is_empty() {
            let to: Vec<&str> = found.routed_to.iter().map(ResourceId::as_str).collect();
            notes.push(format!(
                "test network {network} has a router to {}",
                to.join(", ")
            ));
        }
    }
    Ok(Some(json!({ "notes": notes })))
}

/// The test networks of this site that the group's members are put on.
fn networks(work: &Work<'_>) -> BTreeSet<ResourceId> {
    let mut networks = BTreeSet::new();
    for member in &work.document.members {
        for port in member.blueprint.iter().flat_map(|b| &b.ports) {
            networks.extend(test_network(
                &work.document,
                &port.network_id,
                member.blueprint_site,
                work.site(),
            ));
        }
    }
    networks
}

fn open(network: &ResourceId, how: &str) -> StepFailure {
    StepFailure::permanent(
        format!("test network {network} {how}: test servers could reach production"),
        "map a `test_network` that is isolated",
    )
}
