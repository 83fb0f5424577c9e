//! Which array volume backs a Cinder volume.
//!
//! Proven by the name that Cinder's Pure driver gives, `volume-<name_id>-cinder`, in the array's root,
//! in a pod or in a volume group; never by metadata, which tenants write. `name_id` is the volume's id
//! until Cinder migrates it.

use protector_framework::{ArrayVolume, DriverError, ResolveVolume, Result};

use crate::client::{Call, quoted};
use crate::copies;
use crate::names;
use crate::side::Side;
use crate::wire::{Tag, Volume};

/// Where Cinder's driver notes whose volume it is, from 2025.2 on.
const CINDER: &str = "openstack-integration.purestorage.com";
const PROJECT: &str = "ProjectId";

/// The one live volume that backs a Cinder volume.
///
/// # Errors
/// `NotFound`; `Conflict` where two have the name, or the array says that it is another project's.
pub(crate) async fn resolve(side: Side<'_>, req: &ResolveVolume) -> Result<ArrayVolume> {
    let id = req.cinder_id.as_str();
    let name_id = req.name_id.as_ref().unwrap_or(&req.cinder_id).as_str();
    let name = format!("volume-{name_id}-cinder");
    let absent = || DriverError::not_found(format!("array volume `{name}` of volume {id}"));
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if name_id.is_empty() || !name_id.chars().all(plain) {
        return Err(absent());
    }
    let found = candidates(side, &name).await?;
    let volume = match found.as_slice() {
        [] => return Err(absent()),
        [one] => one,
        [one, other, ..] => {
            return Err(DriverError::conflict(format!(
                "volume {id} may be backed by array volume `{}` or by `{}`; rename the one that \
                 is not Cinder's",
                one.name, other.name
            )));
        }
    };
    if let Some(project) = &req.project_id {
        owned(side, volume, project.as_str()).await?;
    }
    copies::told(side, volume).await
}

/// Every live volume whose last name is this one, wherever it lies.
async fn candidates(side: Side<'_>, name: &str) -> Result<Vec<Volume>> {
    let call = Call::get("volumes")
        .with("filter", format!("name={}", quoted(&format!("*{name}"))))
        .with("destroyed", "false");
    let mut found = side.list_volumes(call).await?;
    found.retain(|volume| !volume.destroyed && names::same(names::base(&volume.name), name));
    Ok(found)
}

/// Refuses a volume that Cinder's own tag gives to another project.
async fn owned(side: Side<'_>, volume: &Volume, project: &str) -> Result<()> {
    let call = Call::get("volumes/tags")
        .with("resource_names", &volume.name)
        .with("namespaces", CINDER);
    let tags: Vec<Tag> = side.find(call).await?;
    let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
    let other = tags.into_iter().find(|tag| {
        tag.namespace == CINDER && tag.key == PROJECT && plain(&tag.value) != plain(project)
    });
    match other {
        None => Ok(()),
        Some(tag) => Err(DriverError::conflict(format!(
            "array volume `{}` belongs to project {} and not to {project}",
            volume.name, tag.value
        ))),
    }
}
