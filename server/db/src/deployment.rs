use protector_framework::{DeploymentId, ExposeSecret, GenericUuid as _, SecretString};

use crate::connection::{Db, parsed, text};
use crate::error::{DbError, Result};

/// One Protector deployment: what its peer knows it by and seals secrets to.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its public key (X25519), lower-case hex.
    pub box_public: String,
    /// Its secret key, lower-case hex.
    pub box_secret: SecretString,
}

pub(crate) const PLACE: &str = "deployment/box_secret";

impl Db {
    /// This deployment; made at the first call. Two that make it at once agree.
    ///
    /// # Errors
    /// Where the database does not answer, or its key cannot be opened.
    pub async fn deployment(&self) -> Result<Deployment> {
        if let Some(deployment) = self.read_deployment().await? {
            return Ok(deployment);
        }
        let mut key = [0_u8; 32];
        self.ids.bytes(&mut key);
        let secret = crypto_box::SecretKey::from(key);
        let public = hex::encode(secret.public_key().as_bytes());
        let sealed =
            self.secret_box
                .seal(PLACE, &SecretString::from(hex::encode(key)), &*self.ids)?;
        let made = self
            .run(
                "INSERT INTO deployment (singleton, id, box_public, box_secret, created_at)
             VALUES (1, ?, ?, ?, ?)",
                [
                    self.ids.uuid().to_string().into(),
                    public.into(),
                    sealed.into(),
                    self.stamp().into(),
                ],
            )
            .await;
        match made {
            Ok(_) | Err(DbError::Duplicate(_)) => {}
            Err(error) => return Err(error),
        }
        self.read_deployment()
            .await?
            .ok_or_else(|| DbError::NotFound("the deployment".to_owned()))
    }

    async fn read_deployment(&self) -> Result<Option<Deployment>> {
        let found = self
            .rows("SELECT id, box_public, box_secret FROM deployment", [])
            .await?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        let box_secret = self.secret_box.open(PLACE, &text(row, "box_secret")?)?;
        if box_secret.expose_secret().len() != 64 {
            return Err(DbError::Sealed(
                "the deployment's key is damaged".to_owned(),
            ));
        }
        Ok(Some(Deployment {
            id: DeploymentId::from_untyped_uuid(parsed(row, "id")?),
            box_public: text(row, "box_public")?,
            box_secret,
        }))
    }
}
