//! Protector as OpenStack's own clients use it (`tests/clients`).

use std::path::Path;

use serde_json::json;

use super::failure::Outcome;
use super::http::text;
use super::identity::Login;
use super::stage::Stage;
use super::testbed::{Api, PASSWORD, REGION, Side};
use super::world::write_private;

impl Stage {
    /// Runs the tests with keystoneauth1, openstacksdk and the `openstack` client.
    ///
    /// # Errors
    /// With the end of what they print.
    pub async fn real_clients(&self) -> Outcome {
        let world = &self.world;
        let testbed = &world.testbed;
        let Some(server) = world.cast.names().next() else {
            return super::failure::fail("there is no server to protect");
        };
        let server = world.a.tenant.server(server).await?;
        let account = |login: &Login| json!({"user": login.user, "password": login.password, "project": login.project});
        let reader = format!("{}-reader", world.a.tenant_login.user);
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let facts = json!({
            "auth_url": testbed.auth_url(Side::A),
            "other_auth_url": testbed.auth_url(Side::B),
            "region": REGION,
            "url": testbed.url(Side::A, Api::Protector),
            "project_id": world.a.tenant.token.project_id,
            "accounts": {
                "tenant": account(&world.a.tenant_login),
                "reader": account(&Login {
                    user: reader,
                    password: world.secrets.of("reader"),
                    ..world.a.tenant_login.clone()
                }),
                // In the project of the tenant, as the quotas and health of it are looked at.
                "admin": {"user": "admin", "password": PASSWORD,
                    "project": world.a.tenant_login.project},
            },
            "sites": Side::BOTH.map(Side::name),
            "group": {
                "name": "clients",
                "description": "made by OpenStack's own clients",
                "primary_site_id": Side::A.name(),
                "secondary_site_id": Side::B.name(),
                "replication_type": "async",
                "volume_type_id": world.a.types.replicated,
                "secondary_volume_type_id": world.b.types.replicated,
            },
            "policy": self.policy(),
            "mappings": self.mappings(),
            "server_id": text(&server, "/id")?,
            "openstack": testbed.program("openstack"),
            // For the plugin: what things are called, and both sites as the tenant logs in there.
            "clouds_yaml": world.clouds_yaml(),
            "names": {
                "server": world.cast.names().next(),
                "replicated": format!("replicated-{}", self.arrays.backend()),
                "plain": format!("plain-{}", self.arrays.backend()),
                "networks": ["app", "store"],
                "security_groups": ["db", "web"],
                "keypair": super::world::KEYPAIR,
            },
            "flavors": [world.a.types.flavor, world.b.types.flavor],
            "document": tests.join("../openapi/protector-v1.json"),
            // No id of anything.
            "nothing": "00000000-0000-4000-8000-000000000000",
        });
        let file = world.dir.join("clients.json");
        write_private(&file, &facts.to_string())?;
        let tests = tests.join("clients");
        let mut install = tokio::process::Command::new(tests.join("install"));
        let installed = super::command::run(&mut install);
        self.report
            .step("the plugin of `openstack`", installed)
            .await?;
        let mut python = tokio::process::Command::new(testbed.program("python"));
        python.env("PYTHONDONTWRITEBYTECODE", "1");
        python.args([tests.as_os_str(), file.as_os_str()]);
        let printed = self
            .report
            .step("their tests", super::command::run(&mut python))
            .await?;
        self.report.say(printed.trim());
        Ok(())
    }
}
