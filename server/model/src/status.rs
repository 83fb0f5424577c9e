//! Every state, and the tables that say which step from one to another is allowed.

/// Declares an enum of states that is written the same in the API, the database and the document.
macro_rules! states {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every state, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The state as the API, the database and the document write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::status::UnknownState;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::status::UnknownState {
                        text: text.to_owned(),
                        known: &[$($text,)*],
                    }),
                }
            }
        }
    };
}

pub(crate) use states;

/// A word that is not one of the states it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of {}", known.join(", "))]
pub struct UnknownState {
    /// What was given.
    pub text: String,
    /// What is known.
    pub known: &'static [&'static str],
}

states! {
    /// The status of a protection group.
    GroupStatus {
        /// Its volume groups are being made.
        Creating = "creating",
        /// Its servers run where they belong, protected.
        Active = "active",
        /// A member or its policy is changing.
        Updating = "updating",
        /// A failover runs.
        FailingOver = "failing_over",
        /// Its servers run on the other site.
        FailedOver = "failed_over",
        /// As `failed_over`, but not all members came up.
        FailedOverPartial = "failed_over_partial",
        /// A failback runs.
        FailingBack = "failing_back",
        /// Test copies of it exist, or are being made or removed.
        Testing = "testing",
        /// Replication towards the other site is being set up.
        Reprotecting = "reprotecting",
        /// It is being deleted.
        Deleting = "deleting",
        /// Both sites claim authority; nothing is done until `sync-force` names a winner.
        Conflict = "conflict",
        /// The last operation left it in a state that needs `retry`, `cleanup` or `reset`.
        Error = "error",
    }
}

states! {
    /// The status of a member.
    MemberStatus {
        /// Its first full copy is on the way.
        Adding = "adding",
        /// Its volumes are part of the group's recovery points.
        Protected = "protected",
        /// Its server is being stopped.
        Stopping = "stopping",
        /// It is being brought up on the other site.
        FailingOver = "failing_over",
        /// It runs on the other site.
        FailedOver = "failed_over",
        /// Its server here is kept, stopped, for the way back.
        Parked = "parked",
        /// Its server here was found running after the other site took over, and was stopped.
        Quarantined = "quarantined",
        /// It is leaving the group.
        Removing = "removing",
        /// Something failed; the reason says what.
        Error = "error",
    }
}

states! {
    /// What an operation does.
    OperationKind {
        /// Makes the volume groups of a new protection group.
        Create = "create",
        /// Removes a protection group.
        Delete = "delete",
        /// Brings a server into the group.
        AddMember = "add_member",
        /// Takes a server out of the group.
        RemoveMember = "remove_member",
        /// Brings the group up on the site that is not its primary now.
        Failover = "failover",
        /// Brings the group home.
        Failback = "failback",
        /// Boots clones on a test network.
        TestFailover = "test_failover",
        /// Removes what a test failover made.
        TestCleanup = "test_cleanup",
        /// Replicates now.
        Sync = "sync",
        /// Starts replication from the current primary towards the other site.
        Reprotect = "reprotect",
        /// Removes the parked copies.
        Cleanup = "cleanup",
        /// Re-reads both sites after an error.
        Reset = "reset",
        /// Stops, locks and disconnects copies that the group has left behind; an engine starts it.
        Quarantine = "quarantine",
    }
}

states! {
    /// The status of an operation.
    OperationStatus {
        /// No engine has taken it yet.
        Queued = "queued",
        /// An engine works on it.
        Running = "running",
        /// It cannot decide alone; the reason says what is asked.
        WaitingForUser = "waiting_for_user",
        /// All of it was done.
        Completed = "completed",
        /// What could be done was done; the rest is named.
        CompletedWithErrors = "completed_with_errors",
        /// It failed; the reason says what state things are in.
        Error = "error",
        /// It was given up before it changed authority.
        Cancelled = "cancelled",
    }
}

states! {
    /// Whether the source takes part in a failover.
    FailoverType {
        /// The source is stopped and nothing is lost.
        Planned = "planned",
        /// The source is not asked.
        Unplanned = "unplanned",
    }
}

