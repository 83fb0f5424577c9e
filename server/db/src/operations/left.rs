//! What is left of an operation that gave way to a newer one: its engine may still be at work, and
//! its journal says what it had done.

use protector_framework::OperationId;
use protector_model::StepRecord;

use super::Fence;
use crate::connection::Db;
use crate::error::Result;

impl Db {
    /// Says that the holder of an operation that was cancelled under it has stopped: no call of it
    /// is under way any more. Nothing happens to an operation that somebody else has taken.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn leave_operation(&self, fence: &Fence) -> Result<()> {
        let sql = "UPDATE dr_operations SET owner = NULL, clean = 1
            WHERE id = ? AND owner = ? AND fence = ? AND status = 'cancelled'";
        let values = [
            fence.operation.to_string().into(),
            fence.owner.clone().into(),
            i64::try_from(fence.number + 1).unwrap_or(i64::MAX).into(),
        ];
        self.run(sql, values).await.map(|_| ())
    }

    /// Whether no engine of this site holds an operation or has yet to say that it stopped.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn is_left(&self, id: OperationId) -> Result<bool> {
        let sql = "SELECT id FROM dr_operations WHERE id = ? AND owner IS NOT NULL";
        Ok(self.rows(sql, [id.to_string().into()]).await?.is_empty())
    }

    /// Journals a step of another operation that has ended: what it left was taken back.
    ///
    /// # Errors
    /// `Fenced`.
    pub async fn write_step_of(
        &self,
        fence: &Fence,
        ended: OperationId,
        step: &StepRecord,
    ) -> Result<()> {
        self.transaction(|tx| {
            Box::pin(async move {
                let tx = &*tx;
                self.renew_in(tx, fence).await?;
                self.put_step(tx, ended, step).await
            })
        })
        .await
    }
}
