//! What errors tell, and what they do not; and reads under everything that can happen to a call.

use protector_framework::{CallCtx, ErrorKind, IdentityDriver, ProjectId, Result, SecretString};

use crate::fault::{Cut, Effect};
use crate::identity::case::{Broken, IdentityCase, Outcome, case, check};
use crate::identity::rig::{Rig, Service, has_call};
use crate::plague::Stand as _;

/// No verb makes more remote calls than this.
const MOST: u64 = 50;

pub(super) fn cases() -> Vec<IdentityCase> {
    vec![
        case!("errors/unreachable", "A service that is off is Unreachable for every read, with the call, and may be tried again.", unreachable, needs Power),
        case!(
            "errors/no-secret",
            "No error and no description of an instance or of a session holds a secret.",
            no_secret
        ),
        case!("errors/lost-before", "With the connection lost before any one of its remote calls, a read succeeds or may be tried again, and tried again succeeds.", lost_before, needs Cut),
        case!("errors/lost-after", "With the reply to any one of its remote calls lost, a read succeeds or may be tried again, and tried again succeeds.", lost_after, needs Cut),
        case!("errors/deadline", "With any one of its remote calls unanswered, a read ends with Timeout by its deadline, and tried again succeeds.", deadline, needs Cut Hang),
    ]
}

/// The verbs that change nothing at the service.
#[derive(Debug, Clone, Copy)]
enum Read {
    Check,
    Validate,
    ValidateExpired,
    ServiceToken,
    Project,
}

const READS: [Read; 5] = [
    Read::Check,
    Read::Validate,
    Read::ValidateExpired,
    Read::ServiceToken,
    Read::Project,
];

impl Read {
    /// Calls it with what is there, but for the token: that nobody has it is an answer too.
    async fn call(
        self,
        driver: &dyn IdentityDriver,
        ctx: &CallCtx,
        token: &SecretString,
        project: &ProjectId,
    ) -> Result<()> {
        let unknown_is_fine = |told: Result<_>| match told {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        };
        match self {
            Self::Check => driver.check(ctx).await,
            Self::Validate => unknown_is_fine(driver.validate_token(ctx, token).await),
            Self::ValidateExpired => {
                unknown_is_fine(driver.validate_expired_token(ctx, token).await)
            }
            Self::ServiceToken => driver.service_token(ctx).await.map(drop),
            Self::Project => driver.get_project(ctx, project).await.map(drop),
        }
    }
}

async fn unreachable(rig: &Rig) -> Outcome {
    let (token, project) = (rig.garbage(), rig.bench.project().await?);
    rig.bench.power(false).await?;
    for read in READS {
        let driver = rig.restarted(Service)?;
        let reply = read.call(&*driver, &rig.ctx(), &token, &project).await;
        let error = rig.refused(reply, &[ErrorKind::Unreachable])?;
        check!(error.is_transient(), "it may not be tried again: {error}");
    }
    Ok(())
}

async fn no_secret(rig: &Rig) -> Outcome {
    check!(
        !rig.bench.secrets().is_empty(),
        "the bench tells no secret to look for"
    );
    let instance = rig.restarted(Service)?;
    let session = instance.service_token(&rig.ctx()).await?;
    rig.is_secret(&session.token);
    rig.tells_none(&format!("{instance:?}"), "an instance")?;
    rig.tells_none(&format!("{session:?}"), "a session")?;
    let garbage = rig.garbage();
    let told = instance.validate_token(&rig.ctx(), &garbage).await;
    let error = rig.refused(told, &[ErrorKind::NotFound])?;
    rig.keeps_secrets(&error)
}

async fn lost_before(rig: &Rig) -> Outcome {
    each(rig, Effect::LostBefore).await
}

async fn lost_after(rig: &Rig) -> Outcome {
    each(rig, Effect::LostAfter).await
}

async fn deadline(rig: &Rig) -> Outcome {
    each(rig, Effect::Hang).await
}

async fn each(rig: &Rig, effect: Effect) -> Outcome {
    for read in READS {
        let mut nth = 1;
        while cut(rig, read, Cut { nth, effect })
            .await
            .map_err(|broken| Broken(format!("{read:?}, at remote call {nth}: {broken}")))?
        {
            nth += 1;
            check!(nth < MOST, "{read:?} makes no end of remote calls");
        }
        check!(nth > 1, "{read:?} has made no remote call");
    }
    Ok(())
}

/// One read with one cut; says whether there was a call for it to strike.
async fn cut(rig: &Rig, read: Read, cut: Cut) -> Outcome<bool> {
    let hangs = cut.effect == Effect::Hang;
    let (token, project) = (rig.garbage(), rig.bench.project().await?);
    let (clock, limit) = (rig.clock(), rig.deadline());
    let ctx = match hangs {
        true => rig.ctx().with_deadline(limit),
        false => rig.ctx(),
    };
    let driver = rig.restarted(Service)?;
    rig.arm(Service, Some(cut)).await?;
    let start = clock.monotonic();
    let reply = read.call(&*driver, &ctx, &token, &project).await;
    let took = clock.monotonic() - start;
    let struck = rig.calls(Service)? >= cut.nth;
    rig.arm(Service, None).await?;
    if let Err(error) = reply {
        check!(
            error.is_transient(),
            "it failed with {:?}, which may not be tried again: {error}",
            error.kind
        );
        check!(
            !(hangs && struck) || error.kind == ErrorKind::Timeout,
            "it was to end with Timeout and ended with {:?}: {error}",
            error.kind
        );
        has_call(&error)?;
        rig.keeps_secrets(&error)?;
    }
    check!(
        !hangs || took < 2 * limit,
        "it took {took:?} with a deadline of {limit:?}"
    );
    read.call(&*driver, &rig.ctx(), &token, &project).await?;
    Ok(struck)
}
