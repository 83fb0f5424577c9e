//! Building servers from volumes and ports.

use protector_framework::{
    BootVolume, ErrorKind, FindServer, ServerRef, ServerStatus, SetDeleteOnTermination,
    VolumeStatus,
};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("servers/as-asked", "A server is built with the name, tags and volumes that were asked for, and none of these goes with it.", as_asked, needs Servers, claims ServerTags),
        case!("servers/one-of-a-tag", "A server with the tag is the reply, whatever else is asked for.", one_of_a_tag, needs Servers, claims ServerTags),
        case!("servers/one-of-a-root", "A root volume that another server has is a Conflict, and no server is left of it.", one_of_a_root, needs Servers, claims ServerTags),
        case!("servers/parts-absent", "A flavor, a volume or a port that is not there is NotFound, and no server is left of it.", parts_absent, needs Servers, claims ServerTags),
        case!("servers/found-by-tag", "The servers with a tag are found, the oldest first, and no other.", found, needs Servers, claims ServerTags),
        case!(
            "servers/unknown-tag",
            "A tag that no server has finds none, and that is no error.",
            unknown_tag
        ),
        case!(
            "servers/absent",
            "A server that is not there is NotFound and named, for every verb that needs it.",
            absent
        ),
        case!("servers/volumes-goings", "Whether a volume goes with its server is set both ways and shown.", goings, needs Servers, claims ServerTags),
        case!("servers/not-its-volume", "A volume that the server does not hold is NotFound.", not_its_volume, needs Servers, claims ServerTags),
    ]
}

async fn as_asked(rig: &Rig) -> Outcome {
    let (root, data) = (rig.root("root").await?, rig.root("data").await?);
    let tag = rig.tag("web");
    let further = format!("{tag}-more");
    let mut request = rig
        .server_from(&tag, &root, &[])?
        .tags(vec![further.clone()]);
    request.volumes.push(BootVolume::new(&data));
    let made = rig
        .driver
        .ensure_server(&rig.step("web"), request.clone())
        .await?;
    check!(made.name == request.name, "its name is `{}`", made.name);
    let now = rig.becomes(&made.id, ServerStatus::Active).await?;
    for wanted in [&tag, &further] {
        check!(now.tags.contains(wanted), "its tags are {:?}", now.tags);
    }
    let held: Vec<_> = now.volumes.iter().map(|volume| &volume.id).collect();
    check!(
        held.len() == 2 && held.contains(&&root) && held.contains(&&data),
        "it was to hold {root} and {data} and holds {held:?}"
    );
    check!(
        !now.volumes.iter().any(|v| v.delete_on_termination),
        "a volume goes with the server: {:?}",
        now.volumes
    );
    check!(!now.locked, "it is locked");
    let volume = rig.volume(&root).await?;
    check!(
        volume.status == VolumeStatus::InUse && volume.connected,
        "its root volume is {} ({})",
        volume.raw_status,
        volume.connected
    );
    check!(
        volume.servers == [made.id.clone()],
        "its root volume is held by {:?}",
        volume.servers
    );
    Ok(())
}

async fn one_of_a_tag(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let other_root = rig.root("other").await?;
    let other = rig.server_from(&guest.tag, &other_root, &[])?;
    let again = rig.driver.ensure_server(&rig.step("other"), other).await?;
    check!(
        again.id == guest.id,
        "there is a second server {}",
        again.id
    );
    let volume = rig.volume(&other_root).await?;
    check!(
        volume.servers.is_empty(),
        "the other volume is held by {:?}",
        volume.servers
    );
    Ok(())
}

async fn one_of_a_root(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let tag = rig.tag("thief");
    let request = rig.server_from(&tag, &guest.root, &[])?;
    let made = rig.driver.ensure_server(&rig.step("thief"), request).await;
    rig.refused(made, &[ErrorKind::Conflict])?;
    none_left(rig, &tag).await?;
    let now = rig.server(&guest.id).await?;
    check!(
        now.status == ServerStatus::Active,
        "the server that has it is {}",
        now.raw_status
    );
    Ok(())
}

/// A server that was refused may be there for a moment.
async fn none_left(rig: &Rig, tag: &str) -> Outcome {
    let look = || async { Ok(rig.tagged(tag).await?.is_empty().then_some(())) };
    rig.until(&format!("no server with the tag `{tag}`"), look)
        .await
}

