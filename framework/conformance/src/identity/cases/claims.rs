//! Claims, both ways: what is claimed works, what is not claimed is refused, and claims do not change.

use protector_framework::{ErrorKind, TrustId};

use crate::identity::case::{IdentityCase, Outcome, case, check};
use crate::identity::rig::{Rig, Service};
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<IdentityCase> {
    vec![
        case!(
            "claims/do-not-change",
            "Every instance of a driver claims the same, before and after its first verb.",
            stable
        ),
        case!("claims/trusts-are-had-or-refused", "A trust is made and deleted where it is claimed, and both are Unsupported where it is not.", trusts, needs Client),
    ]
}

async fn stable(rig: &Rig) -> Outcome {
    let before = rig.can();
    rig.driver.check(&rig.ctx()).await?;
    check!(rig.can() == before, "the first verb changed the claims");
    let other = rig.restarted(Service)?.capabilities();
    check!(other == before, "another instance claims {other:?}");
    Ok(())
}

async fn trusts(rig: &Rig) -> Outcome {
    let client = rig.trustor().await?;
    let request = rig.trust_of(&client);
    let made = rig.driver.create_trust(&rig.step("trust"), request).await;
    if rig.can().trusts {
        let made = made?;
        rig.hide(&made.id);
        let deleted = rig
            .driver
            .delete_trust(&rig.ctx(), &client.token, &made.id)
            .await;
        return Ok(deleted?);
    }
    rig.refused(made, &[ErrorKind::Unsupported])?;
    let id = TrustId::from("0");
    let deleted = rig
        .driver
        .delete_trust(&rig.ctx(), &client.token, &id)
        .await;
    rig.refused(deleted, &[ErrorKind::Unsupported])?;
    Ok(())
}
