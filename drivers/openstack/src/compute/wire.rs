//! What the services send, as far as it is read.

use std::collections::BTreeMap;

use protector_framework::{
    Port, Server, ServerStatus, ServerVolume, Volume, VolumeGroup, VolumeStatus,
};
use serde::{Deserialize, Deserializer};

/// A server. Names with capitals are Nova's.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireServer {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default, rename = "OS-EXT-STS:task_state")]
    pub(super) task_state: Option<String>,
    #[serde(default)]
    pub(super) tenant_id: Option<String>,
    #[serde(default)]
    pub(super) locked: bool,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) fault: Option<WireFault>,
    #[serde(default, rename = "os-extended-volumes:volumes_attached")]
    pub(super) volumes: Vec<WireHeldVolume>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireFault {
    #[serde(default)]
    message: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireHeldVolume {
    id: String,
    #[serde(default)]
    delete_on_termination: bool,
}

impl WireServer {
    pub(super) fn state(&self) -> ServerStatus {
        match self.status.as_str() {
            "ACTIVE" => ServerStatus::Active,
            "SHUTOFF" => ServerStatus::Stopped,
            "SHELVED" | "SHELVED_OFFLOADED" => ServerStatus::Shelved,
            "BUILD" => ServerStatus::Building,
            "ERROR" => ServerStatus::Error,
            "DELETED" | "SOFT_DELETED" => ServerStatus::Deleted,
            _ => ServerStatus::Other,
        }
    }

    /// The state in Nova's words, with the task it is busy with.
    pub(super) fn words(&self) -> String {
        match &self.task_state {
            Some(task) => format!("{} ({task})", self.status),
            None => self.status.clone(),
        }
    }

    pub(super) fn does(&self, tasks: &[&str]) -> bool {
        self.task_state
            .as_deref()
            .is_some_and(|task| tasks.contains(&task))
    }

    pub(super) fn into_server(self) -> Server {
        let words = self.words();
        Server::new(self.id.as_str(), self.name.as_str(), self.state())
            .raw_status(words)
            .busy(self.task_state.is_some())
            .locked(self.locked)
            .tags(self.tags)
            .fault(self.fault.map(|fault| fault.message))
            .volumes(
                self.volumes
                    .into_iter()
                    .map(|held| {
                        ServerVolume::new(held.id).delete_on_termination(held.delete_on_termination)
                    })
                    .collect::<Vec<_>>(),
            )
    }
}

/// A volume.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireVolume {
    pub(super) id: String,
    #[serde(default, deserialize_with = "absent_as_default")]
    pub(super) name: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) size: u64,
    #[serde(default)]
    pub(super) volume_type: Option<String>,
    /// Told from microversion 3.63 on; before, only the type's name is.
    #[serde(default)]
    pub(super) volume_type_id: Option<String>,
    #[serde(default, rename = "os-vol-host-attr:host")]
    pub(super) host: Option<String>,
    #[serde(default, rename = "os-vol-tenant-attr:tenant_id")]
    pub(super) tenant_id: Option<String>,
    #[serde(default, rename = "os-vol-mig-status-attr:name_id")]
    pub(super) name_id: Option<String>,
    #[serde(default)]
    pub(super) bootable: WireBool,
    #[serde(default)]
    pub(super) group_id: Option<String>,
    #[serde(default)]
    pub(super) encrypted: bool,
    #[serde(default)]
    pub(super) multiattach: bool,
    #[serde(default, deserialize_with = "absent_as_default")]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "absent_as_default")]
    pub(super) volume_image_metadata: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "absent_as_default")]
    pub(super) created_at: String,
}

impl WireVolume {
    pub(super) fn state(&self) -> VolumeStatus {
        match self.status.as_str() {
            "available" => VolumeStatus::Available,
            "in-use" => VolumeStatus::InUse,
            "reserved" => VolumeStatus::Reserved,
            "creating" | "managing" | "unmanaging" | "attaching" | "detaching" | "deleting"
            | "downloading" | "uploading" | "extending" | "retyping" | "maintenance"
            | "reverting" => VolumeStatus::Busy,
            status if status.starts_with("error") => VolumeStatus::Error,
            _ => VolumeStatus::Other,
        }
    }

