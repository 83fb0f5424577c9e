//! One reason why a failover would not work, or not as well as it should.

use protector_framework::{MemberId, SiteId};
use serde::{Deserialize, Serialize};

use crate::status::states;

states! {
    /// How much a finding weighs.
    Severity {
        /// It would fail.
        Blocker = "blocker",
        /// It would work, but not as it should; or nobody knows.
        Warning = "warning",
        /// Good to know.
        Info = "info",
    }
}

states! {
    /// What was found.
    FindingCode {
        /// The group's state does not allow the operation.
        NotAllowed = "not_allowed",
        /// Both sites claim authority.
        Conflict = "conflict",
        /// Another operation has the group's place.
        OperationRunning = "operation_running",
        /// What copies on the site do that lost the group is not known yet.
        QuarantineDue = "quarantine_due",
        /// The target has no counterpart for a resource.
        NotMapped = "not_mapped",
        /// A member has never been read.
        NotCaptured = "not_captured",
        /// The target keeps a copy that no longer fits.
        OutdatedCopy = "outdated_copy",
        /// Whether a member runs at the source is not known.
        UnfinishedMember = "unfinished_member",
        /// No plan can be made for another reason.
        NoPlan = "no_plan",

        /// A cloud does not answer.
        SiteUnreachable = "site_unreachable",
        /// A cloud refuses the account or the trust.
        CredentialsRefused = "credentials_refused",
        /// The project's trust no longer works.
        TrustBroken = "trust_broken",
        /// A password or token is not kept on the site that looks.
        SecretsMissingHere = "secrets_missing_here",
        /// An array does not answer.
        ArrayUnreachable = "array_unreachable",
        /// An array refuses its token.
        ArrayRefused = "array_refused",
        /// Another array answers at the policy's address.
        ArrayReplaced = "array_replaced",
        /// Nothing can be sent from array to array.
        LinkDown = "link_down",
        /// Some paths between the arrays are down.
        LinkDegraded = "link_degraded",
        /// The other site's Protector does not answer.
        PeerUnreachable = "peer_unreachable",
        /// The sites hold different documents.
        PeerOutOfSync = "peer_out_of_sync",

        /// A protected server does not exist any more.
        ServerGone = "server_gone",
        /// Its disks are not the protected ones.
        VolumesDrifted = "volumes_drifted",
        /// Its flavor or ports are not the protected ones.
        ServerDrifted = "server_drifted",
        /// It could not be protected as it is now.
        NotEligible = "not_eligible",
        /// The source's array has no such group.
        ReplicationMissing = "replication_missing",
        /// The array group has no schedule.
        ReplicationSuspended = "replication_suspended",
        /// A volume is not in the array group.
        NotReplicated = "not_replicated",
        /// A volume's first full copy is on its way.
        Seeding = "seeding",

        /// A flavor is not on the target.
        FlavorMissing = "flavor_missing",
        /// A network is not on the target.
        NetworkMissing = "network_missing",
        /// A subnet is not on the target.
        SubnetMissing = "subnet_missing",
        /// An address is outside its subnet on the target.
        AddressOutside = "address_outside",
        /// A security group is not on the target.
        SecurityGroupMissing = "security_group_missing",
        /// A keypair is not on the target.
        KeypairMissing = "keypair_missing",
        /// A zone is not on the target, or is not available.
        ZoneMissing = "zone_missing",
        /// A server starts without something that the target has no counterpart for.
        NotCarriedOver = "not_carried_over",
        /// A quota is too small.
        QuotaShort = "quota_short",
        /// A volume type is not on the target.
        VolumeTypeMissing = "volume_type_missing",
        /// It does not replicate, so that the way back is not open.
        VolumeTypeNotReplicated = "volume_type_not_replicated",
        /// Where volumes would be adopted is not clear.
        NoPool = "no_pool",
        /// The target's array is full.
        ArrayFull = "array_full",
        /// It has little space left.
        ArrayTight = "array_tight",
        /// What was parked there is gone.
        ParkedCopyGone = "parked_copy_gone",
        /// What was parked there is in use.
        ParkedCopyInUse = "parked_copy_in_use",
        /// What is kept there has diverged.
        DivergedCopy = "diverged_copy",

        /// No recovery point can be used.
        NoRecoveryPoint = "no_recovery_point",
        /// The newest one is older than the policy allows.
        RpoExceeded = "rpo_exceeded",
        /// How old it is cannot be told.
        RpoUnknown = "rpo_unknown",
        /// The newest one does not hold a member.
        MemberNotInPoint = "member_not_in_point",

        /// A fact could not be learned.
        NotLearned = "unknown",
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Object {
    /// Its kind, such as `server`, `network`, `quota` or `array`.
    pub kind: String,
    /// Its id there.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The site it is on.
    pub site_id: Option<SiteId>,
    /// The member it is of.
    pub member_id: Option<MemberId>,
}

impl Object {
    /// Something of a kind.
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    /// With its id there.
    #[must_use]
    pub fn id(mut self, id: impl ToString) -> Self {
        self.id = Some(id.to_string());
        self
    }

    /// With its name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// On a site.
    #[must_use]
    pub fn on(mut self, site: SiteId) -> Self {
        self.site_id = Some(site);
        self
    }

    /// Of a member.
    #[must_use]
    pub fn of(mut self, member: MemberId) -> Self {
        self.member_id = Some(member);
        self
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it weighs for what was asked.
    pub severity: Severity,
    /// What was found.
    pub code: FindingCode,
    /// What it is about.
    pub object: Object,
    /// The same in words.
    pub message: String,
    /// What to do about it.
    pub what_to_do: String,
    /// Whether `accept_drift` goes over it.
    #[serde(default)]
    pub accept_drift: bool,
    /// Whether it may be gone at the next look without anybody's doing.
    #[serde(default)]
    pub passing: bool,
    /// The remote call that said it.
    #[serde(default)]
    pub remote_call: Option<String>,
    /// The remote side's id of that call.
    #[serde(default)]
    pub remote_request_id: Option<String>,
}
