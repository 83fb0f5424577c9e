//! What a list of groups shows, small and ready, so that a page of it is one query.

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

const STATEMENTS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS group_summaries (
        id CHAR(36) NOT NULL PRIMARY KEY, hash CHAR(64) NOT NULL, body TEXT NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE TABLE IF NOT EXISTS readiness_summaries (
        id CHAR(36) NOT NULL PRIMARY KEY, body TEXT NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE INDEX IF NOT EXISTS protection_groups_listed
        ON protection_groups (project_id, deleted, created_at, id)",
];
