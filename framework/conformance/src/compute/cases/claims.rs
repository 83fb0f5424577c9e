//! Claims, both ways: what is claimed works, what is not claimed is refused, and claims do not change.

use protector_framework::{ErrorKind, GetConsole, ServerStatus};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::{Cloud, Rig};
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!(
            "claims/do-not-change",
            "Every instance of a driver claims the same, before and after its first verb.",
            stable
        ),
        case!("claims/shelving-is-had-or-refused", "A stopped server is parked where it is claimed, and parking is Unsupported where it is not.", shelve, needs Servers),
        case!("claims/tags-are-had-or-refused", "A server is built and found by its tag where it is claimed, and building is Unsupported where it is not.", tags, needs Servers),
        case!("claims/consoles-are-had-or-refused", "A running server's console is read where it is claimed, and is Unsupported where it is not.", console, needs Servers),
    ]
}

async fn stable(rig: &Rig) -> Outcome {
    let before = rig.can();
    rig.driver.health(&rig.ctx()).await;
    check!(rig.can() == before, "the first verb changed the claims");
    let other = rig.restarted(Cloud)?.capabilities();
    check!(other == before, "another instance claims {other:?}");
    Ok(())
}

async fn shelve(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.stopped(&guest).await?;
    let park = rig.driver.park_server(&rig.ctx(), guest.named()).await;
    if rig.can().shelve {
        park?;
        rig.becomes(&guest.id, ServerStatus::Shelved).await?;
        return Ok(());
    }
    rig.refused(park, &[ErrorKind::Unsupported])?;
    let now = rig.server(&guest.id).await?;
    check!(
        now.status == ServerStatus::Stopped,
        "the server is {}",
        now.raw_status
    );
    Ok(())
}

async fn tags(rig: &Rig) -> Outcome {
    let root = rig.root("root").await?;
    let tag = rig.tag("web");
    let request = rig.server_from(&tag, &root, &[])?;
    let made = rig.driver.ensure_server(&rig.step("web"), request).await;
    if !rig.can().server_tags {
        rig.refused(made, &[ErrorKind::Unsupported])?;
        return Ok(());
    }
    let made = made?;
    rig.becomes(&made.id, ServerStatus::Active).await?;
    let found = rig.tagged(&tag).await?;
    check!(
        found.len() == 1 && found[0].id == made.id,
        "server {} was to be found by its tag, and found are {found:?}",
        made.id
    );
    Ok(())
}

async fn console(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let ctx = rig.ctx();
    let look = || {
        rig.driver
            .get_console(&ctx, GetConsole::new(&guest.id, 10_u32))
    };
    if rig.can().console {
        rig.patiently(look).await?;
        return Ok(());
    }
    rig.refused(look().await, &[ErrorKind::Unsupported])?;
    Ok(())
}
