//! A group is made, as its owner does it.

use protector_framework::ExposeSecret;
use serde_json::{Value, json};

use super::client::Client;
use super::data::Server;
use super::pair::{Pair, Side};
use super::reply::OperationView;
use crate::clouds::failure::{Outcome, ensure, fail};

/// A protected group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A group to make.
#[derive(Debug, Clone, Copy)]
pub struct NewGroup<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its members with their boot tiers.
    pub members: &'a [(&'a Server, u8)],
}

impl Pair {
    /// The body that makes a group.
    pub fn group_body(&self, name: &str) -> Value {
        json!({"protection_group": {
            "name": name,
            "description": "servers that fail over as one",
            "primary_site_id": Side::A.name(),
            "secondary_site_id": Side::B.name(),
            "replication_type": "async",
            "volume_type_id": self.a.furniture.volume_type,
            "secondary_volume_type_id": self.b.furniture.volume_type,
        }})
    }

    /// The body of a policy that replicates every hour, so that tests decide when.
    pub fn policy_body(&self) -> Value {
        json!({"policy": {
            "driver": self.env.driver,
            "primary_fa_url": self.a.array_url(),
            "primary_fa_api_token": self.a.array_token.expose_secret(),
            "secondary_fa_url": self.b.array_url(),
            "secondary_fa_api_token": self.b.array_token.expose_secret(),
            "rpo_minutes": 120,
            "replication_interval": 3600,
            "test_volume_type_id": self.b.furniture.plain_type,
        }})
    }

    /// The body that maps what the tenant uses on one site to what it has on the other.
    pub fn mappings_body(&self) -> Value {
        let (a, b) = (&self.a.furniture, &self.b.furniture);
        json!({"resource_mappings": [
            {"type": "network", "primary_id": a.network, "secondary_id": b.network},
            {"type": "subnet", "primary_id": a.subnet, "secondary_id": b.subnet},
            {"type": "flavor", "primary_id": a.flavor, "secondary_id": b.flavor},
            {"type": "security_group",
             "primary_id": a.security_group, "secondary_id": b.security_group},
            {"type": "test_network", "primary_id": a.network, "secondary_id": b.test_network},
        ]})
    }

    /// Creates a group without members, with policy and mappings.
    ///
    /// # Errors
    /// What the API says.
    pub async fn create_group(&self, name: &str) -> Outcome<Group> {
        let tenant = self.a.tenant()?;
        let path = "/protection-groups";
        let reply = tenant.post(path, &self.group_body(name)).await?;
        let location = reply.location.clone();
        let body = reply.expect(202)?;
        let id = text(&body["protection_group"]["id"])?;
        if !location.is_some_and(|at| at.ends_with(&id)) {
            return fail(format!("no Location of the group: {body}"));
        }
        let operation = text(&body["operation"]["id"])?;
        tenant.completed(&operation).await?;
        let path = format!("/protection-groups/{id}");
        let policy = format!("{path}/policy");
        let reply = tenant.post(&policy, &self.policy_body()).await?;
        if !(200..300).contains(&reply.status) {
            return fail(reply.describe());
        }
        let mappings = format!("{path}/resource-mappings");
        let reply = tenant.put(&mappings, &self.mappings_body()).await?;
        reply.expect(200)?;
        Ok(Group {
            id,
            name: name.to_owned(),
        })
    }

    /// Adds a server and waits until it is protected.
    ///
    /// # Errors
    /// What the API says.
    pub async fn add_member(&self, group: &Group, server: &Server, tier: u8) -> Outcome {
        let tenant = self.a.tenant()?;
        let path = format!("/protection-groups/{}/members", group.id);
        let body = json!({"member": {"server_id": server.id, "boot_tier": tier}});
        let reply = tenant.post(&path, &body).await?;
        let operation: OperationView = reply.read(202, "operation")?;
        tenant.completed(&operation.id).await?;
        Ok(())
    }

    /// Creates a group with its members.
    ///
    /// # Errors
    /// What the API says.
    pub async fn protect(&self, new: NewGroup<'_>) -> Outcome<Group> {
        let group = self.create_group(new.name).await?;
        for (server, tier) in new.members {
            self.add_member(&group, server, *tier).await?;
        }
        Ok(group)
    }

    /// Waits until both sites show a group alike and at rest. An operation that has just ended at
    /// one site runs for the other one until it is told.
    ///
    /// # Errors
    /// Where that does not come.
    pub async fn settled(&self, group: &Group) -> Outcome {
        let (a, b) = self.tenants()?;
        self.until(20, async || {
            let (on_a, on_b) = (a.group(&group.id).await?, b.group(&group.id).await?);
            let alike = on_a.metadata_version == on_b.metadata_version
                && on_a.epoch_id == on_b.epoch_id
                && on_a.status == on_b.status;
            let at_rest = [&on_a, &on_b]
                .iter()
                .all(|group| group.active_operation_id.is_none() && !group.sync_pending);
            ensure(alike && at_rest, || format!("{on_a:?} and {on_b:?}"))
        })
        .await
    }

    /// Tenants of both sites.
    ///
    /// # Errors
    /// What the clouds say.
    pub fn tenants(&self) -> Outcome<(Client, Client)> {
        Ok((self.a.tenant()?, self.b.tenant()?))
    }
}

fn text(value: &Value) -> Outcome<String> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => fail(format!("no text: {value}")),
    }
}
