//! A change on its way to the peer. Its row is the lock: while it stands, no other change begins.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use protector_framework::{ChangeId, ExposeSecret, GenericUuid as _, GroupId, SecretString};
use protector_model::GroupDocument;
use protector_model::epoch::Base;
use sea_orm::{DatabaseTransaction, QueryResult};

use super::{GroupRecord, Staged, group_in, required};
use crate::connection::{
    Db, corrupt, hold, json, maybe_bytes, maybe_json, maybe_parsed, maybe_text, now, rows, run,
    stamp, text, time, to_json,
};
use crate::error::{DbError, Result};

pub(super) fn read(row: &QueryResult) -> Result<Option<Staged>> {
    let Some(change_id) = maybe_parsed(row, "staged_change_id")? else {
        return Ok(None);
    };
    Ok(Some(Staged {
        change_id: ChangeId::from_untyped_uuid(change_id),
        head: json(row, "staged_head")?,
        bytes: maybe_bytes(row, "staged_document")?.unwrap_or_default(),
        base: maybe_json(row, "staged_base")?,
        owner: text(row, "staged_owner")?,
        until: time(row, "staged_until")?,
    }))
}

/// What a secret is bound to that waits with a staged change.
pub(crate) fn place(group: &str, name: &str) -> String {
    format!("staged/{group}/{name}")
}

fn secrets_owner(id: GroupId) -> String {
    format!("policy/{id}")
}

