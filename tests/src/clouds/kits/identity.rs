//! Benches for the identity driver: a user of its own, and a front of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protector_conformance::identity::{Client, IdentityBench, IdentityBenches, IdentityFacility};
use protector_conformance::{BenchError, Cut};
use protector_framework::{
    Clock, ExposeSecret as _, IdentityDriver, ProjectId, SecretString, SystemClock, TrustId, UserId,
};
use reqwest::Method;
use serde_json::json;

use super::ground::{Ground, failed};
use crate::clouds::failure::{Outcome, fail};
use crate::clouds::front::{Counted, Front};
use crate::clouds::http::{Service, list, text};
use crate::clouds::identity::{Admin, Login};
use crate::clouds::testbed::Side;

const PAUSE: Duration = Duration::from_millis(500);
/// How long a call that is never answered is given.
const DEADLINE: Duration = Duration::from_secs(3);

/// Makes users on one Keystone.
pub(super) struct KeystoneBenches {
    ground: Arc<Ground>,
}

impl KeystoneBenches {
    pub(super) fn new(ground: &Arc<Ground>) -> Self {
        Self {
            ground: ground.clone(),
        }
    }
}

#[async_trait]
impl IdentityBenches for KeystoneBenches {
    fn name(&self) -> &str {
        "the driver openstack on a real Keystone"
    }

    fn facilities(&self) -> Vec<IdentityFacility> {
        let mut all: Vec<_> = IdentityFacility::ALL.into();
        all.retain(|facility| *facility != IdentityFacility::Expire);
        all
    }

    fn lack(&self, facility: IdentityFacility) -> Option<String> {
        let expire = facility == IdentityFacility::Expire;
        expire.then(|| "a Keystone's tokens last hours".to_owned())
    }

    async fn bench(&self) -> Result<Arc<dyn IdentityBench>, BenchError> {
        let ground = self.ground.clone();
        let front = Front::start(&ground.testbed, Side::A, Counted::All);
        Ok(Arc::new(KeystoneBench {
            front: front.await.map_err(failed)?,
            clock: Arc::new(SystemClock::new()),
            user: Mutex::default(),
            ground,
        }))
    }
}

struct KeystoneBench {
    ground: Arc<Ground>,
    front: Front,
    clock: Arc<SystemClock>,
    /// The user of this bench, from its first client on, and the name.
    user: Mutex<Option<(UserId, String)>>,
}

impl KeystoneBench {
    fn user(&self) -> MutexGuard<'_, Option<(UserId, String)>> {
        self.user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self) -> &str {
        // Past the front: what the bench does is neither counted nor lost.
        &self.ground.site.service_login.auth_url
    }

    fn keystone(&self) -> Outcome<Service> {
        Service::new(self.url())
    }

    fn driver_with(&self, password: &str) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        let project = (
            "project_name",
            self.ground.site.service_login.project.as_str(),
        );
        let config = self.ground.config(self.front.auth_url(), project, password);
        Ok(self.ground.registry().identity("openstack", config)?)
    }

    fn password(&self) -> String {
        self.ground.secrets.of("kit-client")
    }

    /// The user, made where there is none yet.
    async fn made_user(&self) -> Outcome<(UserId, String)> {
        if let Some(user) = self.user().clone() {
            return Ok(user);
        }
        let site = &self.ground.site;
        let admin = Admin::new(self.url(), &site.admin.token)?;
        let name = format!("{}-{}", site.tenant_login.user, self.ground.number());
        let id = admin.user(&name, &self.password()).await?;
        let user = (UserId::from(id.as_str()), name);
        *self.user() = Some(user.clone());
        admin
            .grant(&id, &site.tenant.token.project_id, "member")
            .await?;
        Ok(user)
    }

    async fn log_in(&self) -> Outcome<Client> {
        let (user, name) = self.made_user().await?;
        let login = Login {
            user: name,
            password: self.password(),
            ..self.ground.site.tenant_login.clone()
        };
        let token = login.token().await?;
        Ok(Client {
            token: SecretString::from(token.id),
            user,
            project: token.project_id.as_str().into(),
            roles: vec!["member".to_owned()],
        })
    }

    async fn log_in_with(&self, trust: &TrustId) -> Outcome<SecretString> {
        let login = &self.ground.site.service_login;
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": login.user, "domain": {"id": "default"}, "password": login.password}}},
            "scope": {"OS-TRUST:trust": {"id": trust.as_str()}}}});
        let keystone = self.keystone()?;
        let reply = keystone
            .send(Method::POST, "/auth/tokens", Some(&body))
            .await?;
        match &reply.subject_token {
            Some(token) if reply.status == 201 => Ok(SecretString::from(token.as_str())),
            _ => fail(reply.describe()),
        }
    }

    async fn end_token(&self, token: &SecretString) -> Outcome {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let reply = http
            .delete(format!("{}/auth/tokens", self.url()))
            .header("x-auth-token", &self.ground.site.admin.token.id)
            .header("x-subject-token", token.expose_secret())
            .send()
            .await?;
        match reply.status().as_u16() {
            204 => Ok(()),
            status => fail(format!("a token is not revoked: {status}")),
        }
    }

    async fn given(&self, of: &Client) -> Outcome<Vec<TrustId>> {
        let keystone = self.keystone()?.token(of.token.expose_secret());
        let path = format!("/OS-TRUST/trusts?trustor_user_id={}", of.user);
        let all = keystone.get(&path).await?;
        let ids = list(&all, "/trusts").iter().map(|one| text(one, "/id"));
        ids.map(|id| Ok(TrustId::from(id?))).collect()
    }

    async fn remove(&self) -> Outcome {
        let user = self.user().take();
        if let Some((id, _)) = user {
            let admin = Admin::new(self.url(), &self.ground.site.admin.token)?;
            admin.delete("users", id.as_str()).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl IdentityBench for KeystoneBench {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn driver(&self) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        self.driver_with(&self.ground.site.service_login.password)
    }

    async fn project(&self) -> Result<ProjectId, BenchError> {
        Ok(self.ground.site.tenant.token.project_id.as_str().into())
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.ground.marked()
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        self.clock.sleep(time.min(PAUSE)).await;
        Ok(())
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    async fn end(&self) -> Result<(), BenchError> {
        self.remove().await.map_err(failed)
    }

    async fn client(&self) -> Result<Client, BenchError> {
        self.log_in().await.map_err(failed)
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), BenchError> {
        self.end_token(token).await.map_err(failed)
    }

    async fn delegated(&self, trust: &TrustId) -> Result<SecretString, BenchError> {
        self.log_in_with(trust).await.map_err(failed)
    }

    async fn power(&self, on: bool) -> Result<(), BenchError> {
        self.front.set_off(!on);
        Ok(())
    }

    fn intruder(&self) -> Result<Arc<dyn IdentityDriver>, BenchError> {
        self.driver_with(&self.ground.wrong_password())
    }

    async fn arm(&self, cut: Option<Cut>) -> Result<(), BenchError> {
        self.front.arm(cut, &self.clock).await;
        Ok(())
    }

    fn calls(&self) -> Result<u64, BenchError> {
        Ok(self.front.calls())
    }

    async fn trusts(&self, of: &Client) -> Result<Vec<TrustId>, BenchError> {
        self.given(of).await.map_err(failed)
    }
}
