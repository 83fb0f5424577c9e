//! Test failover: clones on a test network. Production and its replication are untouched.

use super::builder::Builder;
use super::relocation::{Overwritten, copy, movable, pick_point, probe, start};
use super::unready::Unready;
use super::{PlanError, Unmapped};
use crate::document::Member;
use crate::operation::OperationOptions;
use crate::plan::{Action, Phase, Plan};
use crate::request::Direction;
use protector_framework::{ResourceId, ResourceKind};

pub(super) fn test(
    plan: &mut Builder<'_>,
    options: &OperationOptions,
    direction: &Direction,
) -> Result<(), PlanError> {
    let target = direction.target;
    let members = testable(plan, direction)?;
    let check = plan.check(&[target]);
    let isolated = plan
        .add(
            "test-networks",
            target,
            Phase::Checking,
            Action::CheckTestNetworks,
        )
        .needs([&check])
        .done();
    let pin = pick_point(plan, target, &isolated, &[]);
    for member in &members {
        copy(plan, member, target, &pin, true);
    }
    let started = start(plan, &members, target, &pin, &Overwritten::new(), true);
    let probed = probe(plan, &members, target, &started, true);
    let mut last: Vec<String> = started.into_iter().map(|(_, key)| key).collect();
    last.extend(probed);
    if options.auto_cleanup {
        let after = last.clone();
        last = remove(plan, &members, target, &after);
        let unpin = plan
            .add("unpin", target, Phase::Cleaning, Action::UnpinPoint)
            .needs(&last)
            .gathers()
            .done();
        last = vec![unpin];
    }
    plan.finish(target, last);
    Ok(())
}

/// The members whose networks all have a test network.
fn testable<'a>(plan: &Builder<'a>, direction: &Direction) -> Result<Vec<&'a Member>, PlanError> {
    let document = plan.document;
    let mut missing = Vec::new();
    let mut members = Vec::new();
    for member in &document.members {
        let Some(blueprint) = &member.blueprint else {
            continue;
        };
        for port in &blueprint.ports {
            let known = crate::translate::test_network(
                document,
                &port.network_id,
                member.blueprint_site,
                direction.target,
            );
            let production = |network: &ResourceId| {
                crate::translate::is_of_production(document, network, direction.target)
            };
            if let Some(network) = known.clone().filter(production) {
                return Err(PlanError::TestOnProduction {
                    member: member.name.clone(),
                    network,
                });
            }
            if known.is_none() {
                missing.push(Unmapped {
                    member: member.name.clone(),
                    kind: ResourceKind::TestNetwork,
                    id: port.network_id.clone(),
                });
            }
        }
        members.push(member);
    }
    if !missing.is_empty() {
        return Err(PlanError::Unmapped(missing));
    }
    members.sort_by_key(|m| (m.boot_tier, m.name.clone()));
    // The same blueprints must fit a real move, or the test would prove nothing; a copy that is
    // parked there does not disturb the test.
    match movable(plan, direction.target, false, &Unready::default()) {
        Err(error @ PlanError::Unmapped(_)) => Err(error),
        _ => Ok(members),
    }
}

/// Removes what a test made: its servers and ports, then its volumes, then its hold on the point.
pub(super) fn clean(plan: &mut Builder<'_>, direction: &Direction, test: &Plan) {
    let ids: Vec<_> = test.steps.iter().filter_map(|s| s.member).collect();
    let members: Vec<&Member> = plan
        .document
        .members
        .iter()
        .filter(|m| ids.contains(&m.id))
        .collect();
    let removed = remove(plan, &members, direction.target, &[]);
    let unpin = plan
        .add(
            "unpin",
            direction.target,
            Phase::Cleaning,
            Action::UnpinPoint,
        )
        .needs(&removed)
        .gathers()
        .done();
    plan.finish(direction.target, [unpin].into_iter().chain(removed));
}

fn remove(
    plan: &mut Builder<'_>,
    members: &[&Member],
    target: protector_framework::SiteId,
    after: &[String],
) -> Vec<String> {
    members
        .iter()
        .map(|member| {
            let servers = plan
                .add(
                    "remove-server",
                    target,
                    Phase::Cleaning,
                    Action::RemoveTestServers,
                )
                .member(member)
                .needs(after)
                .gathers()
                .done();
            plan.add(
                "remove-volumes",
                target,
                Phase::Cleaning,
                Action::RemoveTestVolumes,
            )
            .member(member)
            .needs([&servers])
            .done()
        })
        .collect()
}
