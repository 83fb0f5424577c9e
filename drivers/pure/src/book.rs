//! What the driver must remember between calls, kept on the arrays themselves.
//!
//! A FlashArray does not tell the serial of the source volume at the target, and has no place for
//! notes on a group. So each array that has something of a group, sent or received, also has a tiny
//! volume that nobody connects to: its *book*. Its tags, in the driver's own namespace, are the
//! notes. The sender's book holds the group's form and its volumes; the receiver's says which
//! volume, by serial, each name has meant since when, so that a failover needs the receiver alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::{ArrayIdentity, ReplicationMode, Result};
use serde_json::json;

use crate::client::{Call, gone_is_fine, refused_is_looked_at};
use crate::names;
use crate::side::Side;
use crate::tags::{remove_tags, set_tags, tags};

const TARGET_ID: &str = "target-id";
const TARGET_NAME: &str = "target-name";
const MODE: &str = "mode";
const STATE: &str = "state";
const KEEP: &str = "keep";
const INTERVAL: &str = "interval";
/// `m.<serial>`: a volume that the group is to have; the value is its name.
const MEMBER: &str = "m.";
/// `n.<serial>.<milliseconds>`: the name that the volume has had since then.
const NAMED: &str = "n.";
const POD: &str = "pod";
/// `former.<group>`: a group that was deleted and is taken back; see [`Former`].
const FORMER: &str = "former.";

/// What is to become of a deleted group whose name a new one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Former {
    /// Its points are not younger than this, in milliseconds.
    pub(crate) until: i64,
    /// The name under which it goes; none: it becomes the new one, without its points.
    pub(crate) grave: Option<String>,
}

/// The notes on one group on one array.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    /// The volume that carries them.
    pub(crate) volume: String,
    tags: BTreeMap<String, String>,
}

impl Book {
    /// The volume with the notes on a group of a source array.
    pub(crate) fn volume_of(source: &str, group: &str) -> String {
        let source = source.to_ascii_lowercase();
        let group = group.to_ascii_lowercase();
        format!("drb-{}", names::digest(&["book", &source, &group]))
    }

