//! Projects.

use protector_framework::{ErrorKind, Ids as _, ProjectId, RandomIds};

use crate::identity::case::{IdentityCase, Outcome, case, check};
use crate::identity::rig::Rig;

pub(super) fn cases() -> Vec<IdentityCase> {
    vec![
        case!(
            "projects/as-it-is",
            "A project is told with its name and that it is enabled.",
            as_it_is
        ),
        case!(
            "projects/absent",
            "A project that is not there is NotFound and named.",
            absent
        ),
    ]
}

async fn as_it_is(rig: &Rig) -> Outcome {
    let id = rig.bench.project().await?;
    let told = rig.driver.get_project(&rig.ctx(), &id).await?;
    check!(told.id == id, "told is project {}", told.id);
    check!(
        !told.name.is_empty() && !told.domain_id.is_empty() && told.enabled,
        "told is {told:?}"
    );
    Ok(())
}

async fn absent(rig: &Rig) -> Outcome {
    let id = ProjectId::from(RandomIds.uuid().simple().to_string());
    let told = rig.driver.get_project(&rig.ctx(), &id).await;
    let error = rig.refused(told, &[ErrorKind::NotFound])?;
    check!(
        error.message.contains(id.as_str()),
        "the error does not name `{id}`: {error}"
    );
    check!(!error.is_transient(), "it may be tried again: {error}");
    Ok(())
}
