//! The end of an operation is in the audit trail before it counts as told.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protector_daemon::{AuditTrail, Observer};
use protector_framework::{Clock as _, GenericUuid as _, OperationId, SiteId};
use protector_model::site::{Account, Reach, SiteStatus};
use serde_json::Value;
use uuid::Uuid;

use super::runner::Site;
use crate::trail::{PROGRAM, Trail, Untold};

struct World {
    site: Site,
    dir: tempfile::TempDir,
}

impl World {
    /// A site with an operation that was cancelled before an engine took it.
    async fn new() -> Self {
        let site = Site::new().await;
        let at = site.clock.now();
        let local = protector_model::Site {
            id: SiteId::from_untyped_uuid(Uuid::from_u128(1)),
            name: "a".to_owned(),
            description: String::new(),
            site_type: "mock".to_owned(),
            auth_url: "mock://a".to_owned(),
            region_name: "RegionOne".to_owned(),
            account: Account::default(),
            status: SiteStatus::Active,
            status_reason: None,
            is_local: true,
            reach: Reach::default(),
            created_at: at,
            updated_at: at,
        };
        site.db.insert_site(&local).await.unwrap();
        let operation = OperationId::from_untyped_uuid(Uuid::from_u128(42));
        site.db.request_cancel(operation).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        Self { site, dir }
    }

    fn trail(&self, file: &Path) -> Trail {
        Trail {
            db: self.site.db.clone(),
            clock: self.site.clock.clone(),
            observer: Observer {
                program: PROGRAM,
                host: "node-1".to_owned(),
            },
            file: AuditTrail::open(file.to_owned()).unwrap(),
            stopping: Arc::default(),
            wake: Arc::default(),
        }
    }
}

#[tokio::test]
async fn inv3_an_end_that_a_full_disk_did_not_take_is_told_later_and_once() {
    let world = World::new().await;
    let full = world.trail(Path::new("/dev/full"));
    let refused = full.round().await.unwrap_err();
    assert!(matches!(refused, Untold::File(_)), "{refused:?}");
    assert!(refused.to_string().contains("/dev/full"), "{refused}");

    let file = world.dir.path().join("audit.log");
    let trail = world.trail(&file);
    world.site.clock.advance(Duration::from_secs(61));
    for _ in 0..2 {
        trail.round().await.unwrap();
        world.site.clock.advance(Duration::from_secs(61));
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 1, "{text}");
    assert_eq!(events[0]["stage"], "ended");
    assert_eq!(events[0]["reason"]["reasonCode"], "cancelled");
}
