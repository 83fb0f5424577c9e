//! Every sealed value of a site: whether it opens, and sealing all of them anew.

use std::collections::BTreeMap;

use crate::connection::{Db, corrupt, text, to_json};
use crate::deployment;
use crate::error::{DbError, Result};

/// A sealed value, without what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The place it is bound to, such as `secrets/site/ID/password`.
    pub place: String,
    /// The key that it is sealed with.
    pub key: String,
    /// Why it cannot be opened; `None`: it opens.
    pub fault: Option<String>,
}

/// What came of sealing everything anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// The key that everything is sealed with now, apart from what could not be opened.
    pub key: String,
    /// How many values had another one before.
    pub changed: u64,
    /// What could not be opened, and stays as it is.
    pub unopened: Vec<SealedValue>,
}

/// A sealed value and the row that holds it.
struct Held {
    place: String,
    sealed: String,
    home: Home,
}

enum Home {
    Secret { id: String },
    Deployment,
    Staged { group: String, name: String },
}

impl Db {
    /// Tries to open every sealed value, under any schema.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn check_sealed(&self) -> Result<Vec<SealedValue>> {
        let held = self.held().await?;
        Ok(held.iter().map(|held| self.tried(held)).collect())
    }

    /// Seals every value with the newest key that is sealed with another one. What cannot be opened
    /// stays as it is and is named. A value that is changed meanwhile is sealed by whoever changes it.
    ///
    /// # Errors
    /// Where the database does not answer, or there is no key.
    pub async fn reseal(&self) -> Result<Resealed> {
        let newest = self.secret_box.newest();
        let key = newest.ok_or_else(|| DbError::Sealed("there is no key".to_owned()))?;
        let mut done = Resealed {
            key,
            ..Resealed::default()
        };
        for held in self.held().await? {
            let tried = self.tried(&held);
            if tried.fault.is_some() {
                done.unopened.push(tried);
            } else if tried.key != done.key {
                done.changed += self.seal_anew(&held).await?;
            }
        }
        Ok(done)
    }

    fn tried(&self, held: &Held) -> SealedValue {
        let opened = self.secret_box.open(&held.place, &held.sealed);
        SealedValue {
            place: held.place.clone(),
            key: held.sealed.split('.').nth(1).unwrap_or("-").to_owned(),
            fault: opened.err().map(|error| error.to_string()),
        }
    }

    async fn held(&self) -> Result<Vec<Held>> {
        let mut all = Vec::new();
        let sql = "SELECT box_secret FROM deployment";
        for row in &self.rows(sql, []).await? {
            all.push(Held {
                place: deployment::PLACE.to_owned(),
                sealed: text(row, "box_secret")?,
                home: Home::Deployment,
            });
        }
        let sql = "SELECT id, owner, name, sealed FROM secrets ORDER BY owner, name";
        for row in &self.rows(sql, []).await? {
            let (owner, name) = (text(row, "owner")?, text(row, "name")?);
            all.push(Held {
                place: crate::secrets::place(&owner, &name),
                sealed: text(row, "sealed")?,
                home: Home::Secret {
                    id: text(row, "id")?,
                },
            });
        }
        if !self.has_table("metadata_sync").await? {
            return Ok(all);
        }
        let sql = "SELECT id, staged_secrets FROM metadata_sync WHERE staged_secrets IS NOT NULL";
        for row in &self.rows(sql, []).await? {
            let group = text(row, "id")?;
            for (name, sealed) in staged(&text(row, "staged_secrets")?)? {
                all.push(Held {
                    place: crate::groups::staged_place(&group, &name),
                    sealed,
                    home: Home::Staged {
                        group: group.clone(),
                        name,
                    },
                });
            }
        }
        Ok(all)
    }

    async fn seal_anew(&self, held: &Held) -> Result<u64> {
        let value = self.secret_box.open(&held.place, &held.sealed)?;
        let sealed = self.secret_box.seal(&held.place, &value, &*self.ids)?;
        let before = held.sealed.clone();
        match &held.home {
            Home::Secret { id } => {
                let sql = "UPDATE secrets SET sealed = ? WHERE id = ? AND sealed = ?";
                let values = [sealed.into(), id.clone().into(), before.into()];
                self.run(sql, values).await
            }
            Home::Deployment => {
                let sql = "UPDATE deployment SET box_secret = ? WHERE box_secret = ?";
                self.run(sql, [sealed.into(), before.into()]).await
            }
            Home::Staged { group, name } => {
                let sql = "SELECT staged_secrets FROM metadata_sync
                    WHERE id = ? AND staged_secrets IS NOT NULL";
                let found = self.rows(sql, [group.clone().into()]).await?;
                let Some(row) = found.first() else {
                    return Ok(0);
                };
                let as_it_was = text(row, "staged_secrets")?;
                let mut all = staged(&as_it_was)?;
                all.insert(name.clone(), sealed);
                let sql = "UPDATE metadata_sync SET staged_secrets = ?
                    WHERE id = ? AND staged_secrets = ?";
                let values = [
                    to_json(&all)?.into(),
                    group.clone().into(),
                    as_it_was.into(),
                ];
                self.run(sql, values).await
            }
        }
    }
}

fn staged(text: &str) -> Result<BTreeMap<String, String>> {
    serde_json::from_str(text).map_err(|error| corrupt("metadata_sync", error))
}
