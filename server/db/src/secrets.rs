use std::collections::BTreeMap;

use protector_framework::SecretString;
use sea_orm::ConnectionTrait;

use crate::connection::{Db, run, text};
use crate::error::Result;

pub(crate) fn place(owner: &str, name: &str) -> String {
    format!("secrets/{owner}/{name}")
}

impl Db {
    /// Keeps a secret, or replaces it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn put_secret(&self, owner: &str, name: &str, value: &SecretString) -> Result<()> {
        self.repeated(|| self.put_secret_in(&self.conn, owner, name, value))
            .await
    }

    pub(crate) async fn put_secret_in<C: ConnectionTrait>(
        &self,
        conn: &C,
        owner: &str,
        name: &str,
        value: &SecretString,
    ) -> Result<()> {
        let sealed = self
            .secret_box
            .seal(&place(owner, name), value, &*self.ids)?;
        let now = self.stamp();
        let replaced = run(
            conn,
            "UPDATE secrets SET sealed = ?, updated_at = ? WHERE owner = ? AND name = ?",
            [
                sealed.clone().into(),
                now.clone().into(),
                owner.into(),
                name.into(),
            ],
        )
        .await?;
        if replaced == 0 {
            run(
                conn,
                "INSERT INTO secrets (id, owner, name, sealed, created_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?)",
                [
                    self.ids.uuid().to_string().into(),
                    owner.into(),
                    name.into(),
                    sealed.into(),
                    now.clone().into(),
                    now.into(),
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// One secret.
    ///
    /// # Errors
    /// `Sealed` where it cannot be opened.
    pub async fn get_secret(&self, owner: &str, name: &str) -> Result<Option<SecretString>> {
        Ok(self.secrets_of(owner).await?.remove(name))
    }

    /// Every secret of an owner, by name.
    ///
    /// # Errors
    /// `Sealed` where one cannot be opened.
    pub async fn secrets_of(&self, owner: &str) -> Result<BTreeMap<String, SecretString>> {
        let found = self
            .rows(
                "SELECT name, sealed FROM secrets WHERE owner = ?",
                [owner.into()],
            )
            .await?;
        found
            .iter()
            .map(|row| {
                let name = text(row, "name")?;
                let value = self
                    .secret_box
                    .open(&place(owner, &name), &text(row, "sealed")?)?;
                Ok((name, value))
            })
            .collect()
    }

    /// Forgets every secret of an owner.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn delete_secrets(&self, owner: &str) -> Result<()> {
        self.run("DELETE FROM secrets WHERE owner = ?", [owner.into()])
            .await
            .map(|_| ())
    }
}
