//! Groups that this site has lost without its consent. What the document says of the copies here is
//! then not proven: it may have been written while this site started them again.

use protector_framework::GroupId;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::connection::{Db, run};
use crate::error::Result;
use crate::operations::Fence;

impl Db {
    /// Every copy of the group that this site keeps was looked at and is out of use.
    ///
    /// # Errors
    /// `Fenced`.
    pub async fn end_quarantine(&self, fence: &Fence, id: GroupId) -> Result<()> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                self.renew_in(tx, fence).await?;
                forget(tx, id).await
            })
        })
        .await
    }

    pub(super) async fn note_quarantine(
        &self,
        tx: &DatabaseTransaction,
        id: GroupId,
    ) -> Result<()> {
        forget(tx, id).await?;
        let now = self.stamp();
        let sql = "INSERT INTO quarantines_due (id, created_at, updated_at) VALUES (?, ?, ?)";
        let values = [id.to_string().into(), now.clone().into(), now.into()];
        run(tx, sql, values).await.map(|_| ())
    }
}

pub(super) async fn forget<C: ConnectionTrait>(conn: &C, id: GroupId) -> Result<()> {
    let sql = "DELETE FROM quarantines_due WHERE id = ?";
    run(conn, sql, [id.to_string().into()]).await.map(|_| ())
}
