use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protector_db::{Db, GroupRecord};
use protector_framework::{ChangeId, Clock, GenericUuid as _, GroupId, Ids, SecretString, SiteId};
use protector_model::epoch::{Base, PutMode};

use crate::peer::{Peer, PeerError};
use crate::seal;
use crate::wire::PutDocument;

/// One site and its way to the other.
#[derive(Clone)]
pub struct PeerLink {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) site: SiteId,
    pub(crate) peer: Arc<dyn Peer>,
    pub(crate) owner: String,
}

impl std::fmt::Debug for PeerLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerLink")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

impl PeerLink {
    /// Joins the site of `db` with its peer. `owner` is the process that sends.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        site: SiteId,
        peer: Arc<dyn Peer>,
        owner: impl Into<String>,
    ) -> Self {
        Self {
            db,
            clock,
            ids,
            site,
            peer,
            owner: owner.into(),
        }
    }

    pub(crate) fn new_change(&self) -> ChangeId {
        ChangeId::from_untyped_uuid(self.ids.uuid())
    }

    /// A document as it is sent; its secrets are sealed anew to the peer's present key.
    pub(crate) async fn parcel(
        &self,
        change_id: ChangeId,
        mode: PutMode,
        base: Option<Base>,
        bytes: &[u8],
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<PutDocument, PeerError> {
        let public_key = self.peer.identity().await?.public_key;
        Ok(PutDocument {
            change_id,
            mode,
            base,
            document: STANDARD.encode(bytes),
            secrets: seal::seal(secrets, &public_key, &*self.ids)?,
        })
    }

    pub(crate) async fn policy_secrets(
        &self,
        group: GroupId,
    ) -> Result<BTreeMap<String, SecretString>, protector_db::DbError> {
        self.db.secrets_of(&format!("policy/{group}")).await
    }

    pub(crate) async fn record(
        &self,
        group: GroupId,
    ) -> Result<Option<GroupRecord>, protector_db::DbError> {
        self.db.get_group(group).await
    }
}
