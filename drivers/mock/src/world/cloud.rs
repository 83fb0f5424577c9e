//! A mock cloud as its administrator sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protector_framework::{
    DriverConfig, DriverEnv, DriverError, ProjectId, ResourceId, Result, SecretString, UserId,
    VolumeTypeId,
};
use serde_json::json;

use super::array::MockArray;
use super::tenant::Tenant;
use crate::cloud::{
    Cidr, ComputeState, FlavorRecord, KeypairRecord, Meta, NetworkRecord, PoolRecord, Quota,
    SecurityGroupRecord, SubnetRecord, VolumeState, VolumeTypeRecord, Whole, compute_file,
    identity_file, meta_file,
};
use crate::fault::{self, Script};
use crate::identity::IdentityState;
use crate::log::{self, RecordedCall};
use crate::place;
use crate::store::{self, Lock, failed};

/// How long a cloud takes for what it does later, where nobody says.
const TRANSITION: Duration = Duration::from_millis(30);

/// How long a token is valid, where nobody says.
const TOKEN_SECONDS: u64 = 3600;

/// A mock cloud in a directory.
#[derive(Debug, Clone)]
pub struct MockCloud {
    pub(super) directory: PathBuf,
    pub(super) env: DriverEnv,
}

impl MockCloud {
    /// Makes an empty cloud; one that is there stays as it is.
    ///
    /// # Errors
    /// `InvalidConfig` for a directory that is not absolute; `Unexpected` where it cannot be
    /// written.
    pub fn create(directory: impl AsRef<Path>, region: &str, env: DriverEnv) -> Result<Self> {
        let directory = directory.as_ref().to_owned();
        place::url(&directory)?;
        fs::create_dir_all(&directory).map_err(|error| failed("make", &directory, &error))?;
        let _lock =
            Lock::take(&directory, "lock").map_err(|error| failed("lock", &directory, &error))?;
        if !meta_file(&directory).exists() {
            let identity = IdentityState {
                token_seconds: TOKEN_SECONDS,
                ..IdentityState::default()
            };
            let compute = ComputeState {
                transition_milliseconds: milliseconds(TRANSITION),
                zones: BTreeSet::from(["nova".to_owned()]),
                ..ComputeState::default()
            };
            store::write(&identity_file(&directory), &identity)?;
            store::write(&compute_file(&directory), &compute)?;
            let meta = Meta {
                region: region.to_owned(),
                down: false,
            };
            store::write(&meta_file(&directory), &meta)?;
        }
        Ok(Self { directory, env })
    }

    /// A cloud that was made before, by any process.
    ///
    /// # Errors
    /// `Unreachable` where there is none.
    pub fn open(directory: impl AsRef<Path>, env: DriverEnv) -> Result<Self> {
        let cloud = Self {
            directory: directory.as_ref().to_owned(),
            env,
        };
        cloud.look()?;
        Ok(cloud)
    }

    /// What a site names the cloud by.
    pub fn auth_url(&self) -> String {
        // The directory was checked when the cloud was made.
        place::url(&self.directory).unwrap_or_default()
    }

    /// What the identity and compute drivers are built from for this account and project.
    pub fn driver_config(&self, user: &str, password: &str, project: &ProjectId) -> DriverConfig {
        DriverConfig::new(json!({
            "auth_url": self.auth_url(),
            "username": user,
            "user_domain_name": "Default",
            "project_id": project.as_str(),
        }))
        .secret("password", SecretString::from(password))
    }

    /// Switches all services of the cloud off or on.
    ///
    /// # Errors
    /// `Unreachable` where the directory is gone; so do all functions below.
    pub fn set_down(&self, down: bool) -> Result<()> {
        self.change(|whole| {
            whole.held.meta_mut().down = down;
            Ok(())
        })
    }

