//! Two sites with real databases, mock clouds and mock arrays, joined within this process.

mod changes;
mod groups;
mod keys;
mod members;
mod operations;
mod policies;
mod site_failover;
mod sites;
mod way;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use protector_db::{Db, DbOptions, GroupRecord, SecretBox};
use protector_driver_mock::world::{
    Furniture, LinkSettings, MockArray, MockCloud, NewServer, PROTECTOR_PASSWORD, PROTECTOR_USER,
    Tenant,
};
use protector_framework::{
    DriverEnv, ManualClock, OperationId, ProjectId, RandomIds, Registry, ReplicationMode,
    SecretString, ServerId, SiteId,
};
use protector_model::site::Account;
use protector_model::{
    Actor, GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus, Retention,
};
use protector_reach::Reach;

use crate::{
    ArrayInput, Control, ControlOptions, Credentials, GroupServices as _, NewGroup, NewMember,
    NewSite, NewTenantMapping, OperationRequest, OperationServices as _, PolicyInput, PolicyWrite,
    Refusal, SiteServices as _, Started,
};
use way::Handle;

const ARRAY_TOKEN: &str = "marked-array-token";

/// One site.
struct Site {
    name: &'static str,
    db: Db,
    control: Control,
    cloud: MockCloud,
    array: MockArray,
    has: Furniture,
    /// The way from this site to the other.
    way: Handle,
    reach: Reach,
}

/// Both sites, not registered yet.
struct World {
    a: Site,
    b: Site,
    clock: Arc<ManualClock>,
    directory: tempfile::TempDir,
}

fn actor() -> &'static Actor {
    static ACTOR: LazyLock<Actor> = LazyLock::new(|| Actor {
        request_id: "req-test".to_owned(),
        user_id: Some("user".into()),
        project_id: None,
    });
    &ACTOR
}

async fn site(root: &std::path::Path, name: &'static str, env: &DriverEnv) -> Site {
    let root = root.join(name);
    let url = format!("sqlite://{}?mode=rwc", root.join("protector.db").display());
    std::fs::create_dir_all(&root).unwrap();
    protector_migrations::sync(&url).await.unwrap();
    let keys = SecretBox::open_or_create(&root.join("keys"), &*env.ids).unwrap();
    let (clock, ids) = (env.clock.clone(), env.ids.clone());
    let url = SecretString::from(url);
    let db = Db::connect(&url, DbOptions::default(), keys, clock.clone(), ids.clone())
        .await
        .unwrap();
    let array = MockArray::create(root.join("array/pool"), name, ARRAY_TOKEN, env.clone()).unwrap();
    let cloud = MockCloud::create(root.join("cloud"), name, env.clone()).unwrap();
    let has = cloud.furnish(&array, "10.0.0.0/24").unwrap();
    let registry = Registry::from_linked(env.clone()).unwrap();
    let reach = Reach::new(db.clone(), registry, clock.clone(), ids.clone());
    let options = ControlOptions {
        owner: format!("api-{name}"),
        own_account: Some(credentials()),
        allowed_endpoints: Vec::new(),
        default_trust_roles: vec!["member".to_owned(), "_member_".to_owned()],
    };
    Site {
        name,
        control: Control::new(db.clone(), reach.clone(), clock, ids, options),
        db,
        cloud,
        array,
        has,
        way: Handle::default(),
        reach,
    }
}

