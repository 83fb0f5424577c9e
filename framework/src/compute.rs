//! One cloud, seen from one project: servers, volumes, ports.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::message::message;
use crate::{
    CallCtx, ComputeCapabilities, PortId, ResourceId, Result, ServerId, VolumeGroupId, VolumeId,
    VolumeTypeId,
};

message! {
    /// Whether one service of the cloud answers.
    pub struct Reachability {
        /// It answered a real call with this account.
        pub reachable: bool,
    }
    optional {
        /// What went wrong, where it did not.
        pub detail: String,
    }
}

message! {
    /// Which services of the cloud answer.
    pub struct CloudHealth {
        /// Identity.
        pub keystone: Reachability,
        /// Compute.
        pub nova: Reachability,
        /// Block storage.
        pub cinder: Reachability,
        /// Network.
        pub neutron: Reachability,
    }
}

message! {
    /// A volume type of the cloud.
    pub struct VolumeType {
        /// Its id.
        pub id: VolumeTypeId,
        /// Its name.
        pub name: String,
    }
    optional {
        /// Its extra specs, where the account may see them.
        pub extra_specs: BTreeMap<String, String>,
    }
}

impl VolumeType {
    /// Whether volumes of this type are replicated in this mode: `replication_enabled` is
    /// `<is> True` and `replication_type` is `<in> async` or `<in> sync`.
    pub fn replicates(&self, mode: crate::ReplicationMode) -> bool {
        let wanted = match mode {
            crate::ReplicationMode::Async => "async",
            crate::ReplicationMode::Sync => "sync",
        };
        let is = |key: &str, prefix: &str, value: &str| {
            self.extra_specs
                .get(key)
                .and_then(|spec| spec.trim().strip_prefix(prefix))
                .is_some_and(|spec| spec.trim().eq_ignore_ascii_case(value))
        };
        is("replication_enabled", "<is>", "true") && is("replication_type", "<in>", wanted)
    }
}

message! {
    /// A pool of the block storage service, where volumes can be adopted.
    pub struct Pool {
        /// `host@backend#pool`.
        pub name: String,
        /// What volume types select it by.
        pub backend_name: String,
    }
    optional {
        /// Whether the back end replicates.
        pub replication_enabled: bool,
        /// Whether the back end's replication has a target now.
        pub replication_targets: Vec<String>,
    }
}

/// The kinds of resource that are mapped from one cloud to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A network.
    Network,
    /// A subnet.
    Subnet,
    /// A flavor.
    Flavor,
    /// A security group.
    SecurityGroup,
    /// A keypair, by name.
    Keypair,
    /// An availability zone, by name.
    AvailabilityZone,
    /// The network that test servers are put on.
    TestNetwork,
}

message! {
    /// Asks whether a resource exists for this project.
    pub struct GetResource {
        /// Its kind.
        pub kind: ResourceKind,
        /// Its id, or its name for keypairs and zones.
        pub id: ResourceId,
    }
}

message! {
    /// A resource of the cloud.
    pub struct Resource {
        /// Its kind.
        pub kind: ResourceKind,
        /// Its id, or its name for keypairs and zones.
        pub id: ResourceId,
        /// Its name.
        pub name: String,
    }
    optional {
        /// Of a subnet: its network.
        pub network_id: Option<ResourceId>,
        /// Of a subnet: its range.
        pub cidr: Option<String>,
        /// Of a network: whether it leads out of the cloud.
        pub external: bool,
        /// Of a network: whether other projects can use it too.
        pub shared: bool,
        /// Of a test network that was asked for by its id: the networks that routers join it to, as
        /// far as this account is shown them.
        pub routed_to: Vec<ResourceId>,
        /// Of a flavor: its virtual processors.
        pub vcpus: Option<u32>,
        /// Of a flavor: its memory in MiB.
        pub ram_mib: Option<u64>,
    }
}

message! {
    /// What a project may still use; `None` is unlimited or not told.
    pub struct Headroom {}
    optional {
        /// Servers.
        pub instances: Option<u64>,
        /// Virtual processors.
        pub vcpus: Option<u64>,
        /// Memory in MiB.
        pub ram_mib: Option<u64>,
        /// Volumes.
        pub volumes: Option<u64>,
        /// Volume space in GiB.
        pub volume_gib: Option<u64>,
        /// Ports.
        pub ports: Option<u64>,
    }
}

