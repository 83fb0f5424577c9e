//! The way from one site's Protector to the other's within one process. It can be cut, and it
//! loses requests and answers of the verbs it is told.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use protector_framework::{GroupId, OperationId};
use protector_model::Operation;
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    OperationView, Peer, PeerDocument, PeerError, PeerIdentity, PutDocument, PutReply, Remote,
    SiteRegistry,
};
use serde::Serialize;

use crate::{Control, PeerServices as _, Refusal};

/// What is lost of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Request,
    Reply,
    /// The answer of this call, and every call after it.
    ReplyThenCut,
    /// Nothing, but the call arrives twice.
    Twice,
}

/// The state of a way; shared with its test.
#[derive(Debug, Default)]
pub(super) struct State {
    cut: bool,
    losses: BTreeMap<&'static str, Vec<Loss>>,
    sent: Vec<String>,
    pretends: Option<PeerIdentity>,
}

pub(super) struct Way {
    to: Control,
    state: Arc<Mutex<State>>,
}

/// Cuts a way or has it lose something.
#[derive(Debug, Clone, Default)]
pub(super) struct Handle(Arc<Mutex<State>>);

impl Handle {
    pub(super) fn cut(&self, cut: bool) {
        self.0.lock().unwrap().cut = cut;
    }

    pub(super) fn lose(&self, verb: &'static str, loss: Loss) {
        let mut state = self.0.lock().unwrap();
        state.losses.entry(verb).or_default().push(loss);
    }

    /// Who answers at the other end.
    pub(super) fn pretend(&self, identity: Option<PeerIdentity>) {
        self.0.lock().unwrap().pretends = identity;
    }

    /// Every body that was sent.
    pub(super) fn sent(&self) -> String {
        self.0.lock().unwrap().sent.join("\n")
    }

    pub(super) fn way(&self, to: Control) -> Way {
        Way {
            to,
            state: self.0.clone(),
        }
    }
}

fn lost() -> PeerError {
    PeerError::Unreachable("no answer".to_owned())
}

/// What a refusal is after it went over the wire.
fn answered(refusal: Refusal) -> PeerError {
    match refusal.status {
        503 => PeerError::Unreachable(refusal.message),
        400..500 => PeerError::Refused {
            status: refusal.status,
            code: refusal.code,
            message: refusal.message,
        },
        _ => PeerError::Failed(refusal.message),
    }
}

impl Way {
    async fn call<T, F>(
        &self,
        verb: &'static str,
        body: &(impl Serialize + Sync),
        work: impl Fn() -> F,
    ) -> Result<T, PeerError>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let loss = {
            let mut state = self.state.lock().unwrap();
            if state.cut {
                return Err(lost());
            }
            state.sent.push(serde_json::to_string(body).unwrap());
            let losses = state.losses.get_mut(verb);
            losses
                .filter(|losses| !losses.is_empty())
                .map(|l| l.remove(0))
        };
        match loss {
            Some(Loss::Request) => Err(lost()),
            Some(Loss::Reply) => {
                let _done = work().await;
                Err(lost())
            }
            Some(Loss::ReplyThenCut) => {
                let _done = work().await;
                self.state.lock().unwrap().cut = true;
                Err(lost())
            }
            Some(Loss::Twice) => {
                let _done = work().await;
                work().await.map_err(answered)
            }
            None => work().await.map_err(answered),
        }
    }
}

#[async_trait]
impl Peer for Way {
    async fn identity(&self) -> Result<PeerIdentity, PeerError> {
        let pretends = self.state.lock().unwrap().pretends.clone();
        let identity = self
            .call("identity", &(), || self.to.peer_identity())
            .await?;
        Ok(pretends.unwrap_or(identity))
    }

    async fn heads(&self) -> Result<Vec<GroupHead>, PeerError> {
        self.call("heads", &(), || self.to.peer_heads()).await
    }

    async fn document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>, PeerError> {
        self.call("document", &group, || {
            self.to.peer_document(group, public_key)
        })
        .await
    }

    async fn put_document(&self, put: &PutDocument) -> Result<PutReply, PeerError> {
        let group = put.read().unwrap().id;
        self.call("put_document", put, || {
            self.to.peer_put_document(group, put)
        })
        .await
    }
}

#[async_trait]
impl Remote for Way {
    async fn change_group(
        &self,
        group: GroupId,
        change: &ForwardedChange,
    ) -> Result<ChangeReply, PeerError> {
        self.call("change_group", change, || {
            self.to.peer_change_group(group, change)
        })
        .await
    }

    async fn create_group(&self, group: &ForwardedGroup) -> Result<ChangeReply, PeerError> {
        self.call("create_group", group, || self.to.peer_create_group(group))
            .await
    }

    async fn create_operation(
        &self,
        operation: &ForwardedOperation,
    ) -> Result<Operation, PeerError> {
        self.call("create_operation", operation, || {
            self.to.peer_create_operation(operation)
        })
        .await
    }

    async fn put_mirror(&self, operation: &Operation) -> Result<(), PeerError> {
        self.call("put_mirror", operation, || {
            self.to.peer_put_mirror(operation)
        })
        .await
    }

    async fn drop_mirror(&self, operation: OperationId) -> Result<(), PeerError> {
        self.call("drop_mirror", &operation, || {
            self.to.peer_drop_mirror(operation)
        })
        .await
    }

    async fn get_operation(&self, id: OperationId) -> Result<Option<OperationView>, PeerError> {
        self.call("get_operation", &id, || self.to.peer_get_operation(id))
            .await
    }

    async fn act_on_operation(
        &self,
        id: OperationId,
        action: &ForwardedAction,
    ) -> Result<Operation, PeerError> {
        self.call("act_on_operation", action, || {
            self.to.peer_act_on_operation(id, action)
        })
        .await
    }

    async fn put_registry(&self, registry: &SiteRegistry) -> Result<(), PeerError> {
        self.call("put_registry", registry, || {
            self.to.peer_put_registry(registry)
        })
        .await
    }
}
