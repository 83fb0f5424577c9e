//! Volumes are found by what Cinder calls them, and by their names.

use protector_framework::{
    ArrayVolume, ArrayVolumeName, ErrorKind, GetVolume, ResolveVolume, VolumeId,
};

use crate::storage::bench::{NewName, Side};
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, SIZE};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "volume/resolved",
            "A Cinder volume's id gives its array volume, with name, serial and size.",
            resolved
        ),
        case!(
            "volume/resolved-after-migration",
            "A migrated volume is found by the id that names it, and only so.",
            resolved_after_migration
        ),
        case!(
            "volume/resolve-absent",
            "The id of a volume that is not there is NotFound.",
            resolve_absent
        ),
        case!(
            "volume/resolve-elsewhere",
            "A volume of the one array is not resolved on the other.",
            resolve_elsewhere
        ),
        case!(
            "volume/resolve-proves",
            "A volume whose name only holds the id is not taken for Cinder's.",
            resolve_proves
        ),
        case!(
            "volume/get-is-resolve",
            "A volume is the same by name and by Cinder's id.",
            get_is_resolve
        ),
        case!(
            "volume/get-absent",
            "A name that nobody has is NotFound.",
            get_absent
        ),
        case!(
            "volume/serials",
            "No two volumes of the two arrays have one serial.",
            serials
        ),
        case!("volume/size", "Sizes are exact, in bytes.", size),
        case!(
            "volume/renamed",
            "A renamed volume keeps its serial, and its old name is NotFound.",
            renamed,
            needs Rename
        ),
        case!(
            "volume/connected",
            "A connected host is seen, and that it is gone is seen as well.",
            connected,
            needs Hosts,
            claims ConnectionState
        ),
    ]
}

async fn get(rig: &Rig, side: Side, name: &ArrayVolumeName) -> Outcome<ArrayVolume> {
    let request = GetVolume::new(name);
    Ok(rig.driver(side).get_volume(&rig.ctx(), request).await?)
}

async fn resolved(rig: &Rig) -> Outcome {
    for side in Side::BOTH {
        let made = rig.volume(side, "one").await?;
        let request = ResolveVolume::new(&made.id);
        let found = rig.driver(side).resolve_volume(&rig.ctx(), request).await?;
        check!(
            found.name == made.name,
            "found `{}`, made `{}`",
            found.name,
            made.name
        );
        check!(!found.serial.as_str().is_empty(), "the serial is empty");
        check!(found.size_bytes == SIZE, "its size is {}", found.size_bytes);
    }
    Ok(())
}

async fn resolved_after_migration(rig: &Rig) -> Outcome {
    let left_behind = rig.volume(Side::Source, "old").await?;
    let present = rig.volume(Side::Source, "new").await?;
    let migrated = |name_id: &VolumeId| {
        let request = ResolveVolume::new(&left_behind.id);
        request.name_id(Some(name_id.clone()))
    };
    let request = migrated(&present.id);
    let found = rig.source.resolve_volume(&rig.ctx(), request).await?;
    check!(
        found.serial == present.serial,
        "found `{}`, it is `{}`",
        found.name,
        present.name
    );
    let request = migrated(&NOBODY.into());
    let found = rig.source.resolve_volume(&rig.ctx(), request).await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    Ok(())
}

const NOBODY: &str = "0f0f0f0f-1e1e-4d2d-8c3c-4b4b5a5a6969";

async fn resolve_absent(rig: &Rig) -> Outcome {
    let request = ResolveVolume::new(NOBODY);
    let found = rig.source.resolve_volume(&rig.ctx(), request).await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn resolve_elsewhere(rig: &Rig) -> Outcome {
    let made = rig.volume(Side::Source, "one").await?;
    let request = ResolveVolume::new(&made.id);
    let found = rig.target.resolve_volume(&rig.ctx(), request).await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn resolve_proves(rig: &Rig) -> Outcome {
    let id = VolumeId::from(NOBODY);
    let cinder = NewName::Cinder(id.clone());
    let name = rig.bench.create_volume(Side::Target, cinder, SIZE).await?;
    for near in [NOBODY.to_owned(), format!("{name}-2"), format!("x{name}")] {
        rig.bench
            .create_volume(Side::Source, NewName::Plain(near), SIZE)
            .await?;
    }
    let found = rig
        .source
        .resolve_volume(&rig.ctx(), ResolveVolume::new(&id))
        .await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn get_is_resolve(rig: &Rig) -> Outcome {
    let made = rig.volume(Side::Source, "one").await?;
    let request = ResolveVolume::new(&made.id);
    let resolved = rig.source.resolve_volume(&rig.ctx(), request).await?;
    let named = get(rig, Side::Source, &made.name).await?;
    check!(named == resolved, "by name {named:?}, by id {resolved:?}");
    Ok(())
}

async fn get_absent(rig: &Rig) -> Outcome {
    let request = GetVolume::new(rig.name("nobody"));
    let found = rig.source.get_volume(&rig.ctx(), request).await;
    rig.refused(found, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn serials(rig: &Rig) -> Outcome {
    let mut serials = Vec::new();
    for side in Side::BOTH {
        for label in ["one", "two", "three"] {
            serials.push(rig.volume(side, label).await?.serial);
        }
    }
    serials.sort();
    serials.dedup();
    check!(
        serials.len() == 6,
        "six volumes have the serials {serials:?}"
    );
    Ok(())
}

async fn size(rig: &Rig) -> Outcome {
    for size in [SIZE, 3 * SIZE, 1 << 30] {
        let made = rig.volume_sized(Side::Source, "one", size).await?;
        let told = get(rig, Side::Source, &made.name).await?.size_bytes;
        check!(
            told == size,
            "a volume of {size} bytes is told to have {told}"
        );
    }
    Ok(())
}

async fn renamed(rig: &Rig) -> Outcome {
    let made = rig.volume(Side::Source, "one").await?;
    let new = ArrayVolumeName::from(rig.name("renamed"));
    rig.bench.rename(Side::Source, &made.name, &new).await?;
    let found = get(rig, Side::Source, &new).await?;
    check!(
        found.serial == made.serial,
        "the serial became `{}`",
        found.serial
    );
    let old = rig
        .source
        .get_volume(&rig.ctx(), GetVolume::new(&made.name))
        .await;
    rig.refused(old, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn connected(rig: &Rig) -> Outcome {
    let made = rig.volume(Side::Source, "one").await?;
    let other = rig.volume(Side::Source, "two").await?;
    for wanted in [true, false] {
        if wanted {
            rig.bench.connect(Side::Source, &made.name).await?;
        } else {
            rig.bench.disconnect(Side::Source, &made.name).await?;
        }
        let told = get(rig, Side::Source, &made.name).await?.connected;
        check!(
            told == Some(wanted),
            "connected is {told:?} and not {wanted}"
        );
        let told = get(rig, Side::Source, &other.name).await?.connected;
        check!(
            told == Some(false),
            "another volume is told to be connected"
        );
    }
    Ok(())
}
