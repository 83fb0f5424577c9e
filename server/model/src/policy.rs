use std::collections::{BTreeMap, BTreeSet};

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

/// Why a list of mappings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMappings {
    /// The way back is not clear.
    #[error(
        "{kind:?} `{id}` of the {side} site is mapped more than once, so the way back is not clear"
    )]
    Twice {
        /// The kind of resource.
        kind: ResourceKind,
        /// The resource.
        id: ResourceId,
        /// `primary` or `secondary`.
        side: &'static str,
    },
    /// Test servers would stand among those of production.
    #[error(
        "test_network `{primary}` -> `{secondary}` joins two networks of production; one end must be a \
         network that no server of the group is on"
    )]
    TestOnProduction {
        /// On the primary site.
        primary: ResourceId,
        /// On the secondary site.
        secondary: ResourceId,
    },
}

/// Checks that each resource is mapped once in each direction. A mapping of a test network joins a
/// network of production at one site to the test network at the other, whichever site that is: one
/// test network may stand for several, and each of those has one.
///
/// # Errors
/// The first resource that is mapped twice, or the first test network that is none.
pub fn check_mappings(mappings: &[Mapping]) -> Result<(), BadMappings> {
    let mut primary = BTreeSet::new();
    let mut secondary = BTreeSet::new();
    let networks = || mappings.iter().filter(|m| m.kind == ResourceKind::Network);
    for m in mappings {
        let test = m.kind == ResourceKind::TestNetwork;
        let at_primary = networks().any(|n| n.primary_id == m.primary_id);
        let at_secondary = networks().any(|n| n.secondary_id == m.secondary_id);
        if test && at_primary && at_secondary {
            return Err(BadMappings::TestOnProduction {
                primary: m.primary_id.clone(),
                secondary: m.secondary_id.clone(),
            });
        }
        // Where nothing says which end is of production it is the primary's, as always.
        let counts = [!test || !at_secondary, !test || at_secondary];
        let sides = [
            (&mut primary, &m.primary_id, "primary"),
            (&mut secondary, &m.secondary_id, "secondary"),
        ];
        for ((seen, id, side), counts) in sides.into_iter().zip(counts) {
            if counts && !seen.insert((m.kind, id)) {
                return Err(BadMappings::Twice {
                    kind: m.kind,
                    id: id.clone(),
                    side,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(kind: ResourceKind, primary: &str, secondary: &str) -> Mapping {
        Mapping {
            kind,
            primary_id: primary.into(),
            secondary_id: secondary.into(),
        }
    }

    #[test]
    fn each_site_has_test_networks_of_its_own() {
        use ResourceKind::{Network, TestNetwork};
        let mut mappings = vec![
            map(Network, "web-a", "web-b"),
            map(Network, "db-a", "db-b"),
            map(TestNetwork, "web-a", "test-b"),
            map(TestNetwork, "db-a", "test-b"),
            map(TestNetwork, "test-a", "web-b"),
            map(TestNetwork, "test-a", "db-b"),
        ];
        assert_eq!(check_mappings(&mappings), Ok(()));
        for (again, side, id) in [
            (map(TestNetwork, "web-a", "other-b"), "primary", "web-a"),
            (map(TestNetwork, "other-a", "db-b"), "secondary", "db-b"),
            (map(Network, "new-a", "web-b"), "secondary", "web-b"),
        ] {
            mappings.push(again.clone());
            let refused = check_mappings(&mappings);
            let kind = again.kind;
            let id = id.into();
            assert_eq!(refused, Err(BadMappings::Twice { kind, id, side }));
            mappings.pop();
        }
        mappings[2].secondary_id = "db-b".into();
        let refused = check_mappings(&mappings);
        assert!(matches!(refused, Err(BadMappings::TestOnProduction { .. })));
    }
}
