//! Removes copies that are no longer needed, in the order that cannot destroy production data.

use protector_framework::{MemberId, OperationId, SiteId};

use super::builder::Builder;
use crate::document::{Instance, InstanceState, Member};
use crate::plan::{Action, Phase};

/// Takes back what one operation had done when it gave way to another.
pub(super) fn clean_leftovers(plan: &mut Builder<'_>, site: SiteId, of: OperationId) {
    let check = plan.check(&[site]);
    let taken = take_back(plan, site, of, &check);
    plan.finish(site, [taken]);
}

fn take_back(plan: &mut Builder<'_>, site: SiteId, of: OperationId, check: &str) -> String {
    let action = Action::TakeBack { operation: of };
    plan.add(&format!("take-back/{of}"), site, Phase::Cleaning, action)
        .needs([check])
        .done()
}

/// Removes every copy on a site that is not the production one, or that of one member.
pub(super) fn clean_site(
    plan: &mut Builder<'_>,
    site: SiteId,
    leftovers: &[OperationId],
    only: Option<MemberId>,
) {
    let check = plan.check(&[site]);
    let members: Vec<&Member> = plan.document.members.iter().collect();
    let mut last = vec![check.clone()];
    for of in leftovers {
        last.push(take_back(plan, site, *of, &check));
    }
    let other = plan.document.other_site(site);
    let wanted = |m: &&Member| only.is_none_or(|only| m.id == only) && runs_on(m, other);
    for member in members.into_iter().filter(wanted) {
        last.extend(clean_copy(plan, member, site, &check));
    }
    plan.finish(site, last);
}

/// Where a member does not run, what the other site keeps may be the only copy of its data.
pub(super) fn runs_on(member: &Member, site: SiteId) -> bool {
    let runs = |copy: &Instance| copy.state == InstanceState::Production;
    member.instance(site).is_some_and(runs)
}

/// Removes one member's copy on a site: server, then volumes out of group and cloud, then ports,
/// then the array volumes. Returns the last step's key, or none where there is no such copy.
pub(super) fn clean_copy(
    plan: &mut Builder<'_>,
    member: &Member,
    site: SiteId,
    after: &str,
) -> Option<String> {
    let copy = member.instance(site)?;
    if copy.state == InstanceState::Production {
        return None;
    }
    let mut step = |key: &str, action: Action, need: &str| {
        plan.add(key, site, Phase::Cleaning, action)
            .member(member)
            .needs([need])
            .done()
    };
    let server = step("delete-server", Action::DeleteServer, after);
    let volumes = step("release-volumes", Action::ReleaseVolumes, &server);
    let ports = step("delete-ports", Action::DeletePorts, &volumes);
    Some(step("discard-volumes", Action::DiscardVolumes, &ports))
}

/// Removes a whole group: the copies of what is in production, both replications, both volume
/// groups. The production servers and their volumes stay as they are, and no server stays locked.
pub(super) fn delete_group(plan: &mut Builder<'_>, executor: SiteId, leftovers: &[OperationId]) {
    let source = plan.document.current_primary_site_id;
    let standby = plan.document.standby_site();
    let check = plan.check(&[source, standby]);
    let mut needs = vec![check.clone()];
    for of in leftovers {
        needs.push(take_back(plan, executor, *of, &check));
    }
    let members: Vec<&Member> = plan.document.members.iter().collect();
    for member in members {
        if runs_on(member, source) {
            needs.extend(clean_copy(plan, member, standby, &check));
            continue;
        }
        // What is kept of it is all there is: it stays, and nobody else could unlock it any more.
        let kept = [standby, source].into_iter().filter(|site| {
            let copy = member.instance(*site);
            copy.is_some_and(|copy| copy.server_id.is_some())
        });
        for site in kept.collect::<Vec<_>>() {
            let which = if site == source { "primary" } else { "standby" };
            let key = format!("unlock-{which}");
            needs.push(
                plan.add(&key, site, Phase::Cleaning, Action::UnlockServer)
                    .member(member)
                    .needs([&check])
                    .done(),
            );
        }
    }
    for (site, which) in [(source, "primary"), (standby, "standby")] {
        if plan.document.policy.is_some() {
            let key = format!("delete-array-group/{which}");
            needs = vec![
                plan.add(&key, site, Phase::Cleaning, Action::DeleteArrayGroup)
                    .needs(&needs)
                    .done(),
            ];
        }
        let key = format!("delete-volume-group/{which}");
        needs = vec![
            plan.add(&key, site, Phase::Cleaning, Action::DeleteVolumeGroup)
                .needs(&needs)
                .done(),
        ];
    }
    let forget = plan
        .add("forget", source, Phase::Cleaning, Action::ForgetGroup)
        .needs(&needs)
        .done();
    plan.finish(source, [forget]);
}
