//! The verbs of the traits as tables: whatever stands around any driver (layers, the library boundary, a
//! test's harness) is written once and made for each verb from here. The impls made from a table deny
//! `clippy::missing_trait_methods`, so a verb that the table lacks does not compile.

/// Passes every verb of [`crate::StorageDriver`] to the macro `$then`, as `name(req: Request) -> Reply;`.
#[macro_export]
#[doc(hidden)]
macro_rules! storage_verbs {
    ($then:ident) => {
        $then! {
            describe() -> $crate::ArrayInfo;
            get_link(req: $crate::GetLink) -> $crate::Link;
            resolve_volume(req: $crate::ResolveVolume) -> $crate::ArrayVolume;
            get_volume(req: $crate::GetVolume) -> $crate::ArrayVolume;
            ensure_group(req: $crate::EnsureGroup) -> $crate::GroupStatus;
            get_group(req: $crate::GetGroup) -> $crate::GroupStatus;
            set_group_volumes(req: $crate::SetGroupVolumes) -> $crate::GroupStatus;
            suspend_group(req: $crate::SuspendGroup) -> ();
            delete_group(req: $crate::DeleteGroup) -> ();
            start_replication(req: $crate::StartReplication) -> $crate::Transfer;
            get_replication(req: $crate::GetReplication) -> $crate::Transfer;
            list_points(req: $crate::ListPoints) -> Vec<$crate::Point>;
            pin_point(req: $crate::PinPoint) -> ();
            unpin_point(req: $crate::PinPoint) -> ();
            materialize_volume(req: $crate::MaterializeVolume) -> $crate::ArrayVolume;
            overwrite_volume(req: $crate::OverwriteVolume) -> $crate::ArrayVolume;
            snapshot_volume(req: $crate::SnapshotVolume) -> ();
            discard_volume(req: $crate::DiscardVolume) -> ();
            get_written(req: $crate::GetWritten) -> u64;
            write_manifest(req: $crate::WriteManifest) -> ();
            read_manifest(req: $crate::ReadManifest) -> Option<String>;
        }
    };
}

/// The same of [`crate::ComputeDriver`], but for `health`, which never fails.
#[macro_export]
#[doc(hidden)]
macro_rules! compute_verbs {
    ($then:ident) => {
        $then! {
            list_volume_types() -> Vec<$crate::VolumeType>;
            list_pools() -> Vec<$crate::Pool>;
            get_headroom() -> $crate::Headroom;
            get_resource(req: $crate::GetResource) -> $crate::Resource;
            list_resources(kind: $crate::ResourceKind) -> Vec<$crate::Resource>;
            capture_server(req: $crate::ServerRef) -> $crate::Blueprint;
            get_server(req: $crate::ServerRef) -> $crate::Server;
            find_servers(req: $crate::FindServer) -> Vec<$crate::Server>;
            get_console(req: $crate::GetConsole) -> $crate::Console;
            stop_server(req: $crate::ServerRef) -> ();
            start_server(req: $crate::ServerRef) -> ();
            lock_server(req: $crate::ServerRef) -> ();
            unlock_server(req: $crate::ServerRef) -> ();
            park_server(req: $crate::ServerRef) -> ();
            unpark_server(req: $crate::ServerRef) -> ();
            ensure_server(req: $crate::EnsureServer) -> $crate::Server;
            delete_server(req: $crate::ServerRef) -> ();
            set_delete_on_termination(req: $crate::SetDeleteOnTermination) -> ();
            ensure_port(req: $crate::EnsurePort) -> $crate::Port;
            find_port(req: $crate::FindPort) -> Option<$crate::Port>;
            delete_port(req: $crate::PortRef) -> ();
            get_volume(req: $crate::VolumeRef) -> $crate::Volume;
            find_volumes(name: &str) -> Vec<$crate::Volume>;
            ensure_managed_volume(req: $crate::EnsureManagedVolume) -> $crate::Volume;
            may_adopt() -> ();
            unmanage_volume(req: $crate::VolumeRef) -> ();
            set_volume_properties(req: $crate::SetVolumeProperties) -> ();
            ensure_volume_group(req: $crate::EnsureVolumeGroup) -> $crate::VolumeGroup;
            get_volume_group(req: $crate::VolumeGroupRef) -> $crate::VolumeGroup;
            set_volume_group_volumes(req: $crate::SetVolumeGroupVolumes) -> $crate::VolumeGroup;
            delete_volume_group(req: $crate::VolumeGroupRef) -> ();
        }
    };
}

/// The same of [`crate::IdentityDriver`], but for `delete_trust`, which takes two, and
/// `forget_service_token`, which sends nothing.
#[macro_export]
#[doc(hidden)]
macro_rules! identity_verbs {
    ($then:ident) => {
        $then! {
            check() -> ();
            validate_token(token: &$crate::SecretString) -> $crate::TokenInfo;
            validate_expired_token(token: &$crate::SecretString) -> $crate::TokenInfo;
            service_token() -> $crate::ServiceToken;
            get_project(id: &$crate::ProjectId) -> $crate::Project;
            create_trust(req: $crate::CreateTrust) -> $crate::Trust;
        }
    };
}
