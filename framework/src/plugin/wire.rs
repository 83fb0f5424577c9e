//! What the two sides of the boundary say to each other, as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallCtx, OperationId, StorageCapabilities};

/// What a library says of itself before anything of it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// `storage`.
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) version: String,
    #[serde(default)]
    pub(super) summary: String,
    #[serde(default)]
    pub(super) example: Value,
    #[serde(default)]
    pub(super) schema: Value,
    /// What every instance can do.
    #[serde(default)]
    pub(super) capabilities: StorageCapabilities,
}

/// [`CallCtx`] with its deadline in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Context {
    request_id: String,
    #[serde(default)]
    operation_id: Option<OperationId>,
    #[serde(default)]
    idempotency_key: Option<String>,
    #[serde(default)]
    fence: Option<u64>,
    deadline_ms: u64,
}

impl From<&CallCtx> for Context {
    fn from(ctx: &CallCtx) -> Self {
        Self {
            request_id: ctx.request_id.clone(),
            operation_id: ctx.operation_id,
            idempotency_key: ctx.idempotency_key.clone(),
            fence: ctx.fence,
            deadline_ms: u64::try_from(ctx.deadline.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl From<Context> for CallCtx {
    fn from(context: Context) -> Self {
        let deadline = Duration::from_millis(context.deadline_ms);
        let mut ctx = Self::new(context.request_id, deadline);
        ctx.operation_id = context.operation_id;
        ctx.idempotency_key = context.idempotency_key;
        ctx.fence = context.fence;
        ctx
    }
}
