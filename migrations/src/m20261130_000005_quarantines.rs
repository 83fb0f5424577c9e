//! Which groups this site has lost to the other one without its consent, so that what their copies
//! do here has to be looked at.

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

const STATEMENTS: &[&str] = &["CREATE TABLE IF NOT EXISTS quarantines_due (
        id CHAR(36) NOT NULL PRIMARY KEY,
        created_at CHAR(27) NOT NULL, updated_at CHAR(27) NOT NULL)"];
