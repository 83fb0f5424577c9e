//! A cloud with the usual things in it.

use protector_framework::{ProjectId, ResourceId, Result, UserId, VolumeTypeId};

use super::array::MockArray;
use super::cloud::MockCloud;

/// The name of the service's account.
pub const PROTECTOR_USER: &str = "protector";

/// The password of the service's account on a furnished cloud.
pub const PROTECTOR_PASSWORD: &str = "protector-password";

/// The password of the tenant's user on a furnished cloud.
pub const TENANT_PASSWORD: &str = "tenant-password";

/// What a furnished cloud has.
#[derive(Debug, Clone)]
pub struct Furniture {
    /// The project `service`.
    pub service_project: ProjectId,
    /// The service's account: `admin` and `service` in `service`, `admin` in `tenant`.
    pub service_user: UserId,
    /// The project `tenant`.
    pub project: ProjectId,
    /// The user `tenant`, `member` in `tenant`.
    pub user: UserId,
    /// The user `admin`, `admin` in `service` and on the system.
    pub admin: UserId,
    /// The network `tenant-net`.
    pub network: ResourceId,
    /// Its subnet.
    pub subnet: ResourceId,
    /// The network `test-net`, for test failovers, with a subnet.
    pub test_network: ResourceId,
    /// The flavor `small`: 1 processor, 512 MiB.
    pub flavor: ResourceId,
    /// The security group `web`.
    pub security_group: ResourceId,
    /// The replicated volume type `replicated`.
    pub volume_type: VolumeTypeId,
    /// The volume type `plain`, for test clones.
    pub plain_type: VolumeTypeId,
    /// The pool on the array.
    pub pool: String,
}

impl MockCloud {
    /// Puts into the cloud what a site with one tenant and one array needs. `cidr` is the range of
    /// the tenant's network.
    ///
    /// # Errors
    /// As [`MockCloud::set_down`].
    pub fn furnish(&self, array: &MockArray, cidr: &str) -> Result<Furniture> {
        let service_project = self.add_project("service")?;
        let project = self.add_project("tenant")?;
        let service_user = self.add_user(PROTECTOR_USER, PROTECTOR_PASSWORD)?;
        let user = self.add_user("tenant", TENANT_PASSWORD)?;
        let admin = self.add_user("admin", "admin-password")?;
        self.grant(&service_user, &service_project, "admin")?;
        self.grant(&service_user, &service_project, "service")?;
        self.grant(&service_user, &project, "admin")?;
        self.grant(&user, &project, "member")?;
        self.grant(&admin, &service_project, "admin")?;
        self.grant_system(&admin, "admin")?;

        let network = self.add_network("tenant-net", Some(&project))?;
        let subnet = self.add_subnet(&network, "tenant-subnet", cidr)?;
        let test_network = self.add_network("test-net", Some(&project))?;
        self.add_subnet(&test_network, "test-subnet", cidr)?;

        let pool = "mock@array#pool".to_owned();
        self.add_pool(&pool, "array", array)?;
        self.add_group_type("protector")?;
        Ok(Furniture {
            flavor: self.add_flavor("small", 1, 512)?,
            security_group: self.add_security_group(&project, "web")?,
            volume_type: self.add_volume_type(
                "replicated",
                &[
                    ("volume_backend_name", "array"),
                    ("replication_enabled", "<is> True"),
                    ("replication_type", "<in> async"),
                ],
            )?,
            plain_type: self.add_volume_type("plain", &[("volume_backend_name", "array")])?,
            service_project,
            service_user,
            project,
            user,
            admin,
            network,
            subnet,
            test_network,
            pool,
        })
    }
}
