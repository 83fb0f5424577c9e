//! Failover and failback: the same way in both directions.
//!
//! Nothing is started or overwritten on the target before the commit point, and the source is never
//! started again after it.

use std::collections::BTreeMap;

use protector_framework::{MemberId, OperationId, SiteId};

use super::builder::Builder;
use super::cleaning::clean_copy;
use super::unready::Unready;
use super::{PlanError, Unmapped};
use crate::document::{Instance, InstanceState, Member};
use crate::operation::OperationOptions;
use crate::plan::{Action, Phase};
use crate::request::Direction;
use crate::seeded::{Bug, is_on};
use crate::status::{FailoverType, MemberStatus};
use crate::translate::unmapped;

pub(super) fn relocate(
    plan: &mut Builder<'_>,
    options: &OperationOptions,
    direction: &Direction,
    superseded: &[OperationId],
    unready: &Unready,
) -> Result<(), PlanError> {
    let (source, target) = (direction.source, direction.target);
    let planned = options.failover_type != Some(FailoverType::Unplanned);
    let members = movable(plan, target, planned, unready)?;
    let mut moving = members.clone();
    moving.retain(|m| !rests_on(m, target, source));

    let sites = if planned || is_on(Bug::DeadSiteAsked) {
        vec![target, source]
    } else {
        vec![target]
    };
    let check = plan.check(&sites);
    let stopped: Vec<String> = superseded
        .iter()
        .map(|older| {
            let action = Action::AwaitExecutor { operation: *older };
            plan.add(&format!("await/{older}"), target, Phase::Checking, action)
                .done()
        })
        .collect();
    let mut free = vec![check.clone()];
    free.extend(stopped.iter().cloned());
    let parked = park_first(plan, target, &free, unready);
    let ready = if moving.is_empty() {
        // Every member starts from what the target keeps: no data is brought over.
        free
    } else {
        let after = match planned {
            true => quiesce(plan, &moving, source, &check),
            false => check,
        };
        vec![pick_point(plan, target, &after, &stopped)]
    };
    let held = hold_own(plan, &moving, target, &ready);
    let ready = ready.into_iter().chain(held).collect::<Vec<_>>();
    let commit = copy_and_commit(plan, &members, target, &ready, &parked, planned, unready);
    let overwritten = overwrite(plan, &moving, target, &commit, &parked);
    let started = start(plan, &members, target, &commit, &overwritten, false);
    let probed = probe(plan, &members, target, &started, false);
    let mut last = settle(plan, &moving, direction, &started, planned);
    last.extend(probed);
    plan.finish(target, last);
    Ok(())
}

/// Whether what the target keeps of a member is the newest there is: its move has ended without a
/// server on the source, so that nothing was written there. Its copy is started as it was left.
fn rests_on(member: &Member, target: SiteId, source: SiteId) -> bool {
    let ran = |copy: &Instance| copy.server_id.is_some();
    member.has_parked_copy(target)
        && member.status == MemberStatus::Error
        && !member.instance(source).is_some_and(ran)
}

/// Whether a member's move to the source has not come to an end that the document knows: whether it
/// runs there, and what it has written, is not known.
fn is_unfinished(member: &Member, target: SiteId, source: SiteId) -> bool {
    let runs = |copy: &Instance| copy.state == InstanceState::Production;
    !rests_on(member, target, source) && !member.instance(source).is_some_and(runs)
}

