//! The group is made: policy, mappings, members.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::checks::Portrait;
use super::failure::Outcome;
use super::http::text;
use super::inventory::Inventory;
use super::stage::Stage;
use super::testbed::Side;
use super::world::KEYPAIR;

/// The group that the story is about.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// The servers as they were when it was made, by name.
    pub originals: BTreeMap<&'static str, Portrait>,
    /// What was on site-b before.
    pub b_before: Inventory,
}

impl Stage {
    /// Makes the group with policy, mappings and members.
    ///
    /// # Errors
    /// What fails.
    pub async fn protect(&self) -> Outcome<Group> {
        let client = &self.a.client;
        let originals = self.portraits(Side::A).await?;
        let b_before = self.inventory(Side::B).await?;
        let body = json!({"protection_group": {
            "name": "acme",
            "description": "the servers of acme",
            "primary_site_id": Side::A.name(),
            "secondary_site_id": Side::B.name(),
            "replication_type": "async",
            "volume_type_id": self.world.a.types.replicated,
            "secondary_volume_type_id": self.world.b.types.replicated,
        }});
        let id = self
            .report
            .step("create the group", async {
                let operation = client
                    .start(Method::POST, "/protection-groups", &body)
                    .await?;
                client.finished(&operation).await?;
                let made = client.group("acme").await?;
                text(&made, "/id")
            })
            .await?;
        let path = format!("/protection-groups/{id}");
        self.report
            .step("replication policy", async {
                let path = format!("{path}/policy");
                client.tenant.post(&path, &self.policy()).await
            })
            .await?;
        self.report
            .step("resource mappings", async {
                let path = format!("{path}/resource-mappings");
                client.tenant.put(&path, Some(&self.mappings())).await
            })
            .await?;
        for plan in self.world.cast.plans() {
            let name = plan.name;
            let server = &originals[name].server_id;
            let body = json!({"member": {"server_id": server, "boot_tier": plan.tier}});
            self.report
                .step(&format!("add member {name}"), async {
                    let path = format!("{path}/members");
                    let operation = client.start(Method::POST, &path, &body).await?;
                    client.finished(&operation).await
                })
                .await?;
        }
        self.readers_only_look(&id).await?;
        Ok(Group {
            id,
            originals,
            b_before,
        })
    }

    /// The body of the replication policy.
    pub(super) fn policy(&self) -> Value {
        let (a, b) = (self.arrays.access(Side::A), self.arrays.access(Side::B));
        json!({"policy": {
            "driver": self.arrays.driver(),
            "primary_fa_url": a.url,
            "primary_fa_api_token": a.token,
            "secondary_fa_url": b.url,
            "secondary_fa_api_token": b.token,
            "rpo_minutes": 60,
            "test_volume_type_id": self.world.b.types.plain,
        }})
    }

    /// The body of the resource mappings.
    pub(super) fn mappings(&self) -> Value {
        let (a, b) = (&self.world.a, &self.world.b);
        let mut all = vec![
            json!({"type": "flavor", "primary_id": a.types.flavor, "secondary_id": b.types.flavor}),
            json!({"type": "keypair", "primary_id": KEYPAIR, "secondary_id": KEYPAIR}),
            json!({"type": "test_network", "primary_id": a.networks.networks["app"],
                "secondary_id": b.networks.networks["test"]}),
            json!({"type": "test_network", "primary_id": a.networks.networks["store"],
                "secondary_id": b.networks.networks["test"]}),
        ];
        for (kind, on_a, on_b) in [
            ("network", &a.networks.networks, &b.networks.networks),
            ("subnet", &a.networks.subnets, &b.networks.subnets),
            (
                "security_group",
                &a.networks.security_groups,
                &b.networks.security_groups,
            ),
        ] {
            for (name, id) in on_a.iter().filter(|(name, _)| *name != "test") {
                all.push(json!({"type": kind, "primary_id": id, "secondary_id": on_b[name]}));
            }
        }
        json!({"resource_mappings": all})
    }

    /// The policy file lets readers of the project look, and no more.
    async fn readers_only_look(&self, group: &str) -> Outcome {
        let reader = self.a.client.tenant_as(&self.world.a.reader);
        let path = format!("/protection-groups/{group}");
        self.report
            .step("a reader may look and not fail over", async {
                reader.get(&path).await?;
                let body = json!({"failover": {"type": "planned"}});
                let path = format!("{path}/action");
                let refused = reader.send(Method::POST, &path, Some(&body)).await?;
                refused.expect(403)
            })
            .await
            .map(|_| ())
    }
}
