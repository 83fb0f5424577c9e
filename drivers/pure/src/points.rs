//! Points as an array has them: snapshots of a group, what they hold, and whether it is all there.

use std::collections::BTreeMap;

use protector_framework::{Point, PointVolume, Result};

use crate::book::Book;
use crate::names;
use crate::side::Side;
use crate::wire::{GroupSnapshot, VolumeSnapshot, time};

/// One snapshot of a group.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) snapshot: GroupSnapshot,
    /// The last part of its name.
    pub(crate) suffix: String,
    /// Whether all of it is on the array that was asked.
    pub(crate) complete: bool,
    pub(crate) volumes: Vec<Held>,
}

/// One volume within it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The snapshot's full name, from which copies are made.
    pub(crate) snapshot: String,
    /// What the source volume was called.
    pub(crate) name: String,
    /// Which volume that was.
    pub(crate) serial: String,
    pub(crate) size: u64,
}

/// The points that were sent here, oldest first. `book` tells the volumes; what it does not know is
/// left out, because nobody could ask for it. `only` asks for the point of one suffix.
pub(crate) async fn received(
    side: Side<'_>,
    remote: &str,
    book: Option<&Book>,
    only: Option<&str>,
) -> Result<Vec<Taken>> {
    let (snapshots, asked) = snapshots(side, remote, only).await?;
    if snapshots.is_empty() {
        return Ok(Vec::new());
    }
    let transfers = side.transfers(&asked).await?;
    let held = side.held(&asked).await?;
    let complete = |snapshot: &GroupSnapshot| {
        transfers
            .iter()
            .any(|one| names::same(&one.name, &snapshot.name) && one.is_complete())
    };
    let serial = |one: &VolumeSnapshot, name: &str, created: i64| {
        let known = book.and_then(|book| book.serial_at(name, created));
        if known.is_none() && book.is_some() {
            tracing::warn!(
                snapshot = %one.name,
                "a received volume is not in the notes on its group and is not offered"
            );
        }
        known.map(str::to_owned)
    };
    Ok(assemble(remote, snapshots, &held, complete, serial))
}

/// The points of an own group that are here, oldest first. They are complete from their beginning.
pub(crate) async fn taken(side: Side<'_>, group: &str, only: Option<&str>) -> Result<Vec<Taken>> {
    let (snapshots, asked) = snapshots(side, group, only).await?;
    if snapshots.is_empty() {
        return Ok(Vec::new());
    }
    let held = side.held(&asked).await?;
    let serials = serials(side, &held).await?;
    let serial = |one: &VolumeSnapshot, _: &str, _: i64| serials.get(&one.source.id).cloned();
    Ok(assemble(group, snapshots, &held, |_| true, serial))
}

/// The live snapshots of a group, all or one, with the name that was asked for.
async fn snapshots(
    side: Side<'_>,
    group: &str,
    only: Option<&str>,
) -> Result<(Vec<GroupSnapshot>, String)> {
    let Some(suffix) = only else {
        return Ok((side.group_snapshots(group).await?, group.to_owned()));
    };
    let name = format!("{group}.{suffix}");
    let found = side.group_snapshot(&name).await?;
    Ok((
        found.into_iter().filter(|one| !one.destroyed).collect(),
        name,
    ))
}

/// The serials of the volumes that snapshots were taken of, by volume id.
async fn serials(side: Side<'_>, held: &[VolumeSnapshot]) -> Result<BTreeMap<String, String>> {
    let mut ids: Vec<&str> = held.iter().map(|one| one.source.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut serials = BTreeMap::new();
    for some in ids.chunks(crate::side::TOGETHER) {
        let several: Vec<String> = some.iter().map(|id| crate::client::quoted(id)).collect();
        let filter = format!("id=({})", several.join(","));
        let call = crate::client::Call::get("volumes").with("filter", filter);
        let found = side.list_volumes(call).await?;
        serials.extend(found.into_iter().map(|volume| (volume.id, volume.serial)));
    }
    Ok(serials)
}

fn assemble(
    group: &str,
    snapshots: Vec<GroupSnapshot>,
    held: &[VolumeSnapshot],
    complete: impl Fn(&GroupSnapshot) -> bool,
    serial: impl Fn(&VolumeSnapshot, &str, i64) -> Option<String>,
) -> Vec<Taken> {
    let mut all: Vec<Taken> = snapshots
        .into_iter()
        .filter_map(|snapshot| {
            let suffix = names::after(&snapshot.name, group)?.to_owned();
            let volumes = held
                .iter()
                .filter_map(|one| {
                    let name = names::after(&one.name, &snapshot.name)?.to_owned();
                    Some(Held {
                        serial: serial(one, &name, snapshot.created)?,
                        snapshot: one.name.clone(),
                        name,
                        size: one.provisioned,
                    })
                })
                .collect();
            Some(Taken {
                complete: complete(&snapshot),
                suffix,
                volumes,
                snapshot,
            })
        })
        .collect();
    all.sort_by(|a, b| {
        (a.snapshot.created, &a.snapshot.name).cmp(&(b.snapshot.created, &b.snapshot.name))
    });
    all
}

/// The complete points beyond the newest `keep`, oldest first.
pub(crate) fn beyond(points: &[Taken], keep: usize) -> Vec<&Taken> {
    let complete: Vec<&Taken> = points.iter().filter(|point| point.complete).collect();
    let over = complete.len().saturating_sub(keep.max(1));
    complete.into_iter().take(over).collect()
}

impl Taken {
    /// The point as the contract shows it.
    pub(crate) fn shown(&self) -> Point {
        let volumes: Vec<PointVolume> = self
            .volumes
            .iter()
            .map(|one| PointVolume::new(one.name.as_str(), one.serial.as_str(), one.size))
            .collect();
        Point::new(
            names::point(&self.suffix),
            time(self.snapshot.created),
            self.complete,
            volumes,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, created: i64) -> GroupSnapshot {
        GroupSnapshot {
            name: name.to_owned(),
            created,
            ..GroupSnapshot::default()
        }
    }

    fn held(name: &str) -> VolumeSnapshot {
        VolumeSnapshot {
            name: name.to_owned(),
            provisioned: 512,
            ..VolumeSnapshot::default()
        }
    }

    #[test]
    fn points_come_oldest_first_with_what_they_hold() {
        let all = assemble(
            "a:g",
            vec![snapshot("a:g.2", 20), snapshot("a:g.enc-a-2fb", 10)],
            &[
                held("a:g.2.v1"),
                held("a:g.2.vg/v2"),
                held("a:g.enc-a-2fb.v1"),
                held("a:g.2.unknown"),
            ],
            |one| one.created == 10,
            |_, name, _| (name != "unknown").then(|| format!("S-{name}")),
        );
        let shown: Vec<Point> = all.iter().map(Taken::shown).collect();
        assert_eq!(shown[0].name.as_str(), "a/b");
        assert!(shown[0].complete && !shown[1].complete);
        let volumes: Vec<&str> = shown[1].volumes.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(volumes, ["v1", "vg/v2"]);
        assert_eq!(all[1].volumes[1].snapshot, "a:g.2.vg/v2");
    }
}