fn credentials() -> Credentials {
    Credentials {
        account: Account {
            username: Some(PROTECTOR_USER.to_owned()),
            user_domain_name: Some("Default".to_owned()),
            project_name: Some("service".to_owned()),
            project_domain_name: Some("Default".to_owned()),
            ..Account::default()
        },
        password: Some(PROTECTOR_PASSWORD.into()),
        application_credential_secret: None,
    }
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
        let env = DriverEnv {
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
        };
        let a = site(directory.path(), "site-a", &env).await;
        let b = site(directory.path(), "site-b", &env).await;
        a.array.link(&b.array, &LinkSettings::up()).unwrap();
        Self {
            a,
            b,
            clock,
            directory,
        }
    }

    /// Lets time go by, and the clouds do what is due.
    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.a.cloud.inventory().unwrap();
        self.b.cloud.inventory().unwrap();
    }

    /// Both sites know each other; registered by one call each at site A.
    async fn registered() -> Self {
        Self::new().await.pair().await
    }

    async fn pair(self) -> Self {
        let world = self;
        for at in [&world.a, &world.b] {
            at.join_own().await;
        }
        let a = world.register(&world.a).await;
        world.join(a, &world.a);
        let a = world.a.control.validate_site(actor(), "site-a").await;
        assert!(a.unwrap().is_local);
        let b = world.register(&world.b).await;
        world.join(b, &world.b);
        world
            .a
            .control
            .validate_site(actor(), "site-b")
            .await
            .unwrap();
        let mapping = NewTenantMapping {
            primary_site: "site-a".to_owned(),
            primary_project_id: world.a.has.project.clone(),
            secondary_site: "site-b".to_owned(),
            secondary_project_id: world.b.has.project.clone(),
        };
        let made = world.a.control.create_tenant_mapping(actor(), mapping);
        made.await.unwrap();
        world
    }

    async fn register(&self, which: &Site) -> SiteId {
        let made = self
            .a
            .control
            .register_site(actor(), which.as_new(Some(credentials())));
        made.await.unwrap().site.id
    }

    /// Makes the ways to a site.
    fn join(&self, id: SiteId, to: &Site) {
        for from in [&self.a, &self.b] {
            let handle = if from.name == to.name {
                Handle::default()
            } else {
                from.way.clone()
            };
            from.reach
                .join(id, Arc::new(handle.way(to.control.clone())));
        }
    }

    /// A group whose home is site A, made there and settled.
    async fn with_group() -> Self {
        let world = Self::registered().await;
        world.make_group().await;
        world
    }

    async fn make_group(&self) {
        let project = &self.a.has.project;
        let control = &self.a.control;
        let made = control.create_group(actor(), project, self.new_group(), None);
        let made = made.await.unwrap();
        self.finish(made.operation.id).await;
        self.settle(GroupStatus::Active).await;
    }

    /// The same with a policy.
    async fn with_policy() -> Self {
        let world = Self::with_group().await;
        world.put_policy(&world.a, PolicyWrite::Create).await;
        world
    }

    async fn put_policy(&self, at: &Site, write: PolicyWrite) {
        let put = at.control.put_policy(
            actor(),
            &at.has.project,
            "shop",
            self.new_policy(),
            write,
            true,
        );
        put.await.unwrap();
    }

    /// The array of a site takes another token from now on.
    fn new_token(&self, at: &Site, token: &str) {
        let root = self.directory.path().join(at.name);
        let env = DriverEnv {
            clock: self.clock.clone(),
            ids: Arc::new(RandomIds),
        };
        MockArray::create(root.join("array/pool"), at.name, token, env).unwrap();
    }

    /// The same with one member that is protected.
    async fn with_member() -> (Self, ServerId) {
        let world = Self::with_policy().await;
        let server = world.new_server("web");
        let added = world.a.control.add_member(
            actor(),
            &world.a.has.project,
            "shop",
            member(&server),
            None,
        );
        let added = added.await.unwrap();
        world.finish(added.operation.id).await;
        (world, server)
    }

    fn new_group(&self) -> NewGroup {
        NewGroup {
            name: "shop".to_owned(),
            description: "the shop".to_owned(),
            primary_site: "site-a".to_owned(),
            secondary_site: "site-b".to_owned(),
            replication_type: ReplicationMode::Async,
            volume_type_id: self.a.has.volume_type.clone(),
            secondary_volume_type_id: None,
        }
    }

    fn new_policy(&self) -> PolicyInput {
        let array = |site: &Site| ArrayInput {
            url: site.array.url(),
            api_token: Some(ARRAY_TOKEN.into()),
        };
        PolicyInput {
            driver: "mock".to_owned(),
            primary: array(&self.a),
            secondary: array(&self.b),
            rpo_minutes: 10,
            replication_interval: None,
            retention: Retention::default(),
            secondary_backend_host: Some(self.b.has.pool.clone()),
            test_volume_type_id: Some(self.b.has.plain_type.clone()),
        }
    }

    /// A running server of two volumes on site A.
    fn new_server(&self, name: &str) -> ServerId {
        let tenant = self.a.tenant();
        let volume = |n: &str, bootable| {
            let name = format!("{name}-{n}");
            tenant
                .create_volume(&name, 1, &self.a.has.volume_type, bootable)
                .unwrap()
        };
        let volumes = vec![volume("root", true), volume("data", false)];
        self.pass(10);
        let server = NewServer {
            name: name.to_owned(),
            volumes,
            networks: vec![self.a.has.network.clone()],
            ..NewServer::default()
        };
        let id = tenant.create_server(&self.a.has.flavor, &server).unwrap();
        self.pass(10);
        id
    }

    /// Ends an operation as its engine does, and tells the other site.
    async fn finish(&self, id: OperationId) {
        self.end(id, OperationStatus::Completed).await;
    }

    async fn end(&self, id: OperationId, status: OperationStatus) {
        for (here, there) in [(&self.a, &self.b), (&self.b, &self.a)] {
            if let Some(ended) = self.end_at(here, id, status).await {
                there.db.update_mirror(&ended).await.unwrap();
            }
        }
    }

    /// Ends an operation at a site, where that one executes it. The other site is not told.
    async fn end_at(
        &self,
        site: &Site,
        id: OperationId,
        status: OperationStatus,
    ) -> Option<Operation> {
        let local = site.db.local_site().await.unwrap().unwrap();
        let mine = site.db.get_operation(id).await.unwrap();
        mine.filter(|operation| operation.executor_site_id == local.id)?;
        self.clock.advance(Duration::from_secs(1));
        let claim = site.db.claim_operation("engine", local.id).await.unwrap();
        let claim = claim.unwrap();
        assert_eq!(claim.operation.id, id);
        let ended = Operation {
            status,
            test_stands: claim.operation.kind == OperationKind::TestFailover,
            updated_at: protector_framework::Clock::now(&*self.clock)
                + chrono::TimeDelta::seconds(1),
            ..claim.operation
        };
        site.db.write_operation(&claim.fence, &ended).await.unwrap();
        Some(ended)
    }

    /// Puts a status into the document of both sites, as an engine's `finish` does.
    async fn settle(&self, status: GroupStatus) {
        let record = self.a.group().await;
        let mut next = record.document.next_version(record.document.updated_at);
        next.status = status;
        let bytes = next.to_bytes().unwrap();
        for site in [&self.a, &self.b] {
            site.db.replace_head(None, &bytes, false).await.unwrap();
        }
    }

    /// Moves the group's authority to site B on both sites, as a failover does.
    async fn move_to_b(&self) {
        let record = self.a.group().await;
        let mut next = record.document.next_version(record.document.updated_at);
        next.current_primary_site_id = next.secondary_site_id;
        next.epoch = next.epoch.next(
            "00000000-0000-0000-0000-00000000000e".parse().unwrap(),
            next.secondary_site_id,
        );
        next.status = GroupStatus::FailedOver;
        let bytes = next.to_bytes().unwrap();
        for site in [&self.a, &self.b] {
            site.db.replace_head(None, &bytes, false).await.unwrap();
        }
    }

    /// Both sites hold the same document and nothing is on its way.
    async fn same(&self) {
        let (a, b) = (self.a.group().await, self.b.group().await);
        assert_eq!(a.head, b.head);
        assert!(a.staged.is_none() && b.staged.is_none());
    }

    /// No site holds anything of any group.
    async fn no_trace(&self) {
        for site in [&self.a, &self.b] {
            assert!(site.db.all_groups().await.unwrap().is_empty());
            let stages = site.db.claim_expired_stages("test").await.unwrap();
            assert!(stages.is_empty());
            let operations = site
                .db
                .page_operations(None, None, &Default::default())
                .await;
            assert!(operations.unwrap().is_empty());
        }
    }
}

