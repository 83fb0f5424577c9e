use poem_openapi::Object;
use protector_control::{ArrayInput, PolicyInput, PolicyView};
use protector_framework::{GenericUuid as _, SiteId, VolumeTypeId};
use protector_model::{Policy, Retention};
use uuid::Uuid;

use super::common::{MASK, Secret, Timestamp, WebUrl};

/// What is kept for how long.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Retention", deny_unknown_fields)]
pub(crate) struct RetentionView {
    /// Complete recovery points kept on the target; without it, the array's default.
    #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
    points: Option<u32>,
    /// Hours that parked copies are kept after reverse replication is complete; without it, until
    /// `cleanup`.
    #[oai(validator(minimum(value = "0"), maximum(value = "87600")))]
    parked_hours: Option<u32>,
}

impl From<Retention> for RetentionView {
    fn from(retention: Retention) -> Self {
        Self {
            points: retention.points,
            parked_hours: retention.parked_hours,
        }
    }
}

/// How a group is replicated.
#[derive(Debug, Object)]
#[oai(rename = "ReplicationPolicy")]
pub(crate) struct ReplicationPolicy {
    /// Its id.
    id: Uuid,
    /// Its group.
    protection_group_id: Uuid,
    /// The storage driver.
    driver: String,
    /// The array of the primary site.
    primary_fa_url: String,
    /// Always asterisks.
    primary_fa_api_token: String,
    /// What that array is called.
    primary_array: Option<String>,
    /// The array of the secondary site.
    secondary_fa_url: String,
    /// Always asterisks.
    secondary_fa_api_token: String,
    /// What that array is called.
    secondary_array: Option<String>,
    /// The age of the newest complete recovery point that must not be exceeded, in minutes.
    rpo_minutes: u32,
    /// Seconds between scheduled points.
    replication_interval: u64,
    /// What is kept for how long.
    retention: RetentionView,
    /// `host@backend#pool` to adopt volumes on.
    secondary_backend_host: Option<String>,
    /// The non-replicated type of test clones.
    test_volume_type_id: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

impl From<PolicyView> for ReplicationPolicy {
    fn from(view: PolicyView) -> Self {
        let policy = view.policy;
        let (primary_fa_url, primary_array) = array(&policy, view.primary_site_id);
        let (secondary_fa_url, secondary_array) = array(&policy, view.secondary_site_id);
        Self {
            id: policy.id.into_untyped_uuid(),
            protection_group_id: view.group_id.into_untyped_uuid(),
            primary_fa_url,
            primary_fa_api_token: MASK.to_owned(),
            primary_array,
            secondary_fa_url,
            secondary_fa_api_token: MASK.to_owned(),
            secondary_array,
            rpo_minutes: policy.rpo_minutes,
            replication_interval: policy.interval_seconds(),
            retention: policy.retention.into(),
            driver: policy.driver,
            secondary_backend_host: policy.secondary_backend_host,
            test_volume_type_id: policy.test_volume_type_id.map(|id| id.to_string()),
            created_at: policy.created_at.into(),
            updated_at: policy.updated_at.into(),
        }
    }
}

fn array(policy: &Policy, site: SiteId) -> (String, Option<String>) {
    match policy.arrays.get(&site) {
        Some(array) => (array.url.clone(), Some(array.identity.name.clone())),
        None => (String::new(), None),
    }
}

/// The policy of a group.
#[derive(Debug, Object)]
pub(crate) struct PolicyDocument {
    /// The policy.
    pub(crate) policy: ReplicationPolicy,
}

/// A policy as it is to be.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct PolicyFields {
    /// The storage driver.
    #[oai(validator(min_length = 1, max_length = 64))]
    driver: String,
    /// The array of the primary site.
    primary_fa_url: WebUrl,
    /// That array's token. Left out or `********`: the stored one is kept.
    primary_fa_api_token: Option<Secret>,
    /// The array of the secondary site.
    secondary_fa_url: WebUrl,
    /// That array's token. Left out or `********`: the stored one is kept.
    secondary_fa_api_token: Option<Secret>,
    /// The age of the newest complete recovery point that must not be exceeded, in minutes.
    #[oai(validator(minimum(value = "1"), maximum(value = "525600")))]
    rpo_minutes: u32,
    /// Seconds between scheduled points; without it, half of `rpo_minutes`.
    #[oai(validator(minimum(value = "1"), maximum(value = "31536000")))]
    replication_interval: Option<u64>,
    /// What is kept for how long.
    retention: Option<RetentionView>,
    /// `host@backend#pool` to adopt volumes on, where the secondary site has several that fit.
    #[oai(validator(min_length = 1, max_length = 255))]
    secondary_backend_host: Option<String>,
    /// The non-replicated type of test clones, on the secondary site.
    #[oai(validator(min_length = 1, max_length = 255))]
    test_volume_type_id: Option<String>,
}

impl From<PolicyFields> for PolicyInput {
    fn from(policy: PolicyFields) -> Self {
        let retention = policy
            .retention
            .map_or_else(Retention::default, |r| Retention {
                points: r.points,
                parked_hours: r.parked_hours,
            });
        Self {
            driver: policy.driver,
            primary: ArrayInput {
                url: policy.primary_fa_url.0,
                api_token: policy.primary_fa_api_token.map(|secret| secret.0),
            },
            secondary: ArrayInput {
                url: policy.secondary_fa_url.0,
                api_token: policy.secondary_fa_api_token.map(|secret| secret.0),
            },
            rpo_minutes: policy.rpo_minutes,
            replication_interval: policy.replication_interval,
            retention,
            secondary_backend_host: policy.secondary_backend_host,
            test_volume_type_id: policy.test_volume_type_id.map(VolumeTypeId::from),
        }
    }
}

/// The body that makes or replaces a policy.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct PolicyBody {
    /// The policy.
    pub(crate) policy: PolicyFields,
}
