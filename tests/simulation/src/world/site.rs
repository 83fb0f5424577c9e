//! One site of a test.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protector_db::{Db, DbOptions, SecretBox};
use protector_driver_mock::world::{
    Furniture, MockArray, MockCloud, PROTECTOR_PASSWORD, PROTECTOR_USER, Tenant,
};
use protector_framework::{
    Clock, DriverEnv, GenericUuid as _, Ids, ManualClock, Registry, SecretString, SeededIds, SiteId,
};
use protector_model::SiteStatus;
use protector_model::site::{Account, Reach as SiteReach};
use protector_reach::Reach;
use uuid::Uuid;

use super::time::SiteClock;
use super::wire::Wire;

/// What opens an array.
pub(super) const TOKEN: &str = "array-token";

/// Long enough that none runs out while the machine does something else.
pub const LEASE: Duration = Duration::from_secs(300);

#[derive(Clone)]
pub struct Site {
    pub id: SiteId,
    pub name: &'static str,
    /// The one of its Protector; its cloud and its array have the right time.
    pub clock: Arc<SiteClock>,
    pub db: Db,
    pub reach: Reach,
    pub cloud: MockCloud,
    pub array: MockArray,
    pub has: Furniture,
    pub tenant: Tenant,
    /// How the other site reaches this one.
    pub wire: Arc<Wire>,
}

impl Site {
    pub(super) async fn new(
        home: &Path,
        name: &'static str,
        id: u128,
        (time, ids): (&Arc<ManualClock>, &Arc<SeededIds>),
    ) -> Self {
        let env = DriverEnv {
            clock: time.clone(),
            ids: ids.clone(),
        };
        let clock = Arc::new(SiteClock::new(time.clone()));
        let home = home.join(name);
        std::fs::create_dir(&home).unwrap();
        let db = database(&home, clock.clone(), ids.clone()).await;
        let array = MockArray::create(home.join("array"), name, TOKEN, env.clone()).unwrap();
        let cloud = MockCloud::create(home.join("cloud"), "RegionOne", env.clone()).unwrap();
        let has = cloud.furnish(&array, "10.0.0.0/24").unwrap();
        let tenant = cloud.tenant(&has.user, &has.project);
        let registry = Registry::from_linked(env).unwrap();
        let id = SiteId::from_untyped_uuid(Uuid::from_u128(id));
        let reach = Reach::new(db.clone(), registry, clock.clone(), ids.clone());
        let wire = Arc::new(Wire::new(db.clone(), id, clock.clone(), ids.clone()));
        Self {
            id,
            name,
            clock,
            db,
            reach,
            cloud,
            array,
            has,
            tenant,
            wire,
        }
    }

    /// Registers a site here.
    pub async fn know(&self, site: &Site, is_local: bool) {
        let at = self.wire.clock.now();
        let text = |text: &str| Some(text.to_owned());
        let row = protector_model::Site {
            id: site.id,
            name: site.name.to_owned(),
            description: String::new(),
            site_type: "mock".to_owned(),
            auth_url: site.cloud.auth_url(),
            region_name: "RegionOne".to_owned(),
            account: Account {
                username: text(PROTECTOR_USER),
                user_domain_name: text("Default"),
                project_name: text("service"),
                project_domain_name: text("Default"),
                ..Account::default()
            },
            status: SiteStatus::Active,
            status_reason: None,
            is_local,
            reach: SiteReach::default(),
            created_at: at,
            updated_at: at,
        };
        self.db.insert_site(&row).await.unwrap();
        let owner = protector_reach::site_owner(site.id);
        let password = SecretString::from(PROTECTOR_PASSWORD);
        self.db
            .put_secret(&owner, "password", &password)
            .await
            .unwrap();
    }

    /// Switches everything of the site off or on, as a power cut does.
    pub fn set_down(&self, down: bool) {
        self.cloud.set_down(down).unwrap();
        self.array.set_down(down).unwrap();
        self.wire.cut(down);
    }
}

async fn database(home: &Path, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Db {
    let url = format!("sqlite://{}?mode=rwc", home.join("protector.db").display());
    protector_migrations::sync(&url).await.unwrap();
    let keys = SecretBox::open_or_create(&home.join("keys"), &*ids).unwrap();
    let url = SecretString::from(url);
    let options = DbOptions {
        lease: LEASE,
        max_connections: 1,
    };
    Db::connect(&url, options, keys, clock, ids).await.unwrap()
}