// Blueprint -------------------------------------------------------------------------------------

message! {
    /// A server's size.
    pub struct FlavorSpec {
        /// Its name.
        pub name: String,
        /// Virtual processors.
        pub vcpus: u32,
        /// Memory in MiB.
        pub ram_mib: u64,
        /// Root disk in GiB; 0 for servers that boot from volumes.
        pub disk_gib: u64,
    }
    optional {
        /// Its id, where the cloud tells it.
        pub id: Option<ResourceId>,
    }
}

message! {
    /// A volume of a server.
    pub struct VolumeSpec {
        /// Its id.
        pub id: VolumeId,
        /// Its size in GiB.
        pub size_gib: u64,
        /// Whether it can be booted from.
        pub bootable: bool,
    }
    optional {
        /// Its name.
        pub name: String,
        /// Its type.
        pub volume_type: Option<VolumeTypeId>,
        /// The name of its type.
        pub volume_type_name: Option<String>,
        /// `host@backend#pool`, where the account may see it.
        pub host: Option<String>,
        /// The device the guest sees, such as `/dev/vda`.
        pub device: Option<String>,
        /// The device's tag.
        pub tag: Option<String>,
        /// Whether the cloud deletes it with its server.
        pub delete_on_termination: bool,
        /// Image metadata the volume carries.
        pub image_metadata: BTreeMap<String, String>,
        /// Its own metadata.
        pub metadata: BTreeMap<String, String>,
        /// Whether it is encrypted.
        pub encrypted: bool,
        /// Whether several servers may have it.
        pub multiattach: bool,
        /// The generic group it is in.
        pub group_id: Option<VolumeGroupId>,
    }
}

message! {
    /// An address of a port.
    pub struct FixedIp {
        /// The subnet.
        pub subnet_id: ResourceId,
        /// The address.
        pub ip_address: String,
    }
}

message! {
    /// An address pair a port may also use.
    pub struct AddressPair {
        /// The address or range.
        pub ip_address: String,
    }
    optional {
        /// The MAC, where it differs from the port's.
        pub mac_address: Option<String>,
    }
}

message! {
    /// A port of a server.
    pub struct PortSpec {
        /// Its id.
        pub id: PortId,
        /// Its network.
        pub network_id: ResourceId,
        /// Its MAC, lower case with colons.
        pub mac_address: String,
    }
    optional {
        /// Its name.
        pub name: String,
        /// Its addresses.
        pub fixed_ips: Vec<FixedIp>,
        /// Its security groups.
        pub security_groups: Vec<ResourceId>,
        /// Other addresses it may use.
        pub allowed_address_pairs: Vec<AddressPair>,
        /// Whether port security is on; `None` where the cloud does not say.
        pub port_security_enabled: Option<bool>,
        /// Its kind of virtual interface.
        pub vnic_type: Option<String>,
        /// The floating IP on it, for the report; it belongs to its site.
        pub floating_ip: Option<String>,
        /// Its description.
        pub description: String,
        /// Whether the service made it for the server and deletes it with it. `false`: the user made
        /// it.
        pub owned_by_server: bool,
    }
}

message! {
    /// All that is needed to build a server again on another cloud.
    pub struct Blueprint {
        /// The server it was read from.
        pub server_id: ServerId,
        /// Its name.
        pub name: String,
        /// Its size.
        pub flavor: FlavorSpec,
        /// Its volumes in boot order, the root volume first.
        pub volumes: Vec<VolumeSpec>,
        /// Its ports in the order of its interfaces.
        pub ports: Vec<PortSpec>,
    }
    optional {
        /// The name the guest is given.
        pub hostname: Option<String>,
        /// The key that was injected; it belongs to a user.
        pub keypair: Option<String>,
        /// Its zone.
        pub availability_zone: Option<String>,
        /// Its metadata.
        pub metadata: BTreeMap<String, String>,
        /// Its tags, without Protector's own.
        pub tags: Vec<String>,
        /// Its user data, base64 as the cloud holds it.
        pub user_data: Option<String>,
        /// Whether it has a config drive.
        pub config_drive: bool,
        /// The server group it is in.
        pub server_group: Option<ResourceId>,
        /// Its description.
        pub description: Option<String>,
        /// Disks that no array replicates: an image-backed root, ephemeral or swap space. A server
        /// that has any is refused.
        pub local_disks: Vec<String>,
    }
}

