//! Where a cloud adopts volumes, and of which type: the same choice where readiness asks and where
//! a volume is adopted.

use protector_framework::{Pool, SiteId, VolumeType, VolumeTypeId};

use crate::document::GroupDocument;

/// Why no pool can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPool {
    /// None is of the type's back end.
    #[error("no pool of the block storage service takes the target volume type")]
    None,
    /// The policy does not say which.
    #[error("several pools fit: {}", .0.join(", "))]
    Several(Vec<String>),
}

impl NoPool {
    /// What to do about it.
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::None => "check the back end's state and the type's `volume_backend_name`",
            Self::Several(_) => "name one in the policy's `secondary_backend_host`",
        }
    }
}

/// The type that adopted volumes get on a site; test clones are not replicated where the policy
/// names a type for them.
pub fn target_type(document: &GroupDocument, site: SiteId, test: bool) -> Option<VolumeTypeId> {
    let plain = document
        .policy
        .as_ref()
        .and_then(|policy| policy.test_volume_type_id.clone())
        .filter(|_| test && site == document.secondary_site_id);
    plain.or_else(|| document.volume_types.get(&site).cloned())
}

/// The pool that holds the volumes of a type; `asked` decides between several.
///
/// # Errors
/// Where none or more than one fits.
pub fn choose_pool(
    types: &[VolumeType],
    pools: &[Pool],
    wanted: &VolumeTypeId,
    asked: Option<&str>,
) -> Result<String, NoPool> {
    let name = types
        .iter()
        .find(|t| t.id == *wanted)
        .and_then(|t| t.extra_specs.get("volume_backend_name"));
    let fitting: Vec<&str> = pools
        .iter()
        .filter(|pool| name.is_none_or(|name| pool.backend_name == *name))
        .map(|pool| pool.name.as_str())
        .collect();
    match (fitting.as_slice(), asked) {
        ([only], _) => Ok((*only).to_owned()),
        ([], _) => Err(NoPool::None),
        (several, Some(asked)) if several.contains(&asked) => Ok(asked.to_owned()),
        (several, _) => Err(NoPool::Several(
            several.iter().map(|pool| (*pool).to_owned()).collect(),
        )),
    }
}
