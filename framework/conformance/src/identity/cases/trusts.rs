//! Trusts from clients to the service's own account.

use protector_framework::{CreateTrust, ErrorKind, Ids as _, RandomIds, TokenScope, TrustId};

use crate::identity::case::{IdentityCase, Outcome, case, check};
use crate::identity::rig::Rig;
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<IdentityCase> {
    vec![
        case!("trusts/as-asked", "A trust is from the client to the service, for the token's project, with the roles that were asked for.", as_asked, needs Client Trusts),
        case!("trusts/only-roles-of-the-token", "Of the roles that are asked for only those of the token are passed on.", only_its_roles, needs Client Trusts),
        case!("trusts/no-role", "A trust of no role that the token carries is Unauthorized, and none is made.", no_role, needs Client Trusts),
        case!("trusts/unknown-token", "A token that nobody was given makes no trust.", unknown),
        case!("trusts/delegated", "A token that was got with a trust acts for the client, says so, and makes no trust.", delegated, needs Client Delegated Trusts),
        case!("trusts/delete", "A trust that is deleted is gone, and deleting it again is success.", delete, needs Client Trusts),
        case!("trusts/delete-absent", "Deleting a trust that never was is success.", delete_absent, needs Client),
        case!("trusts/deleted-is-of-no-use", "With a trust that is deleted nobody logs in.", of_no_use, needs Client Delegated Trusts),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::identity::case::IdentityClaim::Trusts]))
    .collect()
}

async fn as_asked(rig: &Rig) -> Outcome {
    let client = rig.trustor().await?;
    let made = rig.trust(&client).await?;
    check!(
        made.trustor_user_id == client.user,
        "it is from {}",
        made.trustor_user_id
    );
    let own = rig.driver.service_token(&rig.ctx()).await?;
    let service = rig.driver.validate_token(&rig.ctx(), &own.token).await?;
    check!(
        made.trustee_user_id == service.user_id,
        "it is to {}",
        made.trustee_user_id
    );
    check!(
        made.project_id == client.project,
        "it is for project {}",
        made.project_id
    );
    let (mut roles, mut wanted) = (made.roles.clone(), client.roles.clone());
    roles.sort();
    wanted.sort();
    check!(roles == wanted, "its roles are {roles:?}");
    let there = rig.bench.trusts(&client).await?;
    check!(there.contains(&made.id), "it is not there");
    Ok(())
}

async fn only_its_roles(rig: &Rig) -> Outcome {
    let client = rig.trustor().await?;
    let mut request = rig.trust_of(&client);
    request.roles.push("conformance-nobody-has-it".to_owned());
    let made = rig.driver.create_trust(&rig.step("trust"), request).await?;
    rig.hide(&made.id);
    check!(
        made.roles.iter().all(|role| client.roles.contains(role)) && !made.roles.is_empty(),
        "its roles are {:?}",
        made.roles
    );
    Ok(())
}

async fn no_role(rig: &Rig) -> Outcome {
    let client = rig.trustor().await?;
    let before = rig.bench.trusts(&client).await?.len();
    let request = CreateTrust {
        token: client.token.clone(),
        roles: vec!["conformance-nobody-has-it".to_owned()],
    };
    let made = rig.driver.create_trust(&rig.step("trust"), request).await;
    let error = rig.refused(made, &[ErrorKind::Unauthorized])?;
    check!(!error.is_transient(), "it may be tried again: {error}");
    let after = rig.bench.trusts(&client).await?.len();
    check!(before == after, "{before} trusts before, {after} after");
    Ok(())
}

async fn unknown(rig: &Rig) -> Outcome {
    let request = CreateTrust {
        token: rig.garbage(),
        roles: vec!["member".to_owned()],
    };
    let made = rig.driver.create_trust(&rig.step("trust"), request).await;
    rig.refused(made, &[ErrorKind::Unauthorized, ErrorKind::NotFound])?;
    Ok(())
}

async fn delegated(rig: &Rig) -> Outcome {
    let client = rig.trustor().await?;
    let trust = rig.trust(&client).await?;
    let token = rig.bench.delegated(&trust.id).await?;
    rig.is_secret(&token);
    let told = rig.driver.validate_token(&rig.ctx(), &token).await?;
    check!(told.delegated, "it is not told to be delegated");
    check!(
        told.user_id == client.user,
        "it acts for user {}",
        told.user_id
    );
    check!(
        matches!(&told.scope, TokenScope::Project { id, .. } if *id == client.project),
        "it is for {:?}",
        told.scope
    );
    let before = rig.bench.trusts(&client).await?.len();
    let request = CreateTrust {
        token,
        roles: client.roles.clone(),
    };
    let made = rig.driver.create_trust(&rig.step("again"), request).await;
    rig.refused(made, &[ErrorKind::Unauthorized])?;
    let after = rig.bench.trusts(&client).await?.len();
    check!(before == after, "{before} trusts before, {after} after");
    Ok(())
}

async fn delete(rig: &Rig) -> Outcome {
    let client = rig.trustor().await?;
    let trust = rig.trust(&client).await?;
    for _ in 0..2 {
        let deleted = rig
            .driver
            .delete_trust(&rig.ctx(), &client.token, &trust.id)
            .await;
        deleted?;
        let there = rig.bench.trusts(&client).await?;
        check!(!there.contains(&trust.id), "it is still there");
    }
    Ok(())
}

async fn delete_absent(rig: &Rig) -> Outcome {
    let client = rig.client().await?;
    let id = TrustId::from(RandomIds.uuid().simple().to_string());
    let deleted = rig
        .driver
        .delete_trust(&rig.ctx(), &client.token, &id)
        .await;
    Ok(deleted?)
}

async fn of_no_use(rig: &Rig) -> Outcome {
    let client = rig.trustor().await?;
    let trust = rig.trust(&client).await?;
    let token = rig.bench.delegated(&trust.id).await?;
    rig.is_secret(&token);
    let deleted = rig
        .driver
        .delete_trust(&rig.ctx(), &client.token, &trust.id)
        .await;
    deleted?;
    check!(
        rig.bench.delegated(&trust.id).await.is_err(),
        "somebody logs in with it"
    );
    let told = rig.driver.validate_token(&rig.ctx(), &token).await;
    rig.refused(told, &[ErrorKind::NotFound])?;
    Ok(())
}
