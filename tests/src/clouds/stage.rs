//! Everything of a run that is up: the world, both Protectors and their clients.

use serde_json::{Value, json};

use super::api::Protector;
use std::sync::Arc;

use super::arrays::Arrays;
use super::deployment::{Deployment, Programs};
use super::failure::Outcome;
use super::http::Seen;
use super::process::Process;
use super::report::Report;
use super::testbed::{Api, REGION, Side, Testbed};
use super::world::{Part, World};

/// One site's Protector with its processes, where they run.
#[derive(Debug)]
pub struct Running {
    /// Its configuration and programs.
    pub deployment: Deployment,
    /// Its API as clients see it.
    pub client: Protector,
    /// The API.
    pub api: Option<Process>,
    /// The engine.
    pub engine: Option<Process>,
}

/// A run.
#[derive(Debug)]
pub struct Stage {
    /// Where to tell what happens.
    pub report: Report,
    /// Both clouds.
    pub world: World,
    /// Every reply of Protector.
    pub seen: Seen,
    /// The arrays.
    pub arrays: Arc<dyn Arrays>,
    /// site-a.
    pub a: Running,
    /// site-b.
    pub b: Running,
}

impl Stage {
    /// Builds the world and starts both Protectors.
    ///
    /// # Errors
    /// What fails.
    pub async fn build(
        report: &Report,
        testbed: &Testbed,
        programs: &Programs,
        part: &Part,
        keep: bool,
    ) -> Outcome<Self> {
        let world = World::build(report, testbed, part).await?;
        let arrays = part.arrays.clone();
        let seen = Seen::default();
        let start = async |side| {
            let deployment = Deployment::prepare(&world, programs, side, &*arrays, keep).await?;
            let client = Protector::of(report, testbed, world.site(side), &seen)?;
            let mut running = Running {
                deployment,
                client,
                api: None,
                engine: None,
            };
            running.start(report).await?;
            Ok(running)
        };
        let (a, b) = report
            .step("db sync, api and engine of both sites", async {
                tokio::try_join!(start(Side::A), start(Side::B))
            })
            .await?;
        Ok(Self {
            report: report.clone(),
            world,
            seen,
            arrays,
            a,
            b,
        })
    }

    /// One site's Protector.
    pub fn at(&self, side: Side) -> &Running {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// Registers both sites and the pair of projects at site-a, and enrols the tenant at both.
    ///
    /// # Errors
    /// What the API says.
    pub async fn enrol(&self) -> Outcome {
        for side in Side::BOTH {
            let what = format!("register and validate {}", side.name());
            self.report.step(&what, self.register(side)).await?;
        }
        self.report
            .step("map the tenant's projects", self.map_tenant())
            .await?;
        for running in [&self.a, &self.b] {
            let what = format!("enrol the tenant at {}", running.deployment.side.name());
            let enrolled = async { running.client.tenant.post("/trusts", &json!({})).await };
            self.report.step(&what, enrolled).await?;
        }
        Ok(())
    }

    /// Ends Protector's processes in order.
    ///
    /// # Errors
    /// What fails.
    pub async fn end(&mut self) -> Outcome {
        let report = &self.report;
        report
            .step("Protector's processes end by SIGTERM", async {
                for running in [&mut self.a, &mut self.b] {
                    for process in [running.engine.take(), running.api.take()]
                        .into_iter()
                        .flatten()
                    {
                        process.terminate(report).await?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Takes away what the run made.
    ///
    /// # Errors
    /// What fails.
    pub async fn remove(self) -> Outcome {
        let report = &self.report;
        report
            .step("the tenant with all it has", async {
                let (a, b) = (&self.world.a, &self.world.b);
                let testbed = &self.world.testbed;
                tokio::try_join!(a.remove(report, testbed), b.remove(report, testbed))
            })
            .await?;
        super::deployment::drop_database(&self.world).await?;
        std::fs::remove_dir_all(&self.world.dir)?;
        Ok(())
    }

    /// Where everything is, for people.
    pub fn how_to_look(&self) -> String {
        let testbed = &self.world.testbed;
        let processes = [&self.a.api, &self.a.engine, &self.b.api, &self.b.engine];
        let pids: Vec<String> = processes
            .into_iter()
            .flatten()
            .filter_map(|process| Some(process.pid()?.to_string()))
            .collect();
        format!(
            "kept, in {}\n  Protector: {} and {}; it ends with `kill {}`\n  \
             OS_CLIENT_CONFIG_FILE={} {} --os-cloud site-b server list",
            self.world.dir.display(),
            testbed.url(Side::A, Api::Protector),
            testbed.url(Side::B, Api::Protector),
            pids.join(" "),
            self.world.clouds_yaml().display(),
            testbed.program("openstack").display(),
        )
    }

    async fn register(&self, side: Side) -> Outcome {
        let login = &self.world.site(side).service_login;
        let body = json!({"site": {
            "name": side.name(),
            "description": "one of two clouds on one machine",
            "site_type": "openstack",
            "auth_url": login.auth_url,
            "region_name": REGION,
            "credentials": {
                "username": login.user,
                "password": login.password,
                "project_name": login.project,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
        }});
        self.a.client.admin.post("/admin/sites", &body).await?;
        let path = format!("/admin/sites/{}/validate", side.name());
        let validated = self.a.client.admin.post(&path, &json!({})).await?;
        let site = &validated["site"];
        for service in ["keystone", "nova", "cinder", "neutron"] {
            super::failure::ensure(site[format!("{service}_reachable")] == true, || {
                format!("{service} of {} is not reachable: {site}", side.name())
            })?;
        }
        Ok(())
    }

    async fn map_tenant(&self) -> Outcome {
        let project = |side| &self.world.site(side).tenant.token.project_id;
        let body = json!({"tenant_mapping": {
            "primary_site_id": Side::A.name(),
            "primary_project_id": project(Side::A),
            "secondary_site_id": Side::B.name(),
            "secondary_project_id": project(Side::B),
        }});
        self.a
            .client
            .admin
            .post("/admin/tenant-mappings", &body)
            .await
            .map(|_: Value| ())
    }
}

impl Running {
    /// Starts what does not run.
    ///
    /// # Errors
    /// Where a process does not come up.
    pub async fn start(&mut self, report: &Report) -> Outcome {
        if self.api.is_none() {
            self.api = Some(self.deployment.start_api(report).await?);
        }
        if self.engine.is_none() {
            self.engine = Some(self.deployment.start_engine()?);
        }
        Ok(())
    }

    /// Kills both processes, as a power cut does.
    ///
    /// # Errors
    /// Where one had ended by itself.
    pub async fn cut(&mut self) -> Outcome {
        for process in [self.api.take(), self.engine.take()].into_iter().flatten() {
            process.kill().await?;
        }
        Ok(())
    }
}
