//! The paths. A handler translates between bodies and the services; it decides nothing.

mod actions;
mod discovery;
mod groups;
mod members;
mod operations;
mod peer;
mod policy;
mod project;
mod sites;
mod tenants;

use std::sync::Arc;

use poem_openapi::Tags;
use protector_control::Services;

use crate::failure::Failure;
use crate::live::Live;

/// What the handlers speak to. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) services: Arc<dyn Services>,
    pub(crate) live: Arc<dyn Live>,
}

/// The parts of the API.
#[derive(Tags)]
enum Part {
    /// Versions and signs of life.
    Discovery,
    /// Registered clouds and what belongs to them.
    Sites,
    /// Which project of one site is which of the other.
    TenantMappings,
    /// Sets of servers that fail over as a unit.
    ProtectionGroups,
    /// Servers of a group.
    Members,
    /// How a group is replicated, and what stands for what on the other site.
    Policies,
    /// Long-running actions.
    Operations,
    /// Enrolment and quotas of a project.
    Projects,
    /// What the other site's Protector calls.
    Peer,
}

/// Every part as one.
pub(crate) fn apis(api: Api) -> impl poem_openapi::OpenApi {
    (
        discovery::Discovery(api.clone()),
        sites::Sites(api.clone()),
        tenants::TenantMappings(api.clone()),
        groups::Groups(api.clone()),
        actions::Actions(api.clone()),
        members::Members(api.clone()),
        policy::Policies(api.clone()),
        operations::Operations(api.clone()),
        project::Projects(api.clone()),
        peer::PeerCalls(api),
    )
}

/// An id out of a path. What is no id names nothing.
fn id(text: &str, what: &str) -> Answer<uuid::Uuid> {
    uuid::Uuid::try_parse(text)
        .map_err(|_| Failure::not_found(format!("{what} {text} does not exist")))
}

type Answer<T> = Result<T, Failure>;
