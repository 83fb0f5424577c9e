//! What a run works on: on both clouds a tenant with networks, types and quotas as admins make
//! them, and on site-a servers that the real `openstack` client built.
//!
//! Each run has a project of its own, so runs do not see each other's objects.

mod cast;
mod network;
mod removal;
mod server;
mod types;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arrays::Arrays;
use super::cloud::Cloud;
use super::failure::Outcome;
use super::identity::{Admin, Login, Token};
use super::kills::restore_catalog;
use super::report::Report;
use super::testbed::{Api, PASSWORD, Side, Testbed};

pub use cast::{Cast, VOLUMES_EACH};
pub use network::KEYPAIR;
pub use network::Networks;
pub use types::Types;

/// The passwords and tokens of a run. All carry one mark, which nothing of Protector's may show.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// What every secret contains.
    pub mark: String,
}

impl Secrets {
    /// The secrets of a run.
    pub fn of_run(run: &str) -> Self {
        Self {
            mark: format!("MARKED-{run}"),
        }
    }

    /// The secret for a purpose.
    pub fn of(&self, purpose: &str) -> String {
        format!("{}-{purpose}", self.mark)
    }
}

/// One cloud of the world.
#[derive(Debug, Clone)]
pub struct Site {
    /// Which cloud.
    pub side: Side,
    /// The cloud's own admin.
    pub admin: Cloud,
    /// The same admin within the tenant's project: sees what only admins see, of that project.
    pub project: Cloud,
    /// The tenant.
    pub tenant: Cloud,
    /// Somebody who may only look at the tenant's project.
    pub reader: Token,
    /// How the tenant logs in.
    pub tenant_login: Login,
    /// Protector's own account, which may administrate it.
    pub service_login: Login,
    /// Flavor and volume types.
    pub types: Types,
    /// Networks and security groups.
    pub networks: Networks,
}

/// What one story is about: whose servers on which arrays.
#[derive(Debug, Clone)]
pub struct Part {
    /// The name of the run, part of the names of what it makes: lower-case letters and digits.
    pub run: String,
    /// Its secrets.
    pub secrets: Secrets,
    /// Its servers.
    pub cast: Cast,
    /// The arrays that hold their volumes.
    pub arrays: Arc<dyn Arrays>,
}

/// Both clouds, and where the files of this run are.
#[derive(Debug, Clone)]
pub struct World {
    /// The name of the run, part of the names of what it makes.
    pub run: String,
    /// Where the clouds are.
    pub testbed: Testbed,
    /// Files of this run.
    pub dir: PathBuf,
    /// Its secrets.
    pub secrets: Secrets,
    /// Its servers.
    pub cast: Cast,
    /// site-a.
    pub a: Site,
    /// site-b.
    pub b: Site,
}

impl World {
    /// Sets both clouds up.
    ///
    /// # Errors
    /// What a service says.
    pub async fn build(report: &Report, testbed: &Testbed, part: &Part) -> Outcome<Self> {
        let Part {
            run,
            secrets,
            cast,
            arrays,
        } = part;
        let dir = testbed.protector_home().join(run);
        std::fs::create_dir_all(&dir)?;
        let site = |side| Site::build(testbed, side, part);
        let (a, b) = report
            .step(
                "projects, accounts, types, networks on both clouds",
                async { tokio::try_join!(site(Side::A), site(Side::B)) },
            )
            .await?;
        let world = Self {
            run: run.clone(),
            testbed: testbed.clone(),
            dir,
            secrets: secrets.clone(),
            cast: *cast,
            a,
            b,
        };
        world.write_clouds_yaml()?;
        server::build(report, &world, &**arrays).await?;
        Ok(world)
    }

    /// A site.
    pub fn site(&self, side: Side) -> &Site {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// The configuration for the real client; `--os-cloud site-a` is the tenant there.
    pub fn clouds_yaml(&self) -> PathBuf {
        self.dir.join("clouds.yaml")
    }

    fn write_clouds_yaml(&self) -> Outcome {
        let mut text = String::from("clouds:\n");
        for site in [&self.a, &self.b] {
            let login = &site.tenant_login;
            text.push_str(&format!(
                "  {}:\n    region_name: {}\n    auth:\n      auth_url: {}\n      username: {}\n      \
                 password: {}\n      project_name: {}\n      user_domain_id: default\n      \
                 project_domain_id: default\n",
                site.side.name(),
                super::testbed::REGION,
                login.auth_url,
                login.user,
                login.password,
                login.project
            ));
        }
        write_private(&self.clouds_yaml(), &text)
    }
}

/// Writes a file that only we may read.
///
/// # Errors
/// What the file system says.
pub fn write_private(path: &Path, text: &str) -> Outcome {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())?;
    Ok(())
}

impl Site {
    /// A project with accounts, types and networks on one cloud.
    ///
    /// # Errors
    /// What a service says.
    pub async fn build(testbed: &Testbed, side: Side, part: &Part) -> Outcome<Self> {
        let Part { run, secrets, .. } = part;
        let login = |user: &str, password: String, project: &str| Login {
            auth_url: testbed.auth_url(side),
            user: user.to_owned(),
            password,
            project: project.to_owned(),
        };
        let admin_login = login("admin", PASSWORD.to_owned(), "admin");
        let admin = Cloud::open(testbed, side, &admin_login).await?;
        let keystone = Admin::new(&testbed.auth_url(side), &admin.token)?;

        // A run that was cut short may have left a proxy's address there.
        restore_catalog(testbed, side, &keystone).await?;

        let tenant = format!("acme-{run}");
        let tenant_login = login(&tenant, secrets.of("tenant"), &tenant);
        let service_login = login("protector", secrets.of("service"), "service");
        let project = keystone.project(&tenant).await?;
        let user = keystone.user(&tenant, &tenant_login.password).await?;
        keystone.grant(&user, &project, "member").await?;
        let reader_login = login(&format!("{tenant}-reader"), secrets.of("reader"), &tenant);
        let user = keystone
            .user(&reader_login.user, &reader_login.password)
            .await?;
        keystone.grant(&user, &project, "reader").await?;
        keystone
            .grant(&admin.token.user_id, &project, "admin")
            .await?;
        let service = keystone.project("service").await?;
        let protector = keystone.user("protector", &service_login.password).await?;
        for role in ["service", "admin"] {
            keystone.grant(&protector, &service, role).await?;
        }
        keystone.grant(&protector, &project, "admin").await?;
        let url = format!("{}/v1/%(tenant_id)s", testbed.url(side, Api::Protector));
        keystone.service("protector", "protector", &url).await?;

        let in_project = Login {
            project: tenant,
            ..admin_login
        };
        let project = Cloud::open(testbed, side, &in_project).await?;
        let tenant = Cloud::open(testbed, side, &tenant_login).await?;
        let types = Types::build(&admin, part.arrays.backend()).await?;
        let networks = Networks::build(&tenant).await?;
        Ok(Self {
            side,
            admin,
            project,
            tenant,
            reader: reader_login.token().await?,
            tenant_login,
            service_login,
            types,
            networks,
        })
    }
}
