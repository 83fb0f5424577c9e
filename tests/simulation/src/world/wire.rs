//! The way from one site's Protector to the other within a test: it can be cut, and it can lose a
//! request or an answer.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use protector_db::Db;
use protector_framework::{Clock, GroupId, Ids, OperationId, SiteId};
use protector_model::epoch::{PutMode, Verdict};
use protector_model::{GroupChange, Operation};
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    LocalPeer, OperationView, Peer, PeerDocument, PeerError, PeerIdentity, PeerLink, PutDocument,
    PutReply, Remote, SiteRegistry, open_secrets,
};

/// What the wire loses of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It never arrives.
    Request,
    /// It takes effect.
    Answer,
}

/// The Protector of `site` as the other site reaches it.
pub struct Wire {
    pub db: Db,
    pub site: SiteId,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// The way back.
    pub back: OnceLock<Arc<Wire>>,
    cut: AtomicBool,
    losses: Mutex<Vec<(&'static str, Loss)>>,
    forgotten: Mutex<Vec<OperationId>>,
    gaps: Mutex<Vec<String>>,
}

impl Wire {
    pub fn new(db: Db, site: SiteId, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            db,
            site,
            clock,
            ids,
            back: OnceLock::new(),
            cut: AtomicBool::new(false),
            losses: Mutex::default(),
            forgotten: Mutex::default(),
            gaps: Mutex::default(),
        }
    }

    /// The agreed documents that did not follow the version before them, since this was last asked.
    pub fn gaps(&self) -> Vec<String> {
        std::mem::take(&mut self.gaps.lock().unwrap())
    }

    /// What both sites agree on follows what this one held, version by version. A push only tells what
    /// has happened without it.
    async fn receive(&self, put: &PutDocument) -> Result<PutReply, PeerError> {
        let group = put.read().map_err(failed)?.id;
        let before = self.db.get_group(group).await.map_err(failed)?;
        let reply = self.peer().put_document(put).await?;
        let stored = reply.verdict == Verdict::Store && put.mode != PutMode::Push;
        if let (true, Some(head)) = (stored, &reply.head) {
            let last = before.map_or(0, |record| record.head.version);
            if head.version != last + 1 {
                let (mode, version) = (put.mode, head.version);
                let gap = format!("INV6: {mode:?} of version {version} after {last}");
                self.gaps.lock().unwrap().push(gap);
            }
        }
        Ok(reply)
    }

    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    /// From now on the site answers as if it had never known an operation.
    pub fn forget(&self, operation: OperationId) {
        self.forgotten.lock().unwrap().push(operation);
    }

    /// The next calls of these verbs lose something, each once.
    pub fn lose(&self, losses: &[(&'static str, Loss)]) {
        *self.losses.lock().unwrap() = losses.to_vec();
    }

    fn peer(&self) -> LocalPeer {
        LocalPeer::new(self.db.clone(), self.site, self.ids.clone())
    }

    fn take_loss(&self, verb: &str) -> Option<Loss> {
        let mut losses = self.losses.lock().unwrap();
        let at = losses.iter().position(|(known, _)| *known == verb)?;
        Some(losses.remove(at).1)
    }

    async fn carry<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, PeerError>> + Send,
    ) -> Result<T, PeerError> {
        let lost = || Err(PeerError::Unreachable("the wire lost it".to_owned()));
        if self.cut.load(Ordering::Relaxed) {
            return Err(PeerError::Unreachable("the wire is cut".to_owned()));
        }
        match self.take_loss(verb) {
            Some(Loss::Request) => lost(),
            Some(Loss::Answer) => call.await.and_then(|_| lost()),
            None => call.await,
        }
    }
}

fn failed(error: impl std::fmt::Display) -> PeerError {
    PeerError::Failed(error.to_string())
}

fn refused(error: impl std::fmt::Display) -> PeerError {
    PeerError::Refused {
        status: 409,
        code: "protector.conflict".to_owned(),
        message: error.to_string(),
    }
}

#[async_trait]
impl Peer for Wire {
    async fn identity(&self) -> Result<PeerIdentity, PeerError> {
        self.carry("identity", self.peer().identity()).await
    }

