use serde::{Deserialize, Serialize};

/// A mutating call on a cloud, an array or the peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// `compute`, `storage` or `peer`.
    pub service: String,
    /// The driver verb.
    pub verb: String,
    /// What it acts on; `$step/..` stands for the result of an earlier step.
    pub target: String,
    /// What must be so for it to be sent; `None`: it is sent, or what it does is so already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Call {
    /// A call that the step always sends.
    pub fn new(service: &str, verb: &str, target: impl Into<String>) -> Self {
        Self {
            service: service.to_owned(),
            verb: verb.to_owned(),
            target: target.into(),
            when: None,
        }
    }

    /// The same call, sent only where something is so.
    #[must_use]
    pub fn when(mut self, when: Condition) -> Self {
        self.when = Some(when);
        self
    }
}

crate::status::states! {
    /// What a step finds out before it sends a call. Nobody can tell when the plan is made.
    Condition {
        /// The server is running.
        Runs = "the server runs",
        /// The server was running when it was to be stopped.
        Ran = "the server ran before it was stopped",
        /// The cloud can disconnect a stopped server.
        CanShelve = "the cloud can shelve a server",
        /// The server was parked as it should be.
        IsShelved = "the server is shelved",
        /// The server was stopped and no more.
        IsStopped = "the server is stopped and not shelved",
        /// A member that is moved as it is found has ports.
        HasPorts = "the server has ports when it is captured",
        /// A point is used, not what the target keeps, and it must be kept from retention.
        PointIsUsed = "a recovery point is used and its array can hold it",
        /// A move that was given up with errors had kept its point for a retry.
        EndedMoveHolds = "a move that has ended still holds a recovery point",
        /// A point that was taken now lacks a volume.
        Seeding = "a volume was not wholly on the target when the first point was taken",
        /// The copy holds data that exists nowhere else.
        Diverged = "the copy ran after the other site had taken over",
        /// There is something newer than what is kept.
        PointHoldsMember = "the recovery point holds the member",
        /// The build ended in error.
        BuildFailed = "the cloud failed to build the server",
        /// The volume's owner gave it a name.
        HasName = "the volume has a name",
        /// The cloud is to delete the volume with its server.
        GoesWithServer = "the volume goes with its server",
        /// A retry starts the member, which the document calls failed.
        NotAnnounced = "the document does not say yet that the member is being started",
        /// The outcome is written here and sent to the other site.
        HasAuthority = "the site that executes the operation has authority",
        /// The outcome is told to the site that writes it.
        LacksAuthority = "the other site has authority",
        /// The operation that is taken back had made or changed it.
        WasDone = "the older operation had come so far",
    }
}
