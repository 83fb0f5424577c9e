//! Would a failover of a group work now? Asked of both sites while the caller waits.

use std::time::Duration;

use protector_framework::ProjectId;
use protector_model::Actor;
use protector_model::readiness::{Readiness, ReplicationHealth};
use protector_readiness::Look;

use crate::control::Control;
use crate::refusal::{Refusal, Result};

/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(8);

/// Looks at both sites now.
pub(crate) async fn show(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
) -> Result<Readiness> {
    let record = control.group(project, group).await?;
    let look = Look {
        db: control.db.clone(),
        reach: control.reach.clone(),
        clock: control.clock.clone(),
        site: control.local().await?.id,
        ctx: control.ctx(actor).with_deadline(DEADLINE),
    };
    Ok(look.readiness(&record, None).await?)
}

/// How the group's replication is now.
pub(crate) async fn health(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    group: &str,
) -> Result<ReplicationHealth> {
    let policy = control.group(project, group).await?.document.policy;
    let readiness = show(control, actor, project, group).await?;
    ReplicationHealth::of(&readiness, policy.map(|policy| policy.rpo_minutes))
        .ok_or_else(|| Refusal::internal("the look has no answer"))
}
