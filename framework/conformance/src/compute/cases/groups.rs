//! Generic volume groups.

use std::collections::BTreeSet;

use protector_framework::{
    EnsureVolumeGroup, ErrorKind, SetVolumeGroupVolumes, VolumeGroup, VolumeGroupId,
    VolumeGroupRef, VolumeId,
};

use super::adoption::is_held;
use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::{Cloud, Rig};
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("groups/as-asked", "A group is made with the name that was asked for, and holds nothing.", as_asked, needs Groups),
        case!("groups/one-of-a-name", "A group of the name is the reply.", one_of_a_name, needs Groups),
        case!("groups/twins", "Of two groups of one name the oldest is the reply, and the other is not.", twins, needs Groups Twins),
        case!("groups/unknown-type", "A group type that is not there is NotFound and named.", unknown_type, needs Groups),
        case!("groups/volumes", "A group's volumes are set to exactly those that were asked for, and again, and to none.", volumes, needs Groups Servers),
        case!(
            "groups/absent",
            "A group that is not there is NotFound and named.",
            absent
        ),
        case!("groups/delete", "A group that is deleted is gone, and deleting it again is success.", delete, needs Groups),
        case!(
            "groups/delete-absent",
            "Deleting a group that never was is success.",
            delete_absent
        ),
        case!("groups/not-with-volumes", "A group that holds a volume is not deleted: Conflict. The volume stays when it goes.", not_with_volumes, needs Groups Servers),
        case!("groups/holds-its-volume", "A volume in a group is not let go: Conflict.", holds, needs Groups Adoption),
    ]
}

impl Rig {
    /// The request for a group of the bench's kind.
    pub(crate) fn group_request(&self, name: &str) -> Outcome<EnsureVolumeGroup> {
        let kind = self.bench.group_type()?;
        let types = vec![kind.volume_type];
        Ok(EnsureVolumeGroup::new(name, kind.group_type, types))
    }

    /// A group that can be changed.
    pub(crate) async fn group(&self, name: &str) -> Outcome<VolumeGroup> {
        let request = self.group_request(&self.group_name(name))?;
        let ctx = self.step(name);
        let made = self
            .patiently(|| self.driver.ensure_volume_group(&ctx, request.clone()))
            .await?;
        self.group_ready(&made.id).await?;
        self.group_now(&made.id).await
    }

    pub(crate) async fn group_now(&self, id: &VolumeGroupId) -> Outcome<VolumeGroup> {
        let request = VolumeGroupRef::new(id);
        Ok(self.driver.get_volume_group(&self.ctx(), request).await?)
    }

    /// Sets a group's volumes and waits until the cloud has done it.
    pub(crate) async fn group_holds(&self, id: &VolumeGroupId, volumes: &[VolumeId]) -> Outcome {
        let set = || async {
            let request = SetVolumeGroupVolumes::new(id, volumes.to_vec());

            self.driver
                .set_volume_group_volumes(&self.ctx(), request)
                .await
        };
        self.patiently(set).await?;
        self.group_has(id, volumes).await
    }

    /// Waits until a group is available and holds exactly these.
    pub(crate) async fn group_has(&self, id: &VolumeGroupId, volumes: &[VolumeId]) -> Outcome {
        let wanted: BTreeSet<_> = volumes.iter().map(VolumeId::as_str).collect();
        let look = || async {
            let now = self.group_now(id).await?;
            check!(
                !now.raw_status.starts_with("error"),
                "volume group {id} is {}",
                now.raw_status
            );
            let held: BTreeSet<_> = now.volumes.iter().map(VolumeId::as_str).collect();
            Ok((now.available && held == wanted).then_some(()))
        };
        self.until(&format!("volume group {id} with {wanted:?}"), look)
            .await
    }
}

async fn as_asked(rig: &Rig) -> Outcome {
    let group = rig.group("web").await?;
    check!(
        group.name == rig.group_name("web"),
        "its name is `{}`",
        group.name
    );
    check!(
        group.volumes.is_empty(),
        "it holds volumes {:?}",
        group.volumes
    );
    Ok(())
}

async fn one_of_a_name(rig: &Rig) -> Outcome {
    let group = rig.group("web").await?;
    let request = rig.group_request(&group.name)?;
    let again = rig
        .restarted(Cloud)?
        .ensure_volume_group(&rig.step("again"), request)
        .await?;
    check!(again.id == group.id, "there is a second group {}", again.id);
    Ok(())
}