    /// The notes, where there are any.
    pub(crate) async fn read(side: Side<'_>, source: &str, group: &str) -> Result<Option<Self>> {
        let volume = Self::volume_of(source, group);
        let tags = tags(side, &volume).await?;
        if tags.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { volume, tags }))
    }

    /// The notes; begins them where there are none.
    pub(crate) async fn open(side: Side<'_>, source: &ArrayIdentity, group: &str) -> Result<Self> {
        match Self::read(side, source.id.as_str(), group).await? {
            Some(book) => Ok(book),
            None => Self::begin(side, source, group).await,
        }
    }

    /// The first notes, where there are none.
    pub(crate) async fn begin(side: Side<'_>, source: &ArrayIdentity, group: &str) -> Result<Self> {
        let id = source.id.as_str();
        let volume = Self::volume_of(id, group);
        ensure_volume(side, &volume).await?;
        let mut book = Self {
            volume,
            tags: BTreeMap::new(),
        };
        book.write(
            side,
            [
                ("role".to_owned(), "book".to_owned()),
                ("group".to_owned(), group.to_owned()),
                ("source".to_owned(), id.to_owned()),
            ],
        )
        .await?;
        Ok(book)
    }

    /// Adds or changes notes; those that are so already cost nothing.
    pub(crate) async fn write(
        &mut self,
        side: Side<'_>,
        notes: impl IntoIterator<Item = (String, String)>,
    ) -> Result<()> {
        let new: Vec<(String, String)> = notes
            .into_iter()
            .filter(|(key, value)| self.tags.get(key) != Some(value))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        set_tags(side, &self.volume, &new).await?;
        self.tags.extend(new);
        Ok(())
    }

    /// Takes notes out.
    async fn strike(&mut self, side: Side<'_>, keys: Vec<String>) -> Result<()> {
        for some in keys.chunks(crate::side::TOGETHER) {
            remove_tags(side, &self.volume, some).await?;
        }
        for key in &keys {
            self.tags.remove(key);
        }
        Ok(())
    }

    /// Removes all notes and the volume that carried them.
    pub(crate) async fn close(side: Side<'_>, source: &str, group: &str) -> Result<()> {
        let name = Self::volume_of(source, group);
        let Some(volume) = side.volume(&name).await?.filter(|v| !v.destroyed) else {
            return Ok(());
        };
        // Without notes it counts as absent, should it be brought back.
        remove_tags(side, &volume.name, &[]).await?;
        let call = Call::patch("volumes")
            .with("names", &volume.name)
            .json(json!({"destroyed": true}));
        gone_is_fine(side.send(call).await)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }

    /// Where the group sends to.
    pub(crate) fn target(&self) -> Option<ArrayIdentity> {
        Some(ArrayIdentity {
            id: self.get(TARGET_ID)?.into(),
            name: self.get(TARGET_NAME)?.to_owned(),
        })
    }

    /// How the group replicates.
    pub(crate) fn mode(&self) -> ReplicationMode {
        match self.get(MODE) {
            Some("sync") => ReplicationMode::Sync,
            _ => ReplicationMode::Async,
        }
    }

    /// Whether the group's form is whole and it has not been suspended.
    pub(crate) fn is_active(&self) -> bool {
        self.get(STATE) == Some("active")
    }

    /// How many complete points are kept.
    pub(crate) fn keep(&self) -> Option<usize> {
        self.get(KEEP)?.parse().ok()
    }

    /// Seconds between the points of a synchronous group's schedule.
    pub(crate) fn interval(&self) -> Option<u64> {
        self.get(INTERVAL)?
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0)
    }

    /// The serials of the volumes that the group is to have.
    pub(crate) fn members(&self) -> Vec<String> {
        self.under(MEMBER)
            .map(|(serial, _)| serial.to_owned())
            .collect()
    }

    /// The pod that a synchronous group's volumes are in.
    pub(crate) fn pod(&self) -> Option<&str> {
        self.get(POD)
    }

    /// Notes that a group is taken back.
    pub(crate) async fn note_former(
        &mut self,
        side: Side<'_>,
        group: &str,
        former: &Former,
    ) -> Result<()> {
        let note = match &former.grave {
            Some(grave) => format!("{} {grave}", former.until),
            None => former.until.to_string(),
        };
        self.write(side, [(former_key(group), note)]).await
    }

    /// What was noted of a group that is taken back.
    pub(crate) fn former(&self, group: &str) -> Option<Former> {
        let mut parts = self.get(&former_key(group))?.split(' ');
        Some(Former {
            until: parts.next()?.parse().ok()?,
            grave: parts.next().map(str::to_owned),
        })
    }

    /// Nothing of the former group is left.
    pub(crate) async fn forget_former(&mut self, side: Side<'_>, group: &str) -> Result<()> {
        self.strike(side, vec![former_key(group)]).await
    }

    fn under<'b>(&'b self, head: &'b str) -> impl Iterator<Item = (&'b str, &'b str)> {
        self.tags
            .iter()
            .filter_map(move |(key, value)| Some((key.strip_prefix(head)?, value.as_str())))
    }

    /// Sets the volumes that the group is to have, by serial and name.
    pub(crate) async fn set_members(
        &mut self,
        side: Side<'_>,
        members: &[(String, String)],
    ) -> Result<()> {
        let wanted = members
            .iter()
            .map(|(serial, name)| (format!("{MEMBER}{serial}"), name.clone()));
        self.write(side, wanted).await?;
        let gone: Vec<String> = self
            .members()
            .into_iter()
            .filter(|serial| members.iter().all(|(wanted, _)| wanted != serial))
            .map(|serial| format!("{MEMBER}{serial}"))
            .collect();
        self.strike(side, gone).await
    }

    /// Notes which volume each name means from now on. Must be there before a point that holds
    /// the volume is taken.
    pub(crate) async fn note_names(
        &mut self,
        side: Side<'_>,
        volumes: impl IntoIterator<Item = (&str, &str)>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let new: Vec<(String, String)> = volumes
            .into_iter()
            .filter(|(serial, name)| self.serial_at(name, i64::MAX) != Some(*serial))
            .map(|(serial, name)| {
                let key = format!("{NAMED}{serial}.{}", now.timestamp_millis());
                (key, name.to_owned())
            })
            .collect();
        self.write(side, new).await
    }

    /// The serial of the volume that had this name at a time.
    pub(crate) fn serial_at(&self, name: &str, milliseconds: i64) -> Option<&str> {
        let mut known: Vec<(i64, &str)> = self
            .under(NAMED)
            .filter(|(_, value)| names::same(value, name))
            .filter_map(|(key, _)| {
                let (serial, since) = key.rsplit_once('.')?;
                Some((since.parse().ok()?, serial))
            })
            .collect();
        known.sort_unstable();
        // The first note may be a little younger than the first point, by the two clocks.
        known
            .iter()
            .rev()
            .find(|(since, _)| *since <= milliseconds)
            .or_else(|| known.first())
            .map(|(_, serial)| *serial)
    }
}

