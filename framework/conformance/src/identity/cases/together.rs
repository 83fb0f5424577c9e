//! Many calls at once.

use futures::future::join_all;
use protector_framework::ExposeSecret as _;

use crate::identity::case::{IdentityCase, Outcome, case, check};
use crate::identity::rig::{Rig, Service};
use crate::plague::Stand as _;

/// How many calls are made at once.
const MANY: usize = 8;

pub(super) fn cases() -> Vec<IdentityCase> {
    vec![
        case!("together/validations", "Many tokens are validated at once by one instance, each as its own.", validations, needs Client),
        case!(
            "together/service-token",
            "Asked many times at once, there is one service token.",
            one_token
        ),
        case!(
            "together/fresh-instances",
            "Many new instances at once all log in.",
            fresh_instances
        ),
    ]
}

async fn validations(rig: &Rig) -> Outcome {
    let mut clients = Vec::new();
    for _ in 0..MANY {
        clients.push(rig.client().await?);
    }
    let ctx = rig.ctx();
    let garbage = rig.garbage();
    let calls = clients
        .iter()
        .map(|client| rig.driver.validate_token(&ctx, &client.token));
    let (told, none) =
        futures::future::join(join_all(calls), rig.driver.validate_token(&ctx, &garbage)).await;
    for (told, client) in told.into_iter().zip(&clients) {
        let told = told?;
        check!(
            told.user_id == client.user,
            "the token of user {} is told to be of {}",
            client.user,
            told.user_id
        );
    }
    rig.refused(none, &[protector_framework::ErrorKind::NotFound])?;
    Ok(())
}

async fn one_token(rig: &Rig) -> Outcome {
    let ctx = rig.ctx();
    let calls = (0..MANY).map(|_| rig.driver.service_token(&ctx));
    for token in join_all(calls).await {
        rig.is_secret(&token?.token);
    }
    let first = rig.driver.service_token(&ctx).await?;
    let second = rig.driver.service_token(&ctx).await?;
    check!(
        first.token.expose_secret() == second.token.expose_secret(),
        "afterwards there are two tokens"
    );
    Ok(())
}

async fn fresh_instances(rig: &Rig) -> Outcome {
    let calls = (0..MANY).map(|_| async {
        let instance = rig.restarted(Service)?;
        Ok(instance.check(&rig.ctx()).await?)
    });
    join_all(calls).await.into_iter().collect()
}