    /// How long the cloud takes for what it does later: building, stopping, managing.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn set_transition(&self, duration: Duration) -> Result<()> {
        self.change(|whole| {
            whole.compute_mut().transition_milliseconds = milliseconds(duration);
            Ok(())
        })
    }

    /// Writes the fault script; counting starts anew.
    ///
    /// # Errors
    /// `Unexpected` where it cannot be written.
    pub fn set_faults(&self, script: &Script) -> Result<()> {
        fault::write(&self.directory, script)
    }

    /// How many calls have fitted each rule of the fault script since it was written.
    ///
    /// # Errors
    /// `Unexpected` where the counts cannot be read.
    pub fn fault_counts(&self) -> Result<Vec<u64>> {
        fault::counts(&self.directory)
    }

    /// Begins to record the mutating calls that the cloud carries out, from none; or stops.
    ///
    /// # Errors
    /// `Unexpected` where the log cannot be written.
    pub fn record_calls(&self, on: bool) -> Result<()> {
        log::record(&self.directory, on)
    }

    /// The recorded calls, the oldest first.
    ///
    /// # Errors
    /// `Unexpected` where the log cannot be read.
    pub fn calls(&self) -> Result<Vec<RecordedCall>> {
        log::calls(&self.directory)
    }

    /// Adds a flavor for servers that boot from volumes.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_flavor(&self, name: &str, vcpus: u32, ram_mib: u64) -> Result<ResourceId> {
        let flavor = FlavorRecord {
            name: name.to_owned(),
            vcpus,
            ram_mib,
            disk_gib: 0,
            ephemeral_gib: 0,
            swap_mib: 0,
        };
        self.insert(|state| &mut state.flavors, flavor)
            .map(Into::into)
    }

    /// Gives a flavor disks of its own, which no array replicates.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_local_disks(
        &self,
        flavor: &ResourceId,
        disk_gib: u64,
        ephemeral_gib: u64,
        swap_mib: u64,
    ) -> Result<()> {
        self.change(|whole| {
            let flavors = &mut whole.compute_mut().flavors;
            let record = flavors
                .get_mut(flavor.as_str())
                .ok_or_else(|| DriverError::not_found(format!("flavor `{flavor}`")))?;
            record.disk_gib = disk_gib;
            record.ephemeral_gib = ephemeral_gib;
            record.swap_mib = swap_mib;
            Ok(())
        })
    }

    /// Adds a network; without an owner everybody may use it.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_network(&self, name: &str, owner: Option<&ProjectId>) -> Result<ResourceId> {
        let network = NetworkRecord {
            name: name.to_owned(),
            project: owner.map(ToString::to_string),
            external: false,
            routed_to: std::collections::BTreeSet::new(),
        };
        self.insert(|state| &mut state.networks, network)
            .map(Into::into)
    }

    /// Puts a router between two networks.
    ///
    /// # Errors
    /// `NotFound` where one is not there.
    pub fn route(&self, one: &ResourceId, other: &ResourceId) -> Result<()> {
        for (from, to) in [(one, other), (other, one)] {
            self.network(from, |network| {
                network.routed_to.insert(to.to_string());
            })?;
        }
        Ok(())
    }

    /// Removes the records of volumes that are in error, as an administrator does who has looked at
    /// what is behind them; the array keeps what it has.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn forget_failed_volumes(&self) -> Result<()> {
        self.change(|whole| {
            let failed = |state: &VolumeState| {
                matches!(state, VolumeState::Error | VolumeState::ErrorUnmanaging)
            };
            whole
                .compute_mut()
                .volumes
                .retain(|_, volume| !failed(&volume.state));
            Ok(())
        })
    }

    /// Lets a network lead out of the cloud.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn make_external(&self, network: &ResourceId) -> Result<()> {
        self.network(network, |network| network.external = true)
    }

    fn network(&self, id: &ResourceId, change: impl FnOnce(&mut NetworkRecord)) -> Result<()> {
        self.change(|whole| {
            let network = whole.compute_mut().networks.get_mut(id.as_str());
            let network =
                network.ok_or_else(|| DriverError::not_found(format_args!("network `{id}`")))?;
            change(network);
            Ok(())
        })
    }

    /// Adds a subnet, such as `10.0.0.0/24`.
    ///
    /// # Errors
    /// `InvalidRequest` for a range that is none.
    pub fn add_subnet(&self, network: &ResourceId, name: &str, cidr: &str) -> Result<ResourceId> {
        if Cidr::parse(cidr).is_none() {
            return Err(DriverError::new(
                protector_framework::ErrorKind::InvalidRequest,
                format!("`{cidr}` is no range of addresses"),
            ));
        }
        let subnet = SubnetRecord {
            name: name.to_owned(),
            network: network.to_string(),
            cidr: cidr.to_owned(),
        };
        self.insert(|state| &mut state.subnets, subnet)
            .map(Into::into)
    }

    /// Adds a security group to a project.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_security_group(&self, project: &ProjectId, name: &str) -> Result<ResourceId> {
        let group = SecurityGroupRecord {
            name: name.to_owned(),
            project: project.to_string(),
        };
        self.insert(|state| &mut state.security_groups, group)
            .map(Into::into)
    }

    /// Adds a keypair; it belongs to the user.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_keypair(&self, user: &UserId, name: &str) -> Result<()> {
        self.change(|whole| {
            whole.compute_mut().keypairs.insert(KeypairRecord {
                user: user.to_string(),
                name: name.to_owned(),
            });
            Ok(())
        })
    }

    /// Adds an availability zone beside `nova`.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_zone(&self, name: &str) -> Result<()> {
        self.change(|whole| {
            whole.compute_mut().zones.insert(name.to_owned());
            Ok(())
        })
    }

    /// Adds a volume type.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_volume_type(
        &self,
        name: &str,
        extra_specs: &[(&str, &str)],
    ) -> Result<VolumeTypeId> {
        let specs = extra_specs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let kind = VolumeTypeRecord {
            name: name.to_owned(),
            extra_specs: specs.collect(),
        };
        self.insert(|state| &mut state.volume_types, kind)
            .map(Into::into)
    }

    /// Adds a pool (`host@backend#pool`) whose volumes are on an array, and from now on records in
    /// the array which servers connect.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`], for the array too.
    pub fn add_pool(&self, name: &str, backend_name: &str, array: &MockArray) -> Result<()> {
        array.know_connections()?;
        self.change(|whole| {
            let pool = PoolRecord {
                backend_name: backend_name.to_owned(),
                array: array.directory().to_owned(),
                replication_targets: vec!["other-site".to_owned()],
            };
            whole.compute_mut().pools.insert(name.to_owned(), pool);
            Ok(())
        })
    }

    /// Adds a type of generic volume groups.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_group_type(&self, name: &str) -> Result<()> {
        self.change(|whole| {
            whole.compute_mut().group_types.insert(name.to_owned());
            Ok(())
        })
    }

    /// Sets what a project may have in all.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn set_quota(&self, project: &ProjectId, quota: Quota) -> Result<()> {
        self.change(|whole| {
            let quotas = &mut whole.compute_mut().quotas;
            quotas.insert(project.to_string(), quota);
            Ok(())
        })
    }

    /// A user at work in a project.
    pub fn tenant(&self, user: &UserId, project: &ProjectId) -> Tenant {
        Tenant::new(self.clone(), user.clone(), project.clone())
    }

    pub(super) fn look(&self) -> Result<Whole> {
        Whole::take(&self.directory, self.env.clock.now())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Whole) -> Result<T>) -> Result<T> {
        let mut whole = self.look()?;
        let reply = change(&mut whole)?;
        whole.save()?;
        Ok(reply)
    }

    fn insert<V>(
        &self,
        table: impl FnOnce(&mut ComputeState) -> &mut BTreeMap<String, V>,
        record: V,
    ) -> Result<String> {
        let id = self.new_uuid();
        self.change(|whole| {
            table(whole.compute_mut()).insert(id.clone(), record);
            Ok(id)
        })
    }

    pub(super) fn new_uuid(&self) -> String {
        self.env.ids.uuid().to_string()
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
