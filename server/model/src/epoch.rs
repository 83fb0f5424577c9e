//! Who may write a group's document.
//!
//! Authority over a group passes along a chain of epochs, one for each time its primary changes.
//! Within an epoch the versions count up and only its primary writes them.

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{EpochId, SiteId};
use serde::{Deserialize, Serialize};

use crate::seeded::{Bug, is_on};

/// A period in which one site has authority over a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its id.
    pub id: EpochId,
    /// The site that has authority in it.
    pub primary: SiteId,
    /// The epochs before it, oldest first; the last one is its parent.
    pub ancestors: Vec<EpochId>,
    /// Since when the group runs on its primary; `None` for the first one, and where it is not known.
    /// A recovery point that is older was taken before: what it holds is not of this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
}

impl Epoch {
    /// The first epoch of a group.
    pub fn first(id: EpochId, primary: SiteId) -> Self {
        Self {
            id,
            primary,
            ancestors: Vec::new(),
            since: None,
        }
    }

    /// The epoch that follows when authority passes to `primary`.
    pub fn next(&self, id: EpochId, primary: SiteId) -> Self {
        let mut ancestors = self.ancestors.clone();
        ancestors.push(self.id);
        Self {
            id,
            primary,
            ancestors,
            since: self.since.filter(|_| primary == self.primary),
        }
    }

    /// The epoch that follows where the group is moved to `primary` at this moment: later than the
    /// move before it and than the recovery point that comes with it (`point`), even if the clock was
    /// set back since. Where the other array's clock was ahead instead, points of here count only once
    /// that moment has come; until then an unplanned move asks.
    pub fn moved(
        &self,
        id: EpochId,
        primary: SiteId,
        at: DateTime<Utc>,
        point: Option<DateTime<Utc>>,
    ) -> Self {
        let before = self.since.into_iter().chain(point);
        let after = before.map(|moment| moment + TimeDelta::milliseconds(1));
        let since = after.fold(at, DateTime::max);
        Self {
            since: Some(since),
            ..self.next(id, primary)
        }
    }

    /// Whether something of this moment is of the time since the group runs on its primary.
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| at >= since) || is_on(Bug::OtherLife)
    }

    /// How many epochs came before it.
    pub fn number(&self) -> u64 {
        self.ancestors.len() as u64
    }

    /// The epoch it follows.
    pub fn parent(&self) -> Option<EpochId> {
        self.ancestors.last().copied()
    }

    /// Whether `other` is this epoch or one before it.
    pub fn descends_from(&self, other: EpochId) -> bool {
        self.id == other || self.ancestors.contains(&other)
    }
}

/// Which document a site holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The document's epoch with its chain.
    pub epoch: Epoch,
    /// The document's version.
    pub version: u64,
    /// SHA-256 of the document's bytes, lower-case hex.
    pub hash: String,
}

impl Head {
    /// The document this head names, without the chain.
    pub fn base(&self) -> Base {
        Base {
            epoch_id: self.epoch.id,
            version: self.version,
            hash: self.hash.clone(),
        }
    }
}

/// The document that a sender believes the receiver to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its epoch.
    pub epoch_id: EpochId,
    /// Its version.
    pub version: u64,
    /// Its hash.
    pub hash: String,
}

/// What a sender wants of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PutMode {
    /// The primary proposes its next version; takes effect only on exactly the base.
    Change,
    /// The other site takes over in a planned way; takes effect only on exactly the base.
    Handover,
    /// The sender tells what is already true at its side: bookkeeping of its epoch, or a takeover
    /// that the receiver has missed.
    Push,
}

/// What a receiver does with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It becomes the receiver's head.
    Store,
    /// It is the receiver's head already.
    Already,
    /// The receiver has something newer; the sender must learn it.
    Stale,
    /// The receiver's head is not the base, or a change of its own is on the way.
    Busy,
    /// Both sites claim authority. Nothing is done until a person names a winner.
    Conflict,
}

