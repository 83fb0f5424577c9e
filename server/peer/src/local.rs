//! The side that answers.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protector_db::{Db, DbError};
use protector_framework::{GroupId, Ids, SiteId};
use std::sync::Arc;

use crate::peer::{Peer, PeerError};
use crate::seal;
use crate::wire::{GroupHead, PeerDocument, PeerIdentity, PutDocument, PutReply};

/// This site as its peer sees it.
#[derive(Debug, Clone)]
pub struct LocalPeer {
    db: Db,
    site: SiteId,
    ids: Arc<dyn Ids>,
}

impl LocalPeer {
    /// Answers for a site from its database.
    pub fn new(db: Db, site: SiteId, ids: Arc<dyn Ids>) -> Self {
        Self { db, site, ids }
    }
}

#[async_trait]
impl Peer for LocalPeer {
    async fn identity(&self) -> Result<PeerIdentity, PeerError> {
        let deployment = self.db.deployment().await.map_err(failed)?;
        Ok(PeerIdentity {
            deployment_id: deployment.id,
            site_id: Some(self.site),
            public_key: deployment.box_public,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    async fn heads(&self) -> Result<Vec<GroupHead>, PeerError> {
        let groups = self.db.all_groups().await.map_err(failed)?;
        let heads = groups.into_iter().map(|g| GroupHead {
            group_id: g.document.id,
            head: g.head,
        });
        Ok(heads.collect())
    }

    async fn document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>, PeerError> {
        let Some(record) = self.db.get_group(group).await.map_err(failed)? else {
            return Ok(None);
        };
        let secrets = self
            .db
            .secrets_of(&format!("policy/{group}"))
            .await
            .map_err(failed)?;
        Ok(Some(PeerDocument {
            document: STANDARD.encode(&record.bytes),
            secrets: seal::seal(&secrets, public_key, &*self.ids)?,
        }))
    }

    async fn put_document(&self, put: &PutDocument) -> Result<PutReply, PeerError> {
        let deployment = self.db.deployment().await.map_err(failed)?;
        let secrets = seal::open(&put.secrets, &deployment)?;
        let bytes = decode(&put.document)?;
        let received = self
            .db
            .receive_document(self.site, put.mode, put.base.as_ref(), &bytes, &secrets)
            .await
            .map_err(failed)?;
        Ok(PutReply {
            verdict: received.verdict,
            head: received.head,
        })
    }
}

pub(crate) fn decode(document: &str) -> Result<Vec<u8>, PeerError> {
    STANDARD
        .decode(document)
        .map_err(|_| PeerError::Failed("the document is not base64".to_owned()))
}

fn failed(error: DbError) -> PeerError {
    PeerError::Failed(error.to_string())
}
