use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::OperationId;

/// What travels with every driver call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallCtx {
    /// `req-<uuid>`; drivers send it on (`X-Openstack-Request-Id`) and put it in their logs.
    pub request_id: String,
    /// The operation on whose behalf the call is made.
    #[serde(default)]
    pub operation_id: Option<OperationId>,
    /// `<operation>/<step>`: the same key means the same effect.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// The engine's lease number; higher is newer. Drivers tag what they change with it where the
    /// remote side can hold a tag.
    #[serde(default)]
    pub fence: Option<u64>,
    /// How long the call may take before it must fail with `Timeout`.
    pub deadline: Duration,
}

impl CallCtx {
    /// The hard limit of a mutating call, in line with the engine's lease.
    pub const MAX_DEADLINE: Duration = Duration::from_secs(60);

    /// A context for a call outside any operation.
    pub fn new(request_id: impl Into<String>, deadline: Duration) -> Self {
        Self {
            request_id: request_id.into(),
            operation_id: None,
            idempotency_key: None,
            fence: None,
            deadline: deadline.min(Self::MAX_DEADLINE),
        }
    }

    /// The same context on behalf of one step of an operation.
    #[must_use]
    pub fn for_step(mut self, operation: OperationId, step: &str, fence: u64) -> Self {
        self.operation_id = Some(operation);
        self.idempotency_key = Some(format!("{operation}/{step}"));
        self.fence = Some(fence);
        self
    }

    /// The same context with another deadline, never more than [`CallCtx::MAX_DEADLINE`].
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.min(Self::MAX_DEADLINE);
        self
    }
}
