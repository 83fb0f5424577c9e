//! The commit point of a planned move: the old primary's database accepts the new epoch.

use protector_db::{DbError, Fence, GroupRecord};
use protector_model::epoch::{PutMode, Verdict};
use protector_model::{GroupDocument, Head};

use crate::link::PeerLink;
use crate::peer::PeerError;

/// Why authority has not passed.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The old primary holds another document; it keeps authority.
    #[error("the old primary has changed the protection group meanwhile and keeps it")]
    Refused(Option<Box<Head>>),
    /// No answer: authority may have passed. The same document must be sent again.
    #[error("the old primary gave no answer: {0}")]
    NoAnswer(PeerError),
    /// This site's own database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The document cannot be written.
    #[error("the document cannot be written: {0}")]
    Document(#[from] serde_json::Error),
}

impl PeerLink {
    /// Asks the old primary to accept `next`, a document of a new epoch made from `base`, and then
    /// accepts it here. After [`HandoverError::NoAnswer`] the caller sends the very same document
    /// again.
    ///
    /// # Errors
    /// Why authority has not passed, or may not have.
    pub async fn handover(
        &self,
        base: &Head,
        next: &GroupDocument,
        fence: &Fence,
    ) -> Result<GroupRecord, HandoverError> {
        let bytes = next.to_bytes()?;
        let secrets = self.policy_secrets(next.id).await?;
        let parcel = self
            .parcel(
                self.new_change(),
                PutMode::Handover,
                Some(base.base()),
                &bytes,
                &secrets,
            )
            .await
            .map_err(HandoverError::NoAnswer)?;
        let reply = self
            .peer
            .put_document(&parcel)
            .await
            .map_err(HandoverError::NoAnswer)?;
        match reply.verdict {
            Verdict::Store | Verdict::Already => {}
            Verdict::Busy | Verdict::Stale | Verdict::Conflict => {
                return Err(HandoverError::Refused(reply.head.map(Box::new)));
            }
        }
        let record = self.accept(base, next, &bytes, fence).await?;
        self.db
            .mark_pushed(next.id, &next.head(&bytes).base())
            .await?;
        Ok(record)
    }

    /// Takes authority without the old primary: an unplanned move, or a planned one whose old
    /// primary is gone and which a person told to go on.
    ///
    /// # Errors
    /// `Moved` where this site's document is another by now; `Fenced`.
    pub async fn take_over(
        &self,
        base: &Head,
        next: &GroupDocument,
        fence: &Fence,
    ) -> Result<GroupRecord, HandoverError> {
        let bytes = next.to_bytes()?;
        Ok(self.accept(base, next, &bytes, fence).await?)
    }

    async fn accept(
        &self,
        base: &Head,
        next: &GroupDocument,
        bytes: &[u8],
        fence: &Fence,
    ) -> Result<GroupRecord, DbError> {
        match self
            .db
            .write_local(&base.base(), bytes, Some(fence), true)
            .await
        {
            // An engine before this one has written it and was stopped before it said so.
            Err(DbError::Moved(Some(head))) if *head == next.head(bytes) => self
                .record(next.id)
                .await?
                .ok_or_else(|| DbError::NotFound(format!("group {}", next.id))),
            written => written,
        }
    }
}
