//! In which order operations that wait are taken.

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

const STATEMENTS: &[&str] = &["CREATE TABLE IF NOT EXISTS operation_turns (
        id CHAR(36) NOT NULL PRIMARY KEY,
        tier INTEGER NOT NULL, urgent INTEGER NOT NULL, taken_at CHAR(27),
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)"];