    async fn heads(&self) -> Result<Vec<GroupHead>, PeerError> {
        self.carry("heads", self.peer().heads()).await
    }

    async fn document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>, PeerError> {
        self.carry("document", self.peer().document(group, public_key))
            .await
    }

    async fn put_document(&self, put: &PutDocument) -> Result<PutReply, PeerError> {
        self.carry("put_document", self.receive(put)).await
    }
}

#[async_trait]
impl Remote for Wire {
    async fn change_group(
        &self,
        group: GroupId,
        forwarded: &ForwardedChange,
    ) -> Result<ChangeReply, PeerError> {
        self.carry("change_group", async {
            let record = self.db.get_group(group).await.map_err(failed)?;
            let record = record.ok_or_else(|| refused("no such group"))?;
            if record.document.current_primary_site_id != self.site {
                return Err(refused("it does not run here"));
            }
            let next = forwarded
                .change
                .apply(&record.document, self.clock.now())
                .map_err(refused)?;
            if matches!(forwarded.change, GroupChange::ReportCopies { .. }) {
                let bytes = next.to_bytes().map_err(failed)?;
                let base = record.head.base();
                let written = self.db.write_local(&base, &bytes, None, false).await;
                let head = written.map_err(refused)?.head;
                return Ok(ChangeReply { head });
            }
            let deployment = self.db.deployment().await.map_err(failed)?;
            let secrets = open_secrets(&forwarded.secrets, &deployment)?;
            let back = self.back.get().cloned().unwrap();
            let (clock, ids) = (self.clock.clone(), self.ids.clone());
            let link = PeerLink::new(self.db.clone(), clock, ids, self.site, back, "api");
            let proposed = link.propose(Some(&record), &next, &secrets).await;
            let changed = proposed.map_err(refused)?;
            Ok(ChangeReply { head: changed.head })
        })
        .await
    }

    async fn create_group(&self, _group: &ForwardedGroup) -> Result<ChangeReply, PeerError> {
        Err(failed("no engine asks for it"))
    }

    async fn create_operation(
        &self,
        forwarded: &ForwardedOperation,
    ) -> Result<Operation, PeerError> {
        self.carry("create_operation", async {
            let operation = &forwarded.operation;
            self.db
                .create_operation(operation, None, forwarded.preempt)
                .await
                .map_err(refused)?;
            Ok(operation.clone())
        })
        .await
    }

    async fn put_mirror(&self, operation: &Operation) -> Result<(), PeerError> {
        self.carry("put_mirror", async {
            self.db.update_mirror(operation).await.map_err(failed)
        })
        .await
    }

    async fn drop_mirror(&self, operation: OperationId) -> Result<(), PeerError> {
        self.carry("drop_mirror", async {
            self.db.drop_mirror(operation).await.map_err(failed)
        })
        .await
    }

    async fn get_operation(&self, id: OperationId) -> Result<Option<OperationView>, PeerError> {
        self.carry("get_operation", async {
            if self.forgotten.lock().unwrap().contains(&id) {
                return Ok(None);
            }
            let Some(operation) = self.db.get_operation(id).await.map_err(failed)? else {
                return Ok(None);
            };
            Ok(Some(OperationView {
                operation,
                plan: self.db.plan(id).await.map_err(failed)?,
                steps: self.db.steps(id).await.map_err(failed)?,
            }))
        })
        .await
    }

    async fn act_on_operation(
        &self,
        _id: OperationId,
        _action: &ForwardedAction,
    ) -> Result<Operation, PeerError> {
        Err(failed("no engine asks for it"))
    }

    async fn put_registry(&self, _registry: &SiteRegistry) -> Result<(), PeerError> {
        Err(failed("no engine asks for it"))
    }
}
