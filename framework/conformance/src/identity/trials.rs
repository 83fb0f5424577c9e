//! Every verb that changes something, under everything that can happen to a call.

use async_trait::async_trait;
use protector_framework::{CallCtx, DriverError, IdentityDriver, Trust};

use super::bench::{Client, IdentityFacility};
use super::case::{Broken, Identity, IdentityCase, IdentityClaim, Outcome, check};
use super::rig::{Rig, Service};
use crate::plague::{Needs, Trial, Verb, cases};

pub(crate) fn all() -> Vec<IdentityCase> {
    let needs = Needs {
        cut: IdentityFacility::Cut,
        hang: IdentityFacility::Hang,
    };
    cases::<Identity>(verbs(), &needs)
}

fn verbs() -> Vec<Verb<Identity>> {
    vec![
        Verb {
            name: "create-trust",
            at: Service,
            needs: &[IdentityFacility::Client, IdentityFacility::Trusts],
            claims: &[IdentityClaim::Trusts],
            // An identity service has no key that would make one of two trusts that are asked for
            // at the same moment; both are the client's, and either serves.
            at_once: false,
            trial: || Box::<Create>::default(),
        },
        Verb {
            name: "delete-trust",
            at: Service,
            needs: &[IdentityFacility::Client, IdentityFacility::Trusts],
            claims: &[IdentityClaim::Trusts],
            at_once: true,
            trial: || Box::<Delete>::default(),
        },
    ]
}

fn not_staged() -> Broken {
    Broken("the trial was not staged".to_owned())
}

/// A trust that is not there yet.
#[derive(Default)]
struct Create {
    client: Option<Client>,
}

#[async_trait]
impl Trial<Rig> for Create {
    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        let client = rig.trustor().await?;
        for trust in rig.bench.trusts(&client).await? {
            let deleted = rig
                .driver
                .delete_trust(&rig.ctx(), &client.token, &trust)
                .await;
            deleted?;
        }
        self.client = Some(client);
        Ok(())
    }

    async fn act(
        &self,
        rig: &Rig,
        driver: &dyn IdentityDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let client = self.client.as_ref().ok_or_else(not_staged);
        let request = rig.trust_of(client.map_err(DriverError::not_found)?);
        let made = driver.create_trust(ctx, request).await?;
        rig.hide(&made.id);
        Ok(format!("{made:?}"))
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let client = self.client.as_ref().ok_or_else(not_staged)?;
        let there = rig.bench.trusts(client).await?;
        check!(
            there.len() == 1,
            "there was to be one trust, and there are {}",
            there.len()
        );
        Ok(())
    }
}

/// A trust that goes.
#[derive(Default)]
struct Delete {
    client: Option<Client>,
    trust: Option<Trust>,
}

#[async_trait]
impl Trial<Rig> for Delete {
    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        let client = rig.trustor().await?;
        self.trust = Some(rig.trust(&client).await?);
        self.client = Some(client);
        Ok(())
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn IdentityDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let (Some(client), Some(trust)) = (&self.client, &self.trust) else {
            return Err(DriverError::not_found("the staged trust"));
        };
        driver.delete_trust(ctx, &client.token, &trust.id).await?;
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let client = self.client.as_ref().ok_or_else(not_staged)?;
        let trust = self.trust.as_ref().ok_or_else(not_staged)?;
        let there = rig.bench.trusts(client).await?;
        check!(!there.contains(&trust.id), "it is still there");
        Ok(())
    }
}
