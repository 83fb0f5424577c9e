//! Whether a server can be protected: the same rule where it is added, where it is captured and
//! where readiness looks at it again.

use std::collections::BTreeSet;

use protector_framework::{Blueprint, SiteId};

use crate::document::GroupDocument;

/// Every reason why a server of `site` cannot be protected by the group.
pub fn reasons(document: &GroupDocument, site: SiteId, blueprint: &Blueprint) -> Vec<String> {
    let mut reasons: Vec<String> = blueprint
        .local_disks
        .iter()
        .map(|disk| format!("{disk} is on the hypervisor, where no array replicates it"))
        .collect();
    if blueprint.volumes.is_empty() {
        reasons.push("it has no volumes".to_owned());
    }
    let wanted = document.volume_types.get(&site);
    let group = document.volume_groups.get(&site);
    for volume in &blueprint.volumes {
        let mut refuse = |why: String| reasons.push(format!("volume {} {why}", volume.id));
        if volume.volume_type.as_ref() != wanted {
            let has = volume.volume_type_name.as_deref();
            let has = has.or(volume.volume_type.as_ref().map(|t| t.as_str()));
            refuse(format!(
                "is of type `{}`, the protection group's is {}",
                has.unwrap_or("none"),
                wanted.map_or("none", |t| t.as_str())
            ));
        }
        if volume.encrypted {
            refuse("is encrypted".to_owned());
        }
        if volume.multiattach {
            refuse("can be attached to several servers".to_owned());
        }
        if let Some(other) = volume.group_id.as_ref().filter(|id| Some(*id) != group) {
            refuse(format!("is in another volume group, {other}"));
        }
    }
    let back_ends: BTreeSet<&str> = blueprint
        .volumes
        .iter()
        .filter_map(|volume| volume.host.as_deref())
        .map(|host| host.split_once('#').map_or(host, |(back_end, _)| back_end))
        .collect();
    if back_ends.len() > 1 {
        let list: Vec<&str> = back_ends.into_iter().collect();
        reasons.push(format!(
            "its volumes are on several back ends: {}",
            list.join(", ")
        ));
    }
    reasons
}
