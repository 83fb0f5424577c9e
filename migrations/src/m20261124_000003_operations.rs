//! Operations, their journal, and requests that must not be carried out twice.

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
    "CREATE TABLE IF NOT EXISTS dr_operations (
        id CHAR(36) NOT NULL PRIMARY KEY, group_id CHAR(36) NOT NULL,
        project_id VARCHAR(64) NOT NULL, kind VARCHAR(32) NOT NULL, status VARCHAR(32) NOT NULL,
        executor_site_id CHAR(36) NOT NULL, body LONGTEXT NOT NULL, plan LONGTEXT,
        attempt BIGINT NOT NULL, owner VARCHAR(191), fence BIGINT NOT NULL, lease_until CHAR(27),
        clean INTEGER NOT NULL, cancel_requested INTEGER NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE INDEX IF NOT EXISTS dr_operations_status ON dr_operations (status, executor_site_id)",
    "CREATE INDEX IF NOT EXISTS dr_operations_group ON dr_operations (group_id)",
    "CREATE INDEX IF NOT EXISTS dr_operations_project ON dr_operations (project_id)",
    "CREATE TABLE IF NOT EXISTS dr_operation_steps (
        id CHAR(36) NOT NULL PRIMARY KEY, operation_id CHAR(36) NOT NULL,
        step_key VARCHAR(191) NOT NULL, position BIGINT NOT NULL, status VARCHAR(32) NOT NULL,
        body LONGTEXT NOT NULL, created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL,
        CONSTRAINT dr_operation_steps_key UNIQUE (operation_id, step_key))",
    "CREATE TABLE IF NOT EXISTS idempotency_keys (
        id CHAR(36) NOT NULL PRIMARY KEY, project_id VARCHAR(64) NOT NULL,
        request_key VARCHAR(191) NOT NULL, body_hash CHAR(64) NOT NULL,
        operation_id CHAR(36) NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL,
        CONSTRAINT idempotency_keys_key UNIQUE (project_id, request_key))",
];
