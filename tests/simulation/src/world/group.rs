//! What people ask for: a group with its policy, members, and operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use protector_driver_mock::world::{NewPort, NewServer};
use protector_framework::{Clock as _, VolumeId};
use protector_framework::{
    EpochId, GenericUuid as _, GroupId, Ids as _, MemberId, OperationId, PolicyId, ReplicationMode,
    ResourceKind, SecretString, ServerId,
};
use protector_model::epoch::Epoch;
use protector_model::operation::Asked;
use protector_model::policy::{Mapping, Policy, PolicyArray, Retention};
use protector_model::{
    Actor, FailoverType, GroupChange, GroupDocument, GroupStatus, Operation, OperationKind,
    OperationOptions, OperationStatus, request,
};
use protector_peer::{ForwardedChange, ForwardedOperation, OperationRole, PeerLink, Remote as _};
use uuid::Uuid;

use super::site::TOKEN;
use super::{Site, World};

pub(super) fn id() -> GroupId {
    GroupId::from_untyped_uuid(Uuid::from_u128(7))
}

/// Options of a planned move.
pub fn planned() -> OperationOptions {
    OperationOptions {
        failover_type: Some(FailoverType::Planned),
        ..OperationOptions::default()
    }
}

/// Options of an unplanned move.
pub fn unplanned() -> OperationOptions {
    OperationOptions {
        failover_type: Some(FailoverType::Unplanned),
        ..OperationOptions::default()
    }
}

impl World {
    /// A group that protects these servers, each with as many volumes.
    pub async fn protected(servers: &[&str], volumes: usize) -> Self {
        let world = Self::empty().await;
        world.create_group().await;
        for (at, name) in servers.iter().enumerate() {
            let tier = u8::try_from(at + 1).unwrap().min(5);
            let server = world.build_server(name, volumes, at);
            world.add_member(name, &server, tier).await;
        }
        world
    }

    pub async fn create_group(&self) {
        self.propose_group().await;
        self.go(OperationKind::Create, OperationOptions::default())
            .await;
        self.equip().await;
    }

    fn group_number(&self) -> u128 {
        self.group.into_untyped_uuid().as_u128()
    }

    /// `shop`, or another name for a further group.
    fn group_name(&self) -> String {
        match self.group == id() {
            true => "shop".to_owned(),
            false => format!("shop-{}", self.group_number()),
        }
    }

    /// Goes on with a further group. What the world does is done to it from now on.
    pub async fn another_group(&mut self, number: u128) {
        self.group = GroupId::from_untyped_uuid(Uuid::from_u128(number));
        self.create_group().await;
    }

    /// The group's first document, on both sites.
    pub async fn propose_group(&self) {
        let now = self.clock.now();
        let document = GroupDocument {
            id: self.group,
            epoch: Epoch::first(EpochId::from_untyped_uuid(Uuid::from_u128(1)), self.a.id),
            version: 1,
            name: self.group_name(),
            description: String::new(),
            projects: [&self.a, &self.b]
                .map(|s| (s.id, s.has.project.clone()))
                .into(),
            primary_site_id: self.a.id,
            secondary_site_id: self.b.id,
            current_primary_site_id: self.a.id,
            replication_type: ReplicationMode::Async,
            volume_types: [&self.a, &self.b]
                .map(|s| (s.id, s.has.volume_type.clone()))
                .into(),
            volume_groups: BTreeMap::new(),
            status: GroupStatus::Creating,
            status_reason: None,
            failover_count: 0,
            members: Vec::new(),
            policy: None,
            mappings: Vec::new(),
            deleted: false,
            given_up: None,
            created_at: now,
            updated_at: now,
            unknown: BTreeMap::new(),
        };
        self.link(&self.a)
            .propose(None, &document, &BTreeMap::new())
            .await
            .unwrap();
    }

    /// Gives the group its policy and its mappings.
    pub async fn equip(&self) {
        let policy = GroupChange::SetPolicy {
            policy: Box::new(self.policy()),
        };
        let tokens = [&self.a, &self.b].map(|s| {
            (
                protector_reach::secret_name(s.id),
                SecretString::from(TOKEN),
            )
        });
        self.change_with(policy, &tokens.into()).await;
        self.change(GroupChange::SetMappings {
            mappings: self.mappings(),
        })
        .await;
    }

