use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::{
    ArrayIdentity, PolicyId, ResourceId, ResourceKind, SiteId, VolumeTypeId,
};
use serde::{Deserialize, Serialize};

/// How one group is replicated. Array tokens are secrets beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// The storage driver.
    pub driver: String,
    /// The array of each site.
    pub arrays: BTreeMap<SiteId, PolicyArray>,
    /// The age of the newest complete recovery point that must not be exceeded, in minutes.
    pub rpo_minutes: u32,
    /// Seconds between scheduled points; `None`: half of the target, in seconds.
    pub replication_interval: Option<u64>,
    /// What is kept for how long.
    pub retention: Retention,
    /// `host@backend#pool` to adopt volumes on, where a site has several that fit.
    pub secondary_backend_host: Option<String>,
    /// The non-replicated type of test clones, on the secondary site.
    pub test_volume_type_id: Option<VolumeTypeId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Policy {
    /// Seconds between scheduled points.
    pub fn interval_seconds(&self) -> u64 {
        self.replication_interval
            .unwrap_or_else(|| u64::from(self.rpo_minutes) * 30)
    }
}

/// One site's array as the policy names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyArray {
    /// Where its API is.
    pub url: String,
    /// What the array says it is; read when the policy was made.
    pub identity: ArrayIdentity,
}

/// What is kept for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Complete recovery points kept on the target; `None`: the array's default.
    pub points: Option<u32>,
    /// Hours that parked copies are kept after reverse replication is complete; `None`: until
    /// `cleanup`.
    pub parked_hours: Option<u32>,
}

/// One resource of the primary site and its counterpart on the secondary.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mapping {
    /// The kind of resource.
    #[serde(rename = "type")]
    pub kind: ResourceKind,
    /// On the primary site.
    pub primary_id: ResourceId,
    /// On the secondary site.
    pub secondary_id: ResourceId,
}

/// Why a list of mappings cannot be used both ways.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{kind:?} `{id}` of the {side} site is mapped more than once, so the way back is not clear"
)]
pub struct NotInjective {
    /// The kind of resource.
    pub kind: ResourceKind,
    /// The resource.
    pub id: ResourceId,
    /// `primary` or `secondary`.
    pub side: &'static str,
}

/// Checks that each resource is mapped once in each direction. Test networks go one way only, so
/// several may share one target.
///
/// # Errors
/// The first resource that is mapped twice.
pub fn check_injective(mappings: &[Mapping]) -> Result<(), NotInjective> {
    let mut primary = std::collections::BTreeSet::new();
    let mut secondary = std::collections::BTreeSet::new();
    for m in mappings {
        if !primary.insert((m.kind, &m.primary_id)) {
            return Err(NotInjective {
                kind: m.kind,
                id: m.primary_id.clone(),
                side: "primary",
            });
        }
        if m.kind != ResourceKind::TestNetwork && !secondary.insert((m.kind, &m.secondary_id)) {
            return Err(NotInjective {
                kind: m.kind,
                id: m.secondary_id.clone(),
                side: "secondary",
            });
        }
    }
    Ok(())
}
