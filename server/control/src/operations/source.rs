//! Whether the site that an unplanned move leaves behind is really gone.

use std::time::Duration;

use protector_framework::SiteId;
use protector_model::Actor;
use protector_reach::within;

use crate::control::Control;
use crate::refusal::{Refusal, Result};

/// How long the source is asked in all: it is expected to be dead.
const PROBE: Duration = Duration::from_secs(3);

/// Refuses where the source's identity or compute service answers: its servers may be running. It is
/// asked in the account's own project: a project that the account may not enter says nothing of the
/// site.
pub(crate) async fn refuse_if_reachable(
    control: &Control,
    source: SiteId,
    actor: &Actor,
) -> Result<()> {
    let cloud = match control.reach.own_compute(source).await {
        Ok(cloud) => cloud,
        Err(error) => {
            tracing::info!(%error, "the source cannot be asked whether it is there");
            return Ok(());
        }
    };
    let ctx = control.ctx(actor).with_deadline(PROBE);
    let Some(health) = within(&*control.clock, PROBE, cloud.health(&ctx)).await else {
        return Ok(());
    };
    if !health.keystone.reachable && !health.nova.reachable {
        return Ok(());
    }
    let site = control.site_of(source).await?;
    Err(Refusal::conflict(
        "protector.source_reachable",
        format!(
            "site `{}` still answers, so its servers may be running; use a planned move, or `force` \
             where the servers are known to be stopped",
            site.name
        ),
    ))
}