// Servers ---------------------------------------------------------------------------------------

/// A server's state, in the classes the engine tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerStatus {
    /// It runs.
    Active,
    /// It is off; its volumes are still connected.
    Stopped,
    /// It is off and disconnected; its record and ports are kept.
    Shelved,
    /// The cloud is building it.
    Building,
    /// The cloud gave up on it.
    Error,
    /// It is being or has been deleted.
    Deleted,
    /// Anything else, such as paused or resized.
    #[serde(other)]
    Other,
}

message! {
    /// A volume as a server holds it.
    pub struct ServerVolume {
        /// The volume.
        pub id: VolumeId,
    }
    optional {
        /// The device, where the cloud says.
        pub device: Option<String>,
        /// Whether it goes with the server.
        pub delete_on_termination: bool,
    }
}

message! {
    /// A server as it is now.
    pub struct Server {
        /// Its id.
        pub id: ServerId,
        /// Its name.
        pub name: String,
        /// Its state.
        pub status: ServerStatus,
    }
    optional {
        /// The cloud's own word for the state, and the task it is busy with.
        pub raw_status: String,
        /// Whether the cloud is busy with it.
        pub busy: bool,
        /// Whether it is locked against its owner.
        pub locked: bool,
        /// Its volumes.
        pub volumes: Vec<ServerVolume>,
        /// Its tags.
        pub tags: Vec<String>,
        /// Why it is in error, in the cloud's words.
        pub fault: Option<String>,
    }
}

message! {
    /// Names a server.
    pub struct ServerRef {
        /// The server.
        pub id: ServerId,
    }
}

message! {
    /// Asks for the end of what a server's console shows.
    pub struct GetConsole {
        /// The server.
        pub id: ServerId,
        /// How many lines at the most.
        pub lines: u32,
    }
}

message! {
    /// What a server's console shows.
    pub struct Console {
        /// The last lines, oldest first. What a guest writes is not to be trusted.
        pub text: String,
    }
}

message! {
    /// Finds the servers that carry a tag.
    pub struct FindServer {
        /// The tag.
        pub tag: String,
    }
}

message! {
    /// A volume to boot with.
    pub struct BootVolume {
        /// The volume.
        pub id: VolumeId,
    }
    optional {
        /// The device's tag.
        pub tag: Option<String>,
        /// The device name asked for; clouds may ignore it.
        pub device: Option<String>,
    }
}

message! {
    /// Builds a server from volumes and ports that exist.
    pub struct EnsureServer {
        /// The natural key: a server with this tag is the reply. At most 60 characters.
        pub tag: String,
        /// Its name.
        pub name: String,
        /// Its flavor on this cloud.
        pub flavor: ResourceId,
        /// Its volumes, the root volume first. None is deleted with the server.
        pub volumes: Vec<BootVolume>,
        /// Its ports in the order of its interfaces.
        pub ports: Vec<PortId>,
    }
    optional {
        /// The name the guest is given.
        pub hostname: Option<String>,
        /// The keypair.
        pub keypair: Option<String>,
        /// The zone.
        pub availability_zone: Option<String>,
        /// Its metadata.
        pub metadata: BTreeMap<String, String>,
        /// Further tags.
        pub tags: Vec<String>,
        /// User data, base64.
        pub user_data: Option<String>,
        /// Whether to attach a config drive.
        pub config_drive: bool,
        /// The server group.
        pub server_group: Option<ResourceId>,
        /// Its description.
        pub description: Option<String>,
    }
}

message! {
    /// Says what happens to a server's volume when the server is deleted.
    pub struct SetDeleteOnTermination {
        /// The server.
        pub server: ServerId,
        /// The volume.
        pub volume: VolumeId,
        /// Whether the cloud deletes it with the server.
        pub delete: bool,
    }
}

// Ports -----------------------------------------------------------------------------------------

message! {
    /// Makes a port.
    pub struct EnsurePort {
        /// The network.
        pub network_id: ResourceId,
        /// The natural key: a port with this MAC on the network is the reply.
        pub mac_address: String,
    }
    optional {
        /// Its name.
        pub name: String,
        /// Its addresses.
        pub fixed_ips: Vec<FixedIp>,
        /// Its security groups; empty: the cloud's default.
        pub security_groups: Vec<ResourceId>,
        /// Other addresses it may use.
        pub allowed_address_pairs: Vec<AddressPair>,
        /// Whether port security is on.
        pub port_security_enabled: Option<bool>,
        /// Its kind of virtual interface.
        pub vnic_type: Option<String>,
        /// Its description.
        pub description: String,
    }
}

