//! The primary changes a group's document: probe, stage, send, then commit or drop by the answer.
//! Anything that is not an answer leaves the change staged, and the same document is sent again.

use std::collections::BTreeMap;

use protector_db::{DbError, GroupRecord, Staged};
use protector_framework::{ChangeId, GroupId, SecretString};
use protector_model::epoch::{PutMode, Verdict};
use protector_model::{GroupDocument, Head};

use crate::link::PeerLink;
use crate::peer::PeerError;
use crate::reconcile::ReconcileError;

/// Why a change has not taken effect.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// The other site does not answer. Nothing was changed on either side.
    #[error("{0}; nothing was changed")]
    PeerUnreachable(PeerError),
    /// It was sent, and no answer came. It is sent again until one does.
    #[error("the change was sent and is not confirmed yet; see sync-status")]
    Pending,
    /// The other site holds another document; nothing was changed.
    #[error("the other site holds another version of the protection group; nothing was changed")]
    Refused(Option<Box<Head>>),
    /// This site's own database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The document cannot be written.
    #[error("the document cannot be written: {0}")]
    Document(#[from] serde_json::Error),
}

impl From<ReconcileError> for ProposeError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Peer(error) => Self::PeerUnreachable(error),
            ReconcileError::Db(error) => Self::Db(error),
        }
    }
}

impl PeerLink {
    /// Makes `next` the document of both sites, or of neither. `base` is what it was made from;
    /// `None` is a new group.
    ///
    /// # Errors
    /// Why it has not taken effect.
    pub async fn propose(
        &self,
        base: Option<&GroupRecord>,
        next: &GroupDocument,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<GroupRecord, ProposeError> {
        // Before anything is written: a peer that is away leaves no trace.
        self.peer
            .identity()
            .await
            .map_err(ProposeError::PeerUnreachable)?;
        if let Some(record) = base.filter(|record| record.peer.pending) {
            // Bookkeeping of an operation that has just ended: the peer must hold the base first.
            self.push(record).await?;
        }
        let change = self.new_change();
        let bytes = next.to_bytes()?;
        let base = base.map(|record| record.head.base());
        self.db
            .stage_change(change, base.as_ref(), &bytes, secrets, &self.owner)
            .await?;
        let staged = Staged {
            change_id: change,
            head: next.head(&bytes),
            bytes,
            base,
            owner: self.owner.clone(),
            until: self.clock.now(),
        };
        self.decide(next.id, &staged, secrets).await
    }

    /// Sends every change again whose sender has gone away, and returns those that are decided.
    ///
    /// # Errors
    /// Where this site's own database does not answer.
    pub async fn settle_stages(&self) -> Result<Vec<GroupId>, DbError> {
        let mut decided = Vec::new();
        for (group, staged) in self.db.claim_expired_stages(&self.owner).await? {
            let secrets = match self.db.staged_secrets(group, staged.change_id).await {
                Ok(secrets) => secrets,
                Err(error) => {
                    tracing::warn!(%group, %error, "a change on its way cannot be read");
                    continue;
                }
            };
            match self.decide(group, &staged, &secrets).await {
                // It does not answer: the others wait with this one.
                Err(ProposeError::Pending) => break,
                Err(ProposeError::Db(error)) => return Err(error),
                Ok(_) | Err(_) => decided.push(group),
            }
        }
        Ok(decided)
    }

    /// Sends a staged change and does what the answer says.
    async fn decide(
        &self,
        group: GroupId,
        staged: &Staged,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<GroupRecord, ProposeError> {
        let (change, base) = (staged.change_id, staged.base.clone());
        let sent = match self
            .parcel(change, PutMode::Change, base, &staged.bytes, secrets)
            .await
        {
            Ok(put) => self.peer.put_document(&put).await,
            Err(error) => Err(error),
        };
        let reply = match sent {
            Ok(reply) => reply,
            Err(error) => {
                self.db.mark_push_failed(group, &error.to_string()).await?;
                return Err(ProposeError::Pending);
            }
        };
        match reply.verdict {
            Verdict::Store | Verdict::Already => self.commit(group, change, staged).await,
            Verdict::Stale | Verdict::Busy | Verdict::Conflict => {
                self.db.drop_staged(group, change).await?;
                Err(ProposeError::Refused(reply.head.map(Box::new)))
            }
        }
    }

    /// The peer has it. Another process of this site may have committed it already.
    async fn commit(
        &self,
        group: GroupId,
        change: ChangeId,
        staged: &Staged,
    ) -> Result<GroupRecord, ProposeError> {
        let record = match self.db.commit_staged(group, change).await {
            Ok(record) => record,
            Err(DbError::NotFound(_)) => match self.record(group).await? {
                Some(record) if record.head.version >= staged.head.version => record,
                _ => return Err(ProposeError::Pending),
            },
            Err(error) => return Err(error.into()),
        };
        self.db.mark_pushed(group, &staged.head.base()).await?;
        Ok(record)
    }
}