impl Db {
    /// Stages a change that begins from exactly `base`; `None` is a new group. The secrets that
    /// belong to it are kept sealed with it.
    ///
    /// # Errors
    /// `ChangePending` where another is staged; `Moved` where the head is another; `Busy` never.
    pub async fn stage_change(
        &self,
        change: ChangeId,
        base: Option<&Base>,
        bytes: &[u8],
        secrets: &BTreeMap<String, SecretString>,
        owner: &str,
    ) -> Result<()> {
        let document = GroupDocument::from_bytes(bytes).map_err(|e| corrupt("document", e))?;
        let sealed = self.seal_staged(document.id, secrets)?;
        let head = document.head(bytes);
        self.transaction(|tx| {
            let (document, sealed, head) = (document.clone(), sealed.clone(), head.clone());
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "metadata_sync", &document.id.to_string()).await?;
                let present = group_in(tx, document.id).await?;
                match (&present, base) {
                    (None, None) => {
                        self.refuse_name_twin(tx, &document).await?;
                        self.insert_sync_row(tx, document.id).await?;
                    }
                    (Some(record), Some(base)) if record.head.base() == *base => {
                        if record.staged.is_some() {
                            return Err(DbError::ChangePending);
                        }
                        if record.document.name != document.name {
                            self.refuse_name_twin(tx, &document).await?;
                        }
                    }
                    _ => return Err(DbError::Moved(present.map(|r| Box::new(r.head)))),
                }
                let until = now(tx, &*self.clock).await? + self.lease();
                run(
                    tx,
                    "UPDATE metadata_sync SET staged_change_id = ?, staged_head = ?,
                        staged_document = ?, staged_base = ?, staged_secrets = ?,
                        staged_owner = ?, staged_until = ? WHERE id = ?",
                    [
                        change.to_string().into(),
                        to_json(&head)?.into(),
                        bytes.to_vec().into(),
                        base.map(to_json).transpose()?.into(),
                        sealed.into(),
                        owner.into(),
                        stamp(until).into(),
                        document.id.to_string().into(),
                    ],
                )
                .await
                .map(|_| ())
            })
        })
        .await
    }

    /// The staged change takes effect.
    ///
    /// # Errors
    /// `NotFound` where it is no longer staged.
    pub async fn commit_staged(&self, id: GroupId, change: ChangeId) -> Result<GroupRecord> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                hold(tx, "metadata_sync", &id.to_string()).await?;
                let (bytes, secrets) = self.staged_content(tx, id, change).await?;
                let document =
                    GroupDocument::from_bytes(&bytes).map_err(|e| corrupt("metadata_sync", e))?;
                for (name, value) in &secrets {
                    self.put_secret_in(tx, &secrets_owner(id), name, value)
                        .await?;
                }
                self.store_head(tx, &document, &bytes, false).await?;
                required(tx, id).await
            })
        })
        .await
    }

    /// The staged change does not take effect. Not staged any more is success.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn drop_staged(&self, id: GroupId, change: ChangeId) -> Result<()> {
        let key = [id.to_string().into(), change.to_string().into()];
        // A group that never had a document goes away with its first change.
        let sql = "DELETE FROM metadata_sync
            WHERE id = ? AND staged_change_id = ? AND document IS NULL";
        if self.run(sql, key.clone()).await? > 0 {
            return Ok(());
        }
        let sql = "UPDATE metadata_sync SET staged_change_id = NULL, staged_head = NULL,
            staged_document = NULL, staged_base = NULL, staged_secrets = NULL, staged_owner = NULL,
            staged_until = NULL WHERE id = ? AND staged_change_id = ?";
        self.run(sql, key).await.map(|_| ())
    }

    /// Goes on holding a staged change.
    ///
    /// # Errors
    /// `Fenced` where somebody else holds it now.
    pub async fn renew_stage(&self, id: GroupId, change: ChangeId, owner: &str) -> Result<()> {
        let until = self.now().await? + self.lease();
        let sql = "UPDATE metadata_sync SET staged_until = ?
            WHERE id = ? AND staged_change_id = ? AND staged_owner = ?";
        let values = [
            stamp(until).into(),
            id.to_string().into(),
            change.to_string().into(),
            owner.into(),
        ];
        if self.run(sql, values).await? == 0 {
            Err(DbError::Fenced)
        } else {
            Ok(())
        }
    }

    /// Takes over the staged changes that nobody holds any more, also those of new groups.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn claim_expired_stages(&self, owner: &str) -> Result<Vec<(GroupId, Staged)>> {
        let at = self.now().await?;
        let found = self
            .rows(
                "SELECT id, staged_change_id, staged_head, staged_document, staged_base,
                    staged_owner, staged_until FROM metadata_sync
                 WHERE staged_until < ? OR staged_until > ?",
                [stamp(at).into(), stamp(self.no_lease(at)).into()],
            )
            .await?;
        let mut claimed = Vec::new();
        for row in &found {
            let id = GroupId::from_untyped_uuid(crate::connection::parsed(row, "id")?);
            let Some(staged) = read(row)? else { continue };
            let taken = self
                .run(
                    "UPDATE metadata_sync SET staged_owner = ?, staged_until = ?
                     WHERE id = ? AND staged_change_id = ? AND staged_until = ?",
                    [
                        owner.into(),
                        stamp(at + self.lease()).into(),
                        id.to_string().into(),
                        staged.change_id.to_string().into(),
                        stamp(staged.until).into(),
                    ],
                )
                .await?;
            if taken > 0 {
                claimed.push((
                    id,
                    Staged {
                        owner: owner.to_owned(),
                        ..staged
                    },
                ));
            }
        }
        Ok(claimed)
    }

    /// The secrets that go with a staged change.
    ///
    /// # Errors
    /// `NotFound` where it is no longer staged; `Sealed` where they cannot be opened.
    pub async fn staged_secrets(
        &self,
        id: GroupId,
        change: ChangeId,
    ) -> Result<BTreeMap<String, SecretString>> {
        self.repeated(|| self.staged_content(&self.conn, id, change))
            .await
            .map(|(_, secrets)| secrets)
    }

    async fn staged_content<C: sea_orm::ConnectionTrait>(
        &self,
        conn: &C,
        id: GroupId,
        change: ChangeId,
    ) -> Result<(Vec<u8>, BTreeMap<String, SecretString>)> {
        let sql = "SELECT staged_document, staged_secrets FROM metadata_sync
            WHERE id = ? AND staged_change_id = ?";
        let found = rows(
            conn,
            sql,
            [id.to_string().into(), change.to_string().into()],
        )
        .await?;
        let row = found
            .first()
            .ok_or_else(|| DbError::NotFound(format!("change {change}")))?;
        let sealed: BTreeMap<String, String> = match maybe_text(row, "staged_secrets")? {
            Some(text) => serde_json::from_str(&text).map_err(|e| corrupt("metadata_sync", e))?,
            None => BTreeMap::new(),
        };
        let secrets = sealed
            .into_iter()
            .map(|(name, value)| {
                let place = place(&id.to_string(), &name);
                Ok((name, self.secret_box.open(&place, &value)?))
            })
            .collect::<Result<_>>()?;
        Ok((
            maybe_bytes(row, "staged_document")?.unwrap_or_default(),
            secrets,
        ))
    }

    fn seal_staged(
        &self,
        id: GroupId,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<Option<String>> {
        if secrets.is_empty() {
            return Ok(None);
        }
        let mut sealed = BTreeMap::new();
        for (name, value) in secrets {
            debug_assert!(
                !value.expose_secret().is_empty(),
                "an empty secret is no secret"
            );
            let place = place(&id.to_string(), name);
            sealed.insert(
                name.as_str(),
                self.secret_box.seal(&place, value, &*self.ids)?,
            );
        }
        to_json(&sealed).map(Some)
    }

    async fn refuse_name_twin(
        &self,
        tx: &DatabaseTransaction,
        document: &GroupDocument,
    ) -> Result<()> {
        for project in document.projects.values() {
            let sql = "SELECT id FROM protection_groups
                WHERE project_id = ? AND name = ? AND deleted = 0 AND id <> ?";
            let values = [
                project.as_str().into(),
                document.name.clone().into(),
                document.id.to_string().into(),
            ];
            if !rows(tx, sql, values).await?.is_empty() {
                let what = format!("protection group `{}`", document.name);
                return Err(DbError::Duplicate(what));
            }
        }
        Ok(())
    }

    pub(crate) fn lease(&self) -> TimeDelta {
        TimeDelta::from_std(self.options.lease).unwrap_or(TimeDelta::seconds(30))
    }
}