/// The members that take part, in boot order, each with a blueprint that fits the target.
pub(super) fn movable<'a>(
    plan: &Builder<'a>,
    target: SiteId,
    planned: bool,
    unready: &Unready,
) -> Result<Vec<&'a Member>, PlanError> {
    let document = plan.document;
    let mut missing: Vec<Unmapped> = Vec::new();
    let mut members = Vec::new();
    for member in &document.members {
        if member.blueprint.is_none() {
            // Nothing of it has been replicated. An unplanned move names it as not recovered.
            if planned && member.status != MemberStatus::Error {
                return Err(PlanError::NotCaptured(member.name.clone()));
            }
            continue;
        }
        let source = document.other_site(target);
        if member.instance(source).is_none() && !member.has_parked_copy(target) {
            // It never left the target, or is lost: there is nothing to bring over.
            continue;
        }
        let runs = |copy: &Instance| copy.state == InstanceState::Production;
        let may_run = |copy: &Instance| runs(copy) || copy.server_id.is_some();
        let moved = member.instance(source).is_some_and(may_run);
        if member.instance(target).is_some_and(runs) && !moved {
            // It never left the target.
            continue;
        }
        if planned && is_unfinished(member, target, source) {
            return Err(PlanError::Unfinished {
                member: member.name.clone(),
                site: source,
            });
        }
        let outdated = member.instance(target).is_some() && !member.has_parked_copy(target);
        if outdated && !unready.is_rebuilt(member) {
            if !planned {
                // The others are not held up for it; it is named as not recovered.
                continue;
            }
            return Err(PlanError::OutdatedCopy {
                member: member.name.clone(),
                site: target,
            });
        }
        if !member.has_parked_copy(target) {
            missing.extend(unmapped(document, member, target));
        }
        members.push(member);
    }
    if !missing.is_empty() {
        return Err(PlanError::Unmapped(missing));
    }
    members.sort_by_key(|m| (m.boot_tier, m.name.clone()));
    Ok(members)
}

/// Sends most of the data while the servers run, stops them, and sends the rest.
fn quiesce(plan: &mut Builder<'_>, members: &[&Member], source: SiteId, check: &str) -> String {
    let protect = plan
        .add(
            "protect",
            source,
            Phase::Protecting,
            Action::EnsureArrayGroup,
        )
        .needs([check])
        .done();
    let presync = plan
        .add("presync", source, Phase::Replicating, Action::Replicate)
        .needs([&protect])
        .done();
    let survey = plan
        .add("survey", source, Phase::Quiescing, Action::SurveySource)
        .needs([&presync])
        .done();
    let mut before = vec![survey];
    let mut captured = Vec::new();
    for tier in tiers(members).into_values().rev() {
        let mut stopped = Vec::new();
        for member in tier {
            let stop = plan
                .add("stop", source, Phase::Quiescing, Action::StopServer)
                .member(member)
                .needs(&before)
                .done();
            captured.push(
                plan.add(
                    "recapture",
                    source,
                    Phase::Quiescing,
                    Action::RecaptureMember,
                )
                .member(member)
                .needs([&stop])
                .done(),
            );
            stopped.push(stop);
        }
        before = stopped;
    }
    plan.add("sync", source, Phase::Replicating, Action::Replicate)
        .needs(&captured)
        .done()
}

/// Chooses the recovery point and keeps it from retention.
///
/// `stopped`: who else was at work must have stopped before anything is changed; looking is free.
pub(super) fn pick_point(
    plan: &mut Builder<'_>,
    target: SiteId,
    after: &str,
    stopped: &[String],
) -> String {
    let point = plan
        .add("point", target, Phase::Replicating, Action::ChoosePoint)
        .needs([after])
        .done();
    plan.add("pin", target, Phase::Replicating, Action::PinPoint)
        .needs([&point])
        .needs(stopped)
        .done()
}

/// Before authority passes, the target's own group stops taking points: until its volumes are
/// overwritten, such a point would hold what they held before.
fn hold_own(
    plan: &mut Builder<'_>,
    moving: &[&Member],
    target: SiteId,
    ready: &[String],
) -> Option<String> {
    let overwrites = moving.iter().any(|m| m.has_parked_copy(target));
    overwrites.then(|| {
        plan.add("hold", target, Phase::Protecting, Action::HoldArrayGroup)
            .needs(ready)
            .done()
    })
}

/// The step that puts each member's copy out of use which is still as the target lost it.
type ParkedFirst = BTreeMap<MemberId, String>;

/// Puts them away as soon as nobody else is at work, whatever else comes of the move: a quarantine has
/// given way to it.
fn park_first(
    plan: &mut Builder<'_>,
    target: SiteId,
    free: &[String],
    unready: &Unready,
) -> ParkedFirst {
    let members = plan.document.members.iter();
    let lost = members.filter(|m| unready.is_parked_first(m));
    lost.map(|member| {
        let action = Action::ParkServer { quarantine: true };
        let key = plan
            .add("park", target, Phase::Parking, action)
            .member(member)
            .needs(free)
            .done();
        (member.id, key)
    })
    .collect()
}

