//! A group on the array that sends it.

mod ensure;
mod finish;
mod former;
mod replicate;
mod seeds;
mod settle;

pub(crate) use ensure::Learned;
pub(crate) use finish::{delete, destroy_snapshot, suspend};
pub(crate) use settle::remove;

use protector_framework::{
    DriverError, ErrorKind, GroupStatus, GroupVolume, ReplicationMode, Result,
};

use crate::book::Book;
use crate::names;
use crate::points::{self, Taken};
use crate::side::Side;
use crate::wire::{ArrayItem, Volume, time};

/// Points that are kept where a group does not say.
pub(crate) const DEFAULT_KEEP: usize = 8;

/// The two arrays of a verb of the sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) own: Side<'a>,
    pub(crate) far: Option<Side<'a>>,
}

impl<'a> Pair<'a> {
    /// The array that receives.
    ///
    /// # Errors
    /// `InvalidConfig` where the instance was built without it.
    pub(crate) fn far(self) -> Result<Side<'a>> {
        self.far.ok_or_else(|| {
            DriverError::invalid_config(
                "driver settings: `partner` is missing; only the receiving array can permit a \
                 replication and knows what has arrived",
            )
        })
    }
}

/// One group with the arrays it is sent from and to.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) own: Side<'a>,
    pub(crate) far: Side<'a>,
    pub(crate) me: ArrayItem,
    pub(crate) group: &'a str,
    /// The notes on it at its sender.
    pub(crate) book: Book,
    /// What the target is called at the sender, where somebody has asked already.
    there: Option<String>,
}

/// What there is of a group on both arrays.
#[derive(Debug)]
pub(crate) struct Standing {
    /// The group's points at the target.
    pub(crate) points: Vec<Taken>,
    /// The seeds at the target.
    pub(crate) seeds: Vec<Taken>,
}

impl Standing {
    /// Whether a whole copy of a volume is on the target.
    pub(crate) fn holds(&self, serial: &str) -> bool {
        Self::any_holds(&self.points, serial) || Self::any_holds(&self.seeds, serial)
    }

    fn any_holds(points: &[Taken], serial: &str) -> bool {
        points
            .iter()
            .filter(|point| point.complete)
            .flat_map(|point| &point.volumes)
            .any(|volume| names::same(&volume.serial, serial))
    }

    fn newest(&self) -> Option<&Taken> {
        self.points.iter().rfind(|point| point.complete)
    }
}

/// A group that no notes are on.
pub(crate) fn unknown(group: &str) -> DriverError {
    DriverError::not_found(format!("array group `{group}`"))
}

impl<'a> Sent<'a> {
    /// A group that was made by this driver.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn find(pair: Pair<'a>, group: &'a str) -> Result<Self> {
        let me = pair.own.array().await?;
        let book = Book::read(pair.own, &me.id, group)
            .await?
            .filter(|book| book.target().is_some())
            .ok_or_else(|| unknown(group))?;
        Ok(Self {
            own: pair.own,
            far: pair.far()?,
            me,
            group,
            book,
            there: None,
        })
    }

    fn pair(&self) -> Pair<'a> {
        Pair {
            own: self.own,
            far: Some(self.far),
        }
    }

    pub(crate) fn is_sync(&self) -> bool {
        self.book.mode() == ReplicationMode::Sync
    }

    /// What a group of this array is called at the target.
    pub(crate) fn remote(&self, group: &str) -> String {
        format!("{}:{group}", self.me.name)
    }

    /// The volumes that the group is to have, as they are now.
    pub(crate) async fn wanted(&self) -> Result<Vec<Volume>> {
        let members = self.book.members();
        let serials: Vec<&str> = members.iter().map(String::as_str).collect();
        if serials.is_empty() {
            return Ok(Vec::new());
        }
        self.own.volumes_by_serial(&serials).await
    }

    /// The notes at the target.
    pub(crate) async fn far_book(&self) -> Result<Option<Book>> {
        Book::read(self.far, &self.me.id, self.group).await
    }

    /// What there is of the group at the target.
    pub(crate) async fn standing(&self) -> Result<Standing> {
        let book = self.far_book().await?;
        self.standing_by(book.as_ref()).await
    }

    /// The same, with the notes at the target in hand.
    async fn standing_by(&self, book: Option<&Book>) -> Result<Standing> {
        let remote = self.remote(self.group);
        let side = self.remote(&names::side(self.group));
        Ok(Standing {
            points: points::received(self.far, &remote, book, None).await?,
            seeds: points::received(self.far, &side, book, None).await?,
        })
    }

    /// The group as it is, or as it should be now where it sends.
    pub(crate) async fn status(&mut self) -> Result<GroupStatus> {
        let wanted = self.wanted().await?;
        if self.is_sync() {
            return self.status_sync(&wanted).await;
        }
        let standing = match self.book.is_active() {
            true => self.settle(&wanted).await,
            false => self.standing().await,
        };
        match standing {
            Ok(standing) => self.shown(&wanted, Some(&standing)).await,
            // Either array may be the one that does not answer; without the target there is still
            // something to tell.
            Err(error) if error.is_transient() && error.kind != ErrorKind::Timeout => {
                tracing::warn!(group = self.group, %error, "the target could not be asked");
                self.shown(&wanted, None).await
            }
            Err(error) => Err(error),
        }
    }

    /// The group as the contract shows it. Where the target did not answer, what is in the group
    /// was whole there once, and what has arrived is not known.
    pub(crate) async fn shown(
        &self,
        wanted: &[Volume],
        standing: Option<&Standing>,
    ) -> Result<GroupStatus> {
        let group = self
            .own
            .group(self.group)
            .await?
            .filter(|group| !group.destroyed)
            .ok_or_else(|| unknown(self.group))?;
        let target = self.book.target().ok_or_else(|| unknown(self.group))?;
        let members = match standing {
            Some(_) => Vec::new(),
            None => self.own.members(self.group).await?,
        };
        let volumes: Vec<GroupVolume> = wanted
            .iter()
            .map(|volume| {
                let seeded = match standing {
                    Some(standing) => standing.holds(&volume.serial),
                    None => settle::is_member(&members, volume),
                };
                GroupVolume::new(volume.name.as_str(), volume.serial.as_str(), seeded)
            })
            .collect();
        let scheduled = group.replication_schedule.enabled && self.book.is_active();
        let newest = standing
            .and_then(Standing::newest)
            .map(|point| time(point.snapshot.created));
        Ok(GroupStatus::new(self.group, target, volumes, scheduled).last_complete_at(newest))
    }
}

/// A volume that cannot be in a group that sends snapshots.
pub(crate) fn in_pod(volume: &Volume) -> DriverError {
    DriverError::new(
        ErrorKind::InvalidRequest,
        format!(
            "array volume `{}` is in a pod; such volumes are replicated synchronously, by a group \
             of that mode",
            volume.name
        ),
    )
}
