//! Array volumes adopted and let go.

use protector_framework::{EnsureManagedVolume, ErrorKind, Volume, VolumeRef, VolumeStatus};

use crate::compute::bench::{Adoptable, ComputeFacility};
use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("adoption/as-asked", "An array volume is adopted with the name, type, place and bootable flag that were asked for.", as_asked, needs Adoption),
        case!("adoption/one-of-a-name", "A volume that was adopted under the name is the reply.", one_of_a_name, needs Adoption),
        case!("adoption/absent", "An array volume that the back end does not show is NotFound, and no record is left of it.", absent, needs Adoption),
        case!("adoption/let-go", "A volume that is let go is gone from the cloud, its data stay on the array, and letting go again is success.", let_go, needs Adoption),
        case!(
            "adoption/let-go-absent",
            "Letting go of a volume that never was is success.",
            let_go_absent
        ),
        case!("adoption/not-while-attached", "A volume that a server has is not let go: Conflict.", attached, needs Adoption Servers, claims ServerTags),
        case!("adoption/not-with-snapshots", "A volume with a snapshot is not let go: Conflict.", with_snapshot, needs Adoption Snapshots),
        case!("adoption/boots", "A server boots from a volume that was adopted.", boots, needs Adoption Servers, claims ServerTags),
    ]
}

impl Rig {
    /// The request to adopt an array volume.
    pub(crate) fn adopt(&self, name: &str, from: &Adoptable) -> EnsureManagedVolume {
        EnsureManagedVolume::new(
            name,
            from.source_name.as_str(),
            from.host.as_str(),
            &from.volume_type,
            true,
        )
    }

    /// A volume that was adopted and is free, and what it was on the array.
    pub(crate) async fn adopted(&self, name: &str) -> Outcome<(Volume, Adoptable)> {
        let from = self.bench.array_volume(name).await?;
        let request = self.adopt(&self.volume_name(name), &from);
        let ctx = self.step(name);
        let made = self
            .patiently(|| self.driver.ensure_managed_volume(&ctx, request.clone()))
            .await?;
        let volume = self.available(&made.id).await?;
        Ok((volume, from))
    }

    pub(crate) async fn available(&self, id: &protector_framework::VolumeId) -> Outcome<Volume> {
        let free = |now: &Volume| now.status == VolumeStatus::Available;
        self.volume_until(id, "available", free).await
    }

    /// Checks that the data of an array volume are still there, where the bench can tell.
    pub(crate) async fn kept(&self, from: &Adoptable) -> Outcome {
        if self.has(ComputeFacility::Data) {
            check!(
                self.bench.keeps(from).await?,
                "the data of array volume `{}` are gone",
                from.source_name
            );
        }
        Ok(())
    }
}

async fn as_asked(rig: &Rig) -> Outcome {
    let (volume, from) = rig.adopted("root").await?;
    let name = rig.volume_name("root");
    check!(volume.name == name, "its name is `{}`", volume.name);
    check!(
        volume.size_gib == from.size_gib,
        "it is of {} GiB",
        volume.size_gib
    );
    check!(volume.bootable, "it is not bootable");
    check!(
        volume.volume_type.as_ref() == Some(&from.volume_type),
        "its type is {:?}",
        volume.volume_type
    );
    check!(
        volume.host.as_ref().is_none_or(|host| *host == from.host),
        "it is at {:?}",
        volume.host
    );
    let found = rig.driver.find_volumes(&rig.ctx(), &name).await?;
    check!(
        found.len() == 1 && found[0].id == volume.id,
        "by its name it is {found:?}"
    );
    rig.kept(&from).await
}

async fn one_of_a_name(rig: &Rig) -> Outcome {
    let (volume, _) = rig.adopted("one").await?;
    let other = rig.bench.array_volume("other").await?;
    let request = rig.adopt(&volume.name, &other);
    let again = rig
        .driver
        .ensure_managed_volume(&rig.step("other"), request)
        .await?;
    check!(
        again.id == volume.id,
        "there is a second volume {}",
        again.id
    );
    Ok(())
}

async fn absent(rig: &Rig) -> Outcome {
    let from = rig.bench.array_volume("there").await?;
    let mut request = rig.adopt(&rig.volume_name("nobody"), &from);
    request.source_name = format!("{}-not", from.source_name);
    let made = rig
        .driver
        .ensure_managed_volume(&rig.step("nobody"), request.clone())
        .await;
    rig.absent(made, &request.source_name)?;
    let found = rig.driver.find_volumes(&rig.ctx(), &request.name).await?;
    check!(found.is_empty(), "a record is left: {found:?}");
    rig.kept(&from).await
}

async fn let_go(rig: &Rig) -> Outcome {
    let (volume, from) = rig.adopted("root").await?;
    for _ in 0..2 {
        let release = || async {
            let request = VolumeRef::new(&volume.id);
            rig.driver.unmanage_volume(&rig.ctx(), request).await
        };
        rig.patiently(release).await?;
    }
    rig.volume_gone(&volume.id).await?;
    rig.kept(&from).await?;
    let request = VolumeRef::new(&volume.id);
    Ok(rig.driver.unmanage_volume(&rig.ctx(), request).await?)
}

async fn let_go_absent(rig: &Rig) -> Outcome {
    let request = VolumeRef::new(rig.nobody());
    Ok(rig.driver.unmanage_volume(&rig.ctx(), request).await?)
}

/// Checks that a volume is not let go now.
pub(super) async fn is_held(rig: &Rig, volume: &Volume) -> Outcome {
    let request = VolumeRef::new(&volume.id);
    let released = rig.driver.unmanage_volume(&rig.ctx(), request).await;
    rig.refused(released, &[ErrorKind::Conflict])?;
    let now = rig.volume(&volume.id).await?;
    check!(now.name == volume.name, "it is {now:?}");
    Ok(())
}

async fn attached(rig: &Rig) -> Outcome {
    let (volume, from) = rig.adopted("root").await?;
    let guest = rig.guest_from("web", volume.id.clone(), &[]).await?;
    is_held(rig, &volume).await?;
    rig.deleted(&guest.id).await?;
    rig.freed(&volume.id).await?;
    rig.kept(&from).await
}

async fn with_snapshot(rig: &Rig) -> Outcome {
    let (volume, from) = rig.adopted("root").await?;
    rig.bench.snapshot(&volume.id, true).await?;
    let now = rig.volume(&volume.id).await?;
    check!(now.snapshots == 1, "it has {} snapshots", now.snapshots);
    let held = is_held(rig, &volume).await;
    rig.bench.snapshot(&volume.id, false).await?;
    held?;
    rig.kept(&from).await
}

async fn boots(rig: &Rig) -> Outcome {
    let (volume, from) = rig.adopted("root").await?;
    rig.guest_from("web", volume.id, &[]).await?;
    rig.kept(&from).await
}
