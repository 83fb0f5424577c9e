//! Volumes as they are, and what they carry for their server's boot.

use std::collections::BTreeMap;

use protector_framework::{ServerRef, SetVolumeProperties, VolumeRef, VolumeStatus};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("volumes/as-it-is", "A free volume is told as it is, by its id and by its name.", as_it_is, needs Servers),
        case!(
            "volumes/absent",
            "A volume that is not there is NotFound and named.",
            absent
        ),
        case!(
            "volumes/unknown-name",
            "A name that no volume has finds none, and that is no error.",
            unknown_name
        ),
        case!("volumes/properties", "Bootable flag, image metadata and name are set, and set again.", properties, needs Servers, claims ServerTags),
        case!("volumes/name-is-left", "Without a name the volume keeps its own.", name_is_left, needs Servers),
    ]
}

async fn as_it_is(rig: &Rig) -> Outcome {
    let id = rig.root("root").await?;
    let told = rig.volume(&id).await?;
    check!(told.id == id, "told is volume {}", told.id);
    check!(
        told.status == VolumeStatus::Available && !told.connected && told.servers.is_empty(),
        "it is {} with {:?}",
        told.raw_status,
        told.servers
    );
    check!(
        told.bootable && told.size_gib > 0,
        "it is bootable {} and of {} GiB",
        told.bootable,
        told.size_gib
    );
    check!(
        told.snapshots == 0 && told.group_id.is_none(),
        "it has {} snapshots and is in {:?}",
        told.snapshots,
        told.group_id
    );
    let found = rig.driver.find_volumes(&rig.ctx(), &told.name).await?;
    check!(
        found == [told.clone()],
        "by its id it is {told:?}, by its name {found:?}"
    );
    Ok(())
}

async fn absent(rig: &Rig) -> Outcome {
    let nobody = rig.nobody();
    let request = VolumeRef::new(nobody.as_str());
    let told = rig.driver.get_volume(&rig.ctx(), request).await;
    rig.absent(told, &nobody)?;
    let request = SetVolumeProperties::new(nobody.as_str(), true);
    let set = rig.driver.set_volume_properties(&rig.ctx(), request).await;
    rig.absent(set, &nobody)
}

async fn unknown_name(rig: &Rig) -> Outcome {
    let found = rig.driver.find_volumes(&rig.ctx(), &rig.nobody()).await?;
    check!(found.is_empty(), "found are {found:?}");
    Ok(())
}

async fn properties(rig: &Rig) -> Outcome {
    let id = rig.root("root").await?;
    let own_name = rig.volume(&id).await?.name;
    let image = BTreeMap::from([("hw_disk_bus".to_owned(), "virtio".to_owned())]);
    for bootable in [false, true] {
        for _ in 0..2 {
            let request = SetVolumeProperties::new(&id, bootable)
                .image_metadata(image.clone())
                .name(format!("{own_name}-new"));
            let set = rig.driver.set_volume_properties(&rig.ctx(), request).await;
            set?;
            let now = rig.volume(&id).await?;
            check!(
                now.bootable == bootable,
                "bootable {bootable} was set and is {}",
                now.bootable
            );
            check!(
                now.name == format!("{own_name}-new"),
                "its name is `{}`",
                now.name
            );
        }
    }
    let guest = rig.guest_from("web", id, &[]).await?;
    let ctx = rig.ctx();
    let capture = || rig.driver.capture_server(&ctx, ServerRef::new(&guest.id));
    let told = rig.patiently(capture).await?;
    let told = told.volumes.first().map(|v| v.image_metadata.clone());
    check!(
        told.as_ref()
            .and_then(|told| told.get("hw_disk_bus"))
            .is_some_and(|bus| bus == "virtio"),
        "its image metadata are {told:?}"
    );
    Ok(())
}

async fn name_is_left(rig: &Rig) -> Outcome {
    let id = rig.root("root").await?;
    let before = rig.volume(&id).await?;
    let request = SetVolumeProperties::new(&id, true);
    rig.driver
        .set_volume_properties(&rig.ctx(), request)
        .await?;
    let after = rig.volume(&id).await?;
    check!(before == after, "before {before:?}, after {after:?}");
    Ok(())
}