    pub fn policy(&self) -> Policy {
        let now = self.clock.now();
        Policy {
            id: PolicyId::from_untyped_uuid(Uuid::from_u128(self.group_number() + 1)),
            driver: "mock".to_owned(),
            arrays: [&self.a, &self.b]
                .map(|s| {
                    let array = PolicyArray {
                        url: s.array.url(),
                        identity: s.array.identity().unwrap(),
                    };
                    (s.id, array)
                })
                .into(),
            rpo_minutes: 60,
            replication_interval: None,
            retention: Retention::default(),
            secondary_backend_host: None,
            test_volume_type_id: Some(self.b.has.plain_type.clone()),
            created_at: now,
            updated_at: now,
        }
    }

    fn mappings(&self) -> Vec<Mapping> {
        let (a, b) = (&self.a.has, &self.b.has);
        [
            (ResourceKind::Network, &a.network, &b.network),
            (ResourceKind::Subnet, &a.subnet, &b.subnet),
            (ResourceKind::Flavor, &a.flavor, &b.flavor),
            (
                ResourceKind::SecurityGroup,
                &a.security_group,
                &b.security_group,
            ),
            (ResourceKind::TestNetwork, &a.network, &b.test_network),
            (ResourceKind::TestNetwork, &a.test_network, &b.network),
        ]
        .map(|(kind, primary, secondary)| Mapping {
            kind,
            primary_id: primary.clone(),
            secondary_id: secondary.clone(),
        })
        .into()
    }

    /// A tenant's server on site A with one port.
    pub fn build_server(&self, name: &str, volumes: usize, number: usize) -> ServerId {
        self.build_server_with(name, volumes, 1, number)
    }

    /// A tenant's server on site A: its root volume goes with it, as is usual.
    pub fn build_server_with(
        &self,
        name: &str,
        volumes: usize,
        ports: usize,
        number: usize,
    ) -> ServerId {
        let (tenant, has) = (&self.a.tenant, &self.a.has);
        let volumes: Vec<VolumeId> = (0..volumes)
            .map(|slot| {
                let volume = format!("{name}-{slot}");
                tenant
                    .create_volume(&volume, 1, &has.volume_type, slot == 0)
                    .unwrap()
            })
            .collect();
        // Nobody else is at work: the cloud may take its time at once.
        self.clock.advance(std::time::Duration::from_secs(1));
        for (slot, id) in volumes.iter().enumerate() {
            let text = format!("{name} volume {slot} as it was");
            tenant.write_volume(id, 4096, text.as_bytes()).unwrap();
        }
        let ports = (0..ports).map(|at| {
            let port = NewPort {
                name: format!("{name}-port"),
                mac_address: Some(format!("fa:16:3e:00:{at:02x}:{number:02x}")),
                security_groups: vec![has.security_group.clone()],
                ..NewPort::default()
            };
            tenant.create_port(&has.network, &port).unwrap()
        });
        let server = NewServer {
            name: name.to_owned(),
            volumes: volumes.clone(),
            ports: ports.collect(),
            metadata: [("role".to_owned(), name.to_owned())].into(),
            delete_on_termination: false,
            ..NewServer::default()
        };
        let server = tenant.create_server(&has.flavor, &server).unwrap();
        self.clock.advance(std::time::Duration::from_secs(1));
        tenant
            .set_delete_on_termination(&server, &volumes[0], true)
            .unwrap();
        server
    }

    pub async fn add_member(&self, name: &str, server: &ServerId, tier: u8) {
        let options = self.join(name, server, tier).await;
        self.go(OperationKind::AddMember, options).await;
    }

    /// Puts a server into the document; the operation with these options captures it.
    pub async fn join(&self, name: &str, server: &ServerId, tier: u8) -> OperationOptions {
        let member = MemberId::from_untyped_uuid(self.ids.uuid());
        self.change(GroupChange::AddMember {
            member,
            name: name.to_owned(),
            server_id: server.clone(),
            boot_tier: tier,
            boot_delay: 0,
            probe: None,
        })
        .await;
        OperationOptions {
            member: Some(member),
            ..OperationOptions::default()
        }
    }

    pub async fn change(&self, change: GroupChange) {
        self.change_with(change, &BTreeMap::new()).await;
    }

    async fn change_with(&self, change: GroupChange, secrets: &BTreeMap<String, SecretString>) {
        let primary = self.primary().await;
        let record = self.record(primary).await;
        let next = change.apply(&record.document, primary.clock.now()).unwrap();
        self.link(primary)
            .propose(Some(&record), &next, secrets)
            .await
            .unwrap();
    }

