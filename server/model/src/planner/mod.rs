//! Turns a request into a plan. Pure: the same group, kind and options give the same plan, so that
//! what `dry_run` shows is what runs.

mod builder;
mod calls;
mod cleaning;
mod membership;
mod relocation;
mod testing;
mod unready;

#[cfg(test)]
mod tests;

use protector_framework::{MemberId, OperationId, ResourceId, ResourceKind};

use crate::document::{GroupDocument, Instance, InstanceState, Member};
use crate::operation::OperationOptions;
use crate::plan::{Action, Phase, Plan};
use crate::request::Direction;
use crate::seeded::{Bug, is_on};
use crate::status::{FailoverType, GroupStatus, MemberStatus, OperationKind};
use builder::Builder;
use unready::Unready;

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The operation is about a member that is not there.
    #[error("the member is not in the protection group")]
    NoMember,
    /// A member has not been read yet.
    #[error("member `{0}` has never been captured; wait until it is `protected` or remove it")]
    NotCaptured(String),
    /// The target holds a copy that no longer fits and that Protector must not overwrite.
    #[error(
        "site {site} keeps a copy of member `{member}` that no longer fits it; run `cleanup` first"
    )]
    OutdatedCopy {
        /// The member.
        member: String,
        /// The site.
        site: protector_framework::SiteId,
    },
    /// Whether a member runs where the group is, and what it has written there, is not known.
    #[error(
        "member `{member}` has not come up on site {site} in a way that is known; `retry` the \
         operation that was to bring it up first"
    )]
    Unfinished {
        /// The member.
        member: String,
        /// The site.
        site: protector_framework::SiteId,
    },
    /// Resources of the blueprint have no counterpart.
    #[error("not mapped to the target site: {}", list(.0))]
    Unmapped(Vec<Unmapped>),
    /// Test servers would stand among those of production.
    #[error(
        "the test network {network} of member `{member}` is a network of production on that site; map \
         a `test_network` that no server of the group is on"
    )]
    TestOnProduction {
        /// The member.
        member: String,
        /// The network.
        network: ResourceId,
    },
    /// A test cannot be cleaned up without knowing what it made.
    #[error("the test failover's plan is not stored on this site")]
    NoTestPlan,
}

/// A resource of a blueprint that has no counterpart on the target site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmapped {
    /// The member's name.
    pub member: String,
    /// The kind of resource.
    pub kind: ResourceKind,
    /// The resource.
    pub id: ResourceId,
}

fn list(unmapped: &[Unmapped]) -> String {
    let one = |u: &Unmapped| format!("{:?} {} of member `{}`", u.kind, u.id, u.member);
    unmapped.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What came before an operation and changes its plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before<'a> {
    /// The plan of the test failover that `test_cleanup` removes.
    pub test: Option<&'a Plan>,
    /// The operations that gave way to this one and whose engines may still be at work.
    pub superseded: &'a [OperationId],
    /// Operations of the site that gave way to others and left something behind.
    pub leftovers: &'a [OperationId],
    /// The site of a quarantine, or of an unplanned move, has lost the group without its consent:
    /// what the document says of its copies is not proven.
    pub unproven: bool,
    /// Members whose copy at the executing site an operation has begun to remove since the group
    /// runs on the other one: the document may not say so yet.
    pub removed: &'a [MemberId],
}

/// Makes the plan of an operation before which there was nothing but perhaps a test.
///
/// # Errors
/// As [`plan_after`].
pub fn plan(
    document: &GroupDocument,
    kind: OperationKind,
    options: &OperationOptions,
    direction: &Direction,
    test: Option<&Plan>,
) -> Result<Plan, PlanError> {
    let before = Before {
        test,
        ..Before::default()
    };
    plan_after(document, kind, options, direction, &before)
}

/// Makes the plan of an operation.
///
/// # Errors
/// Why no plan can be made; nothing has been changed.
pub fn plan_after(
    document: &GroupDocument,
    kind: OperationKind,
    options: &OperationOptions,
    direction: &Direction,
    before: &Before<'_>,
) -> Result<Plan, PlanError> {
    let planned = options.failover_type != Some(FailoverType::Unplanned);
    let unready = match kind.moves_authority() {
        true => Unready::on(document, direction.target, planned, before),
        false => Unready::default(),
    };
    let document = &unready.seen_in(document, direction.target);
    let mut builder = Builder::new(document, kind, options.accept_drift && planned);
    match kind {
        OperationKind::Create => create(&mut builder),
        OperationKind::AddMember => membership::add(&mut builder, options.member)?,
        OperationKind::RemoveMember => membership::remove(&mut builder, options.member)?,
        OperationKind::Failover | OperationKind::Failback => {
            relocation::relocate(
                &mut builder,
                options,
                direction,
                before.superseded,
                &unready,
            )?;
        }
        OperationKind::TestFailover => testing::test(&mut builder, options, direction)?,
        OperationKind::TestCleanup => {
            let test = before.test.ok_or(PlanError::NoTestPlan)?;
            testing::clean(&mut builder, direction, test);
        }
        OperationKind::Sync => sync(&mut builder, direction),
        OperationKind::Reprotect => reprotect(&mut builder, direction),
        OperationKind::Cleanup => match options.of {
            Some(of) => cleaning::clean_leftovers(&mut builder, direction.target, of),
            None => {
                let of = options.member;
                cleaning::clean_site(&mut builder, direction.target, before.leftovers, of);
            }
        },
        OperationKind::Delete => {
            cleaning::delete_group(&mut builder, direction.executor, before.leftovers);
        }
        OperationKind::Reset => reset(&mut builder, direction),
        OperationKind::Quarantine => quarantine(&mut builder, direction, before.unproven),
    }
    Ok(builder.build())
}

