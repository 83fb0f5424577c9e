//! The service's own account: its login and its token.

use protector_framework::{ErrorKind, ExposeSecret as _};

use crate::identity::case::{IdentityCase, Outcome, case, check};
use crate::identity::rig::{Rig, Service};
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<IdentityCase> {
    vec![
        case!(
            "session/check",
            "The service's account logs in, again and again.",
            passes
        ),
        case!("session/wrong-secret", "A wrong secret is Unauthorized for every verb that needs the account, with the call, and never NotFound.", wrong, needs Intruder),
        case!(
            "session/token-is-valid",
            "The service's token is valid, for a project, and ends later.",
            valid
        ),
        case!(
            "session/token-is-kept",
            "The service's token is kept: asked for again, it is the same.",
            kept
        ),
        case!("session/kept-without-a-call", "A token that is kept costs no remote call.", free, needs Cut),
        case!(
            "session/forgotten",
            "A token that was forgotten is got anew, and is valid.",
            forgotten
        ),
        case!("session/forgotten-costs-a-call", "After a token was forgotten, the next is asked for.", asked_again, needs Cut),
        case!("session/not-beyond-its-end", "A token that has ended is not given out any more.", ended, needs Expire),
        case!(
            "session/catalog",
            "Every endpoint of the catalog has a type, an interface and an address.",
            catalog
        ),
    ]
}

async fn passes(rig: &Rig) -> Outcome {
    for _ in 0..2 {
        rig.driver.check(&rig.ctx()).await?;
    }
    Ok(())
}

async fn wrong(rig: &Rig) -> Outcome {
    let intruder = rig.intruder()?;
    let ctx = rig.ctx();
    let project = rig.bench.project().await?;
    let errors = [
        rig.refused(intruder.check(&ctx).await, &[ErrorKind::Unauthorized])?,
        rig.refused(
            intruder.service_token(&ctx).await,
            &[ErrorKind::Unauthorized],
        )?,
        rig.refused(
            intruder.validate_token(&ctx, &rig.garbage()).await,
            &[ErrorKind::Unauthorized],
        )?,
        rig.refused(
            intruder.validate_expired_token(&ctx, &rig.garbage()).await,
            &[ErrorKind::Unauthorized],
        )?,
        rig.refused(
            intruder.get_project(&ctx, &project).await,
            &[ErrorKind::Unauthorized],
        )?,
    ];
    for error in errors {
        check!(!error.is_transient(), "it may be tried again: {error}");
    }
    Ok(())
}

async fn valid(rig: &Rig) -> Outcome {
    let own = rig.driver.service_token(&rig.ctx()).await?;
    rig.is_secret(&own.token);
    let now = rig.clock().now();
    check!(own.expires_at > now, "it ended at {}", own.expires_at);
    let told = rig.driver.validate_token(&rig.ctx(), &own.token).await?;
    check!(
        matches!(told.scope, protector_framework::TokenScope::Project { .. }),
        "it is for {:?}",
        told.scope
    );
    check!(!told.roles.is_empty(), "it carries no role");
    Ok(())
}

async fn kept(rig: &Rig) -> Outcome {
    let first = rig.driver.service_token(&rig.ctx()).await?;
    let second = rig.driver.service_token(&rig.ctx()).await?;
    rig.is_secret(&first.token);
    check!(
        first.token.expose_secret() == second.token.expose_secret(),
        "there are two tokens"
    );
    check!(
        first.expires_at == second.expires_at,
        "its end changes from {} to {}",
        first.expires_at,
        second.expires_at
    );
    Ok(())
}

async fn free(rig: &Rig) -> Outcome {
    rig.driver.service_token(&rig.ctx()).await?;
    rig.arm(Service, None).await?;
    for _ in 0..3 {
        rig.driver.service_token(&rig.ctx()).await?;
    }
    let calls = rig.calls(Service)?;
    check!(calls == 0, "it costs {calls} remote calls");
    Ok(())
}

async fn forgotten(rig: &Rig) -> Outcome {
    rig.driver.service_token(&rig.ctx()).await?;
    for _ in 0..2 {
        rig.driver.forget_service_token().await;
    }
    valid(rig).await
}

async fn asked_again(rig: &Rig) -> Outcome {
    rig.driver.service_token(&rig.ctx()).await?;
    rig.driver.forget_service_token().await;
    rig.arm(Service, None).await?;
    rig.driver.service_token(&rig.ctx()).await?;
    check!(
        rig.calls(Service)? > 0,
        "the token that was forgotten is given out"
    );
    Ok(())
}

async fn ended(rig: &Rig) -> Outcome {
    let old = rig.driver.service_token(&rig.ctx()).await?;
    rig.bench.expire().await?;
    let new = rig.driver.service_token(&rig.ctx()).await?;
    rig.is_secret(&old.token);
    check!(
        old.token.expose_secret() != new.token.expose_secret(),
        "the token that has ended is given out"
    );
    valid(rig).await?;
    // Nor does any other verb stumble over it.
    let project = rig.bench.project().await?;
    rig.bench.expire().await?;
    rig.driver.get_project(&rig.ctx(), &project).await?;
    Ok(())
}

async fn catalog(rig: &Rig) -> Outcome {
    let own = rig.driver.service_token(&rig.ctx()).await?;
    for endpoint in &own.catalog {
        check!(
            !endpoint.service_type.is_empty()
                && !endpoint.interface.is_empty()
                && !endpoint.url.is_empty(),
            "the catalog has {endpoint:?}"
        );
    }
    Ok(())
}
