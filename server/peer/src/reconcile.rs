//! What a site does when it meets its peer again: learn who is ahead, before anything else.

use protector_db::{DbError, GroupRecord};
use protector_framework::GroupId;
use protector_model::Head;
use protector_model::epoch::{PutMode, Relation, Verdict, relate};

use crate::link::PeerLink;
use crate::local::decode;
use crate::peer::PeerError;
use crate::seal;

/// What came out of meeting the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The peer's document is this site's now.
    Adopted {
        /// The group.
        group: GroupId,
        /// Whether the peer took authority without this site: its copies of the group must be
        /// stopped, locked and disconnected before anything else is done with it.
        lost_authority: bool,
    },
    /// The peer has this site's document now.
    Pushed {
        /// The group.
        group: GroupId,
    },
    /// Both claim authority.
    Conflict {
        /// The group.
        group: GroupId,
    },
    /// This group could not be compared or brought up to date; the others were.
    Failed {
        /// The group.
        group: GroupId,
        /// Why.
        reason: String,
    },
}

/// Why the meeting broke off.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The peer.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// This site's own database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ReconcileError {
    /// Whether the other groups would fare no better.
    fn is_for_all(&self) -> bool {
        matches!(
            self,
            Self::Peer(
                PeerError::Unreachable(_) | PeerError::Unauthorized(_) | PeerError::Untrusted(_)
            )
        )
    }
}

impl PeerLink {
    /// Compares every group with the peer and brings whoever is behind up to date. One that fails
    /// keeps no other.
    ///
    /// # Errors
    /// Where the peer or this site's database does not answer; what was done until then stays.
    pub async fn reconcile(&self) -> Result<Vec<Event>, ReconcileError> {
        let theirs = self.peer.heads().await?;
        let mut events = Vec::new();
        let mine = self.db.all_groups().await?;
        for record in &mine {
            let group = record.document.id;
            let their = theirs.iter().find(|h| h.group_id == group).map(|h| &h.head);
            note(&mut events, group, self.meet(record, their).await)?;
        }
        for head in theirs
            .iter()
            .filter(|h| !mine.iter().any(|g| g.document.id == h.group_id))
        {
            note(&mut events, head.group_id, self.adopt(head.group_id).await)?;
        }
        Ok(events)
    }

    /// Brings one group up to date on whichever site is behind.
    pub(crate) async fn meet(
        &self,
        record: &GroupRecord,
        theirs: Option<&Head>,
    ) -> Result<Option<Event>, ReconcileError> {
        let group = record.document.id;
        let Some(theirs) = theirs else {
            return self.push(record).await;
        };
        if let Some(staged) = record.staged.as_ref().filter(|s| s.head == *theirs) {
            // The answer was lost: the peer holds exactly what this site has sent.
            self.db.commit_staged(group, staged.change_id).await?;
            self.db.mark_pushed(group, &theirs.base()).await?;
            return Ok(None);
        }
        match relate(&record.head, theirs) {
            Relation::Same => {
                self.db.mark_pushed(group, &theirs.base()).await?;
                if record.conflict_with.is_some() {
                    self.db.set_conflict(group, None).await?;
                }
                Ok(None)
            }
            Relation::PeerBehind => self.push(record).await,
            Relation::PeerAhead => self.adopt(group).await,
            Relation::Conflict => {
                self.db.set_conflict(group, Some(theirs)).await?;
                Ok(Some(Event::Conflict { group }))
            }
        }
    }

    pub(crate) async fn push(&self, record: &GroupRecord) -> Result<Option<Event>, ReconcileError> {
        let group = record.document.id;
        let secrets = self.policy_secrets(group).await?;
        let put = self
            .parcel(
                self.new_change(),
                PutMode::Push,
                None,
                &record.bytes,
                &secrets,
            )
            .await?;
        let reply = match self.peer.put_document(&put).await {
            Ok(reply) => reply,
            Err(error) => {
                self.db.mark_push_failed(group, &error.to_string()).await?;
                return Err(error.into());
            }
        };
        match reply.verdict {
            Verdict::Store | Verdict::Already => {
                self.db.mark_pushed(group, &record.head.base()).await?;
                Ok(Some(Event::Pushed { group }))
            }
            Verdict::Conflict => {
                self.db.set_conflict(group, reply.head.as_ref()).await?;
                Ok(Some(Event::Conflict { group }))
            }
            // The peer went on meanwhile; the next meeting sees by how much.
            Verdict::Stale | Verdict::Busy => Ok(None),
        }
    }

    async fn adopt(&self, group: GroupId) -> Result<Option<Event>, ReconcileError> {
        let deployment = self.db.deployment().await?;
        let Some(got) = self.peer.document(group, &deployment.box_public).await? else {
            return Ok(None);
        };
        let secrets = seal::open(&got.secrets, &deployment)?;
        let bytes = decode(&got.document)?;
        let received = self
            .db
            .receive_document(self.site, PutMode::Push, None, &bytes, &secrets)
            .await?;
        Ok(match received.verdict {
            Verdict::Store => Some(Event::Adopted {
                group,
                lost_authority: received.lost_authority,
            }),
            Verdict::Conflict => Some(Event::Conflict { group }),
            Verdict::Already | Verdict::Stale | Verdict::Busy => None,
        })
    }
}

fn note(
    events: &mut Vec<Event>,
    group: GroupId,
    met: Result<Option<Event>, ReconcileError>,
) -> Result<(), ReconcileError> {
    match met {
        Ok(event) => events.extend(event),
        Err(error) if error.is_for_all() => return Err(error),
        Err(error) => events.push(Event::Failed {
            group,
            reason: error.to_string(),
        }),
    }
    Ok(())
}
