//! Which operations' ends were told to the audit trail.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
#[allow(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signature of the trait to the letter"
)]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, STATEMENTS).await
    }
}

const STATEMENTS: &[&str] = &["CREATE TABLE IF NOT EXISTS told_ends (
        id CHAR(36) NOT NULL PRIMARY KEY, attempt INTEGER NOT NULL, told INTEGER NOT NULL,
        held_until CHAR(27) NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)"];