async fn parts_absent(rig: &Rig) -> Outcome {
    let (nobody, root) = (rig.nobody(), rig.root("root").await?);
    let tag = rig.tag("web");
    let good = rig.server_from(&tag, &root, &[])?;
    let mut flavor = good.clone();
    flavor.flavor = nobody.as_str().into();
    let mut volume = good.clone();
    volume.volumes = vec![BootVolume::new(nobody.as_str())];
    let mut port = good.clone();
    port.ports = vec![nobody.as_str().into()];
    for (what, request) in [("flavor", flavor), ("volume", volume), ("port", port)] {
        let made = rig.driver.ensure_server(&rig.step(what), request).await;
        let error = rig.refused(made, &[ErrorKind::NotFound])?;
        check!(
            !error.is_transient(),
            "an absent {what} is told to be tried again: {error}"
        );
        none_left(rig, &tag).await?;
    }
    rig.freed(&root).await
}

async fn found(rig: &Rig) -> Outcome {
    let shared = rig.tag("both");
    let mut made = Vec::new();
    for name in ["old", "new"] {
        let (tag, root) = (rig.tag(name), rig.root(name).await?);
        let request = rig
            .server_from(&tag, &root, &[])?
            .tags(vec![shared.clone()]);
        let server = rig.driver.ensure_server(&rig.step(name), request).await?;
        rig.becomes(&server.id, ServerStatus::Active).await?;
        made.push(server.id);
        // Clouds tell a second when a server was made.
        for _ in 0..3 {
            rig.pause().await?;
        }
    }
    let found: Vec<_> = rig.tagged(&shared).await?;
    let found: Vec<_> = found.into_iter().map(|server| server.id).collect();
    check!(
        found == made,
        "made were {made:?}, in this order, and found are {found:?}"
    );
    Ok(())
}

async fn unknown_tag(rig: &Rig) -> Outcome {
    let request = FindServer::new(rig.tag("nobody"));
    let found = rig.driver.find_servers(&rig.ctx(), request).await?;
    check!(found.is_empty(), "found are {found:?}");
    Ok(())
}

async fn absent(rig: &Rig) -> Outcome {
    let nobody = rig.nobody();
    let (driver, ctx) = (&rig.driver, rig.ctx());
    let named = || ServerRef::new(nobody.as_str());
    rig.absent(driver.get_server(&ctx, named()).await, &nobody)?;
    rig.absent(driver.capture_server(&ctx, named()).await, &nobody)?;
    rig.absent(driver.stop_server(&ctx, named()).await, &nobody)?;
    rig.absent(driver.start_server(&ctx, named()).await, &nobody)?;
    rig.absent(driver.lock_server(&ctx, named()).await, &nobody)?;
    rig.absent(driver.unlock_server(&ctx, named()).await, &nobody)?;
    if rig.can().shelve {
        rig.absent(driver.park_server(&ctx, named()).await, &nobody)?;
        rig.absent(driver.unpark_server(&ctx, named()).await, &nobody)?;
    }
    if rig.can().console {
        let request = protector_framework::GetConsole::new(nobody.as_str(), 5_u32);
        rig.absent(driver.get_console(&ctx, request).await, &nobody)?;
    }
    let set = SetDeleteOnTermination::new(nobody.as_str(), rig.nobody(), false);
    rig.absent(driver.set_delete_on_termination(&ctx, set).await, &nobody)
}

async fn goings(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    for goes in [true, true, false, false] {
        let request = SetDeleteOnTermination::new(&guest.id, &guest.root, goes);
        let set = rig
            .driver
            .set_delete_on_termination(&rig.ctx(), request)
            .await;
        set?;
        let now = rig.server(&guest.id).await?;
        check!(
            now.volumes
                .iter()
                .all(|volume| volume.delete_on_termination == goes),
            "{goes} was set, and shown is {:?}",
            now.volumes
        );
    }
    Ok(())
}

async fn not_its_volume(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    let other = rig.root("other").await?;
    let request = SetDeleteOnTermination::new(&guest.id, &other, true);
    let set = rig
        .driver
        .set_delete_on_termination(&rig.ctx(), request)
        .await;
    rig.refused(set, &[ErrorKind::NotFound])?;
    Ok(())
}
