//! Documents that travel with a group's data.

use std::time::Duration;

use protector_framework::{ErrorKind, GroupRef, ReadManifest, WriteManifest};

use crate::storage::bench::{LinkCondition, Side};
use crate::storage::case::{Broken, Case, Outcome, case, check};
use crate::storage::rig::Rig;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("manifest/read-back", "A document is read back at its source as it was written.", read_back),
        case!("manifest/travels", "A document is on the target with the data that is sent after it.", travels),
        case!("manifest/newest", "The newest document replaces the older ones, on both arrays.", newest),
        case!("manifest/none", "A group without a document has none, and neither has one that nobody knows.", none),
        case!("manifest/group-absent", "A document for a group that is not there is NotFound.", group_absent),
        case!("manifest/groups-apart", "Two groups have two documents.", groups_apart),
        case!("manifest/any-text", "A document of several lines, quotes, and letters of any script is kept to the letter.", any_text),
        case!("manifest/long", "A document of 64 KiB is kept to the letter.", long),
        case!("manifest/source-off", "With the source off, the document is read on the target.", source_off, needs Power),
        case!("manifest/link-down", "A document that is written while the link is down arrives when it is back.", link_down, needs Link),
        case!("manifest/no-volume", "A document changes no volume of the group, and makes none.", no_volume),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::storage::case::Claim::Manifest, crate::storage::case::Claim::AsyncReplication]))
    .collect()
}

async fn write(rig: &Rig, group: &str, document: &str) -> Outcome {
    let request = WriteManifest::new(rig.group_named(group), document);
    Ok(rig.source.write_manifest(&rig.ctx(), request).await?)
}

async fn read(rig: &Rig, side: Side, group: GroupRef) -> Outcome<Option<String>> {
    let request = ReadManifest::new(group);
    Ok(rig.driver(side).read_manifest(&rig.ctx(), request).await?)
}

/// Waits until the target has this document of a group.
async fn arrives(rig: &Rig, group: &str, document: &str) -> Outcome {
    let replica = rig.replica(&rig.group_named(group));
    let mut seen = None;
    for _ in 0..60 {
        seen = read(rig, Side::Target, replica.clone()).await?;
        if seen.as_deref() == Some(document) {
            return Ok(());
        }
        rig.pass(Duration::from_secs(1)).await?;
    }
    let seen = seen.map(|text| text.chars().take(80).collect::<String>());
    Err(Broken(format!(
        "the target was to have the document and has {seen:?}"
    )))
}

const GROUP: &str = "kit-group";

async fn read_back(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    write(rig, GROUP, "document").await?;
    let told = read(rig, Side::Source, rig.local(&rig.group())).await?;
    check!(told.as_deref() == Some("document"), "read {told:?}");
    Ok(())
}

async fn travels(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    write(rig, GROUP, "document").await?;
    rig.send(&rig.group(), "p2").await?;
    arrives(rig, GROUP, "document").await
}

async fn newest(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    for (point, document) in [("p2", "first"), ("p3", "second"), ("p4", "third")] {
        write(rig, GROUP, document).await?;
        rig.send(&rig.group(), point).await?;
        arrives(rig, GROUP, document).await?;
        let here = read(rig, Side::Source, rig.local(&rig.group())).await?;
        check!(here.as_deref() == Some(document), "the source has {here:?}");
    }
    Ok(())
}

async fn none(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    for group in [rig.group(), rig.group_named("nobody")] {
        let here = read(rig, Side::Source, rig.local(&group)).await?;
        check!(here.is_none(), "the source has {here:?} of `{group}`");
        let there = read(rig, Side::Target, rig.replica(&group)).await?;
        check!(there.is_none(), "the target has {there:?} of `{group}`");
    }
    Ok(())
}

async fn group_absent(rig: &Rig) -> Outcome {
    let request = WriteManifest::new(rig.group_named("nobody"), "document");
    let written = rig.source.write_manifest(&rig.ctx(), request).await;
    rig.refused(written, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn groups_apart(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let volumes = rig.volumes(&["two"]).await?;
    rig.protect(&rig.group_named("kit-other"), &volumes).await?;
    for group in [GROUP, "kit-other"] {
        write(rig, group, &format!("of {group}")).await?;
    }
    for group in [GROUP, "kit-other"] {
        rig.send(&rig.group_named(group), "p2").await?;
        arrives(rig, group, &format!("of {group}")).await?;
    }
    Ok(())
}

async fn kept(rig: &Rig, document: &str) -> Outcome {
    rig.sent(&["one"]).await?;
    write(rig, GROUP, document).await?;
    let here = read(rig, Side::Source, rig.local(&rig.group())).await?;
    check!(
        here.as_deref() == Some(document),
        "the source does not have it to the letter"
    );
    rig.send(&rig.group(), "p2").await?;
    arrives(rig, GROUP, document).await
}

async fn any_text(rig: &Rig) -> Outcome {
    kept(
        rig,
        "{\"name\": \"wéb-1\",\n\t'quoted': \"\\\\\", \"κόσμε\": \"世界\"}\n",
    )
    .await
}

async fn long(rig: &Rig) -> Outcome {
    let line = "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXY\n";
    kept(rig, &line.repeat(1024)).await
}

async fn source_off(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    write(rig, GROUP, "document").await?;
    rig.send(&rig.group(), "p2").await?;
    arrives(rig, GROUP, "document").await?;
    rig.bench.power(Side::Source, false).await?;
    arrives(rig, GROUP, "document").await
}

async fn link_down(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    rig.bench.set_link(LinkCondition::Down).await?;
    write(rig, GROUP, "document").await?;
    rig.bench.set_link(LinkCondition::Up).await?;
    rig.send(&rig.group(), "p2").await?;
    arrives(rig, GROUP, "document").await
}

async fn no_volume(rig: &Rig) -> Outcome {
    let v = rig.sent(&["one"]).await?;
    let names = rig.names(Side::Source).await?;
    write(rig, GROUP, "document").await?;
    let point = rig.send(&rig.group(), "p2").await?;
    check!(
        point.volumes.len() == 1,
        "the point holds {:?}",
        point.volumes
    );
    let status = rig.status(&rig.group()).await?;
    check!(
        status.volumes.len() == 1,
        "the group holds {:?}",
        status.volumes
    );
    rig.holds(Side::Source, &v[0].name, "one").await?;
    let there = rig.names(Side::Source).await?;
    check!(names == there, "volumes before {names:?}, after {there:?}");
    Ok(())
}
