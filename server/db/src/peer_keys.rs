use std::collections::BTreeMap;

use protector_framework::{GenericUuid as _, SiteId};

use crate::connection::{Db, maybe_text, parsed, text};
use crate::error::{DbError, Result};

/// What this site knows of the key of another site's Protector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerKey {
    /// The one that secrets are sealed to (X25519), lower-case hex.
    pub known: String,
    /// Another one that the site has shown since and that nobody has confirmed.
    pub offered: Option<String>,
}

impl Db {
    /// The keys of all sites that have one.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn peer_keys(&self) -> Result<BTreeMap<SiteId, PeerKey>> {
        let found = self
            .rows("SELECT site_id, known, offered FROM peer_keys", [])
            .await?;
        found
            .iter()
            .map(|row| {
                let site = SiteId::from_untyped_uuid(parsed(row, "site_id")?);
                let key = PeerKey {
                    known: text(row, "known")?,
                    offered: maybe_text(row, "offered")?,
                };
                Ok((site, key))
            })
            .collect()
    }

    /// Keeps the first key that a site shows. One that is known stays.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn learn_peer_key(&self, site: SiteId, key: &str) -> Result<()> {
        let (now, sql) = (
            self.stamp(),
            "INSERT INTO peer_keys (known, created_at, updated_at, site_id) VALUES (?, ?, ?, ?)",
        );
        let values = [
            key.into(),
            now.clone().into(),
            now.into(),
            site.to_string().into(),
        ];
        match self.run(sql, values).await {
            Ok(_) | Err(DbError::Duplicate(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Notes what a site shows in place of the key that is known; `None`: the known one again.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn note_offered_key(&self, site: SiteId, offered: Option<&str>) -> Result<()> {
        let values = [
            offered.map(ToOwned::to_owned).into(),
            self.stamp().into(),
            site.to_string().into(),
        ];
        let sql = "UPDATE peer_keys SET offered = ?, updated_at = ? WHERE site_id = ?";
        self.run(sql, values).await.map(|_| ())
    }

    /// Takes a key by a person's word.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn confirm_peer_key(&self, site: SiteId, key: &str) -> Result<()> {
        self.learn_peer_key(site, key).await?;
        let values = [key.into(), self.stamp().into(), site.to_string().into()];
        let sql =
            "UPDATE peer_keys SET known = ?, offered = NULL, updated_at = ? WHERE site_id = ?";
        self.run(sql, values).await.map(|_| ())
    }
}