    /// The way from a site to the other.
    pub fn link(&self, site: &Site) -> PeerLink {
        PeerLink::new(
            site.db.clone(),
            site.clock.clone(),
            self.ids.clone(),
            site.id,
            self.other(site).wire.clone(),
            "api",
        )
    }

    /// The group as a site holds it.
    pub async fn record(&self, site: &Site) -> protector_db::GroupRecord {
        site.db.get_group(self.group).await.unwrap().unwrap()
    }

    pub async fn document(&self, site: &Site) -> GroupDocument {
        self.record(site).await.document
    }

    /// The site that the group runs on: that of the newest document.
    pub async fn primary(&self) -> &Site {
        let (a, b) = (self.document(&self.a).await, self.document(&self.b).await);
        let newest = if b.version > a.version { b } else { a };
        self.site(newest.current_primary_site_id)
    }

    /// Asks for an operation as the API does; returns it with the site that executes it.
    pub async fn ask(&self, kind: OperationKind, options: OperationOptions) -> (Operation, &Site) {
        let asked = self.ask_at(self.primary().await, kind, options).await;
        (asked.clone(), self.site(asked.executor_site_id))
    }

    /// Asks by what one site knows.
    pub async fn ask_at(
        &self,
        site: &Site,
        kind: OperationKind,
        options: OperationOptions,
    ) -> Operation {
        let asked = self.try_ask(site, kind, options).await;
        asked.unwrap_or_else(|refused| panic!("{kind}: {refused}"))
    }

    /// Asks by what one site knows; says why where it is refused.
    pub async fn try_ask(
        &self,
        site: &Site,
        kind: OperationKind,
        mut options: OperationOptions,
    ) -> Result<Operation, String> {
        let record = self.record(site).await;
        if kind == OperationKind::TestCleanup {
            options.test = options.test.or(record.test_operation);
            let test = options.test.ok_or("no test")?;
            let test = site.db.get_operation(test).await.unwrap();
            options.site = test.map(|test| test.target_site_id);
        }
        let direction = request::check(&record.document, kind, &options, record.test_operation)
            .map_err(|refused| refused.to_string())?;
        let executor = self.site(direction.executor);
        let operation = Operation::from(Asked {
            id: OperationId::from_untyped_uuid(self.ids.uuid()),
            group_id: self.group,
            project_id: executor.has.project.clone(),
            kind,
            options,
            direction,
            actor: Actor::engine("req-test"),
            at: site.clock.now(),
        });
        let preempt = operation.options.failover_type == Some(FailoverType::Unplanned);
        let wire: &Arc<_> = &self.other(executor).wire;
        if direction.needs_peer {
            let mirror = ForwardedOperation {
                operation: operation.clone(),
                role: OperationRole::Mirror,
                idempotency: None,
                preempt,
            };
            let agreed = wire.create_operation(&mirror).await;
            agreed.map_err(|error| error.to_string())?;
        }
        let created = executor
            .db
            .create_operation(&operation, None, preempt)
            .await;
        if let Err(error) = created {
            if direction.needs_peer {
                wire.drop_mirror(operation.id).await.unwrap();
            }
            return Err(error.to_string());
        }
        Ok(operation)
    }

    /// A person's change of the group, asked for at a site; says why where it is refused.
    pub async fn try_change(&self, site: &Site, change: GroupChange) -> Result<(), String> {
        let record = self.record(site).await;
        if record.document.current_primary_site_id == site.id {
            let next = change
                .apply(&record.document, site.clock.now())
                .map_err(|refused| refused.to_string())?;
            let (link, secrets) = (self.link(site), BTreeMap::new());
            let proposed = link.propose(Some(&record), &next, &secrets).await;
            return proposed.map(drop).map_err(|error| error.to_string());
        }
        let forwarded = ForwardedChange {
            change,
            secrets: BTreeMap::new(),
            actor: Actor::engine("req-test"),
        };
        let sent = self.other(site).wire.change_group(self.group, &forwarded);
        sent.await.map(drop).map_err(|error| error.to_string())
    }

    /// Asks for an operation, lets an engine complete it, and lets both sites meet.
    pub async fn go(&self, kind: OperationKind, options: OperationOptions) -> Operation {
        let (operation, site) = self.ask(kind, options).await;
        let ended = self.finish(site, operation.id).await;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{kind}: {:#?}",
            ended.error
        );
        self.meet().await;
        ended
    }
}
