//! Clients' tokens.

use protector_framework::{ErrorKind, SecretString, TokenInfo, TokenScope};

use crate::identity::bench::Client;
use crate::identity::case::{Broken, IdentityCase, Outcome, case, check};
use crate::identity::rig::Rig;
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<IdentityCase> {
    vec![
        case!("tokens/who-calls", "A client's token tells the user, the project and the roles, and ends later.", who, needs Client),
        case!("tokens/same-when-passed-on", "A token that has not ended is told the same where a service passes it on.", passed_on, needs Client),
        case!(
            "tokens/unknown",
            "A token that nobody was given is NotFound, however it looks.",
            unknown
        ),
        case!("tokens/revoked", "A revoked token is NotFound, also where a service passes it on.", revoked, needs Client Revoke),
        case!("tokens/expired", "A token that has ended is NotFound; passed on, it tells the same as before or is NotFound.", expired, needs Client Expire),
    ]
}

fn is_of(told: &TokenInfo, client: &Client) -> Outcome {
    check!(
        told.user_id == client.user && !told.user_name.is_empty(),
        "the user is {} ({})",
        told.user_id,
        told.user_name
    );
    let TokenScope::Project { id, name, .. } = &told.scope else {
        return Err(Broken(format!("it is for {:?}", told.scope)));
    };
    check!(
        *id == client.project && !name.is_empty(),
        "it is for project {id} ({name})"
    );
    check!(
        !client.roles.is_empty() && client.roles.iter().all(|role| told.roles.contains(role)),
        "the roles are {:?} and were to be {:?}",
        told.roles,
        client.roles
    );
    check!(!told.delegated, "it is told to be delegated");
    check!(
        told.access_rules.is_none(),
        "it is told to be limited: {:?}",
        told.access_rules
    );
    Ok(())
}

async fn who(rig: &Rig) -> Outcome {
    let client = rig.client().await?;
    let told = rig.driver.validate_token(&rig.ctx(), &client.token).await?;
    is_of(&told, &client)?;
    let now = rig.clock().now();
    check!(told.expires_at > now, "it ended at {}", told.expires_at);
    Ok(())
}

async fn passed_on(rig: &Rig) -> Outcome {
    let client = rig.client().await?;
    let plain = rig.driver.validate_token(&rig.ctx(), &client.token).await?;
    let passed = rig
        .driver
        .validate_expired_token(&rig.ctx(), &client.token)
        .await?;
    check!(plain == passed, "told is {plain:?}, passed on {passed:?}");
    Ok(())
}

async fn unknown(rig: &Rig) -> Outcome {
    let long = SecretString::from("A".repeat(1000));
    for token in [rig.garbage(), long, SecretString::from("gAAAA-no/token+")] {
        unknown_now(rig, &token).await?;
    }
    Ok(())
}

async fn unknown_now(rig: &Rig, token: &SecretString) -> Outcome {
    let told = rig.driver.validate_token(&rig.ctx(), token).await;
    let error = rig.refused(told, &[ErrorKind::NotFound])?;
    check!(!error.is_transient(), "it may be tried again: {error}");
    let told = rig.driver.validate_expired_token(&rig.ctx(), token).await;
    rig.refused(told, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn revoked(rig: &Rig) -> Outcome {
    let client = rig.client().await?;
    rig.driver.validate_token(&rig.ctx(), &client.token).await?;
    rig.bench.revoke(&client.token).await?;
    unknown_now(rig, &client.token).await
}

async fn expired(rig: &Rig) -> Outcome {
    let client = rig.client().await?;
    let before = rig.driver.validate_token(&rig.ctx(), &client.token).await?;
    rig.bench.expire().await?;
    let told = rig.driver.validate_token(&rig.ctx(), &client.token).await;
    rig.refused(told, &[ErrorKind::NotFound])?;
    let passed = rig
        .driver
        .validate_expired_token(&rig.ctx(), &client.token)
        .await;
    match passed {
        Ok(told) => check!(told == before, "before {before:?}, passed on {told:?}"),
        Err(error) => {
            rig.refused::<()>(Err(error), &[ErrorKind::NotFound])?;
        }
    }
    Ok(())
}