/// Makes and adopts volumes where the target keeps none, then passes authority.
fn copy_and_commit(
    plan: &mut Builder<'_>,
    members: &[&Member],
    target: SiteId,
    ready: &[String],
    parked: &ParkedFirst,
    planned: bool,
    unready: &Unready,
) -> String {
    let mut needs = ready.to_vec();
    let put_away = members.iter().filter_map(|m| parked.get(&m.id));
    needs.extend(put_away.cloned());
    if let Some(pin) = ready.first() {
        for member in members.iter().filter(|m| !m.has_parked_copy(target)) {
            // What is left of an older copy goes first: it holds the ports and the names.
            let removed = match unready.is_rebuilt(member) {
                true => clean_copy(plan, member, target, pin),
                false => None,
            };
            let after = removed.as_ref().unwrap_or(pin);
            needs.extend(copy(plan, member, target, after, false));
        }
    }
    let rests = |m: &&Member| m.has_parked_copy(target) && !unready.is_parked_first(m);
    if !planned && members.iter().any(rests) {
        // One is ready as soon as the point is held: it does not wait for the others' copies.
        needs.truncate(ready.len());
    }
    plan.add(
        "commit",
        target,
        Phase::Committing,
        Action::Commit { handover: planned },
    )
    .needs(&needs)
    .gathers_if(!planned)
    .done()
}

/// Makes and adopts the volumes of one member; returns the keys of the adoptions.
pub(super) fn copy(
    plan: &mut Builder<'_>,
    member: &Member,
    target: SiteId,
    pin: &str,
    test: bool,
) -> Vec<String> {
    let slots = member.blueprint.as_ref().map_or(0, |b| b.volumes.len());
    (0..slots)
        .map(|slot| {
            let copy = plan
                .add(
                    &format!("copy#{slot}"),
                    target,
                    Phase::Copying,
                    Action::CopyVolume { slot, test },
                )
                .member(member)
                .needs([pin])
                .done();
            plan.add(
                &format!("adopt#{slot}"),
                target,
                Phase::Copying,
                Action::AdoptVolume { slot, test },
            )
            .member(member)
            .needs([&copy])
            .done()
        })
        .collect()
}

/// Brings the members up, tier by tier; returns the keys of their verifications.
pub(super) fn start(
    plan: &mut Builder<'_>,
    members: &[&Member],
    target: SiteId,
    after: &str,
    overwritten: &Overwritten,
    test: bool,
) -> Vec<(MemberId, String)> {
    let mut verified = Vec::new();
    let mut barrier = after.to_owned();
    let tiers = tiers(members);
    let last = tiers.keys().next_back().copied();
    for (tier, members) in tiers {
        let mut keys = Vec::new();
        for member in &members {
            let up = if member.has_parked_copy(target) && !test {
                revive(plan, member, target, overwritten, &[after, &barrier])
            } else {
                boot(plan, member, target, after, &barrier, test)
            };
            let verify = plan
                .add(
                    "verify",
                    target,
                    Phase::Verifying,
                    Action::VerifyServer { test },
                )
                .member(member)
                .needs([&up])
                .done();
            keys.push(verify.clone());
            verified.push((member.id, verify));
        }
        if Some(tier) != last {
            let seconds = members.iter().map(|m| m.boot_delay).max().unwrap_or(0);
            // A tier whose members fell out early still comes after those before it.
            barrier = plan
                .add(
                    &format!("tier/{tier}"),
                    target,
                    Phase::Starting,
                    Action::Delay { seconds },
                )
                .needs([&barrier])
                .needs(&keys)
                .gathers()
                .done();
        }
    }
    verified
}

/// Looks whether those that have a probe have come up inside; returns the keys. Nothing of a move
/// waits for it but its end.
pub(super) fn probe(
    plan: &mut Builder<'_>,
    members: &[&Member],
    target: SiteId,
    started: &[(MemberId, String)],
    test: bool,
) -> Vec<String> {
    let probed = members.iter().filter(|member| member.probe.is_some());
    probed
        .map(|member| {
            let up = started.iter().filter(|(id, _)| *id == member.id);
            plan.add(
                "probe",
                target,
                Phase::Verifying,
                Action::ProbeServer { test },
            )
            .member(member)
            .needs(up.map(|(_, key)| key))
            .done()
        })
        .collect()
}

