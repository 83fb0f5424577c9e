//! What errors tell, and what they do not.

use protector_framework::{
    DriverError, EnsureGroup, ErrorKind, GetGroup, GetVolume, ListPoints, MaterializeVolume,
    ReplicationMode,
};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::Rig;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("errors/unreachable", "An array that is off is Unreachable for reads and for changes, with the call, and may be tried again.", unreachable, needs Power),
        case!("errors/unauthorized", "A wrong secret is Unauthorized for reads and for changes, with the call, and changes nothing.", unauthorized, needs Intruder),
        case!(
            "errors/not-found",
            "NotFound names what is not there.",
            not_found
        ),
        case!(
            "errors/conflict",
            "A refusal for a serial names the volume.",
            conflict
        ),
        case!(
            "errors/no-secret",
            "No error and no description of an instance holds a secret.",
            no_secret
        ),
        case!(
            "errors/permanent",
            "What only somebody's change can mend is not told to be tried again.",
            permanent
        ),
    ]
}

fn has_call(error: &DriverError) -> Outcome {
    check!(
        error
            .remote_call
            .as_ref()
            .is_some_and(|call| !call.trim().is_empty()),
        "the error does not tell its remote call: {error}"
    );
    check!(!error.message.trim().is_empty(), "the error tells nothing");
    Ok(())
}

async fn unreachable(rig: &Rig) -> Outcome {
    rig.bench.power(Side::Source, false).await?;
    let group = rig.group();
    let read = rig
        .source
        .get_group(&rig.ctx(), GetGroup::new(&group))
        .await;
    let read = rig.refused(read, &[ErrorKind::Unreachable])?;
    let changed = rig
        .source
        .ensure_group(&rig.ctx(), rig.ensure(&group))
        .await;
    let changed = rig.refused(changed, &[ErrorKind::Unreachable])?;
    for error in [read, changed] {
        has_call(&error)?;
        check!(error.is_transient(), "it may not be tried again: {error}");
    }
    Ok(())
}

async fn unauthorized(rig: &Rig) -> Outcome {
    let group = rig.group();
    let intruder = rig.intruder(Side::Source)?;
    let read = intruder
        .list_points(&rig.ctx(), ListPoints::new(rig.local(&group)))
        .await;
    has_call(&rig.refused(read, &[ErrorKind::Unauthorized])?)?;
    let changed = intruder.ensure_group(&rig.ctx(), rig.ensure(&group)).await;
    has_call(&rig.refused(changed, &[ErrorKind::Unauthorized])?)?;
    let made = rig
        .source
        .get_group(&rig.ctx(), GetGroup::new(&group))
        .await;
    rig.refused(made, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn not_found(rig: &Rig) -> Outcome {
    let name = rig.name("nobody");
    let volume = rig
        .source
        .get_volume(&rig.ctx(), GetVolume::new(name.as_str()))
        .await;
    let group = rig
        .source
        .get_group(&rig.ctx(), GetGroup::new(name.as_str()))
        .await;
    for error in [
        rig.refused(volume, &[ErrorKind::NotFound])?,
        rig.refused(group, &[ErrorKind::NotFound])?,
    ] {
        check!(
            error.message.contains(&name),
            "it does not name `{name}`: {error}"
        );
        check!(
            !error.is_transient(),
            "it is told to be tried again: {error}"
        );
    }
    Ok(())
}

async fn conflict(rig: &Rig) -> Outcome {
    let v = rig.volumes(&["one", "two"]).await?;
    let request = protector_framework::DiscardVolume::new(&v[0].name, &v[1].serial);
    let done = rig.source.discard_volume(&rig.ctx(), request).await;
    let error = rig.refused(done, &[ErrorKind::Conflict])?;
    let name = v[0].name.as_str();
    check!(
        error.message.contains(name),
        "it does not name `{name}`: {error}"
    );
    Ok(())
}

async fn no_secret(rig: &Rig) -> Outcome {
    use protector_framework::ExposeSecret as _;
    for side in Side::BOTH {
        let instance = rig.restarted(side)?;
        instance.describe(&rig.ctx()).await?;
        let told = format!("{instance:?}");
        for secret in rig.bench.secrets() {
            check!(
                !told.contains(secret.expose_secret()),
                "an instance shows a secret"
            );
        }
        let get = GetVolume::new(rig.name("nobody"));
        rig.refused(
            instance.get_volume(&rig.ctx(), get).await,
            &[ErrorKind::NotFound],
        )?;
    }
    check!(
        !rig.bench.secrets().is_empty(),
        "the bench tells no secret to look for"
    );
    Ok(())
}

async fn permanent(rig: &Rig) -> Outcome {
    let stranger = protector_framework::ArrayIdentity {
        id: "11111111-2222-3333-4444-555555555555".into(),
        name: "stranger".to_owned(),
    };
    let request = EnsureGroup::new(rig.group(), ReplicationMode::Async, stranger.clone());
    let unlinked = rig.source.ensure_group(&rig.ctx(), request).await;
    let received = protector_framework::GroupRef::Replica {
        name: rig.group(),
        source: stranger,
    };
    let name = rig.name("copy");
    let serial = "0123456789ABCDEF01234567";
    let request = MaterializeVolume::new(received, "p1", serial, name.as_str());
    let made = rig
        .target
        .materialize_volume(&rig.step("copy"), request)
        .await;
    let unlinked = rig.refused(
        unlinked,
        &[ErrorKind::InvalidRequest, ErrorKind::Unsupported],
    )?;
    let made = rig.refused(made, &[ErrorKind::NotFound])?;
    for error in [unlinked, made] {
        check!(
            !error.is_transient(),
            "it is told to be tried again: {error}"
        );
    }
    Ok(())
}
