//! Bugs that disaster recovery products have had, each to be switched on while the simulation runs:
//! a tester that does not find them proves nothing. Only a build with the feature `seeded-bugs` has
//! the switch; in every other one [`is_on`] is a constant.

/// Declares the bugs with the words of reports.
macro_rules! bugs {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)*) => {
        /// A bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Bug { $($(#[$meta])* $name,)* }

        impl Bug {
            /// Every bug.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As reports write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

bugs! {
    /// A group is deleted, or a member removed, in the midst of a planned failover (I3).
    SecondOperation = "a second operation is accepted while one runs",
    /// A failover waits for the site that was lost (I1).
    DeadSiteAsked = "an unplanned failover asks the lost site",
    /// A site that returns goes on running what it had (I38).
    NoQuarantine = "a site that returns is not quarantined",
    /// Direction follows where the call landed (I22).
    WrongDirection = "reprotect runs the wrong way",
    /// Data of an older direction is taken for the newest (I9).
    OtherLife = "a recovery point of an earlier life counts as the newest",
    /// What one operation holds, another lets go (I7).
    SharedPins = "every operation holds recovery points under one name",
    /// A copy that was written to is silently overwritten (I42).
    DivergedNotKept = "what has diverged is overwritten without being kept",
    /// A retried boot makes its ports anew (I54).
    PortsAnew = "a second attempt makes other ports",
    /// A point is used although it was still being sent (I8).
    PointNotAwaited = "the final replication is not waited for",
    /// Both sites write the same store (I2).
    BaseIgnored = "a document is accepted whatever it was made from",
    /// A failed member does not show in the end of the operation (I35).
    FailureHidden = "an operation with failures says that it is completed",
    /// Progress is kept in memory (I50).
    RunningIsDone = "a step that was running when its engine died counts as done",
    /// After a failover the volumes have no replication (I15).
    NotReplicated = "the array group is made without its volumes",
    /// The old engine writes on (SC5).
    FenceIgnored = "an engine that lost its lease may write",
    /// The target starts before the source has agreed (I41).
    CommitUnasked = "a planned failover does not wait for the old primary",
    /// A server that does not stop does not stop the failover (I41).
    StopUnproven = "a source server that does not stop is taken for stopped",
    /// Teardown leaves what it should remove (I19).
    TestLeft = "the clean-up of a test leaves its volumes on the array",
}

#[cfg(feature = "seeded-bugs")]
mod switch {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Bug;

    /// Above every bug's number.
    const NONE: u8 = u8::MAX;

    static ON: AtomicU8 = AtomicU8::new(NONE);

    /// Switches one bug on for the whole process, or all off.
    pub fn set(bug: Option<Bug>) {
        ON.store(bug.map_or(NONE, |bug| bug as u8), Ordering::Relaxed);
    }

    /// Whether the bug is there.
    pub fn is_on(bug: Bug) -> bool {
        ON.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(feature = "seeded-bugs")]
pub use switch::{is_on, set};

/// Whether the bug is there: never in this build.
#[cfg(not(feature = "seeded-bugs"))]
pub const fn is_on(_: Bug) -> bool {
    false
}
