//! Identity drivers that break a promise.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_conformance::identity::{
    self, Client, IdentityBench, IdentityBenches, IdentityFacility,
};
use protector_conformance::{BenchError, Cut};
use protector_framework::{
    CallCtx, Clock, CreateTrust, DriverError, ErrorKind, ExposeSecret as _, IdentityCapabilities,
    IdentityDriver, Project, ProjectId, Result, SecretString, ServiceToken, TokenInfo, Trust,
    TrustId,
};

use super::super::identity::MockAccountsBenches;
use super::{found, one};

/// What a driver does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Every service token is a new one.
    KeepsNoToken,
    /// A client's bad token looks like a refusal of the service's own account.
    BlamesItself,
    /// Errors repeat the token that was asked about.
    TellsTokens,
    /// What a lost connection left unknown is said to be final.
    GivesUp,
    /// A trust that is gone is an error.
    MissesTrusts,
    /// Trusts are claimed and are not there.
    BoastsOfTrusts,
    /// A project that is not there is made up.
    InventsProjects,
}

const FAULTS: [(Fault, &str); 7] = [
    (Fault::KeepsNoToken, "session/token-is-kept"),
    (Fault::BlamesItself, "tokens/unknown"),
    (Fault::TellsTokens, "errors/no-secret"),
    (Fault::GivesUp, "lost-after/create-trust"),
    (Fault::MissesTrusts, "twice/delete-trust"),
    (Fault::BoastsOfTrusts, "claims/trusts-are-had-or-refused"),
    (Fault::InventsProjects, "projects/absent"),
];

#[derive(Debug)]
struct Sloppy {
    inner: Arc<dyn IdentityDriver>,
    fault: Fault,
}

impl Sloppy {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn said<T>(&self, reply: Result<T>, token: &SecretString) -> Result<T> {
        reply.map_err(|mut error| {
            if self.has(Fault::BlamesItself) && error.kind == ErrorKind::NotFound {
                error.kind = ErrorKind::Unauthorized;
            }
            if self.has(Fault::TellsTokens) {
                error.message = format!("{}: {}", token.expose_secret(), error.message);
            }
            error
        })
    }
}

#[async_trait]
impl IdentityDriver for Sloppy {
    fn capabilities(&self) -> IdentityCapabilities {
        self.inner.capabilities()
    }

    async fn check(&self, ctx: &CallCtx) -> Result<()> {
        self.inner.check(ctx).await
    }

    async fn validate_token(&self, ctx: &CallCtx, token: &SecretString) -> Result<TokenInfo> {
        self.said(self.inner.validate_token(ctx, token).await, token)
    }

    async fn service_token(&self, ctx: &CallCtx) -> Result<ServiceToken> {
        if self.has(Fault::KeepsNoToken) {
            self.inner.forget_service_token().await;
        }
        self.inner.service_token(ctx).await
    }

    async fn forget_service_token(&self) {
        self.inner.forget_service_token().await;
    }

    async fn get_project(&self, ctx: &CallCtx, id: &ProjectId) -> Result<Project> {
        match self.inner.get_project(ctx, id).await {
            Err(error) if self.has(Fault::InventsProjects) && !error.is_transient() => {
                Ok(Project {
                    id: id.clone(),
                    name: "invented".to_owned(),
                    domain_id: "default".to_owned(),
                    enabled: true,
                })
            }
            reply => reply,
        }
    }

    async fn create_trust(&self, ctx: &CallCtx, req: CreateTrust) -> Result<Trust> {
        if self.has(Fault::BoastsOfTrusts) {
            return Err(DriverError::unsupported("trusts"));
        }
        match self.inner.create_trust(ctx, req).await {
            Err(error) if self.has(Fault::GivesUp) => {
                Err(DriverError::new(ErrorKind::Unexpected, error.message)
                    .with_call("create_trust"))
            }
            reply => reply,
        }
    }

    async fn delete_trust(&self, ctx: &CallCtx, token: &SecretString, id: &TrustId) -> Result<()> {
        let gone = self.has(Fault::MissesTrusts)
            && self.inner.delete_trust(ctx, token, id).await.is_ok()
            && ctx.idempotency_key.is_some();
        if gone {
            return Err(DriverError::not_found("the trust").with_call("delete_trust"));
        }
        self.inner.delete_trust(ctx, token, id).await
    }
}

struct SloppyBenches(Fault);

#[async_trait]
impl IdentityBenches for SloppyBenches {
    fn name(&self) -> &str {
        "a sloppy driver"
    }

    fn facilities(&self) -> Vec<IdentityFacility> {
        IdentityFacility::ALL.into()
    }

    async fn bench(&self) -> Result<Arc<dyn IdentityBench>, BenchError> {
        Ok(Arc::new(SloppyBench {
            inner: MockAccountsBenches.bench().await?,
            fault: self.0,
        }))
    }
}

struct SloppyBench {
    inner: Arc<dyn IdentityBench>,
    fault: Fault,
}

#[async_trait]
impl IdentityBench for SloppyBench {
    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn driver(&self) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        Ok(Arc::new(Sloppy {
            inner: self.inner.driver()?,
            fault: self.fault,
        }))
    }

    async fn project(&self) -> Result<ProjectId, BenchError> {
        self.inner.project().await
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.inner.secrets()
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        self.inner.pass(time).await
    }

    async fn tick(&self) {
        self.inner.tick().await;
    }

    async fn client(&self) -> Result<Client, BenchError> {
        self.inner.client().await
    }

    async fn power(&self, on: bool) -> Result<(), BenchError> {
        self.inner.power(on).await
    }

    async fn arm(&self, cut: Option<Cut>) -> Result<(), BenchError> {
        self.inner.arm(cut).await
    }

    fn calls(&self) -> Result<u64, BenchError> {
        self.inner.calls()
    }

    async fn trusts(&self, of: &Client) -> Result<Vec<TrustId>, BenchError> {
        self.inner.trusts(of).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_promise_is_found_by_its_case() {
    for (fault, id) in FAULTS {
        let report = identity::run(&SloppyBenches(fault), &one(id)).await;
        found(&format!("{fault:?}"), id, &report);
    }
}