/// Decides about a document that comes in at `receiver`.
///
/// `staged` says whether the receiver has a change of its own on the way.
pub fn receive(
    receiver: SiteId,
    head: Option<&Head>,
    staged: bool,
    mode: PutMode,
    base: Option<&Base>,
    incoming: &Head,
) -> Verdict {
    let Some(head) = head else {
        return if base.is_none() || mode == PutMode::Push {
            Verdict::Store
        } else {
            Verdict::Busy
        };
    };
    if incoming.epoch.id == head.epoch.id {
        return same_epoch(receiver, head, mode, base, incoming);
    }
    if is_on(Bug::BaseIgnored) {
        return Verdict::Store;
    }
    if head.epoch.descends_from(incoming.epoch.id) {
        return Verdict::Stale;
    }
    if !incoming.epoch.descends_from(head.epoch.id) {
        return Verdict::Conflict;
    }
    match mode {
        PutMode::Push => Verdict::Store,
        PutMode::Change => Verdict::Busy,
        PutMode::Handover if staged => Verdict::Busy,
        PutMode::Handover => {
            let follows = incoming.epoch.parent() == Some(head.epoch.id)
                && incoming.version == head.version + 1;
            if follows && base == Some(&head.base()) {
                Verdict::Store
            } else {
                Verdict::Busy
            }
        }
    }
}

fn same_epoch(
    receiver: SiteId,
    head: &Head,
    mode: PutMode,
    base: Option<&Base>,
    incoming: &Head,
) -> Verdict {
    if is_on(Bug::BaseIgnored) {
        return Verdict::Store;
    }
    if incoming.version == head.version {
        return if incoming.hash == head.hash {
            Verdict::Already
        } else {
            Verdict::Conflict
        };
    }
    if incoming.version < head.version {
        return Verdict::Stale;
    }
    if head.epoch.primary == receiver {
        // Only this site writes versions of this epoch; somebody else has written one.
        return Verdict::Conflict;
    }
    match mode {
        PutMode::Push => Verdict::Store,
        PutMode::Handover => Verdict::Busy,
        PutMode::Change => {
            if base == Some(&head.base()) && incoming.version == head.version + 1 {
                Verdict::Store
            } else {
                Verdict::Busy
            }
        }
    }
}

/// What a site concludes from its peer's head, before it does anything with the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Both hold the same document.
    Same,
    /// The peer is behind: push.
    PeerBehind,
    /// The peer is ahead: adopt its document.
    PeerAhead,
    /// Neither is in the other's chain, or one version has two contents.
    Conflict,
}

/// Compares two heads.
pub fn relate(mine: &Head, peers: &Head) -> Relation {
    if mine.epoch.id == peers.epoch.id {
        return match mine.version.cmp(&peers.version) {
            std::cmp::Ordering::Equal if mine.hash == peers.hash => Relation::Same,
            std::cmp::Ordering::Equal => Relation::Conflict,
            std::cmp::Ordering::Less => Relation::PeerAhead,
            std::cmp::Ordering::Greater => Relation::PeerBehind,
        };
    }
    if mine.epoch.descends_from(peers.epoch.id) {
        Relation::PeerBehind
    } else if peers.epoch.descends_from(mine.epoch.id) {
        Relation::PeerAhead
    } else {
        Relation::Conflict
    }
}

#[cfg(test)]
mod tests {
    use protector_framework::GenericUuid as _;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_epoch_begins_after_what_it_follows_whatever_the_clock_says() {
        let id = |n| EpochId::from_untyped_uuid(Uuid::from_u128(n));
        let site = |n| SiteId::from_untyped_uuid(Uuid::from_u128(n));
        let first: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let away = Epoch::first(id(1), site(1)).moved(id(2), site(2), first, None);
        assert_eq!(away.since, Some(first));
        // A point of the life before is not taken for one of this life.
        let home = away.moved(id(3), site(1), first - TimeDelta::hours(1), None);
        assert!(!home.covers(first));
        // Nor is one that was taken before the very point that came along.
        let later = first + TimeDelta::hours(1);
        let point = Some(later);
        let home = away.moved(id(3), site(1), first - TimeDelta::hours(1), point);
        assert!(!home.covers(later));
        assert_eq!(
            away.moved(id(3), site(1), later, Some(first)).since,
            Some(later)
        );
    }
}
