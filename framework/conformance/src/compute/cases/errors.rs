//! What errors tell, and what they do not.

use protector_framework::{
    ErrorKind, ExposeSecret as _, FindServer, GetResource, ResourceKind, ServerRef, VolumeRef,
};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::{Cloud, Rig};
use crate::fault::{Cut, Effect};
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("errors/unreachable", "A cloud that is off is Unreachable for reads and for changes, with the call, and may be tried again.", unreachable, needs Ports Power),
        case!("errors/unauthorized", "A wrong secret is Unauthorized for reads and for changes, with the call, and changes nothing.", unauthorized, needs Ports Intruder),
        case!(
            "errors/no-secret",
            "No error and no description of an instance holds a secret.",
            no_secret
        ),
        case!("errors/deadline", "A read that is never answered ends with Timeout by its deadline, and may be tried again.", deadline, needs Cut Hang),
        case!("errors/lost-reads", "A read whose connection is lost succeeds or may be tried again.", lost_reads, needs Cut),
    ]
}

async fn unreachable(rig: &Rig) -> Outcome {
    let request = rig.port_at(&rig.mac(), 0).await?;
    rig.bench.power(false).await?;
    let read = rig.driver.get_headroom(&rig.ctx()).await;
    let read = rig.refused(read, &[ErrorKind::Unreachable])?;
    let changed = rig.driver.ensure_port(&rig.step("port"), request).await;
    let changed = rig.refused(changed, &[ErrorKind::Unreachable])?;
    let deleted = ServerRef::new(rig.nobody());
    let deleted = rig.driver.delete_server(&rig.ctx(), deleted).await;
    let deleted = rig.refused(deleted, &[ErrorKind::Unreachable])?;
    for error in [read, changed, deleted] {
        check!(error.is_transient(), "it may not be tried again: {error}");
    }
    Ok(())
}

async fn unauthorized(rig: &Rig) -> Outcome {
    let intruder = rig.intruder()?;
    let mac = rig.mac();
    let request = rig.port_at(&mac, 0).await?;
    let read = intruder.list_volume_types(&rig.ctx()).await;
    let read = rig.refused(read, &[ErrorKind::Unauthorized])?;
    let changed = intruder.ensure_port(&rig.step("port"), request).await;
    let changed = rig.refused(changed, &[ErrorKind::Unauthorized])?;
    let deleted = intruder
        .delete_server(&rig.ctx(), ServerRef::new(rig.nobody()))
        .await;
    let deleted = rig.refused(deleted, &[ErrorKind::Unauthorized])?;
    for error in [read, changed, deleted] {
        check!(!error.is_transient(), "it may be tried again: {error}");
    }
    let network = &rig.network().await?.id;
    let find = protector_framework::FindPort::new(network, mac.as_str());
    let found = rig.driver.find_port(&rig.ctx(), find).await?;
    check!(found.is_none(), "a port was made: {found:?}");
    Ok(())
}

async fn no_secret(rig: &Rig) -> Outcome {
    check!(
        !rig.bench.secrets().is_empty(),
        "the bench tells no secret to look for"
    );
    let instance = rig.restarted(Cloud)?;
    // Whatever it keeps of its first call is shown too.
    instance.list_volume_types(&rig.ctx()).await?;
    let told = format!("{instance:?}");
    for secret in rig.bench.secrets() {
        check!(
            !told.contains(secret.expose_secret()),
            "an instance shows a secret"
        );
    }
    let nobody = rig.nobody();
    let server = ServerRef::new(nobody.as_str());
    let server = instance.get_server(&rig.ctx(), server).await;
    let volume = VolumeRef::new(nobody.as_str());
    let volume = instance.get_volume(&rig.ctx(), volume).await;
    rig.absent(server, &nobody)?;
    rig.absent(volume, &nobody)
}

/// A few reads, each of another service.
async fn read(
    rig: &Rig,
    which: usize,
    driver: &dyn protector_framework::ComputeDriver,
    ctx: &protector_framework::CallCtx,
) -> protector_framework::Result<()> {
    match which {
        0 => driver.list_volume_types(ctx).await.map(drop),
        1 => {
            let request = FindServer::new(rig.tag("nobody"));
            driver.find_servers(ctx, request).await.map(drop)
        }
        2 => {
            let request = GetResource::new(ResourceKind::Network, rig.nobody());
            match driver.get_resource(ctx, request).await {
                Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
                other => other.map(drop),
            }
        }
        _ => driver.get_headroom(ctx).await.map(drop),
    }
}

/// How many reads there are.
const READS: usize = 4;

async fn deadline(rig: &Rig) -> Outcome {
    let (clock, limit) = (rig.clock(), rig.deadline());
    for which in 0..READS {
        let driver = rig.restarted(Cloud)?;
        rig.arm(
            Cloud,
            Some(Cut {
                nth: 1,
                effect: Effect::Hang,
            }),
        )
        .await?;
        let start = clock.monotonic();
        let ctx = rig.ctx().with_deadline(limit);
        let reply = read(rig, which, &*driver, &ctx).await;
        let took = clock.monotonic() - start;
        rig.arm(Cloud, None).await?;
        let error = rig.refused(reply, &[ErrorKind::Timeout])?;
        check!(error.is_transient(), "it may not be tried again: {error}");
        check!(
            took < 2 * limit,
            "it took {took:?} with a deadline of {limit:?}"
        );
        read(rig, which, &*driver, &rig.ctx()).await?;
    }
    Ok(())
}

async fn lost_reads(rig: &Rig) -> Outcome {
    for which in 0..READS {
        for effect in [Effect::LostBefore, Effect::LostAfter] {
            let driver = rig.restarted(Cloud)?;
            rig.arm(Cloud, Some(Cut { nth: 1, effect })).await?;
            let reply = read(rig, which, &*driver, &rig.ctx()).await;
            rig.arm(Cloud, None).await?;
            if let Err(error) = reply {
                check!(
                    error.is_transient(),
                    "it failed with {:?}, which may not be tried again: {error}",
                    error.kind
                );
                rig.keeps_secrets(&error)?;
            }
            read(rig, which, &*driver, &rig.ctx()).await?;
        }
    }
    Ok(())
}
