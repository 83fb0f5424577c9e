//! What travels between two sites.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protector_framework::{ChangeId, DeploymentId, GroupId, SiteId};
use protector_model::epoch::{Base, PutMode, Verdict};
use protector_model::{GroupDocument, Head};
use serde::{Deserialize, Serialize};

/// Secrets by name, each sealed to the receiver's public key, base64.
pub type Sealed = BTreeMap<String, String>;

/// Who a site is to its peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerIdentity {
    /// Its deployment.
    pub deployment_id: DeploymentId,
    /// Its site, where it knows it.
    pub site_id: Option<SiteId>,
    /// What secrets for it are sealed to (X25519), lower-case hex.
    pub public_key: String,
    /// Its version of Protector.
    pub version: String,
}

/// Which document a site holds of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHead {
    /// The group.
    pub group_id: GroupId,
    /// The document.
    pub head: Head,
}

/// A document with the secrets that belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerDocument {
    /// The document's bytes, base64.
    pub document: String,
    /// Its secrets, sealed to whoever asked.
    pub secrets: Sealed,
}

/// A document for the receiver to decide about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutDocument {
    /// The change; the same one is sent again after a lost answer.
    pub change_id: ChangeId,
    /// What the sender wants.
    pub mode: PutMode,
    /// What the sender believes the receiver to hold; `None` for a new group.
    pub base: Option<Base>,
    /// The document's bytes, base64.
    pub document: String,
    /// Its secrets, sealed to the receiver.
    pub secrets: Sealed,
}

impl PutDocument {
    /// The document that is sent.
    ///
    /// # Errors
    /// Where the bytes are none; the reason in words.
    pub fn read(&self) -> Result<GroupDocument, String> {
        let bytes = STANDARD.decode(&self.document);
        let bytes = bytes.map_err(|_| "is not base64".to_owned())?;
        GroupDocument::from_bytes(&bytes).map_err(|error| format!("is no document: {error}"))
    }
}

/// What the receiver decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutReply {
    /// The decision.
    pub verdict: Verdict,
    /// The receiver's head after it.
    pub head: Option<Head>,
}
