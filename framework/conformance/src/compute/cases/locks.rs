//! Locks that a server's owner cannot undo.

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("locks/both-ways", "A lock is set and taken away, and each again is success.", both_ways, needs Servers, claims ServerTags),
        case!("locks/against-the-owner", "The owner of a locked server can neither unlock nor stop it; once unlocked, it is the owner's again.", owner, needs Servers Owner, claims ServerTags),
        case!("locks/not-against-us", "A locked server is stopped, started and deleted by the driver.", not_us, needs Servers, claims ServerTags),
    ]
}

async fn both_ways(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let (driver, ctx) = (&rig.driver, rig.ctx());
    for _ in 0..2 {
        driver.lock_server(&ctx, guest.named()).await?;
        check!(rig.server(&guest.id).await?.locked, "it is not locked");
    }
    for _ in 0..2 {
        driver.unlock_server(&ctx, guest.named()).await?;
        check!(!rig.server(&guest.id).await?.locked, "it is still locked");
    }
    Ok(())
}

async fn owner(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.driver.lock_server(&rig.ctx(), guest.named()).await?;
    check!(
        !rig.bench.owner_changes(&guest.id).await?,
        "the owner changes a locked server"
    );
    check!(rig.server(&guest.id).await?.locked, "it is not locked");
    rig.driver.unlock_server(&rig.ctx(), guest.named()).await?;
    check!(
        rig.bench.owner_changes(&guest.id).await?,
        "the owner cannot change a server that is unlocked"
    );
    Ok(())
}

async fn not_us(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let ctx = rig.ctx();
    rig.driver.lock_server(&ctx, guest.named()).await?;
    rig.stopped(&guest).await?;
    rig.patiently(|| rig.driver.start_server(&ctx, guest.named()))
        .await?;
    rig.becomes(&guest.id, protector_framework::ServerStatus::Active)
        .await?;
    check!(rig.server(&guest.id).await?.locked, "it is not locked");
    rig.deleted(&guest.id).await
}
