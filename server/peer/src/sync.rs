//! What a person sees of the two copies, and what a person can decide about them.

use protector_db::{DbError, GroupRecord};
use protector_framework::{EpochId, GenericUuid as _, GroupId, OperationId, SiteId};
use protector_model::epoch::{Relation, relate};
use protector_model::operation::OperationError;
use protector_model::{Head, OperationStatus};

use crate::link::PeerLink;
use crate::local::decode;
use crate::peer::PeerError;
use crate::reconcile::{Event, ReconcileError};
use crate::seal;

/// How the two copies of a document stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncState {
    /// They are the same.
    InSync,
    /// One is behind, or a change is on its way.
    OutOfSync,
    /// The peer does not answer.
    Unreachable,
    /// The peer answers and refuses.
    Failed,
    /// Both sites claim authority.
    Conflict,
}

/// The two copies of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncStatus {
    /// How they stand to each other.
    pub state: SyncState,
    /// This site's.
    pub mine: Head,
    /// The peer's, where it answered and has one.
    pub theirs: Option<Head>,
    /// Why it did not answer.
    pub error: Option<String>,
}

/// Why a copy was not forced.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The group is not here.
    #[error("protection group {0} does not exist")]
    NotFound(GroupId),
    /// Both sites claim authority and no winner was named.
    #[error("both sites claim the protection group: name the winner")]
    Conflict {
        /// This site's copy.
        mine: Box<Head>,
        /// The peer's copy.
        theirs: Box<Head>,
    },
    /// What was asked does not fit.
    #[error("{0}")]
    Refused(String),
    /// The peer.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// This site's own database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The document cannot be written.
    #[error("the document cannot be written: {0}")]
    Document(#[from] serde_json::Error),
}

impl From<ReconcileError> for SyncError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Peer(error) => Self::Peer(error),
            ReconcileError::Db(error) => Self::Db(error),
        }
    }
}

impl PeerLink {
    /// Asks the peer now and compares.
    ///
    /// # Errors
    /// `NotFound`; where this site's database does not answer.
    pub async fn sync_status(&self, group: GroupId) -> Result<SyncStatus, SyncError> {
        let record = self.known(group).await?;
        let theirs = match self.their_head(group).await {
            Ok(theirs) => theirs,
            Err(error) => {
                let state = match error {
                    PeerError::Unreachable(_) => SyncState::Unreachable,
                    PeerError::Unauthorized(_)
                    | PeerError::Untrusted(_)
                    | PeerError::Refused { .. }
                    | PeerError::Failed(_) => SyncState::Failed,
                };
                let error = Some(error.to_string());
                return Ok(SyncStatus {
                    state,
                    mine: record.head,
                    theirs: None,
                    error,
                });
            }
        };
        let state = match theirs.as_ref().map(|theirs| relate(&record.head, theirs)) {
            Some(Relation::Same) if record.staged.is_none() => SyncState::InSync,
            Some(Relation::Conflict) => SyncState::Conflict,
            _ => SyncState::OutOfSync,
        };
        Ok(SyncStatus {
            state,
            mine: record.head,
            theirs,
            error: None,
        })
    }

    /// Asks the peer for its copy of one group now and brings whoever is behind up to date.
    ///
    /// # Errors
    /// Where the peer or this site's database does not answer.
    pub async fn meet_group(&self, group: GroupId) -> Result<Option<Event>, ReconcileError> {
        let theirs = self.their_head(group).await?;
        match self.record(group).await? {
            Some(record) => self.meet(&record, theirs.as_ref()).await,
            None => Ok(None),
        }
    }

    /// Brings both copies together by a person's word.
    ///
    /// Without a winner the descendant goes to whoever is behind. In a conflict the winner's copy
    /// replaces the other one. With `peer_lost` this site goes on alone in a new epoch.
    ///
    /// # Errors
    /// `Conflict` where a winner must be named; `Refused` where the words do not fit.
    pub async fn sync_force(
        &self,
        group: GroupId,
        winner: Option<SiteId>,
        peer_lost: bool,
    ) -> Result<GroupRecord, SyncError> {
        let record = self.known(group).await?;
        if peer_lost {
            return self.go_on_alone(record, winner).await;
        }
        let theirs = self.their_head(group).await?;
        let conflict = theirs
            .as_ref()
            .filter(|theirs| relate(&record.head, theirs) == Relation::Conflict)
            .cloned();
        match (conflict, winner) {
            (None, _) => {
                self.meet(&record, theirs.as_ref()).await?;
            }
            (Some(theirs), None) => {
                return Err(SyncError::Conflict {
                    mine: Box::new(record.head),
                    theirs: Box::new(theirs),
                });
            }
            (Some(theirs), Some(winner)) if winner == self.site => {
                self.win(&record, &theirs).await?;
            }
            (Some(_), Some(_)) => self.give_in(&record).await?,
        }
        self.known(group).await
    }

