//! A driver as the cases use it: time goes on while a verb runs.

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{
    CallCtx, CreateTrust, IdentityCapabilities, IdentityDriver, Project, ProjectId, Result,
    SecretString, ServiceToken, TokenInfo, Trust, TrustId,
};

use crate::pulse::Pulse;

pub(crate) struct Driven {
    inner: Arc<dyn IdentityDriver>,
    pulse: Arc<Pulse>,
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Driven {
    pub(crate) fn new(inner: Arc<dyn IdentityDriver>, pulse: Arc<Pulse>) -> Self {
        Self { inner, pulse }
    }
}

#[async_trait]
impl IdentityDriver for Driven {
    fn capabilities(&self) -> IdentityCapabilities {
        self.inner.capabilities()
    }

    async fn check(&self, ctx: &CallCtx) -> Result<()> {
        self.pulse.run(self.inner.check(ctx)).await
    }

    async fn validate_token(&self, ctx: &CallCtx, token: &SecretString) -> Result<TokenInfo> {
        self.pulse.run(self.inner.validate_token(ctx, token)).await
    }

    async fn validate_expired_token(
        &self,
        ctx: &CallCtx,
        token: &SecretString,
    ) -> Result<TokenInfo> {
        let asked = self.inner.validate_expired_token(ctx, token);
        self.pulse.run(asked).await
    }

    async fn service_token(&self, ctx: &CallCtx) -> Result<ServiceToken> {
        self.pulse.run(self.inner.service_token(ctx)).await
    }

    async fn forget_service_token(&self) {
        self.pulse.run(self.inner.forget_service_token()).await;
    }

    async fn get_project(&self, ctx: &CallCtx, id: &ProjectId) -> Result<Project> {
        self.pulse.run(self.inner.get_project(ctx, id)).await
    }

    async fn create_trust(&self, ctx: &CallCtx, req: CreateTrust) -> Result<Trust> {
        self.pulse.run(self.inner.create_trust(ctx, req)).await
    }

    async fn delete_trust(&self, ctx: &CallCtx, token: &SecretString, id: &TrustId) -> Result<()> {
        self.pulse
            .run(self.inner.delete_trust(ctx, token, id))
            .await
    }
}
