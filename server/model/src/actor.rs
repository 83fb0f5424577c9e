use protector_framework::{ProjectId, UserId};
use serde::{Deserialize, Serialize};

/// On whose behalf something is done; kept with operations and audit events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The request that asked for it.
    pub request_id: String,
    /// The user; `None` when an engine acts by itself.
    pub user_id: Option<UserId>,
    /// The user's project on the site where the request was made.
    pub project_id: Option<ProjectId>,
}

impl Actor {
    /// An engine that acts by itself.
    pub fn engine(request_id: impl Into<String>) -> Self {
        Self {
            request_id: request_id.into(),
            user_id: None,
            project_id: None,
        }
    }
}