async fn twins(rig: &Rig) -> Outcome {
    let group = rig.group("web").await?;
    // Clouds tell a second when a group was made.
    for _ in 0..3 {
        rig.pause().await?;
    }
    rig.bench.twin(&group.name).await?;
    for _ in 0..2 {
        let request = rig.group_request(&group.name)?;
        let ensured = rig
            .driver
            .ensure_volume_group(&rig.step("again"), request)
            .await?;
        check!(
            ensured.id == group.id,
            "the reply is group {}, and the oldest is {}",
            ensured.id,
            group.id
        );
    }
    Ok(())
}

async fn unknown_type(rig: &Rig) -> Outcome {
    let nobody = rig.nobody();
    let kind = rig.bench.group_type()?;
    let name = format!("{}-never", rig.bench.namespace());
    let request = EnsureVolumeGroup::new(name, nobody.as_str(), vec![kind.volume_type]);
    let made = rig
        .driver
        .ensure_volume_group(&rig.step("web"), request)
        .await;
    rig.absent(made, &nobody)
}

async fn volumes(rig: &Rig) -> Outcome {
    let group = rig.group("web").await?;
    let (one, two) = (rig.root("one").await?, rig.root("two").await?);
    for set in [
        &[one.clone()][..],
        &[one.clone(), two.clone()],
        &[one.clone(), two.clone()],
        std::slice::from_ref(&two),
        &[],
    ] {
        rig.group_holds(&group.id, set).await?;
        for volume in [&one, &two] {
            let told = rig.volume(volume).await?.group_id;
            let wanted = set.contains(volume).then_some(&group.id);
            check!(
                told.as_ref() == wanted,
                "volume {volume} tells group {told:?} and was to tell {wanted:?}"
            );
        }
    }
    Ok(())
}

async fn absent(rig: &Rig) -> Outcome {
    let nobody = rig.nobody();
    let request = VolumeGroupRef::new(nobody.as_str());
    let told = rig.driver.get_volume_group(&rig.ctx(), request).await;
    rig.absent(told, &nobody)?;
    let request = SetVolumeGroupVolumes::new(nobody.as_str(), Vec::new());
    let set = rig
        .driver
        .set_volume_group_volumes(&rig.ctx(), request)
        .await;
    rig.absent(set, &nobody)
}

async fn delete(rig: &Rig) -> Outcome {
    let group = rig.group("web").await?;
    for _ in 0..2 {
        let delete = || async {
            let request = VolumeGroupRef::new(&group.id);
            rig.driver.delete_volume_group(&rig.ctx(), request).await
        };
        rig.patiently(delete).await?;
    }
    rig.group_gone(&group.id).await?;
    let request = VolumeGroupRef::new(&group.id);
    Ok(rig.driver.delete_volume_group(&rig.ctx(), request).await?)
}

async fn delete_absent(rig: &Rig) -> Outcome {
    let request = VolumeGroupRef::new(rig.nobody());
    Ok(rig.driver.delete_volume_group(&rig.ctx(), request).await?)
}

async fn not_with_volumes(rig: &Rig) -> Outcome {
    let group = rig.group("web").await?;
    let volume = rig.root("one").await?;
    rig.group_holds(&group.id, std::slice::from_ref(&volume))
        .await?;
    let request = VolumeGroupRef::new(&group.id);
    let deleted = rig.driver.delete_volume_group(&rig.ctx(), request).await;
    rig.refused(deleted, &[ErrorKind::Conflict])?;
    rig.group_holds(&group.id, &[]).await?;
    let delete = || async {
        let request = VolumeGroupRef::new(&group.id);
        rig.driver.delete_volume_group(&rig.ctx(), request).await
    };
    rig.patiently(delete).await?;
    rig.group_gone(&group.id).await?;
    rig.available(&volume).await.map(drop)
}

async fn holds(rig: &Rig) -> Outcome {
    let group = rig.group("web").await?;
    let (volume, from) = rig.adopted("root").await?;
    rig.group_holds(&group.id, std::slice::from_ref(&volume.id))
        .await?;
    is_held(rig, &volume).await?;
    rig.group_holds(&group.id, &[]).await?;
    rig.kept(&from).await
}