/// The steps that each member's parked copy waits for before it is brought back.
pub(super) type Overwritten = BTreeMap<MemberId, Vec<String>>;

/// Overwrites the parked copies of those that moved, in place.
fn overwrite(
    plan: &mut Builder<'_>,
    moving: &[&Member],
    target: SiteId,
    after: &str,
    parked: &ParkedFirst,
) -> Overwritten {
    let mut overwritten = Overwritten::new();
    for member in moving.iter().filter(|m| m.has_parked_copy(target)) {
        let slots = member.instance(target).map_or(0, |i| i.volumes.len());
        let keys = (0..slots).map(|slot| {
            plan.add(
                &format!("overwrite#{slot}"),
                target,
                Phase::Copying,
                Action::OverwriteVolume { slot },
            )
            .member(member)
            .needs([after])
            .needs(parked.get(&member.id))
            .done()
        });
        overwritten.insert(member.id, keys.collect());
    }
    for (member, key) in parked {
        overwritten.entry(*member).or_default().push(key.clone());
    }
    overwritten
}

fn revive(
    plan: &mut Builder<'_>,
    member: &Member,
    target: SiteId,
    overwritten: &Overwritten,
    after: &[&str],
) -> String {
    plan.add("revive", target, Phase::Starting, Action::ReviveServer)
        .member(member)
        .needs(overwritten.get(&member.id).into_iter().flatten())
        .needs(after)
        .done()
}

fn boot(
    plan: &mut Builder<'_>,
    member: &Member,
    target: SiteId,
    after: &str,
    barrier: &str,
    test: bool,
) -> String {
    let slug = super::builder::slug(plan.document, member);
    let slots = member.blueprint.as_ref().map_or(0, |b| b.volumes.len());
    let mut needs: Vec<String> = (0..slots)
        .map(|slot| format!("adopt/{slug}/{slot}"))
        .collect();
    // Nothing is made for a member that has no volumes to start from.
    let ports = plan
        .add(
            "ports",
            target,
            Phase::Starting,
            Action::CreatePorts { test },
        )
        .member(member)
        .needs([after])
        .needs(&needs)
        .done();
    needs.push(ports);
    needs.push(barrier.to_owned());
    plan.add("boot", target, Phase::Starting, Action::BootServer { test })
        .member(member)
        .needs(&needs)
        .done()
}

/// Parks the source, sets up the way back, and lets the point go.
fn settle(
    plan: &mut Builder<'_>,
    members: &[&Member],
    direction: &Direction,
    started: &[(MemberId, String)],
    planned: bool,
) -> Vec<String> {
    let (source, target) = (direction.source, direction.target);
    let verified: Vec<&String> = started.iter().map(|(_, key)| key).collect();
    let group = plan
        .add(
            "volume-group",
            target,
            Phase::Protecting,
            Action::FillVolumeGroup,
        )
        .needs(&verified)
        .gathers()
        .done();
    let mut last = vec![group.clone()];
    if planned {
        for member in members {
            let verify = started
                .iter()
                .filter(|(id, _)| *id == member.id)
                .map(|(_, key)| key);
            last.push(
                plan.add(
                    "park",
                    source,
                    Phase::Parking,
                    Action::ParkServer { quarantine: false },
                )
                .member(member)
                .needs(verify)
                .done(),
            );
        }
        let suspend = plan
            .add(
                "suspend",
                source,
                Phase::Protecting,
                Action::SuspendArrayGroup,
            )
            .needs(&verified)
            .gathers()
            .done();
        last.push(
            plan.add(
                "reverse",
                target,
                Phase::Protecting,
                Action::EnsureArrayGroup,
            )
            .needs([&suspend, &group])
            .done(),
        );
    }
    // Held as long as a member is not up: its retry needs the same point.
    let unpin = plan
        .add("unpin", target, Phase::Cleaning, Action::UnpinPoint)
        .needs(&verified)
        .done();
    last.push(unpin);
    last
}

fn tiers<'a>(members: &[&'a Member]) -> BTreeMap<u8, Vec<&'a Member>> {
    let mut tiers: BTreeMap<u8, Vec<&Member>> = BTreeMap::new();
    for member in members {
        tiers.entry(member.boot_tier).or_default().push(member);
    }
    tiers
}
