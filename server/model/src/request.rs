//! Whether an operation makes sense now, where it runs and which way it goes. The caller never
//! chooses a direction: it follows from who has authority.

use protector_framework::{OperationId, SiteId};

use crate::document::GroupDocument;
use crate::operation::OperationOptions;
use crate::status::{FailoverType, GroupStatus, OperationKind};

/// Where an operation runs and between which sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// The site the group runs on now.
    pub source: SiteId,
    /// The site it goes to, or that is worked on.
    pub target: SiteId,
    /// The site whose engine executes it.
    pub executor: SiteId,
    /// Whether the other site must agree before it begins.
    pub needs_peer: bool,
}

/// Why an operation is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefused {
    /// The group's status forbids it.
    #[error("`{kind}` needs a protection group that is {}; it is `{status}`", list(.allowed))]
    Status {
        /// What was asked.
        kind: OperationKind,
        /// The group's status.
        status: GroupStatus,
        /// The statuses it would be allowed from.
        allowed: &'static [GroupStatus],
    },
    /// The group is where it should go.
    #[error("the protection group already runs on its {0} site")]
    AlreadyThere(&'static str),
    /// There is nothing to protect or move.
    #[error("the protection group has no members")]
    NoMembers,
    /// There is no policy.
    #[error("the protection group has no replication policy; create one first")]
    NoPolicy,
    /// An option does not belong to the operation or lacks.
    #[error("{0}")]
    Option(String),
    /// There is no test to clean up.
    #[error("there is no test failover to clean up")]
    NoTest,
    /// A test is there already.
    #[error("test failover {0} is not cleaned up yet")]
    TestThere(OperationId),
}

fn list(allowed: &[GroupStatus]) -> String {
    allowed
        .iter()
        .map(|s| format!("`{s}`"))
        .collect::<Vec<_>>()
        .join(" or ")
}

/// Checks a request against the document and computes its direction.
///
/// # Errors
/// Why it is refused; nothing has been changed.
pub fn check(
    document: &GroupDocument,
    kind: OperationKind,
    options: &OperationOptions,
    test: Option<OperationId>,
) -> Result<Direction, RequestRefused> {
    if matches!(kind, OperationKind::Failover | OperationKind::Failback) {
        let needed = if kind == OperationKind::Failover {
            "secondary"
        } else {
            "primary"
        };
        if document.is_home() != (kind == OperationKind::Failover) {
            return Err(RequestRefused::AlreadyThere(needed));
        }
    }
    let allowed = kind.allowed_from(options.failover_type);
    if !allowed.contains(&document.status) {
        return Err(RequestRefused::Status {
            kind,
            status: document.status,
            allowed,
        });
    }
    options_fit(kind, options)?;
    let moves_data = matches!(
        kind,
        OperationKind::Failover
            | OperationKind::Failback
            | OperationKind::TestFailover
            | OperationKind::Sync
            | OperationKind::Reprotect
    );
    if moves_data && document.policy.is_none() {
        return Err(RequestRefused::NoPolicy);
    }
    if moves_data && document.members.is_empty() {
        return Err(RequestRefused::NoMembers);
    }
    match (kind, test) {
        // What leaves the document is no longer found by the test's clean-up.
        (
            OperationKind::TestFailover | OperationKind::Delete | OperationKind::RemoveMember,
            Some(test),
        ) => return Err(RequestRefused::TestThere(test)),
        (OperationKind::TestCleanup, None) => return Err(RequestRefused::NoTest),
        _ => {}
    }
    Ok(direction(document, kind, options))
}

/// Where an operation runs and which way it goes.
pub fn direction(
    document: &GroupDocument,
    kind: OperationKind,
    options: &OperationOptions,
) -> Direction {
    let source = document.current_primary_site_id;
    let standby = document.standby_site();
    let (target, executor) = match kind {
        OperationKind::Failover | OperationKind::Failback | OperationKind::TestFailover => {
            (standby, standby)
        }
        OperationKind::Create
        | OperationKind::Delete
        | OperationKind::AddMember
        | OperationKind::RemoveMember
        | OperationKind::Sync
        | OperationKind::Reprotect
        | OperationKind::Reset => (standby, source),
        // A test's copies stay where they are when a real failover makes that site the primary.
        OperationKind::TestCleanup | OperationKind::Cleanup | OperationKind::Quarantine => {
            let site = options.site.unwrap_or(standby);
            (site, site)
        }
    };
    let alone = matches!(kind, OperationKind::Quarantine | OperationKind::Reset)
        || options.failover_type == Some(FailoverType::Unplanned);
    Direction {
        source,
        target,
        executor,
        needs_peer: !alone,
    }
}

fn options_fit(kind: OperationKind, options: &OperationOptions) -> Result<(), RequestRefused> {
    let refuse = |what: &str| {
        Err(RequestRefused::Option(format!(
            "`{what}` does not fit `{kind}`"
        )))
    };
    if kind.moves_authority() {
        match options.failover_type {
            None => return Err(RequestRefused::Option("`type` is missing".to_owned())),
            Some(FailoverType::Planned) if options.recovery_point.is_some() => {
                return Err(RequestRefused::Option(
                    "a planned move always uses a new recovery point; leave `recovery_point_id` out"
                        .to_owned(),
                ));
            }
            Some(_) => {}
        }
    } else if options.failover_type.is_some() {
        return refuse("type");
    }
    let picks_point = kind.moves_authority() || kind == OperationKind::TestFailover;
    if options.recovery_point.is_some() && !picks_point {
        return refuse("recovery_point_id");
    }
    let member = matches!(kind, OperationKind::AddMember | OperationKind::RemoveMember);
    // A clean-up may be of one member's copy alone.
    let may = member || kind == OperationKind::Cleanup;
    if options.member.is_none() && member || options.member.is_some() && !may {
        return refuse("member");
    }
    if (options.auto_cleanup || options.expires_in.is_some()) && kind != OperationKind::TestFailover
    {
        return refuse("auto_cleanup");
    }
    if options.of.is_some() && kind != OperationKind::Cleanup {
        return refuse("of");
    }
    if options.accept_loss && !kind.moves_authority() {
        return refuse("accept_loss");
    }
    if options.accept_drift && !kind.moves_authority() {
        return refuse("accept_drift");
    }
    Ok(())
}
