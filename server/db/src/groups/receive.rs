//! What comes in from the peer: one compare-and-set in one transaction.

use std::collections::BTreeMap;

use protector_framework::{SecretString, SiteId};
use protector_model::epoch::{Base, PutMode, Verdict, receive};
use protector_model::{GroupDocument, Head};

use super::{group_in, quarantine, set};
use crate::connection::{Db, corrupt, hold, to_json};
use crate::error::Result;

/// What became of a document that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The decision.
    pub verdict: Verdict,
    /// This site's head after it.
    pub head: Option<Head>,
    /// Whether this site had authority before and has it no longer, by a takeover it did not take
    /// part in: its copies of the group must be quarantined.
    pub lost_authority: bool,
}

impl Db {
    /// Decides about a document from the peer and, where it is accepted, stores it with the secrets
    /// that came beside it.
    ///
    /// # Errors
    /// `Corrupt` where the bytes are not a document; nothing is stored then.
    pub async fn receive_document(
        &self,
        receiver: SiteId,
        mode: PutMode,
        base: Option<&Base>,
        bytes: &[u8],
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<Received> {
        let document = GroupDocument::from_bytes(bytes).map_err(|e| corrupt("document", e))?;
        let incoming = document.head(bytes);
        self.transaction(|tx| {
            let (document, incoming) = (document.clone(), incoming.clone());
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "metadata_sync", &document.id.to_string()).await?;
                let present = group_in(tx, document.id).await?;
                let head = present.as_ref().map(|r| &r.head);
                let staged = present.as_ref().is_some_and(|r| r.staged.is_some());
                let verdict = receive(receiver, head, staged, mode, base, &incoming);
                let had = head.is_some_and(|h| h.epoch.primary == receiver);
                let has = incoming.epoch.primary == receiver;
                let lost_authority =
                    verdict == Verdict::Store && mode == PutMode::Push && had && !has;
                match verdict {
                    Verdict::Store => {
                        let owner = format!("policy/{}", document.id);
                        for (name, value) in secrets {
                            self.put_secret_in(tx, &owner, name, value).await?;
                        }
                        self.store_head(tx, &document, bytes, false).await?;
                        let acked = to_json(&incoming.base())?;
                        let what = "acked = ?, last_success_at = ?, last_error = NULL,
                            conflict_with = NULL";
                        set(tx, document.id, what, [acked.into(), self.stamp().into()]).await?;
                        if lost_authority {
                            self.note_quarantine(tx, document.id).await?;
                        } else if has || had {
                            quarantine::forget(tx, document.id).await?;
                        }
                    }
                    Verdict::Conflict => {
                        let with = to_json(&incoming)?;
                        set(tx, document.id, "conflict_with = ?", [with.into()]).await?;
                    }
                    Verdict::Already | Verdict::Stale | Verdict::Busy => {}
                }
                Ok(Received {
                    verdict,
                    head: match verdict {
                        Verdict::Store => Some(incoming),
                        _ => present.map(|r| r.head),
                    },
                    lost_authority,
                })
            })
        })
        .await
    }
}