fn create(plan: &mut Builder<'_>) {
    let (primary, secondary) = (
        plan.document.primary_site_id,
        plan.document.secondary_site_id,
    );
    let check = plan.check(&[primary, secondary]);
    let groups = [
        (primary, "volume-group/primary"),
        (secondary, "volume-group/secondary"),
    ]
    .map(|(site, key)| {
        plan.add(key, site, Phase::Protecting, Action::EnsureVolumeGroup)
            .needs([&check])
            .done()
    });
    plan.finish(primary, groups);
}

fn sync(plan: &mut Builder<'_>, direction: &Direction) {
    let check = plan.check(&[direction.source, direction.target]);
    let protect = plan
        .add(
            "protect",
            direction.source,
            Phase::Protecting,
            Action::EnsureArrayGroup,
        )
        .needs([&check])
        .done();
    let sync = plan
        .add(
            "sync",
            direction.source,
            Phase::Replicating,
            Action::Replicate,
        )
        .needs([&protect])
        .done();
    plan.finish(direction.source, [sync]);
}

fn reprotect(plan: &mut Builder<'_>, direction: &Direction) {
    let direction = &match is_on(Bug::WrongDirection) {
        true => Direction {
            source: direction.target,
            target: direction.source,
            ..*direction
        },
        false => *direction,
    };
    let check = plan.check(&[direction.source, direction.target]);
    let suspend = plan
        .add(
            "suspend",
            direction.target,
            Phase::Protecting,
            Action::SuspendArrayGroup,
        )
        .needs([&check])
        .done();
    let group = plan
        .add(
            "volume-group",
            direction.source,
            Phase::Protecting,
            Action::FillVolumeGroup,
        )
        .needs([&check])
        .done();
    let protect = plan
        .add(
            "protect",
            direction.source,
            Phase::Protecting,
            Action::EnsureArrayGroup,
        )
        .needs([&suspend, &group])
        .done();
    let sync = plan
        .add(
            "sync",
            direction.source,
            Phase::Replicating,
            Action::Replicate,
        )
        .needs([&protect])
        .done();
    plan.finish(direction.source, [sync]);
}

fn reset(plan: &mut Builder<'_>, direction: &Direction) {
    let read = plan
        .add(
            "read-back",
            direction.source,
            Phase::Verifying,
            Action::ReadBack,
        )
        .done();
    plan.finish(direction.source, [read]);
}

fn quarantine(plan: &mut Builder<'_>, direction: &Direction, unproven: bool) {
    let site = direction.target;
    let members: Vec<&Member> = plan
        .document
        .members
        .iter()
        .filter(|m| must_quarantine(plan.document, m, site, unproven))
        .collect();
    let parked: Vec<String> = members
        .into_iter()
        .map(|member| {
            plan.add(
                "park",
                site,
                Phase::Parking,
                Action::ParkServer { quarantine: true },
            )
            .member(member)
            .done()
        })
        .collect();
    // What this site sends would overwrite nothing, but it would be taken for the group's data.
    let suspend = plan
        .add(
            "suspend",
            site,
            Phase::Protecting,
            Action::SuspendArrayGroup,
        )
        .needs(&parked)
        .gathers()
        .done();
    plan.finish(site, parked.into_iter().chain([suspend]));
}

/// Whether a site's copy of a member still counts as production there although the group, with a
/// copy of this member, runs or is being brought up on the other site. The only copy of a member
/// that did not move is left alone.
///
/// `unproven`: the site lost the group without its consent, so that a copy which the document calls
/// parked may run: the site may have given up the very move that was to park it.
pub fn must_quarantine(
    document: &GroupDocument,
    member: &Member,
    site: protector_framework::SiteId,
    unproven: bool,
) -> bool {
    let there = member.instance(document.current_primary_site_id);
    let is_up = |copy: &Instance| {
        matches!(
            copy.state,
            InstanceState::Production | InstanceState::Incomplete
        ) && copy.server_id.is_some()
    };
    let moves = member.status == MemberStatus::FailingOver || there.is_some_and(is_up);
    let startable = member.instance(site).is_some_and(|copy| match copy.state {
        InstanceState::Production => true,
        InstanceState::Incomplete => copy.server_id.is_some(),
        InstanceState::Parked => unproven && copy.server_id.is_some(),
        InstanceState::Quarantined => false,
    });
    document.current_primary_site_id != site && moves && startable
}

/// The status a group has when it runs on `site` with or without failures.
pub fn settled_status(
    document: &GroupDocument,
    site: protector_framework::SiteId,
    all_well: bool,
) -> GroupStatus {
    match (site == document.primary_site_id, all_well) {
        (true, true) => GroupStatus::Active,
        (false, true) => GroupStatus::FailedOver,
        (_, false) => GroupStatus::FailedOverPartial,
    }
}
