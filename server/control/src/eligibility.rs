//! Whether a server can be protected, asked before anything is changed.

use protector_framework::{Blueprint, ErrorKind, ServerId, ServerRef};
use protector_model::eligibility::reasons;
use protector_model::{Actor, GroupDocument};

use crate::check::Faults;
use crate::control::Control;
use crate::convert::site_refused;
use crate::refusal::{Refusal, Result};

/// Reads a server of the site that the group runs on and refuses it with every reason.
pub(crate) async fn read_eligible(
    control: &Control,
    actor: &Actor,
    document: &GroupDocument,
    server: &ServerId,
) -> Result<Blueprint> {
    not_elsewhere(control, document, server).await?;
    let blueprint = read(control, actor, document, server).await?;
    let blueprint = blueprint.map_err(|gone| Refusal::invalid_field("server_id", gone))?;
    let mut faults = Faults::default();
    for reason in reasons(document, document.current_primary_site_id, &blueprint) {
        faults.add("server_id", reason);
    }
    faults.done()?;
    Ok(blueprint)
}

/// Reads a member's server anew and refuses what could not be protected as it is now.
pub(crate) async fn read_again(
    control: &Control,
    actor: &Actor,
    document: &GroupDocument,
    server: &ServerId,
) -> Result<Blueprint> {
    let wrong_state = |why| Refusal::conflict("protector.wrong_state", why);
    let blueprint = read(control, actor, document, server).await?;
    let blueprint = blueprint.map_err(wrong_state)?;
    let reasons = reasons(document, document.current_primary_site_id, &blueprint);
    if reasons.is_empty() {
        return Ok(blueprint);
    }
    Err(wrong_state(format!(
        "server {server} could not be protected as it is now: {}",
        reasons.join("; ")
    )))
}

/// A server of the site that the group runs on; or that there is none, in words.
async fn read(
    control: &Control,
    actor: &Actor,
    document: &GroupDocument,
    server: &ServerId,
) -> Result<std::result::Result<Blueprint, String>> {
    let site = control.site_of(document.current_primary_site_id).await?;
    let project = document.projects.get(&site.id);
    let project = project.ok_or_else(|| Refusal::internal("the group has no project there"))?;
    let cloud = control.reach.compute(site.id, project).await?;
    let captured = cloud
        .capture_server(&control.ctx(actor), ServerRef::new(server))
        .await;
    match captured {
        Ok(blueprint) => Ok(Ok(blueprint)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Err(format!(
            "server {server} does not exist in project {project} of site `{}`",
            site.name
        ))),
        Err(error) => Err(site_refused(&site, &error)),
    }
}

/// A server belongs to one group at the most.
async fn not_elsewhere(
    control: &Control,
    document: &GroupDocument,
    server: &ServerId,
) -> Result<()> {
    let site = document.current_primary_site_id;
    let groups = control.db.all_groups().await?;
    let holder = groups.iter().find(|group| {
        let other = &group.document;
        let holds = |m: &protector_model::Member| {
            m.instance(site).and_then(|copy| copy.server_id.as_ref()) == Some(server)
        };
        !other.deleted && other.members.iter().any(holds)
    });
    match holder {
        Some(group) if group.document.id == document.id => Err(Refusal::conflict(
            "protector.duplicate",
            format!("server {server} is already a member of the protection group"),
        )),
        // Another tenant's group is not named.
        Some(_) => Err(Refusal::conflict(
            "protector.duplicate",
            format!("server {server} is a member of another protection group"),
        )),
        None => Ok(()),
    }
}
