//! What a server's console shows.

use protector_framework::GetConsole;

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("console/no-more-than-asked", "No more lines are told than were asked for, and the server is as it was.", lines, needs Servers, claims Console ServerTags),
    ]
}

async fn lines(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let before = rig.server(&guest.id).await?;
    for most in [1_u32, 20] {
        let ctx = rig.ctx();
        let ask = || {
            rig.driver
                .get_console(&ctx, GetConsole::new(&guest.id, most))
        };
        let told = rig.patiently(ask).await?.text;
        let lines = told.lines().count();
        check!(
            lines <= usize::try_from(most).unwrap_or(usize::MAX),
            "{most} lines were asked for, and {lines} told"
        );
    }
    let after = rig.server(&guest.id).await?;
    check!(before == after, "before {before:?}, after {after:?}");
    Ok(())
}
