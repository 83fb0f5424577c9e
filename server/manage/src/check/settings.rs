//! What a check is told: a JSON file that only its owner may read, since it holds secrets.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use protector_framework::{DriverConfig, DriverKind, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;

/// All files together.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    storage: Option<StorageSettings>,
    compute: Option<ComputeSettings>,
    identity: Option<IdentitySettings>,
}

/// How a driver is built.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DriverSettings {
    settings: Value,
    #[serde(default)]
    secrets: BTreeMap<String, SecretString>,
    /// Whether one login with wrong secrets may be tried: some systems lock an account after a few.
    #[serde(default)]
    pub(super) try_wrong_secret: bool,
}

/// Two arrays.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StorageSettings {
    pub(super) source: DriverSettings,
    pub(super) target: DriverSettings,
    /// A program and its first arguments that makes, writes and reads volumes.
    #[serde(default)]
    pub(super) volume_program: Vec<String>,
}

/// One project of a cloud, and what is in it for the check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComputeSettings {
    pub(super) driver: DriverSettings,
    pub(super) network: Option<NetworkSettings>,
    pub(super) flavor: Option<String>,
    /// Bootable volumes that nobody needs.
    #[serde(default)]
    pub(super) volumes: Vec<String>,
    /// Array volumes that nobody needs and the cloud does not know.
    #[serde(default)]
    pub(super) array_volumes: Vec<ArrayVolumeSettings>,
    pub(super) group: Option<GroupSettings>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkSettings {
    pub(super) id: String,
    pub(super) subnet: String,
    /// Free addresses of the subnet.
    pub(super) addresses: Vec<String>,
    #[serde(default)]
    pub(super) security_group: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrayVolumeSettings {
    pub(super) name: String,
    /// `host@backend#pool`.
    pub(super) host: String,
    /// The id of a volume type of that back end.
    pub(super) volume_type: String,
    pub(super) size_gib: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupSettings {
    pub(super) group_type: String,
    /// The id of the type of `volumes`.
    pub(super) volume_type: String,
}

/// One identity service, and somebody who uses it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentitySettings {
    pub(super) driver: DriverSettings,
    /// A project that the service's account may look at.
    pub(super) project: String,
    pub(super) client: Option<ClientSettings>,
}

/// A token that somebody got with a password, for a project.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientSettings {
    pub(super) token: SecretString,
    pub(super) user: String,
    pub(super) project: String,
    pub(super) roles: Vec<String>,
}

impl DriverSettings {
    pub(super) fn config(&self) -> DriverConfig {
        DriverConfig {
            settings: self.settings.clone(),
            secrets: self.secrets.clone(),
        }
    }

    /// The same with secrets that are none.
    pub(super) fn wrong(&self) -> DriverConfig {
        let mut config = self.config();
        for secret in config.secrets.values_mut() {
            *secret = wrong_secret();
        }
        config
    }

    /// What no error may tell.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let mut secrets: Vec<_> = self.secrets.values().cloned().collect();
        secrets.push(wrong_secret());
        secrets
    }
}

fn wrong_secret() -> SecretString {
    SecretString::from("protector-check-wrong-secret")
}

impl Settings {
    /// Reads files; a later one goes over an earlier one, section by section.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self, Failure> {
        let mut all = Self::default();
        for file in files {
            let one = read(file).map_err(|reason| Failure::CheckSettings {
                file: file.clone(),
                reason,
            })?;
            all.storage = one.storage.or(all.storage);
            all.compute = one.compute.or(all.compute);
            all.identity = one.identity.or(all.identity);
        }
        Ok(all)
    }

    pub(super) fn has(&self, kind: DriverKind) -> bool {
        match kind {
            DriverKind::Storage => self.storage.is_some(),
            DriverKind::Compute => self.compute.is_some(),
            DriverKind::Identity => self.identity.is_some(),
        }
    }

    pub(super) fn storage(&self) -> Result<&StorageSettings, Failure> {
        self.storage.as_ref().ok_or(Failure::NoSection("storage"))
    }

    pub(super) fn compute(&self) -> Result<&ComputeSettings, Failure> {
        self.compute.as_ref().ok_or(Failure::NoSection("compute"))
    }

    pub(super) fn identity(&self) -> Result<&IdentitySettings, Failure> {
        self.identity.as_ref().ok_or(Failure::NoSection("identity"))
    }
}

/// Serde's own words would show the value that is wrong, and that may be a secret.
fn read(file: &Path) -> Result<Settings, String> {
    let mode = std::fs::metadata(file)
        .map_err(|error| error.to_string())?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "it holds secrets, and others than its owner may use it (mode {:o}); chmod 600",
            mode & 0o777
        ));
    }
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => {
                let what = error.to_string();
                let named = ["missing field", "unknown field"];
                match named.iter().any(|start| what.starts_with(start)) {
                    true => what,
                    false => format!("{place}: a value of the wrong type"),
                }
            }
            _ => format!("{place}: this is no JSON"),
        }
    })
}