/// A group's name may be longer than a key.
fn former_key(group: &str) -> String {
    format!("{FORMER}{}", names::digest(&[&group.to_ascii_lowercase()]))
}

/// The notes on a group's form.
pub(crate) fn form(target: &ArrayIdentity, mode: ReplicationMode) -> [(String, String); 3] {
    let mode = match mode {
        ReplicationMode::Async => "async",
        ReplicationMode::Sync => "sync",
    };
    [
        (TARGET_ID.to_owned(), target.id.to_string()),
        (TARGET_NAME.to_owned(), target.name.clone()),
        (MODE.to_owned(), mode.to_owned()),
    ]
}

/// The note on how many points are kept.
pub(crate) fn keep(points: usize) -> (String, String) {
    (KEEP.to_owned(), points.to_string())
}

/// The note on the seconds between points; none is 0.
pub(crate) fn interval(seconds: u64) -> (String, String) {
    (INTERVAL.to_owned(), seconds.to_string())
}

/// The note on the pod of a synchronous group.
pub(crate) fn pod(name: &str) -> (String, String) {
    (POD.to_owned(), name.to_owned())
}

/// The note that a group sends, or does not.
pub(crate) fn state(active: bool) -> (String, String) {
    let state = if active { "active" } else { "suspended" };
    (STATE.to_owned(), state.to_owned())
}

/// A live volume of this name, the smallest there is. Only the driver makes names of this form.
async fn ensure_volume(side: Side<'_>, name: &str) -> Result<()> {
    match side.volume(name).await? {
        Some(volume) if !volume.destroyed => return Ok(()),
        Some(_) => {
            let call = Call::patch("volumes")
                .with("names", name)
                .json(json!({"destroyed": false}));
            return refused_is_looked_at(side.send(call).await);
        }
        None => {}
    }
    let call = side.new_volume(name).await?;
    match side.send(call.json(json!({"provisioned": 1 << 20}))).await {
        Ok(_) => Ok(()),
        // Made by somebody else in between, or by a call whose answer was lost.
        Err(failure) if failure.is_refusal() => match side.volume(name).await? {
            Some(volume) if !volume.destroyed => Ok(()),
            _ => Err(failure.into()),
        },
        Err(failure) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(notes: &[(&str, &str)]) -> Book {
        Book {
            volume: "drb-x".to_owned(),
            tags: notes
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn a_name_means_the_volume_that_had_it_when_the_point_was_taken() {
        let book = book(&[
            ("n.AA.1000", "vol"),
            ("n.AA.3000", "vol-unmanaged"),
            ("n.BB.3000", "vol"),
        ]);
        assert_eq!(book.serial_at("vol", 2000), Some("AA"));
        assert_eq!(book.serial_at("VOL", 3000), Some("BB"));
        assert_eq!(book.serial_at("vol", 900), Some("AA"));
        assert_eq!(book.serial_at("vol-unmanaged", 9000), Some("AA"));
        assert_eq!(book.serial_at("other", 9000), None);
    }

    #[test]
    fn notes_say_what_was_noted() {
        let notes = book(&[
            ("target-id", "id"),
            ("target-name", "fa-b"),
            ("mode", "sync"),
            ("state", "active"),
            ("keep", "4"),
            ("m.AA", "vol"),
            ("pod", "pod-1"),
        ]);
        assert_eq!(notes.target().unwrap().name, "fa-b");
        assert_eq!(notes.mode(), ReplicationMode::Sync);
        assert!(notes.is_active());
        assert_eq!(notes.keep(), Some(4));
        assert_eq!(notes.members(), ["AA"]);
        assert_eq!(notes.pod(), Some("pod-1"));
        assert!(!book(&[]).is_active());
    }

    #[test]
    fn each_group_of_each_source_has_its_own_book() {
        assert_ne!(Book::volume_of("a", "g"), Book::volume_of("b", "g"));
        assert_eq!(Book::volume_of("A", "G"), Book::volume_of("a", "g"));
        assert!(Book::volume_of("a", "g").len() <= 63);
    }
}