    /// A new epoch that descends from both claims, so that the peer adopts it.
    async fn win(&self, record: &GroupRecord, theirs: &Head) -> Result<(), SyncError> {
        let mut next = record.document.next_version(self.clock.now());
        next.version = next.version.max(theirs.version + 1);
        next.epoch = record
            .document
            .epoch
            .next(self.new_epoch(), record.document.epoch.primary);
        for id in theirs.epoch.ancestors.iter().chain([&theirs.epoch.id]) {
            if !next.epoch.ancestors.contains(id) {
                next.epoch.ancestors.push(*id);
            }
        }
        let record = self
            .db
            .replace_head(Some(&record.head.base()), &next.to_bytes()?, true)
            .await?;
        self.meet(&record, Some(theirs)).await?;
        Ok(())
    }

    async fn give_in(&self, record: &GroupRecord) -> Result<(), SyncError> {
        let group = record.document.id;
        let deployment = self.db.deployment().await?;
        let got = self.peer.document(group, &deployment.box_public).await?;
        let got = got.ok_or(SyncError::NotFound(group))?;
        for (name, value) in &seal::open(&got.secrets, &deployment)? {
            self.db
                .put_secret(&format!("policy/{group}"), name, value)
                .await?;
        }
        let bytes = decode(&got.document)?;
        self.db
            .replace_head(Some(&record.head.base()), &bytes, false)
            .await?;
        Ok(())
    }

    async fn go_on_alone(
        &self,
        record: GroupRecord,
        winner: Option<SiteId>,
    ) -> Result<GroupRecord, SyncError> {
        if winner != Some(self.site) {
            return Err(SyncError::Refused(
                "with `peer_lost` the winner is the site that takes the call".to_owned(),
            ));
        }
        if record.document.current_primary_site_id != self.site {
            return Err(SyncError::Refused(
                "the protection group runs on the other site; if that site is lost, start an \
                 unplanned failover"
                    .to_owned(),
            ));
        }
        let mut next = record.document.next_version(self.clock.now());
        next.epoch = record.document.epoch.next(self.new_epoch(), self.site);
        next.given_up = self.abandon(&record).await?.or(next.given_up);
        let base = record.head.base();
        Ok(self
            .db
            .write_local(&base, &next.to_bytes()?, None, true)
            .await?)
    }

    /// What the lost site executed comes to no end any more. A planned move away from here is to be
    /// given up by the document, so that what it has stopped is started again; the rest just ends.
    async fn abandon(&self, record: &GroupRecord) -> Result<Option<OperationId>, SyncError> {
        let mut moves = None;
        for mut operation in self.db.unfinished_operations().await? {
            let ours = operation.group_id == record.document.id;
            if !ours || operation.executor_site_id == self.site {
                continue;
            }
            if operation.kind.moves_authority() && operation.source_site_id == self.site {
                moves = Some(operation.id);
                continue;
            }
            operation.status = OperationStatus::Cancelled;
            operation.finished_at = Some(self.clock.now());
            operation.error = Some(OperationError {
                message: "the site that executed it was given up as lost".to_owned(),
                site_id: Some(operation.executor_site_id),
                ..OperationError::default()
            });
            operation.touch(self.clock.now());
            self.db.update_mirror(&operation).await?;
        }
        Ok(moves)
    }

    fn new_epoch(&self) -> EpochId {
        EpochId::from_untyped_uuid(self.ids.uuid())
    }

    async fn known(&self, group: GroupId) -> Result<GroupRecord, SyncError> {
        self.record(group).await?.ok_or(SyncError::NotFound(group))
    }

    async fn their_head(&self, group: GroupId) -> Result<Option<Head>, PeerError> {
        let heads = self.peer.heads().await?;
        Ok(heads
            .into_iter()
            .find(|h| h.group_id == group)
            .map(|h| h.head))
    }
}
