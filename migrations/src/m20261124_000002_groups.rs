//! Protection groups: the replicated document and what is looked up of it.

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
    "CREATE TABLE IF NOT EXISTS protection_groups (
        id CHAR(36) NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL,
        project_id VARCHAR(64) NOT NULL, status VARCHAR(32) NOT NULL,
        status_reason TEXT, primary_site_id CHAR(36) NOT NULL, secondary_site_id CHAR(36) NOT NULL,
        current_primary_site_id CHAR(36) NOT NULL, replication_type VARCHAR(16) NOT NULL,
        failover_count BIGINT NOT NULL, deleted INTEGER NOT NULL,
        active_operation_id CHAR(36), test_operation_id CHAR(36), last_replication_at CHAR(27),
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE INDEX IF NOT EXISTS protection_groups_project ON protection_groups (project_id, name)",
    "CREATE TABLE IF NOT EXISTS metadata_sync (
        id CHAR(36) NOT NULL PRIMARY KEY, epoch_id CHAR(36), epoch TEXT, version BIGINT NOT NULL,
        hash CHAR(64) NOT NULL, document LONGBLOB, staged_change_id CHAR(36), staged_head TEXT,
        staged_document LONGBLOB, staged_base TEXT, staged_secrets TEXT, staged_owner VARCHAR(191),
        staged_until CHAR(27), acked TEXT, pending INTEGER NOT NULL, last_success_at CHAR(27),
        last_error TEXT, conflict_with TEXT,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pg_members (
        id CHAR(36) NOT NULL PRIMARY KEY, group_id CHAR(36) NOT NULL, name VARCHAR(255) NOT NULL,
        boot_tier INTEGER NOT NULL, boot_delay BIGINT NOT NULL, status VARCHAR(32) NOT NULL,
        status_reason TEXT, primary_server_id VARCHAR(64), secondary_server_id VARCHAR(64),
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE INDEX IF NOT EXISTS pg_members_group ON pg_members (group_id)",
    "CREATE TABLE IF NOT EXISTS consistency_groups (
        id CHAR(36) NOT NULL PRIMARY KEY, group_id CHAR(36) NOT NULL, site_id CHAR(36) NOT NULL,
        volume_group_id VARCHAR(64) NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE INDEX IF NOT EXISTS consistency_groups_group ON consistency_groups (group_id)",
    "CREATE TABLE IF NOT EXISTS cg_volumes (
        id CHAR(36) NOT NULL PRIMARY KEY, group_id CHAR(36) NOT NULL, site_id CHAR(36) NOT NULL,
        member_id CHAR(36) NOT NULL, volume_id VARCHAR(64) NOT NULL,
        array_name VARCHAR(255) NOT NULL, serial VARCHAR(191) NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE INDEX IF NOT EXISTS cg_volumes_group ON cg_volumes (group_id)",
    "CREATE TABLE IF NOT EXISTS replication_policies (
        id CHAR(36) NOT NULL PRIMARY KEY, group_id CHAR(36) NOT NULL, driver VARCHAR(64) NOT NULL,
        rpo_minutes BIGINT NOT NULL, body TEXT NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE INDEX IF NOT EXISTS replication_policies_group ON replication_policies (group_id)",
    "CREATE TABLE IF NOT EXISTS resource_mappings (
        id CHAR(36) NOT NULL PRIMARY KEY, group_id CHAR(36) NOT NULL, kind VARCHAR(32) NOT NULL,
        primary_id VARCHAR(255) NOT NULL, secondary_id VARCHAR(255) NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE INDEX IF NOT EXISTS resource_mappings_group ON resource_mappings (group_id)",
];
