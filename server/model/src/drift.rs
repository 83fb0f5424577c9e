//! How a server differs from what was protected: the same rule before a move stops anything, where
//! its server was stopped and is read again, and in between.

use protector_framework::{Blueprint, VolumeId, VolumeSpec};

use crate::document::Instance;

/// The volumes of a server are not those whose data is replicated. No word of a person makes that
/// good: the recovery points lack a volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeDrift {
    /// A disk was attached, detached or exchanged.
    #[error("they were {}, they are {}", ids(.before), ids(.now))]
    Others {
        /// The volumes that are protected.
        before: Vec<VolumeId>,
        /// The server's volumes.
        now: Vec<VolumeId>,
    },
    /// A disk was grown.
    #[error("{volume} had {before} GiB and has {now}")]
    Size {
        /// The volume.
        volume: VolumeId,
        /// Its size when it was last read.
        before: u64,
        /// Its size.
        now: u64,
    },
}

fn ids(volumes: &[VolumeId]) -> String {
    let ids: Vec<&str> = volumes.iter().map(VolumeId::as_str).collect();
    ids.join(", ")
}

/// The volumes of a server that was read anew in the order of its copy's slots, so that slot `n`
/// means the same volume on both sites.
///
/// # Errors
/// Where they are not the ones that are protected.
pub fn in_slots<'a>(
    known: &Blueprint,
    here: &Instance,
    now: &'a Blueprint,
) -> Result<Vec<&'a VolumeSpec>, VolumeDrift> {
    let others = || VolumeDrift::Others {
        before: here.volumes.iter().map(|v| v.id.clone()).collect(),
        now: now.volumes.iter().map(|v| v.id.clone()).collect(),
    };
    if here.volumes.len() != now.volumes.len() {
        return Err(others());
    }
    let mut slots = Vec::new();
    for (slot, volume) in here.volumes.iter().enumerate() {
        let found = now.volumes.iter().find(|v| v.id == volume.id);
        let found = found.ok_or_else(others)?;
        match known.volumes.get(slot) {
            Some(old) if old.size_gib != found.size_gib => {
                return Err(VolumeDrift::Size {
                    volume: found.id.clone(),
                    before: old.size_gib,
                    now: found.size_gib,
                });
            }
            _ => slots.push(found),
        }
    }
    Ok(slots)
}

/// A server that was read anew, as the blueprint that takes the known one's place: its volumes in the
/// order of the copy's slots. A cloud shows neither device names nor tags of a server that was shelved
/// since: they are kept.
///
/// # Errors
/// Where its volumes are not the ones that are protected.
pub fn refreshed(
    known: &Blueprint,
    here: &Instance,
    mut now: Blueprint,
) -> Result<Blueprint, VolumeDrift> {
    let mut volumes: Vec<VolumeSpec> = in_slots(known, here, &now)?.into_iter().cloned().collect();
    for (volume, old) in volumes.iter_mut().zip(&known.volumes) {
        volume.device = volume.device.take().or_else(|| old.device.clone());
        volume.tag = volume.tag.take().or_else(|| old.tag.clone());
    }
    now.volumes = volumes;
    Ok(now)
}

/// What else has changed. Ids can be compared only where both were read on the same site.
pub fn shape(known: &Blueprint, now: &Blueprint, same_site: bool) -> Vec<&'static str> {
    let macs = |b: &Blueprint| -> Vec<String> {
        let mut macs: Vec<_> = b.ports.iter().map(|p| p.mac_address.clone()).collect();
        macs.sort();
        macs
    };
    let size = |b: &Blueprint| (b.flavor.vcpus, b.flavor.ram_mib, b.flavor.disk_gib);
    let mut drift = Vec::new();
    if size(known) != size(now) || (same_site && known.flavor.name != now.flavor.name) {
        drift.push("its flavor");
    }
    if macs(known) != macs(now) {
        drift.push("its ports");
    }
    drift
}
