//! A mock cloud as its administrator sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protector_framework::{
    DriverConfig, DriverEnv, DriverError, ProjectId, ResourceId, Result, SecretString, TokenScope,
    TrustId, UserId, VolumeTypeId,
};
use serde_json::json;

use super::array::MockArray;
use super::tenant::Tenant;
use crate::cloud::{
    Cidr, ComputeState, FlavorRecord, KeypairRecord, Meta, NetworkRecord, PoolRecord, Quota,
    SecurityGroupRecord, SubnetRecord, VolumeTypeRecord, Whole, compute_file, identity_file,
    meta_file,
};
use crate::fault::{self, Script};
use crate::identity::{
    Credential, EndpointRecord, IdentityState, ProjectRecord, Token, User, new_token, seconds_delta,
};
use crate::place;
use crate::secret::hashed;
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

    /// Adds a project with its default security group; one of this name is the reply.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_project(&self, name: &str) -> Result<ProjectId> {
        let (id, group) = (self.new_id(), self.new_uuid());
        self.change(|whole| {
            let projects = &mut whole.held.identity_mut().projects;
            if let Some((id, _)) = projects.iter().find(|(_, p)| p.name == name) {
                return Ok(id.as_str().into());
            }
            let project = ProjectRecord {
                name: name.to_owned(),
                enabled: true,
            };
            projects.insert(id.clone(), project);
            let default = SecurityGroupRecord {
                name: "default".to_owned(),
                project: id.clone(),
            };
            whole.compute_mut().security_groups.insert(group, default);
            Ok(id.into())
        })
    }

    /// Adds a user, or gives the one of this name the password.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_user(&self, name: &str, password: &str) -> Result<UserId> {
        let id = self.new_id();
        self.change(|whole| {
            let users = &mut whole.held.identity_mut().users;
            let known = users.iter().find(|(_, user)| user.name == name);
            let id = known.map_or(id, |(id, _)| id.clone());
            let user = User {
                name: name.to_owned(),
                password: hashed(&id, password),
                enabled: true,
            };
            users.insert(id.clone(), user);
            Ok(id.into())
        })
    }

    /// Gives a user a role in a project.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn grant(&self, user: &UserId, project: &ProjectId, role: &str) -> Result<()> {
        self.change(|whole| {
            let roles = &mut whole.held.identity_mut().roles;
            let projects = roles.entry(user.to_string()).or_default();
            let given = projects.entry(project.to_string()).or_default();
            given.insert(role.to_owned());
            Ok(())
        })
    }

    /// Takes a role in a project from a user.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn revoke(&self, user: &UserId, project: &ProjectId, role: &str) -> Result<()> {
        self.change(|whole| {
            let roles = &mut whole.held.identity_mut().roles;
            if let Some(projects) = roles.get_mut(user.as_str())
                && let Some(given) = projects.get_mut(project.as_str())
            {
                given.remove(role);
            }
            Ok(())
        })
    }

    /// Gives a user a role on the whole system.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn grant_system(&self, user: &UserId, role: &str) -> Result<()> {
        self.change(|whole| {
            let roles = &mut whole.held.identity_mut().system_roles;
            let given = roles.entry(user.to_string()).or_default();
            given.insert(role.to_owned());
            Ok(())
        })
    }

    /// Adds an application credential of a user in a project; the reply is its id.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn add_application_credential(
        &self,
        user: &UserId,
        project: &ProjectId,
        secret: &str,
    ) -> Result<String> {
        let id = self.new_id();
        self.change(|whole| {
            let credential = Credential {
                user: user.to_string(),
                project: project.to_string(),
                secret: hashed(&id, secret),
            };
            let credentials = &mut whole.held.identity_mut().credentials;
            credentials.insert(id.clone(), credential);
            Ok(id)
        })
    }

    /// A token for a user in a project, as a client that logs in gets it.
    ///
    /// # Errors
    /// `NotFound` for the project; `Unauthorized` without a role in it.
    pub fn issue_token(&self, user: &UserId, project: &ProjectId) -> Result<SecretString> {
        self.change(|whole| {
            let identity = whole.held.identity();
            let scope = identity.project_scope(project.as_str())?;
            if identity
                .roles_of(user.as_str(), project.as_str())
                .is_empty()
            {
                return Err(crate::identity::unauthorized(format!(
                    "user `{user}` has no role in project `{project}`"
                )));
            }
            Ok(self.new_token(whole, user, scope, None))
        })
    }

    /// A token for a user on the whole system.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn issue_system_token(&self, user: &UserId) -> Result<SecretString> {
        self.change(|whole| Ok(self.new_token(whole, user, TokenScope::System, None)))
    }

    /// A token got with a trust, as a trustee gets it.
    ///
    /// # Errors
    /// `NotFound` for the trust.
    pub fn issue_trust_token(&self, trust: &TrustId) -> Result<SecretString> {
        self.change(|whole| {
            let identity = whole.held.identity();
            let record = identity
                .trusts
                .get(trust.as_str())
                .cloned()
                .ok_or_else(|| DriverError::not_found("the trust"))?;
            let scope = identity.project_scope(&record.project)?;
            let user = UserId::from(record.trustor);
            Ok(self.new_token(whole, &user, scope, Some(trust.to_string())))
        })
    }

    /// Makes a token invalid before its time.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn revoke_token(&self, token: &SecretString) -> Result<()> {
        use protector_framework::ExposeSecret;
        self.change(|whole| {
            let name = hashed("token", token.expose_secret());
            whole.held.identity_mut().tokens.remove(&name);
            Ok(())
        })
    }

    /// How long new tokens are valid.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn set_token_seconds(&self, seconds: u64) -> Result<()> {
        self.change(|whole| {
            whole.held.identity_mut().token_seconds = seconds;
            Ok(())
        })
    }

    /// Adds an endpoint on all three interfaces, or changes its URL. `%(tenant_id)s` in the URL
    /// stands for the token's project.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn set_endpoint(&self, service_type: &str, url: &str) -> Result<()> {
        self.change(|whole| {
            let region = whole.held.meta().region.clone();
            let endpoints = &mut whole.held.identity_mut().endpoints;
            endpoints.retain(|endpoint| endpoint.service_type != service_type);
            for interface in ["public", "internal", "admin"] {
                endpoints.push(EndpointRecord {
                    service_type: service_type.to_owned(),
                    interface: interface.to_owned(),
                    region: region.clone(),
                    url: url.to_owned(),
                });
            }
            Ok(())
        })
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
        };
        self.insert(|state| &mut state.networks, network)
            .map(Into::into)
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

    fn new_token(
        &self,
        whole: &mut Whole,
        user: &UserId,
        scope: TokenScope,
        trust: Option<String>,
    ) -> SecretString {
        let text = new_token(&*self.env.ids);
        let now = whole.now;
        let identity = whole.held.identity_mut();
        let token = Token {
            user: user.to_string(),
            scope,
            expires_at: now + seconds_delta(identity.token_seconds),
            trust,
            credential: false,
        };
        identity.issue(&text, token, now);
        text.into()
    }

    fn new_uuid(&self) -> String {
        self.env.ids.uuid().to_string()
    }

    /// An id as Keystone writes it.
    fn new_id(&self) -> String {
        self.env.ids.uuid().simple().to_string()
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
