//! What is asked of a cloud.

use std::collections::BTreeMap;

use futures::{FutureExt as _, join};
use protector_framework::{
    Blueprint, CloudHealth, ComputeDriver, DriverError, ErrorKind, MemberId, Resource,
    ResourceKind, ServerId, ServerRef, SiteId, VolumeRef, VolumeType,
};
use protector_model::readiness::{
    Cause, CopyFacts, Fact, TargetFacts, Unknown, copies_needed, kinds_needed,
};
use protector_model::{GroupDocument, Instance, InstanceState};

use crate::ask::{Ask, each};

/// A server as a member's copy, or `None` where it is gone.
pub(crate) type Servers = BTreeMap<MemberId, Fact<Option<Blueprint>>>;

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
    let mut questions = Vec::new();
    for (member, server) in running(document, site) {
        questions.push(capture(ask, cloud, member, server).boxed());
    }
    each(questions).await.into_iter().collect()
}

async fn capture(
    ask: Ask<'_>,
    cloud: &dyn ComputeDriver,
    member: MemberId,
    server: &ServerId,
) -> (MemberId, Fact<Option<Blueprint>>) {
    let captured = cloud.capture_server(ask.ctx, ServerRef::new(server));
    (member, ask.fact(async { found(captured.await) }).await)
}

/// The same where nobody was asked.
pub(crate) fn no_servers(document: &GroupDocument, site: SiteId, why: &Unknown) -> Servers {
    let running = running(document, site);
    running
        .map(|(member, _)| (member, Fact::Unknown(why.clone())))
        .collect()
}

fn running(document: &GroupDocument, site: SiteId) -> impl Iterator<Item = (MemberId, &ServerId)> {
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
    seen_from: SiteId,
) -> TargetFacts {
    let mut lists = Vec::new();
    for kind in kinds_needed(document.members.iter(), site, seen_from) {
        lists.push(list(ask, cloud, kind).boxed());
    }
    let mut copies = Vec::new();
    for member in copies_needed(&document.members, site) {
        if let Some(copy) = member.instance(site) {
            copies.push(kept(ask, cloud, member.id, copy).boxed());
        }
    }
    let (pools, headroom, listed, copies) = join!(
        ask.fact(cloud.list_pools(ask.ctx)),
        ask.fact(cloud.get_headroom(ask.ctx)),
        each(lists),
        each(copies),
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
pub(crate) fn no_needs(
    document: &GroupDocument,
    site: SiteId,
    seen_from: SiteId,
    why: &Unknown,
) -> TargetFacts {
    let kinds = kinds_needed(document.members.iter(), site, seen_from);
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

async fn list(
    ask: Ask<'_>,
    cloud: &dyn ComputeDriver,
    kind: ResourceKind,
) -> (ResourceKind, Fact<Vec<Resource>>) {
    let listed = cloud.list_resources(ask.ctx, kind);
    (kind, ask.fact(listed).await)
}

async fn kept(
    ask: Ask<'_>,
    cloud: &dyn ComputeDriver,
    member: MemberId,
    copy: &Instance,
) -> (MemberId, Fact<CopyFacts>) {
    (member, ask.fact(look_at(ask, cloud, copy)).await)
}

async fn look_at(
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
