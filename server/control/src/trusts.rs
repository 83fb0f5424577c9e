//! A project's owner lets the service act in the project.

use protector_db::TrustRecord;
use protector_framework::{CreateTrust, ErrorKind, ProjectId, SecretString, TokenScope};
use protector_model::Actor;
use serde_json::json;

use crate::control::Control;
use crate::convert::site_refused;
use crate::refusal::{Refusal, Result};

/// Makes a trust with the caller's token, in place of the project's former one.
pub(crate) async fn create(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    token: &SecretString,
) -> Result<TrustRecord> {
    let site = control.local().await?;
    let identity = control.reach.identity(site.id).await?;
    if !identity.capabilities().trusts {
        return Err(no_trusts("this cloud has no trusts"));
    }
    let request = CreateTrust {
        token: token.clone(),
        roles: control.options.default_trust_roles.clone(),
    };
    let ctx = control.ctx(actor);
    // Looked at first: the trust that comes back may be one that another project lives by.
    let told = identity.validate_token(&ctx, token).await;
    let told = told.map_err(|error| site_refused(&site, &error))?;
    if !matches!(&told.scope, TokenScope::Project { id, .. } if id == project) {
        return Err(Refusal::forbidden(
            "the token is not one of the project that is enrolled",
        ));
    }
    let trust = match identity.create_trust(&ctx, request).await {
        Ok(trust) => trust,
        Err(error) if matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Unsupported) => {
            return Err(no_trusts(&error.to_string()));
        }
        Err(error) => return Err(site_refused(&site, &error)),
    };
    let former = control.db.get_trust(site.id, project).await?;
    let mut record = TrustRecord {
        site_id: site.id,
        project_id: project.clone(),
        trust,
        state: "active".to_owned(),
        last_ok_at: None,
        last_error: None,
        created_at: control.now(),
    };
    control.db.put_trust(&record).await?;
    // The driver may have found the former one and given it again.
    if let Some(former) = former.filter(|former| former.trust.id != record.trust.id) {
        // It may be another user's, who alone can take it back; it is no longer used in any case.
        let gone = identity.delete_trust(&ctx, token, &former.trust.id).await;
        if let Err(error) = gone {
            tracing::info!(%error, %project, "the former trust stays in the identity service");
        }
    }
    control
        .audit(
            "trust.create",
            project,
            actor,
            json!({ "site_id": site.id, "roles": record.trust.roles }),
        )
        .await?;
    record.trust.id = "".into();
    Ok(record)
}

/// Deletes the project's trust.
pub(crate) async fn delete(
    control: &Control,
    actor: &Actor,
    project: &ProjectId,
    token: &SecretString,
) -> Result<()> {
    let site = control.local().await?;
    let Some(record) = control.db.get_trust(site.id, project).await? else {
        return Ok(());
    };
    let identity = control.reach.identity(site.id).await?;
    let ctx = control.ctx(actor);
    match identity.delete_trust(&ctx, token, &record.trust.id).await {
        Ok(()) => {}
        Err(error) if error.kind == ErrorKind::Unauthorized => {
            return Err(Refusal::forbidden(format!(
                "the trust can only be taken back by who gave it: {error}"
            )));
        }
        Err(error) => return Err(site_refused(&site, &error)),
    }
    control.db.delete_trust(site.id, project).await?;
    control
        .audit(
            "trust.delete",
            project,
            actor,
            json!({ "site_id": site.id }),
        )
        .await
}

fn no_trusts(why: &str) -> Refusal {
    Refusal::forbidden(format!(
        "no trust was made: {why}. Without one the service user's own role on the project serves \
         instead"
    ))
}