message! {
    /// A port as it is now.
    pub struct Port {
        /// Its id.
        pub id: PortId,
        /// Its network.
        pub network_id: ResourceId,
        /// Its MAC.
        pub mac_address: String,
    }
    optional {
        /// Its addresses.
        pub fixed_ips: Vec<FixedIp>,
        /// Its security groups.
        pub security_groups: Vec<ResourceId>,
        /// The server it is on.
        pub device_id: Option<ServerId>,
    }
}

message! {
    /// Finds the port with a MAC on a network.
    pub struct FindPort {
        /// The network.
        pub network_id: ResourceId,
        /// The MAC.
        pub mac_address: String,
    }
}

message! {
    /// Names a port.
    pub struct PortRef {
        /// The port.
        pub id: PortId,
    }
}

// Volumes ---------------------------------------------------------------------------------------

/// A volume's state, in the classes the engine tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VolumeStatus {
    /// Free.
    Available,
    /// Attached.
    InUse,
    /// Kept for a server that is not connected to it.
    Reserved,
    /// The block storage service is adopting, creating or detaching it.
    Busy,
    /// The block storage service gave up on it.
    Error,
    /// Anything else.
    #[serde(other)]
    Other,
}

message! {
    /// A volume as it is now.
    pub struct Volume {
        /// Its id.
        pub id: VolumeId,
        /// Its name.
        pub name: String,
        /// Its state.
        pub status: VolumeStatus,
        /// Its size in GiB.
        pub size_gib: u64,
    }
    optional {
        /// The service's own word for the state.
        pub raw_status: String,
        /// Its type.
        pub volume_type: Option<VolumeTypeId>,
        /// `host@backend#pool`, where the account may see it.
        pub host: Option<String>,
        /// The id by which its back end names it, where that is not its own any more: it was
        /// migrated. Told where the account may see it.
        pub name_id: Option<VolumeId>,
        /// The servers it is attached to or reserved for.
        pub servers: Vec<ServerId>,
        /// Whether some host is connected to it now.
        pub connected: bool,
        /// Whether it can be booted from.
        pub bootable: bool,
        /// The generic group it is in.
        pub group_id: Option<VolumeGroupId>,
        /// How many snapshots it has.
        pub snapshots: u64,
    }
}

message! {
    /// Names a volume.
    pub struct VolumeRef {
        /// The volume.
        pub id: VolumeId,
    }
}

message! {
    /// Adopts an array volume into the block storage service.
    pub struct EnsureManagedVolume {
        /// The natural key: a volume of this name in the project is the reply.
        pub name: String,
        /// The array volume's present name.
        pub source_name: String,
        /// `host@backend#pool` of the back end that holds it.
        pub host: String,
        /// Its type.
        pub volume_type: VolumeTypeId,
        /// Whether it can be booted from.
        pub bootable: bool,
    }
    optional {
        /// Its description.
        pub description: String,
        /// Its metadata.
        pub metadata: BTreeMap<String, String>,
        /// Its zone.
        pub availability_zone: Option<String>,
    }
}

message! {
    /// Sets what a volume carries for its server's boot.
    pub struct SetVolumeProperties {
        /// The volume.
        pub id: VolumeId,
        /// Whether it can be booted from.
        pub bootable: bool,
    }
    optional {
        /// Image metadata, such as firmware and disk bus.
        pub image_metadata: BTreeMap<String, String>,
        /// Its name from now on; `None` leaves it.
        pub name: Option<String>,
    }
}

message! {
    /// Makes a generic volume group.
    pub struct EnsureVolumeGroup {
        /// The natural key: the oldest group of this name is the reply.
        pub name: String,
        /// The admin-made group type, by name.
        pub group_type: String,
        /// The volume types it takes.
        pub volume_types: Vec<VolumeTypeId>,
    }
    optional {
        /// Its description.
        pub description: String,
        /// Its zone.
        pub availability_zone: Option<String>,
    }
}

message! {
    /// A generic volume group as it is now.
    pub struct VolumeGroup {
        /// Its id.
        pub id: VolumeGroupId,
        /// Its name.
        pub name: String,
        /// Whether it can be used.
        pub available: bool,
        /// The service's own word for its state.
        pub raw_status: String,
        /// Its volumes.
        pub volumes: Vec<VolumeId>,
    }
}

