//! How old what would be started is: the age of the newest recovery point that is complete, not the
//! word of an array that says it is connected.

use chrono::{DateTime, TimeDelta, Utc};
use protector_framework::{Point, SiteId};

use super::Purpose;
use super::finding::{FindingCode, Object};
use super::judge::{Judge, NONE};
use super::observed::Fact;
use crate::document::{GroupDocument, InstanceState, Member};
use crate::status::MemberStatus;

/// A point that is younger than now by no more than this is of now: no two clocks are the same.
const SKEW: TimeDelta = TimeDelta::seconds(15);

/// The age of what can be started.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Age {
    /// Of the newest complete point.
    pub(super) newest_seconds: Option<u64>,
    /// Of the newest one that holds every protected member.
    pub(super) whole_seconds: Option<u64>,
    /// When that one was taken.
    pub(super) whole_at: Option<DateTime<Utc>>,
}

/// The newest complete recovery point of what the group has written where it runs now, that holds every
/// protected member.
pub fn newest_whole<'p>(document: &GroupDocument, points: &'p [Point]) -> Option<&'p Point> {
    let source = document.current_primary_site_id;
    let protected: Vec<&Member> = protected(document, source).collect();
    let holds_all = |point: &&Point| protected.iter().all(|m| holds(point, m, source));
    usable(document, points)
        .filter(holds_all)
        .max_by_key(|point| point.taken_at)
}

/// Those that are complete, and not of a life before.
fn usable<'p>(document: &GroupDocument, points: &'p [Point]) -> impl Iterator<Item = &'p Point> {
    let epoch = &document.epoch;
    points
        .iter()
        .filter(move |point| point.complete && epoch.covers(point.taken_at))
}

/// The members that every point should hold.
fn protected(document: &GroupDocument, source: SiteId) -> impl Iterator<Item = &Member> {
    document.members.iter().filter(move |member| {
        let settled = !matches!(
            member.status,
            MemberStatus::Adding | MemberStatus::Removing | MemberStatus::Error
        );
        let copy = member.instance(source);
        let copy = copy.filter(|copy| copy.state == InstanceState::Production);
        settled && copy.is_some_and(|copy| !copy.volumes.is_empty())
    })
}

fn holds(point: &Point, member: &Member, source: SiteId) -> bool {
    member.instance(source).is_some_and(|copy| {
        let mut volumes = copy.volumes.iter();
        volumes.all(|volume| {
            point
                .volumes
                .iter()
                .any(|held| held.serial == volume.serial)
        })
    })
}

impl Judge<'_> {
    pub(super) fn points(&mut self) -> Age {
        let target = &self.observed.target;
        let points = match &target.points {
            Fact::NotAsked => return Age::default(),
            // The array's own finding says it.
            Fact::Unknown(_) if target.site.array.unknown().is_some() => return Age::default(),
            Fact::Unknown(unknown) => {
                let object = Object::new("recovery_point").on(self.target);
                self.not_learned(object, "which recovery points there are", unknown);
                return Age::default();
            }
            Fact::Known(points) => points,
        };
        let newest = usable(self.document, points).max_by_key(|point| point.taken_at);
        let whole_at = newest_whole(self.document, points).map(|point| point.taken_at);
        match newest {
            None => self.no_point(points.iter().any(|point| point.complete)),
            Some(newest) => self.lacks(newest),
        }
        let newest_seconds = newest.and_then(|point| self.age(point.taken_at));
        let whole_seconds = whole_at.and_then(|at| self.age(at));
        self.lag(whole_at, whole_seconds);
        Age {
            newest_seconds,
            whole_seconds,
            whole_at,
        }
    }

    /// `None`: the clocks contradict each other.
    fn age(&self, taken_at: DateTime<Utc>) -> Option<u64> {
        let age = self.observed.at - taken_at;
        if age < -SKEW {
            return None;
        }
        Some(u64::try_from(age.num_seconds()).unwrap_or(0))
    }

    fn no_point(&mut self, of_a_life_before: bool) {
        let kept = |m: &Member| m.has_parked_copy(self.target);
        let keeps = self.document.members.iter().any(kept);
        let blocks: &[Purpose] = match (of_a_life_before, keeps) {
            (true, true) => NONE,
            (true, false) => &[Purpose::Unplanned],
            (false, true) => &[Purpose::Test],
            (false, false) => &[Purpose::Unplanned, Purpose::Test],
        };
        let at = self.name(self.target);
        self.found(
            blocks,
            FindingCode::NoRecoveryPoint,
            Object::new("recovery_point").on(self.target),
            format!(
                "no complete recovery point of what the group has written where it runs now is on \
                 site `{at}`"
            ),
            "wait until the first replication has arrived, or `sync` the group",
        );
    }

    fn lacks(&mut self, newest: &Point) {
        let lacking: Vec<(String, Object)> = protected(self.document, self.source)
            .filter(|member| !holds(newest, member, self.source))
            .map(|member| (member.name.clone(), self.member(member)))
            .collect();
        for (name, object) in lacking {
            self.found(
                NONE,
                FindingCode::MemberNotInPoint,
                object,
                format!(
                    "the newest recovery point ({}) does not hold `{name}`",
                    newest.name
                ),
                "wait for the next one or `sync` the group; an unplanned failover now would not \
                 recover it",
            );
        }
    }

    fn lag(&mut self, at: Option<DateTime<Utc>>, seconds: Option<u64>) {
        let (Some(at), Some(policy)) = (at, &self.document.policy) else {
            return;
        };
        let object = Object::new("recovery_point").on(self.target);
        let Some(seconds) = seconds else {
            self.found(
                NONE,
                FindingCode::RpoUnknown,
                object,
                format!(
                    "the newest complete recovery point was taken at {}, which is still to come: \
                     its age cannot be told",
                    at.to_rfc3339()
                ),
                "set the clocks of the arrays and of this machine right",
            );
            return;
        };
        let allowed = u64::from(policy.rpo_minutes) * 60;
        if seconds > allowed {
            self.found(
                NONE,
                FindingCode::RpoExceeded,
                object,
                format!(
                    "the newest recovery point that holds every member is {seconds} s old; the \
                     policy allows {allowed} s"
                ),
                "look at the arrays' link and load: they may say that they are connected and send \
                 nothing",
            );
        }
    }
}
