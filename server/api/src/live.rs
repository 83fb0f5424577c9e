//! Whether this process can serve: what a load balancer asks.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use protector_db::Db;

/// A sign of life of what the API cannot do without.
#[async_trait]
pub(crate) trait Live: Send + Sync {
    /// Why it cannot serve, or nothing.
    async fn trouble(&self) -> Option<String>;
}

#[async_trait]
impl Live for Db {
    async fn trouble(&self) -> Option<String> {
        match self.ping().await {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(%error, "the database does not answer");
                Some("the database does not answer".to_owned())
            }
        }
    }
}

/// A process that an operator can take out of service by making a file, before they stop it.
pub(crate) struct UnlessDisabled {
    /// Any of these takes it out.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) inner: Arc<dyn Live>,
}

#[async_trait]
impl Live for UnlessDisabled {
    async fn trouble(&self) -> Option<String> {
        match self.files.iter().any(|file| file.exists()) {
            true => Some("DISABLED BY FILE".to_owned()),
            false => self.inner.trouble().await,
        }
    }
}

/// For a process that only describes the API.
#[derive(Debug)]
pub(crate) struct NotLive;

#[async_trait]
impl Live for NotLive {
    async fn trouble(&self) -> Option<String> {
        Some("this process serves no requests".to_owned())
    }
}
