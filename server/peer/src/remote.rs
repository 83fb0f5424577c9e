//! What one site's Protector asks of the other beside the document protocol: changes of groups that
//! the other site has authority over, operations that it executes or must know of, and the list of
//! sites.

use async_trait::async_trait;
use protector_framework::{GroupId, OperationId};
use protector_model::{
    Actor, GroupChange, GroupDocument, Head, Operation, Plan, Site, StepRecord, TenantMapping,
};
use serde::{Deserialize, Serialize};

use crate::peer::{Peer, PeerError};
use crate::wire::Sealed;

/// A change for the site that has authority over the group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForwardedChange {
    /// The change.
    pub change: GroupChange,
    /// Secrets that belong to it, sealed to the receiver.
    #[serde(default)]
    pub secrets: Sealed,
    /// Who asked for it.
    pub actor: Actor,
}

/// A new group for the site that is its primary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForwardedGroup {
    /// Its first document.
    pub document: GroupDocument,
    /// Who asked for it.
    pub actor: Actor,
}

/// The document after a forwarded change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeReply {
    /// Which document both sites hold now.
    pub head: Head,
}

/// What the receiver is to do with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationRole {
    /// Execute it.
    Execute,
    /// Know of it: it takes the group's place, and the sender executes it.
    Mirror,
}

/// An operation on its way to the other site, with the same id there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForwardedOperation {
    /// The operation; `project_id` is the sender's project and is translated by the receiver.
    pub operation: Operation,
    /// What the receiver is to do with it.
    pub role: OperationRole,
    /// The caller's Idempotency-Key with the hash of what was asked.
    #[serde(default)]
    pub idempotency: Option<(String, String)>,
    /// Whether an older operation gives way.
    #[serde(default)]
    pub preempt: bool,
}

/// An operation as the site that executes it sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationView {
    /// The operation.
    pub operation: Operation,
    /// Its plan, once it is made.
    pub plan: Option<Plan>,
    /// Its journal.
    pub steps: Vec<StepRecord>,
}

/// What a person asks of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum OperationAction {
    /// Give it up.
    Cancel,
    /// Open it again.
    Retry {
        /// Go on although the other site does not answer.
        force: bool,
        /// Start what is kept although something newer may be lost by it.
        #[serde(default)]
        accept_loss: bool,
    },
    /// Go on without a failed step.
    Skip {
        /// The step.
        step: String,
        /// Why.
        reason: String,
    },
    /// Remove what it left.
    Cleanup,
}

/// An action on an operation, with who asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForwardedAction {
    /// The action.
    pub action: OperationAction,
    /// Who asked for it.
    pub actor: Actor,
}

/// A registered site with its credentials, sealed to the receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteEntry {
    /// The site; what is local is decided by the receiver.
    pub site: Site,
    /// Its secrets.
    pub secrets: Sealed,
}

/// The sites and tenant mappings that both sites hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SiteRegistry {
    /// The sites.
    pub sites: Vec<SiteEntry>,
    /// The pairs of projects.
    pub tenant_mappings: Vec<TenantMapping>,
    /// Sites that were deleted since.
    #[serde(default)]
    pub deleted_sites: Vec<protector_framework::SiteId>,
    /// Tenant mappings that were deleted since.
    #[serde(default)]
    pub deleted_tenant_mappings: Vec<protector_framework::TenantMappingId>,
}

/// Everything one site's Protector can be asked by the other.
///
/// Every verb fails with `Refused` where the other site understood and said no, in its own words.
#[async_trait]
pub trait Remote: Peer {
    /// Changes a group that the other site has authority over.
    async fn change_group(
        &self,
        group: GroupId,
        change: &ForwardedChange,
    ) -> Result<ChangeReply, PeerError>;

    /// Makes a group whose primary is the other site.
    async fn create_group(&self, group: &ForwardedGroup) -> Result<ChangeReply, PeerError>;

    /// Gives an operation to the other site; the same one again finds it.
    async fn create_operation(
        &self,
        operation: &ForwardedOperation,
    ) -> Result<Operation, PeerError>;

    /// Tells how an operation that this site executes stands.
    async fn put_mirror(&self, operation: &Operation) -> Result<(), PeerError>;

    /// Takes a mirror back whose operation was not begun; an absent one is success.
    async fn drop_mirror(&self, operation: OperationId) -> Result<(), PeerError>;

    /// An operation as the other site holds it.
    async fn get_operation(&self, id: OperationId) -> Result<Option<OperationView>, PeerError>;

    /// Cancels, retries, skips or cleans up an operation that the other site executes.
    async fn act_on_operation(
        &self,
        id: OperationId,
        action: &ForwardedAction,
    ) -> Result<Operation, PeerError>;

    /// Tells the sites and tenant mappings.
    async fn put_registry(&self, registry: &SiteRegistry) -> Result<(), PeerError>;
}
