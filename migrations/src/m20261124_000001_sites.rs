//! Sites, tenants, secrets, services and the deployment itself.

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
    "CREATE TABLE IF NOT EXISTS deployment (
        singleton INTEGER NOT NULL PRIMARY KEY, id CHAR(36) NOT NULL,
        box_public CHAR(64) NOT NULL, box_secret TEXT NOT NULL, created_at CHAR(27) NOT NULL)",
    "CREATE TABLE IF NOT EXISTS sites (
        id CHAR(36) NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL UNIQUE,
        description TEXT NOT NULL, site_type VARCHAR(64) NOT NULL, auth_url VARCHAR(1024) NOT NULL,
        region_name VARCHAR(255) NOT NULL, account TEXT NOT NULL, status VARCHAR(32) NOT NULL,
        status_reason TEXT, is_local INTEGER NOT NULL, reach TEXT NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE TABLE IF NOT EXISTS tenant_mappings (
        id CHAR(36) NOT NULL PRIMARY KEY, primary_site_id CHAR(36) NOT NULL,
        primary_project_id VARCHAR(64) NOT NULL, secondary_site_id CHAR(36) NOT NULL,
        secondary_project_id VARCHAR(64) NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL,
        CONSTRAINT tenant_mappings_primary
            UNIQUE (primary_site_id, primary_project_id, secondary_site_id))",
    "CREATE TABLE IF NOT EXISTS trusts (
        id CHAR(36) NOT NULL PRIMARY KEY, site_id CHAR(36) NOT NULL,
        project_id VARCHAR(64) NOT NULL, body TEXT NOT NULL, state VARCHAR(32) NOT NULL,
        last_ok_at CHAR(27), last_error TEXT,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL,
        CONSTRAINT trusts_project UNIQUE (site_id, project_id))",
    "CREATE TABLE IF NOT EXISTS secrets (
        id CHAR(36) NOT NULL PRIMARY KEY, owner VARCHAR(191) NOT NULL, name VARCHAR(64) NOT NULL,
        sealed TEXT NOT NULL, created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL,
        CONSTRAINT secrets_owner UNIQUE (owner, name))",
    "CREATE TABLE IF NOT EXISTS services (
        id CHAR(36) NOT NULL PRIMARY KEY, service VARCHAR(64) NOT NULL, host VARCHAR(191) NOT NULL,
        last_seen_at CHAR(27) NOT NULL, created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL,
        CONSTRAINT services_host UNIQUE (service, host))",
    "CREATE TABLE IF NOT EXISTS audit_events (
        id CHAR(36) NOT NULL PRIMARY KEY, action VARCHAR(128) NOT NULL,
        object VARCHAR(191) NOT NULL, actor TEXT NOT NULL, detail TEXT NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
    "CREATE TABLE IF NOT EXISTS quotas (
        project_id VARCHAR(64) NOT NULL PRIMARY KEY, id CHAR(36) NOT NULL, body TEXT NOT NULL,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)",
];
