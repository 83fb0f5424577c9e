//! What is asked of a cloud.

use std::collections::BTreeMap;

use futures::join;
use protector_framework::{
    CloudHealth, ComputeDriver, DriverError, ErrorKind, MemberId, ResourceKind, ServerRef, SiteId,
    VolumeRef, VolumeType,
};
use protector_model::readiness::{
    Cause, CopyFacts, Fact, TargetFacts, Unknown, copies_needed, kinds_needed,
};
use protector_model::{GroupDocument, Instance, InstanceState};

use crate::ask::{Ask, each};

/// A server as a member's copy, or `None` where it is gone.
pub(crate) type Servers = BTreeMap<MemberId, Fact<Option<protector_framework::Blueprint>>>;

/// Whether the cloud answers, and whether it lets the account into the project.
pub(crate) async fn first(
    ask: Ask<'_>,
    cloud: &dyn ComputeDriver,
) -> (Fact<CloudHealth>, Fact<Vec<VolumeType>>) {
    join!(
        ask.answer(cloud.health(ask.ctx)),
        ask.fact(cloud.list_volume_types(ask.ctx)),
    )
}

/// Why nothing more is asked of a cloud: none of its services answers.
pub(crate) fn is_dark(health: &Fact<CloudHealth>) -> Option<Unknown> {
    match health {
        Fact::NotAsked => None,
        Fact::Unknown(unknown) => Some(unknown.clone()),
        Fact::Known(health) => {
            let all = [
                &health.keystone,
                &health.nova,
                &health.cinder,
                &health.neutron,
            ];
            let dark = all.iter().all(|service| !service.reachable);
            dark.then(|| Unknown::because(Cause::Silent, health.keystone.detail.clone()))
        }
    }
}

/// The members' servers on the site that they run on.
pub(crate) async fn servers(
    ask: Ask<'_>,
    cloud: &dyn ComputeDriver,
    document: &GroupDocument,
    site: SiteId,
) -> Servers {
    let read = running(document, site).map(|(member, server)| async move {
        let captured = cloud.capture_server(ask.ctx, ServerRef::new(server));
        (member, ask.fact(async { found(captured.await) }).await)
    });
    each(read).await.into_iter().collect()
}

/// The same where nobody was asked.
pub(crate) fn no_servers(document: &GroupDocument, site: SiteId, why: &Unknown) -> Servers {
    let running = running(document, site);
    running
        .map(|(member, _)| (member, Fact::Unknown(why.clone())))
        .collect()
}

fn running(
    document: &GroupDocument,
    site: SiteId,
) -> impl Iterator<Item = (MemberId, &protector_framework::ServerId)> {
    document.members.iter().filter_map(move |member| {
        let copy = member.instance(site)?;
        let server = copy.server_id.as_ref()?;
        (copy.state == InstanceState::Production).then_some((member.id, server))
    })
}

/// What the members would need on a site.
pub(crate) async fn needs(
    ask: Ask<'_>,
    cloud: &dyn ComputeDriver,
    document: &GroupDocument,
    site: SiteId,
) -> TargetFacts {
    let kinds = kinds_needed(document.members.iter());
    let listed =
        each(kinds.into_iter().map(|kind| async move {
            (kind, ask.fact(cloud.list_resources(ask.ctx, kind)).await)
        }));
    let copies = each(copies_needed(&document.members, site).filter_map(|member| {
        let copy = member.instance(site)?;
        Some(async move { (member.id, ask.fact(kept(ask, cloud, copy)).await) })
    }));
    let (pools, headroom, listed, copies) = join!(
        ask.fact(cloud.list_pools(ask.ctx)),
        ask.fact(cloud.get_headroom(ask.ctx)),
        listed,
        copies,
    );
    TargetFacts {
        pools,
        headroom,
        resources: listed.into_iter().collect(),
        copies: copies.into_iter().collect(),
        ..TargetFacts::default()
    }
}

/// The same where nobody was asked.
pub(crate) fn no_needs(document: &GroupDocument, site: SiteId, why: &Unknown) -> TargetFacts {
    let kinds = kinds_needed(document.members.iter());
    let copies = copies_needed(&document.members, site);
    TargetFacts {
        pools: Fact::Unknown(why.clone()),
        headroom: Fact::Unknown(why.clone()),
        resources: kinds
            .into_iter()
            .map(|kind: ResourceKind| (kind, Fact::Unknown(why.clone())))
            .collect(),
        copies: copies
            .map(|member| (member.id, Fact::Unknown(why.clone())))
            .collect(),
        ..TargetFacts::default()
    }
}

async fn kept(
    ask: Ask<'_>,
    cloud: &dyn ComputeDriver,
    copy: &Instance,
) -> Result<CopyFacts, DriverError> {
    let mut facts = CopyFacts::default();
    if let Some(id) = &copy.server_id {
        facts.server = found(cloud.get_server(ask.ctx, ServerRef::new(id)).await)?;
    }
    for volume in &copy.volumes {
        match found(cloud.get_volume(ask.ctx, VolumeRef::new(&volume.id)).await)? {
            None => facts.gone.push(volume.id.clone()),
            Some(there) if there.connected => facts.connected.push(volume.id.clone()),
            Some(_) => {}
        }
    }
    Ok(facts)
}

/// "Not there" as `None`.
pub(crate) fn found<T>(result: Result<T, DriverError>) -> Result<Option<T>, DriverError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