message! {
    /// Sets the volumes of a generic group to exactly these.
    pub struct SetVolumeGroupVolumes {
        /// The group.
        pub id: VolumeGroupId,
        /// The volumes.
        pub volumes: Vec<VolumeId>,
    }
}

message! {
    /// Names a generic volume group.
    pub struct VolumeGroupRef {
        /// The group.
        pub id: VolumeGroupId,
    }
}

/// One cloud, seen from one project.
///
/// The instance holds the service's account scoped to the project and, where the project's owner
/// enrolled, a trust; it uses the trust for servers, volumes and ports, and the account for what
/// only an admin may do. It is cheap to make and does no I/O until its first verb. Every verb also
/// fails with `Unreachable`, `Timeout`, `RateLimited`, `Unauthorized` and, where something is made,
/// `QuotaExceeded`; only further kinds are named below.
///
/// Verbs that the cloud carries out later (stop, start, park, build, adopt) return when the cloud
/// has accepted them; the caller polls the `get_*` verb.
#[async_trait]
pub trait ComputeDriver: Send + Sync + std::fmt::Debug + 'static {
    /// What this cloud can do. Constant, no I/O.
    fn capabilities(&self) -> ComputeCapabilities;

    /// Asks each service one real question.
    ///
    /// # Behavior
    /// Never an error: what does not answer is reported as not reachable, with the reason.
    async fn health(&self, ctx: &CallCtx) -> CloudHealth;

    /// Volume types that the project can use.
    async fn list_volume_types(&self, ctx: &CallCtx) -> Result<Vec<VolumeType>>;

    /// Pools of the block storage service.
    async fn list_pools(&self, ctx: &CallCtx) -> Result<Vec<Pool>>;

    /// What the project may still use.
    async fn get_headroom(&self, ctx: &CallCtx) -> Result<Headroom>;

    /// One resource of a kind that is mapped between sites.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get_resource(&self, ctx: &CallCtx, req: GetResource) -> Result<Resource>;

    /// Every resource of a kind that the project can use.
    async fn list_resources(&self, ctx: &CallCtx, kind: ResourceKind) -> Result<Vec<Resource>>;

    /// Reads a server into a blueprint. Changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Busy` while the cloud is changing the server.
    async fn capture_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<Blueprint>;

    /// A server as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<Server>;

    /// The servers that carry a tag, oldest first; not those that are deleted.
    async fn find_servers(&self, ctx: &CallCtx, req: FindServer) -> Result<Vec<Server>>;

    /// The end of what a server's console shows. Changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Busy` while the server has no console yet; `Unsupported` without the capability
    /// `console`.
    async fn get_console(&self, ctx: &CallCtx, req: GetConsole) -> Result<Console> {
        let _ = (ctx, req);
        Err(crate::DriverError::unsupported("server consoles"))
    }

    /// Shuts a server down. A stopped or shelved one is success.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` in a state that cannot be stopped.
    async fn stop_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()>;

    /// Starts a stopped server. A running one is success.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` in a state that cannot be started.
    async fn start_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()>;

    /// Locks a server so that its owner can neither start nor unlock it.
    ///
    /// # Errors
    /// `NotFound`.
    async fn lock_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()>;

    /// Unlocks a server.
    ///
    /// # Errors
    /// `NotFound`.
    async fn unlock_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()>;

    /// Disconnects a stopped server's volumes and keeps its record and ports (shelve). A shelved
    /// one is success.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while it runs; `Unsupported` without the capability `shelve`.
    async fn park_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()>;

    /// Brings a parked server back, connected and running (unshelve). A running one is success.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` in another state.
    async fn unpark_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()>;

    /// Builds a server from volumes and ports, or finds the one with the tag.
    ///
    /// # Behavior
    /// Looks for the tag before and after a failed create; the root volume's attachment is what
    /// makes a second create impossible. Attachments that are reserved for a server that no longer
    /// exists are dropped first.
    ///
    /// # Errors
    /// `NotFound` for flavor, volume or port; `Conflict` where the root volume is in use by another
    /// server.
    async fn ensure_server(&self, ctx: &CallCtx, req: EnsureServer) -> Result<Server>;

    /// Deletes a server, also a locked one. An absent one is success.
    async fn delete_server(&self, ctx: &CallCtx, req: ServerRef) -> Result<()>;

    /// Says what happens to a volume when its server is deleted.
    ///
    /// # Errors
    /// `NotFound` where the server does not hold the volume.
    async fn set_delete_on_termination(
        &self,
        ctx: &CallCtx,
        req: SetDeleteOnTermination,
    ) -> Result<()>;

    /// Makes a port with this MAC, or finds it.
    ///
    /// # Behavior
    /// A port of this MAC on the network that the project owns is the reply, on a server or not.
    ///
    /// # Errors
    /// `Conflict` where an address or the MAC is taken by another's port; `NotFound` for network,
    /// subnet or group.
    async fn ensure_port(&self, ctx: &CallCtx, req: EnsurePort) -> Result<Port>;

    /// The port with a MAC on a network, if there is one.
    async fn find_port(&self, ctx: &CallCtx, req: FindPort) -> Result<Option<Port>>;

    /// Deletes a port. An absent one is success.
    async fn delete_port(&self, ctx: &CallCtx, req: PortRef) -> Result<()>;

    /// A volume as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get_volume(&self, ctx: &CallCtx, req: VolumeRef) -> Result<Volume>;

    /// The volumes of the project with this name.
    async fn find_volumes(&self, ctx: &CallCtx, name: &str) -> Result<Vec<Volume>>;

    /// Whether the account may adopt array volumes at all, so that an operator learns it before a
    /// failover does.
    ///
    /// # Behavior
    /// Changes nothing, also where it may.
    ///
    /// # Errors
    /// `Unauthorized` where the block storage service's policy refuses.
    async fn may_adopt(&self, ctx: &CallCtx) -> Result<()> {
        let _ = ctx;
        Err(crate::DriverError::unsupported(
            "asking whether volumes may be adopted",
        ))
    }

    /// Adopts an array volume (Cinder manage), or finds the volume adopted under the name.
    ///
    /// # Behavior
    /// Looks for a volume of that name first. Before it asks, it makes sure that the back end shows
    /// `source_name`, because a failed adoption leaves a record whose deletion can destroy data.
    /// The reply may be [`VolumeStatus::Busy`]; poll [`ComputeDriver::get_volume`]. A record that
    /// ends in [`VolumeStatus::Error`] must never be deleted or released by the caller. A name is no
    /// key to a block storage service: the caller does not adopt one array volume by two calls at
    /// the same moment.
    ///
    /// # Errors
    /// `NotFound` where the back end does not show the array volume and no volume has the name.
    async fn ensure_managed_volume(
        &self,
        ctx: &CallCtx,
        req: EnsureManagedVolume,
    ) -> Result<Volume>;

    /// Lets a volume go (Cinder unmanage); the array volume stays. An absent one is success.
    ///
    /// # Errors
    /// `Conflict` while it is attached, in a group, has snapshots, or is in error.
    async fn unmanage_volume(&self, ctx: &CallCtx, req: VolumeRef) -> Result<()>;

    /// Sets bootable flag, image metadata and name of a volume.
    ///
    /// # Errors
    /// `NotFound`.
    async fn set_volume_properties(&self, ctx: &CallCtx, req: SetVolumeProperties) -> Result<()>;

    /// Makes a generic volume group, or finds it; empty twins of it are deleted.
    ///
    /// # Errors
    /// `NotFound` for the group type, with what the administrator must do.
    async fn ensure_volume_group(
        &self,
        ctx: &CallCtx,
        req: EnsureVolumeGroup,
    ) -> Result<VolumeGroup>;

    /// A generic volume group as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get_volume_group(&self, ctx: &CallCtx, req: VolumeGroupRef) -> Result<VolumeGroup>;

    /// Sets a generic group's volumes to exactly these. Poll [`ComputeDriver::get_volume_group`].
    ///
    /// # Errors
    /// `NotFound`; `Busy` while the group is changing; `InvalidRequest` for a volume of another type.
    async fn set_volume_group_volumes(
        &self,
        ctx: &CallCtx,
        req: SetVolumeGroupVolumes,
    ) -> Result<VolumeGroup>;

    /// Deletes a generic group; its volumes stay. An absent one is success.
    ///
    /// # Errors
    /// `Conflict` while it has volumes.
    async fn delete_volume_group(&self, ctx: &CallCtx, req: VolumeGroupRef) -> Result<()>;
}
