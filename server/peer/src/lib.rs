//! Two sites, one truth: how a group's document gets from one site to the other, who may change it,
//! and what happens when answers are lost.
//!
//! The protocol knows nothing of its transport: [`Peer`] is what one site can ask of the other, and
//! [`LocalPeer`] is the side that answers.

mod handover;
mod link;
mod local;
mod peer;
mod propose;
mod reconcile;
mod remote;
mod seal;
mod sync;
mod wire;

#[cfg(test)]
mod tests;

pub use handover::HandoverError;
pub use link::PeerLink;
pub use local::LocalPeer;
pub use peer::{Peer, PeerError};
pub use propose::ProposeError;
pub use reconcile::{Event, ReconcileError};
pub use remote::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation,
    OperationAction, OperationRole, OperationView, Remote, SiteEntry, SiteRegistry,
};
pub use seal::{open as open_secrets, seal as seal_secrets};
pub use sync::{SyncError, SyncState, SyncStatus};
pub use wire::{GroupHead, PeerDocument, PeerIdentity, PutDocument, PutReply, Sealed};
