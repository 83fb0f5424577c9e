//! Typed identifiers: a site's id cannot be passed where a group's is wanted.

use newtype_uuid::{TypedUuid, TypedUuidKind, TypedUuidTag};
use serde::{Deserialize, Serialize};

macro_rules! uuid_kinds {
    ($($(#[$doc:meta])* $kind:ident => $alias:ident, $tag:literal;)*) => {$(
        #[doc = concat!("Marks the id of ", $tag, ".")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $kind {}

        impl TypedUuidKind for $kind {
            fn tag() -> TypedUuidTag {
                const TAG: TypedUuidTag = TypedUuidTag::new($tag);
                TAG
            }
        }

        $(#[$doc])*
        pub type $alias = TypedUuid<$kind>;
    )*};
}

uuid_kinds! {
    /// A change of a group's document on its way to the peer.
    ChangeKind => ChangeId, "change";
    /// One Protector deployment (one database).
    DeploymentKind => DeploymentId, "deployment";
    /// A period in which one site has authority over a group.
    EpochKind => EpochId, "epoch";
    /// A protection group, the same on both sites.
    GroupKind => GroupId, "group";
    /// A member of a protection group.
    MemberKind => MemberId, "member";
    /// An operation, the same on both sites.
    OperationKind => OperationId, "operation";
    /// A replication policy.
    PolicyKind => PolicyId, "policy";
    /// A registered cloud, the same on both sites.
    SiteKind => SiteId, "site";
    /// A pair of projects, one on each site.
    TenantMappingKind => TenantMappingId, "tenant_mapping";
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text as the remote side writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }
    )*};
}

names! {
    /// Identity of a storage array as the array itself gives it.
    ArrayId;
    /// Name of a replication group (protection group, pod) on an array.
    ArrayGroupName;
    /// Name of a volume on an array.
    ArrayVolumeName;
    /// Identity of a volume on an array that renaming and overwriting do not change.
    ArrayVolumeSerial;
    /// Name of a recovery point within its group.
    PointName;
    /// A project (tenant) of one cloud.
    ProjectId;
    /// A user of one cloud.
    UserId;
    /// A server of one cloud.
    ServerId;
    /// A volume of one cloud's block storage service.
    VolumeId;
    /// A volume type of one cloud.
    VolumeTypeId;
    /// A generic volume group of one cloud.
    VolumeGroupId;
    /// A port of one cloud.
    PortId;
    /// A trust of one cloud's identity service.
    TrustId;
    /// A network, subnet, flavor, security group, keypair or zone of one cloud.
    ResourceId;
}