states! {
    /// The status of a site.
    SiteStatus {
        /// Its services answered when last asked.
        Active = "active",
        /// Some did not.
        Unreachable = "unreachable",
        /// Its account was refused, or its data makes no sense.
        Error = "error",
        /// Its account has not been proven yet.
        Registered = "registered",
    }
}

impl OperationStatus {
    /// Whether nothing more happens without a new request.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::CompletedWithErrors | Self::Error | Self::Cancelled
        )
    }

    /// The statuses that may follow; a final one is left only by `retry`.
    pub fn next(self) -> &'static [OperationStatus] {
        use OperationStatus::*;
        match self {
            Queued => &[Running, Cancelled],
            Running => &[
                WaitingForUser,
                Completed,
                CompletedWithErrors,
                Error,
                Cancelled,
            ],
            WaitingForUser => &[Queued, Running, Cancelled, Error],
            CompletedWithErrors | Error => &[Queued],
            Completed | Cancelled => &[],
        }
    }

    /// Whether `to` may follow.
    pub fn allows(self, to: OperationStatus) -> bool {
        self.next().contains(&to)
    }
}

impl OperationKind {
    /// What the group's status reads while the operation runs; `None` leaves it.
    pub fn group_status_while_running(self) -> Option<GroupStatus> {
        match self {
            Self::Create => Some(GroupStatus::Creating),
            Self::Delete => Some(GroupStatus::Deleting),
            Self::AddMember | Self::RemoveMember => Some(GroupStatus::Updating),
            Self::Failover => Some(GroupStatus::FailingOver),
            Self::Failback => Some(GroupStatus::FailingBack),
            Self::TestFailover | Self::TestCleanup => Some(GroupStatus::Testing),
            Self::Reprotect => Some(GroupStatus::Reprotecting),
            Self::Sync | Self::Cleanup | Self::Reset | Self::Quarantine => None,
        }
    }

    /// The group's own statuses from which the operation may be asked for.
    pub fn allowed_from(self, failover: Option<FailoverType>) -> &'static [GroupStatus] {
        use GroupStatus::*;
        match (self, failover) {
            (Self::Create, _) => &[Creating, Error],
            (Self::Delete, _) => &[Active, Error, FailedOver, FailedOverPartial],
            (Self::AddMember, _) => &[Active, FailedOver],
            (Self::RemoveMember, _) => &[Active, FailedOver, FailedOverPartial],
            // A way home that ended half way, or whose end is not known, leaves the group partial.
            (Self::Failover, Some(FailoverType::Unplanned)) => {
                &[Active, FailedOverPartial, Updating, Testing, Error]
            }
            (Self::Failover, _) => &[Active],
            (Self::Failback, Some(FailoverType::Unplanned)) => {
                &[FailedOver, FailedOverPartial, Reprotecting, Testing, Error]
            }
            (Self::Failback | Self::Reprotect, _) => &[FailedOver, FailedOverPartial],
            (Self::TestFailover, _) => &[Active, FailedOver],
            (Self::TestCleanup, _) => &[Testing, Active, FailedOver, FailedOverPartial, Error],
            (Self::Sync, _) => &[Active, FailedOver, FailedOverPartial],
            (Self::Cleanup, _) => &[Active, FailedOver, FailedOverPartial, Error],
            (Self::Reset, _) => &[Error],
            (Self::Quarantine, _) => &[Active, FailedOver, FailedOverPartial, Error],
        }
    }

    /// Whether the operation ends with another site as the primary.
    pub fn moves_authority(self) -> bool {
        matches!(self, Self::Failover | Self::Failback)
    }
}

/// The status that is shown: the group's own, overlaid by what runs.
pub fn shown_status(
    own: GroupStatus,
    running: Option<OperationKind>,
    has_test: bool,
) -> GroupStatus {
    match running.and_then(OperationKind::group_status_while_running) {
        _ if own == GroupStatus::Conflict => own,
        Some(status) => status,
        None if has_test => GroupStatus::Testing,
        None => own,
    }
}