fn member(server: &ServerId) -> NewMember {
    NewMember {
        server_id: server.clone(),
        boot_tier: None,
        boot_delay: None,
        probe: None,
    }
}

impl Site {
    fn as_new(&self, credentials: Option<Credentials>) -> NewSite {
        NewSite {
            name: self.name.to_owned(),
            description: String::new(),
            site_type: "mock".to_owned(),
            auth_url: self.cloud.auth_url(),
            region_name: self.name.to_owned(),
            credentials,
        }
    }

    /// The deployment has its id before anybody asks for it.
    async fn join_own(&self) {
        self.db.deployment().await.unwrap();
    }

    fn project(&self) -> &ProjectId {
        &self.has.project
    }

    fn tenant(&self) -> Tenant {
        self.cloud.tenant(&self.has.user, &self.has.project)
    }

    async fn group(&self) -> GroupRecord {
        let mut groups = self.db.all_groups().await.unwrap();
        assert_eq!(groups.len(), 1);
        groups.remove(0)
    }

    async fn start(
        &self,
        kind: OperationKind,
        options: OperationOptions,
    ) -> Result<Operation, Refusal> {
        self.ask(kind, options, None).await
    }

    async fn ask(
        &self,
        kind: OperationKind,
        options: OperationOptions,
        key: Option<&str>,
    ) -> Result<Operation, Refusal> {
        let request = OperationRequest {
            options,
            dry_run: false,
            idempotency_key: key.map(str::to_owned),
        };
        let started = self
            .control
            .start_operation(actor(), self.project(), "shop", kind, request)
            .await?;
        match started {
            Started::Operation(operation) => Ok(*operation),
            Started::Plan(_) => panic!("no plan was asked for"),
        }
    }

    async fn operation(&self, id: OperationId) -> Option<Operation> {
        self.db.get_operation(id).await.unwrap()
    }

    async fn holder(&self) -> Option<OperationId> {
        self.group().await.active_operation
    }
}

/// The refusal, by its status and code.
fn refused<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> (u16, String) {
    let refusal = outcome.unwrap_err();
    (refusal.status, refusal.code)
}

fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// The fields that a refusal names.
fn fields<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> Vec<String> {
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.status, 400, "{refusal:?}");
    refusal.fields.into_iter().map(|(field, _)| field).collect()
}

/// What is counted by name.
fn names<T>(list: &[T], name: impl Fn(&T) -> &str) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for one in list {
        *counted.entry(name(one).to_owned()).or_default() += 1;
    }
    counted
}
