//! What was last found out about whether each group's failover would work, and when it is looked at
//! again.

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

const STATEMENTS: &[&str] = &["CREATE TABLE IF NOT EXISTS readiness_reports (
        id CHAR(36) NOT NULL PRIMARY KEY, body LONGTEXT, verdict LONGTEXT,
        next_look_at CHAR(27) NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)"];
