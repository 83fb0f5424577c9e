//! A server joins or leaves a group.

use protector_framework::MemberId;

use super::builder::Builder;
use super::{PlanError, cleaning};
use crate::document::Member;
use crate::plan::{Action, Phase};

fn find<'a>(plan: &Builder<'a>, id: Option<MemberId>) -> Result<&'a Member, PlanError> {
    id.and_then(|id| plan.document.member(id))
        .ok_or(PlanError::NoMember)
}

pub(super) fn add(plan: &mut Builder<'_>, id: Option<MemberId>) -> Result<(), PlanError> {
    let member = find(plan, id)?;
    let (source, target) = (
        plan.document.current_primary_site_id,
        plan.document.standby_site(),
    );
    let check = plan.check(&[source, target]);
    let capture = plan
        .add("capture", source, Phase::Checking, Action::CaptureMember)
        .member(member)
        .needs([&check])
        .done();
    let group = plan
        .add(
            "volume-group",
            source,
            Phase::Protecting,
            Action::FillVolumeGroup,
        )
        .needs([&capture])
        .done();
    let protect = plan
        .add(
            "protect",
            source,
            Phase::Protecting,
            Action::EnsureArrayGroup,
        )
        .needs([&group])
        .done();
    let seed = plan
        .add("seed", source, Phase::Replicating, Action::Replicate)
        .needs([&protect])
        .done();
    plan.finish(source, [seed]);
    Ok(())
}

pub(super) fn remove(plan: &mut Builder<'_>, id: Option<MemberId>) -> Result<(), PlanError> {
    let member = find(plan, id)?;
    let (source, target) = (
        plan.document.current_primary_site_id,
        plan.document.standby_site(),
    );
    let check = plan.check(&[source, target]);
    let protect = plan
        .add(
            "protect",
            source,
            Phase::Protecting,
            Action::EnsureArrayGroup,
        )
        .needs([&check])
        .done();
    let group = plan
        .add(
            "volume-group",
            source,
            Phase::Protecting,
            Action::FillVolumeGroup,
        )
        .needs([&protect])
        .done();
    let mut before = vec![group.clone()];
    if cleaning::runs_on(member, source) {
        before.extend(cleaning::clean_copy(plan, member, target, &group));
    }
    let forget = plan
        .add("forget", source, Phase::Cleaning, Action::ForgetMember)
        .member(member)
        .needs(&before)
        .done();
    plan.finish(source, [forget]);
    Ok(())
}