    /// The volume without what other calls tell about it.
    pub(super) fn into_volume(self) -> Volume {
        let state = self.state();
        let name_id = self.name_id.filter(|name_id| *name_id != self.id);
        let mut volume = Volume::new(self.id, self.name, state, self.size)
            .raw_status(self.status)
            .host(self.host)
            .bootable(self.bootable.0);
        volume.group_id = self.group_id.map(Into::into);
        volume.name_id = name_id.map(Into::into);
        volume
    }
}

/// A flag that Cinder sends as text and Nova as text or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WireBool(pub(super) bool);

impl<'de> Deserialize<'de> for WireBool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(match value {
            serde_json::Value::Bool(flag) => flag,
            serde_json::Value::String(text) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }))
    }
}

/// Reads `null` as the default.
pub(super) fn absent_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// An attachment of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct WireAttachment {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) instance: Option<String>,
    /// Only whether there is any: it can hold the secrets of the connection.
    #[serde(
        default,
        rename = "connection_info",
        deserialize_with = "whether_given"
    )]
    pub(super) has_connection: bool,
}

impl WireAttachment {
    /// Whether a host may be reading or writing through it.
    pub(super) fn is_connected(&self) -> bool {
        let let_go = matches!(self.status.as_str(), "reserved" | "detached" | "deleted");
        self.has_connection || !let_go
    }
}

/// Reads no more than whether there is anything in it.
fn whether_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => false,
        serde_json::Value::Object(map) => !map.is_empty(),
        serde_json::Value::String(text) => !matches!(text.as_str(), "" | "{}"),
        _ => true,
    })
}

/// A generic volume group.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireGroup {
    pub(super) id: String,
    #[serde(default, deserialize_with = "absent_as_default")]
    pub(super) name: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default, deserialize_with = "absent_as_default")]
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) volumes: Vec<String>,
}

impl From<WireGroup> for VolumeGroup {
    fn from(group: WireGroup) -> Self {
        let available = group.status == "available";
        let volumes: Vec<_> = group.volumes.into_iter().map(Into::into).collect();
        VolumeGroup::new(group.id, group.name, available, group.status, volumes)
    }
}

/// A port.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WirePort {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) network_id: String,
    pub(super) mac_address: String,
    #[serde(default)]
    pub(super) project_id: Option<String>,
    #[serde(default)]
    pub(super) device_id: String,
    #[serde(default)]
    pub(super) fixed_ips: Vec<WireFixedIp>,
    #[serde(default)]
    pub(super) security_groups: Vec<String>,
    #[serde(default)]
    pub(super) allowed_address_pairs: Vec<WireAddressPair>,
    #[serde(default)]
    pub(super) port_security_enabled: Option<bool>,
    #[serde(default, rename = "binding:vnic_type")]
    pub(super) vnic_type: Option<String>,
    #[serde(default, deserialize_with = "absent_as_default")]
    pub(super) description: String,
    #[serde(default, deserialize_with = "absent_as_default")]
    pub(super) created_at: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireFixedIp {
    pub(super) subnet_id: String,
    pub(super) ip_address: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireAddressPair {
    pub(super) ip_address: String,
    #[serde(default)]
    pub(super) mac_address: Option<String>,
}

impl WirePort {
    pub(super) fn addresses(&self) -> Vec<protector_framework::FixedIp> {
        self.fixed_ips
            .iter()
            .map(|ip| {
                protector_framework::FixedIp::new(ip.subnet_id.as_str(), ip.ip_address.as_str())
            })
            .collect()
    }

    pub(super) fn groups(&self) -> Vec<protector_framework::ResourceId> {
        self.security_groups
            .iter()
            .map(|id| id.as_str().into())
            .collect()
    }
}

impl From<WirePort> for Port {
    fn from(port: WirePort) -> Self {
        let mut out = Port::new(
            port.id.as_str(),
            port.network_id.as_str(),
            port.mac_address.to_lowercase(),
        )
        .fixed_ips(port.addresses())
        .security_groups(port.groups());
        out.device_id = Some(port.device_id)
            .filter(|id| !id.is_empty())
            .map(Into::into);
        out
    }
}
