use async_trait::async_trait;
use protector_framework::GroupId;

use crate::wire::{GroupHead, PeerDocument, PeerIdentity, PutDocument, PutReply};

/// Why the other site gave no answer that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// No connection, or no answer in time. Whether the call took effect is not known.
    #[error("remote site unreachable: {0}")]
    Unreachable(String),
    /// The other site does not accept this site's account.
    #[error("the remote site refused this site's account: {0}")]
    Unauthorized(String),
    /// The other site understood and said no.
    #[error("the remote site refused: {message}")]
    Refused {
        /// The HTTP status it answered with.
        status: u16,
        /// Its code for the reason, such as `protector.busy`.
        code: String,
        /// The reason in its words.
        message: String,
    },
    /// Secrets cannot be sealed to whoever answers there: its key is not the one that is known of
    /// the site, or none is known.
    #[error("{0}")]
    Untrusted(String),
    /// The other site did not understand or could not carry out the call.
    #[error("the remote site answered with an error: {0}")]
    Failed(String),
}

/// What one site's Protector can be asked by the other.
#[async_trait]
pub trait Peer: Send + Sync {
    /// Who it is, and what to seal secrets to.
    async fn identity(&self) -> Result<PeerIdentity, PeerError>;

    /// Every document it holds, by its head.
    async fn heads(&self) -> Result<Vec<GroupHead>, PeerError>;

    /// One document, its secrets sealed to `public_key`.
    async fn document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>, PeerError>;

    /// Lets it decide about a document. The same call again finds the first one's effect.
    async fn put_document(&self, put: &PutDocument) -> Result<PutReply, PeerError>;
}
