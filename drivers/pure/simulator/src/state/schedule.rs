//! When a group takes snapshots by itself, and how long it keeps them: plain numbers.

use super::array::{DAY, Millis};
use super::error::{ApiError, Outcome};

/// The array's least frequency of replication.
const MIN_REPLICATION: Millis = 300_000;
const MAX_REPLICATION: Millis = 34_560_000_000;

/// Milliseconds since midnight in which nothing is taken; the end may be on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blackout {
    pub start: Millis,
    pub end: Millis,
}

impl Blackout {
    fn covers(self, time: Millis) -> bool {
        let time = time.rem_euclid(DAY);
        match self.start <= self.end {
            true => (self.start..self.end).contains(&time),
            false => time >= self.start || time < self.end,
        }
    }

    /// The first moment from `time` on that is outside.
    fn leave(self, time: Millis) -> Millis {
        match self.covers(time) {
            true => time + (self.end - time).rem_euclid(DAY),
            false => time,
        }
    }
}

/// A rhythm of snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub enabled: bool,
    pub frequency: Millis,
    /// Seconds since midnight; only with a frequency of whole days.
    pub at: Option<i64>,
    pub blackout: Option<Blackout>,
    /// When it last took one.
    pub last: Option<Millis>,
}

impl Schedule {
    pub(crate) fn every(frequency: Millis) -> Self {
        Self {
            enabled: false,
            frequency,
            at: None,
            blackout: None,
            last: None,
        }
    }

    /// When the next one is due: at once when it was never used, else a frequency after the last.
    pub(crate) fn due(&self, now: Millis) -> Option<Millis> {
        if !self.enabled {
            return None;
        }
        let mut due = match self.last {
            None => now,
            Some(last) => last + self.frequency,
        };
        if let (Some(at), Some(_)) = (self.at, self.last) {
            due = due - due.rem_euclid(DAY) + at * 1000;
        }
        Some(
            self.blackout
                .map_or(due, |blackout| blackout.leave(due.max(now))),
        )
    }

    /// What a replication schedule may be.
    pub(crate) fn check_replication(&self, name: &str) -> Outcome<()> {
        if !(MIN_REPLICATION..=MAX_REPLICATION).contains(&self.frequency) {
            return Err(ApiError::refused(
                name,
                "Invalid replication frequency. It must be between 5 minutes and 400 days.",
            ));
        }
        if self.at.is_some() && self.frequency % DAY != 0 {
            return Err(ApiError::refused(
                name,
                "Cannot set 'at' unless the frequency is in whole days.",
            ));
        }
        let whole_hours =
            |blackout: Blackout| blackout.start % 3_600_000 == 0 && blackout.end % 3_600_000 == 0;
        if self.blackout.is_some_and(|blackout| !whole_hours(blackout)) {
            return Err(ApiError::refused(name, "Blackout must be in whole hours."));
        }
        Ok(())
    }
}

/// All for a while, then some of every day for some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    pub all_for_sec: i64,
    pub per_day: i64,
    pub days: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            all_for_sec: 86_400,
            per_day: 4,
            days: 7,
        }
    }
}

impl Retention {
    pub(crate) fn check(&self, name: &str) -> Outcome<()> {
        let good = (60..=34_560_000).contains(&self.all_for_sec)
            && (0..=1440).contains(&self.per_day)
            && (0..=4000).contains(&self.days);
        match good {
            true => Ok(()),
            false => Err(ApiError::refused(name, "Invalid retention.")),
        }
    }

    /// Whether this keeps less than another in some respect.
    pub(crate) fn is_shorter_than(&self, other: &Self) -> bool {
        self.all_for_sec < other.all_for_sec
            || self.per_day < other.per_day
            || self.days < other.days
    }

    /// End of the time in which all are kept, and end of the time in which any is.
    pub(crate) fn ends(&self, created: Millis) -> (Millis, Millis) {
        let all = created + self.all_for_sec * 1000;
        (
            all,
            all + if self.per_day > 0 { self.days * DAY } else { 0 },
        )
    }

    /// Which of these times are kept no longer. Of each part of a day the first one is kept.
    pub(crate) fn expired(&self, created: &[Millis], now: Millis) -> Vec<Millis> {
        let mut sorted = created.to_vec();
        sorted.sort_unstable();
        let mut taken = std::collections::BTreeSet::new();
        let mut expired = Vec::new();
        for time in sorted {
            let slot = (time * self.per_day.max(1)).div_euclid(DAY);
            let first_of_slot = taken.insert(slot);
            let (all, any) = self.ends(time);
            let kept = now < all || (now < any && first_of_slot);
            if !kept {
                expired.push(time);
            }
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Millis = 3_600_000;

    #[test]
    fn nothing_is_due_in_a_blackout() {
        let schedule = Schedule {
            enabled: true,
            blackout: Some(Blackout {
                start: 22 * HOUR,
                end: 2 * HOUR,
            }),
            last: Some(21 * HOUR),
            ..Schedule::every(2 * HOUR)
        };
        assert_eq!(schedule.due(22 * HOUR), Some(26 * HOUR));
        assert_eq!(schedule.due(30 * HOUR), Some(30 * HOUR));
    }

    #[test]
    fn whole_days_keep_their_hour() {
        let schedule = Schedule {
            enabled: true,
            at: Some(3600),
            last: Some(5 * HOUR),
            ..Schedule::every(DAY)
        };
        assert_eq!(schedule.due(0), Some(DAY + HOUR));
    }

    #[test]
    fn after_all_for_only_some_of_each_day_stay() {
        let retention = Retention {
            all_for_sec: 3600,
            per_day: 2,
            days: 2,
        };
        let created: Vec<Millis> = (0..48).map(|hour| hour * HOUR).collect();
        let expired = retention.expired(&created, 48 * HOUR);
        let kept: Vec<i64> = (0..48).filter(|h| !expired.contains(&(h * HOUR))).collect();
        assert_eq!(kept, [0, 12, 24, 36]);
    }

    proptest! {
        /// What has expired stays expired, and all young ones are kept.
        #[test]
        fn retention_only_ever_takes_more(
            mut created in prop::collection::btree_set(0..20 * DAY, 0..40),
            now in 0..30 * DAY, later in 0..10 * DAY,
        ) {
            let retention = Retention { all_for_sec: 7200, per_day: 3, days: 5 };
            created.retain(|time| *time <= now);
            let created: Vec<Millis> = created.into_iter().collect();
            let first = retention.expired(&created, now);
            prop_assert!(first.iter().all(|time| now - time >= 2 * HOUR));
            let second = retention.expired(&created, now + later);
            prop_assert!(first.iter().all(|time| second.contains(time)));
        }
    }
}
