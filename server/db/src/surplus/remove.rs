use sea_orm::DatabaseTransaction;

use super::{Counts, Item, OF_OPERATION};
use crate::connection::run;
use crate::error::Result;

pub(super) async fn items(tx: &DatabaseTransaction, items: &[Item]) -> Result<Counts> {
    let mut counts = Counts::new();
    let mut count = |table, rows| *counts.entry(table).or_default() += rows;
    for item in items {
        match item {
            Item::Operation { id, updated_at } => {
                // A retry, or a group that names it, since it was found, keeps it.
                let sql = "DELETE FROM dr_operations WHERE id = ? AND updated_at = ?
                    AND status IN ('completed', 'completed_with_errors', 'error', 'cancelled')
                    AND id NOT IN (SELECT active_operation_id FROM protection_groups
                        WHERE active_operation_id IS NOT NULL)
                    AND id NOT IN (SELECT test_operation_id FROM protection_groups
                        WHERE test_operation_id IS NOT NULL)";
                let values = [id.to_string().into(), updated_at.clone().into()];
                let removed = run(tx, sql, values).await?;
                count("dr_operations", removed);
                if removed == 0 {
                    continue;
                }
                for (table, column) in &OF_OPERATION[1..] {
                    let sql = format!("DELETE FROM {table} WHERE {column} = ?");
                    count(*table, run(tx, &sql, [id.to_string().into()]).await?);
                }
            }
            Item::Row {
                table,
                id,
                column,
                stamp,
            } => {
                let sql = format!("DELETE FROM {table} WHERE id = ? AND {column} = ?");
                let values = [id.clone().into(), stamp.clone().into()];
                count(*table, run(tx, &sql, values).await?);
            }
        }
    }
    Ok(counts)
}
