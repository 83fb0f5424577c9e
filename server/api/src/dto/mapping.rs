use poem_openapi::{Enum, Object};
use protector_framework::ResourceKind;
use protector_model::Mapping;

/// A kind of resource that is mapped from one site to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "ResourceKind")]
pub(crate) enum ResourceType {
    Network,
    Subnet,
    Flavor,
    SecurityGroup,
    Keypair,
    AvailabilityZone,
    TestNetwork,
}

/// One resource of the primary site and its counterpart on the secondary.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct ResourceMapping {
    /// The kind of resource.
    #[oai(rename = "type")]
    kind: ResourceType,
    /// On the primary site, by id; keypairs and zones by name.
    #[oai(validator(min_length = 1, max_length = 255))]
    primary_id: String,
    /// On the secondary site.
    #[oai(validator(min_length = 1, max_length = 255))]
    secondary_id: String,
}

impl From<Mapping> for ResourceMapping {
    fn from(mapping: Mapping) -> Self {
        Self {
            kind: mapping.kind.into(),
            primary_id: mapping.primary_id.to_string(),
            secondary_id: mapping.secondary_id.to_string(),
        }
    }
}

impl From<ResourceMapping> for Mapping {
    fn from(mapping: ResourceMapping) -> Self {
        Self {
            kind: mapping.kind.into(),
            primary_id: mapping.primary_id.into(),
            secondary_id: mapping.secondary_id.into(),
        }
    }
}

/// All resource mappings of a group.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct ResourceMappings {
    /// The mappings.
    #[oai(validator(max_items = 1000))]
    pub(crate) resource_mappings: Vec<ResourceMapping>,
}
