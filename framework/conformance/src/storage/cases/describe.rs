//! The arrays and the link between them.

use protector_framework::{ArrayIdentity, ErrorKind, GetLink, Link, LinkState};

use crate::storage::bench::{LinkCondition, Side};
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::Rig;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "describe/identity",
            "An array says of itself what its partner knows it by, at every call and to every instance.",
            identity
        ),
        case!(
            "describe/two-arrays",
            "Two arrays have two identities.",
            two_arrays
        ),
        case!(
            "describe/version",
            "An array tells its vendor and version.",
            version
        ),
        case!(
            "describe/space",
            "The space that an array tells is there, and no more of it is used than there is.",
            space
        ),
        case!(
            "describe/unreachable",
            "An instance is made without the array; its first verb fails with Unreachable.",
            unreachable,
            needs Power
        ),
        case!(
            "describe/unauthorized",
            "A wrong secret is refused with Unauthorized.",
            unauthorized,
            needs Intruder
        ),
        case!(
            "describe/back-again",
            "An instance works again when its array is back.",
            back_again,
            needs Power
        ),
        case!(
            "link/connected",
            "A link that carries data is Connected from both ends.",
            connected
        ),
        case!(
            "link/stranger",
            "The link to an array that nobody knows is Unknown and not an error.",
            stranger
        ),
        case!(
            "link/down",
            "A link that is cut is not Connected from either end.",
            down,
            needs Link
        ),
        case!(
            "link/mended",
            "A link that was mended is Connected again.",
            mended,
            needs Link
        ),
        case!(
            "link/partner-off",
            "The link to an array that is off is not Connected, and asking is not an error.",
            partner_off,
            needs Power
        ),
    ]
}

async fn identity(rig: &Rig) -> Outcome {
    for side in Side::BOTH {
        let known = rig.identity(side);
        for _ in 0..2 {
            let told = rig.driver(side).describe(&rig.ctx()).await?.identity;
            check!(told == known, "told {told:?}, known as {known:?}");
        }
        let told = rig.restarted(side)?.describe(&rig.ctx()).await?.identity;
        check!(told == known, "another instance told {told:?}");
    }
    Ok(())
}

async fn two_arrays(rig: &Rig) -> Outcome {
    let source = rig.source.describe(&rig.ctx()).await?.identity;
    let target = rig.target.describe(&rig.ctx()).await?.identity;
    check!(source.id != target.id, "both are `{}`", source.id);
    Ok(())
}

async fn version(rig: &Rig) -> Outcome {
    let version = rig.source.describe(&rig.ctx()).await?.version;
    check!(!version.trim().is_empty(), "the version is empty");
    Ok(())
}

async fn space(rig: &Rig) -> Outcome {
    let info = rig.source.describe(&rig.ctx()).await?;
    if let Some(capacity) = info.capacity_bytes {
        check!(capacity > 0, "an array without space");
        let used = info.used_bytes.unwrap_or_default();
        check!(used <= capacity, "{used} bytes of {capacity} are used");
    }
    Ok(())
}

async fn unreachable(rig: &Rig) -> Outcome {
    rig.bench.power(Side::Source, false).await?;
    let instance = rig.restarted(Side::Source)?;
    let told = instance.describe(&rig.ctx()).await;
    let error = rig.refused(told, &[ErrorKind::Unreachable])?;
    check!(
        error.is_transient(),
        "the error does not allow to try again"
    );
    Ok(())
}

async fn unauthorized(rig: &Rig) -> Outcome {
    for side in Side::BOTH {
        let told = rig.intruder(side)?.describe(&rig.ctx()).await;
        rig.refused(told, &[ErrorKind::Unauthorized])?;
    }
    Ok(())
}

async fn back_again(rig: &Rig) -> Outcome {
    rig.source.describe(&rig.ctx()).await?;
    rig.bench.power(Side::Source, false).await?;
    let told = rig.source.describe(&rig.ctx()).await;
    rig.refused(told, &[ErrorKind::Unreachable])?;
    rig.bench.power(Side::Source, true).await?;
    let told = rig.source.describe(&rig.ctx()).await?.identity;
    check!(told == rig.identity(Side::Source), "told {told:?}");
    Ok(())
}

/// The link as `side` sees it.
async fn link(rig: &Rig, side: Side) -> Outcome<Link> {
    let request = GetLink::new(rig.identity(side.other()));
    Ok(rig.driver(side).get_link(&rig.ctx(), request).await?)
}

async fn connected(rig: &Rig) -> Outcome {
    for side in Side::BOTH {
        let seen = link(rig, side).await?;
        check!(
            seen.state == LinkState::Connected,
            "the {side:?} sees {seen:?}"
        );
    }
    Ok(())
}

async fn stranger(rig: &Rig) -> Outcome {
    let nobody = ArrayIdentity {
        id: "11111111-2222-3333-4444-555555555555".into(),
        name: "nobody".to_owned(),
    };
    let seen = rig
        .source
        .get_link(&rig.ctx(), GetLink::new(nobody))
        .await?;
    check!(seen.state == LinkState::Unknown, "the link is {seen:?}");
    Ok(())
}

async fn down(rig: &Rig) -> Outcome {
    rig.bench.set_link(LinkCondition::Down).await?;
    for side in Side::BOTH {
        let seen = link(rig, side).await?;
        check!(
            matches!(seen.state, LinkState::Disconnected | LinkState::Unknown),
            "the {side:?} sees {seen:?}"
        );
    }
    Ok(())
}

async fn mended(rig: &Rig) -> Outcome {
    rig.bench.set_link(LinkCondition::Down).await?;
    link(rig, Side::Source).await?;
    rig.bench.set_link(LinkCondition::Up).await?;
    connected(rig).await
}

async fn partner_off(rig: &Rig) -> Outcome {
    rig.bench.power(Side::Source, false).await?;
    let seen = link(rig, Side::Target).await?;
    check!(
        matches!(seen.state, LinkState::Disconnected | LinkState::Unknown),
        "the target sees {seen:?}"
    );
    Ok(())
}
