//! The identity driver `mock` on a mock cloud.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_conformance::identity::{Client, IdentityBench, IdentityBenches, IdentityFacility};
use protector_conformance::{BenchError, Cut};
use protector_driver_mock::world::{PROTECTOR_PASSWORD, PROTECTOR_USER};
use protector_framework::{Clock, IdentityDriver, ProjectId, SecretString, TrustId};

use super::cloud::{Ground, WRONG_PASSWORD};

/// Longer than any token lasts.
const LONG: Duration = Duration::from_secs(2 * 3600);

/// Makes mock identity services.
#[derive(Debug, Default, Clone, Copy)]
pub struct MockAccountsBenches;

#[async_trait]
impl IdentityBenches for MockAccountsBenches {
    fn name(&self) -> &str {
        "the mock identity service"
    }

    fn facilities(&self) -> Vec<IdentityFacility> {
        IdentityFacility::ALL.into()
    }

    async fn bench(&self) -> Result<Arc<dyn IdentityBench>, BenchError> {
        Ok(Arc::new(MockAccountsBench {
            ground: Ground::new()?,
        }))
    }
}

struct MockAccountsBench {
    ground: Ground,
}

impl MockAccountsBench {
    fn driver_with(&self, password: &str) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        let project = &self.ground.has.service_project;
        let config = self
            .ground
            .cloud
            .driver_config(PROTECTOR_USER, password, project);
        Ok(self.ground.registry.identity("mock", config)?)
    }
}

#[async_trait]
impl IdentityBench for MockAccountsBench {
    fn clock(&self) -> Arc<dyn Clock> {
        self.ground.clock.clone()
    }

    fn driver(&self) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        self.driver_with(PROTECTOR_PASSWORD)
    }

    async fn project(&self) -> Result<ProjectId, BenchError> {
        Ok(self.ground.has.project.clone())
    }

    fn secrets(&self) -> Vec<SecretString> {
        Ground::secrets()
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        self.ground.pass(time);
        Ok(())
    }

    async fn tick(&self) {
        self.ground.tick();
    }

    async fn client(&self) -> Result<Client, BenchError> {
        let has = &self.ground.has;
        Ok(Client {
            token: self.ground.cloud.issue_token(&has.user, &has.project)?,
            user: has.user.clone(),
            project: has.project.clone(),
            roles: vec!["member".to_owned()],
        })
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), BenchError> {
        Ok(self.ground.cloud.revoke_token(token)?)
    }

    async fn expire(&self) -> Result<(), BenchError> {
        self.ground.pass(LONG);
        Ok(())
    }

    async fn delegated(&self, trust: &TrustId) -> Result<SecretString, BenchError> {
        Ok(self.ground.cloud.issue_trust_token(trust)?)
    }

    async fn power(&self, on: bool) -> Result<(), BenchError> {
        Ok(self.ground.cloud.set_down(!on)?)
    }

    fn intruder(&self) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        self.driver_with(WRONG_PASSWORD)
    }

    async fn arm(&self, cut: Option<Cut>) -> Result<(), BenchError> {
        self.ground.arm(cut)
    }

    fn calls(&self) -> Result<u64, BenchError> {
        self.ground.calls()
    }

    async fn trusts(&self, of: &Client) -> Result<Vec<TrustId>, BenchError> {
        Ok(self.ground.cloud.trusts(&of.user)?)
    }
}

#[cfg(test)]
mod tests {
    use protector_conformance::{Options, identity};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_mock_identity_service_conforms() {
        let report = identity::run(&MockAccountsBenches, &Options::default()).await;
        assert!(report.is_green(true), "{}", report.table());
        assert_eq!(report.passed(), identity::cases().len());
    }
}
