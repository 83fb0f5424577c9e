//! Two sites, each with its own database, mock cloud and mock array, joined by wires.

mod core;
mod engines;
mod group;
mod look;
mod site;
mod time;
mod troubled;
mod watch;
mod wire;

use std::sync::Arc;

use chrono::TimeDelta;
use protector_driver_mock::world::LinkSettings;
use protector_framework::{GroupId, ManualClock, SeededIds};

pub use engines::CALL_DEADLINE;
pub use group::{planned, unplanned};
pub use look::Seen;
pub use site::{LEASE, Site};
pub use time::{SiteClock, simulate};
pub use troubled::{Draw, Engine, Trouble, When, Whose, name as action_name};
pub use watch::Watch;
pub use wire::Loss;

/// The world of a test. Clones are the same world.
#[derive(Clone)]
pub struct World {
    pub a: Site,
    pub b: Site,
    pub group: GroupId,
    pub clock: Arc<ManualClock>,
    pub ids: Arc<SeededIds>,
    /// What was seen after each step.
    pub watch: Arc<Watch>,
    _home: Arc<tempfile::TempDir>,
}

impl World {
    /// Two furnished sites that know each other, without a group.
    pub async fn empty() -> Self {
        let home = home();
        let start = "2026-11-24T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let ids = Arc::new(SeededIds::new(1));
        time::follow(&clock);
        let (a, b) = (
            Site::new(home.path(), "a", 1, (&clock, &ids)).await,
            Site::new(home.path(), "b", 2, (&clock, &ids)).await,
        );
        a.array.link(&b.array, &LinkSettings::up()).unwrap();
        for (here, there) in [(&a, &b), (&b, &a)] {
            here.know(here, true).await;
            here.know(there, false).await;
            here.reach.join(there.id, there.wire.clone());
            assert!(here.wire.back.set(there.wire.clone()).is_ok());
        }
        Self {
            a,
            b,
            group: group::id(),
            clock,
            ids,
            watch: Arc::default(),
            _home: Arc::new(home),
        }
    }

    /// The same world, as it is for another group.
    pub fn with_group(&self, group: GroupId) -> Self {
        Self {
            group,
            ..self.clone()
        }
    }

    /// The site that is not this one.
    pub fn other(&self, site: &Site) -> &Site {
        if site.id == self.a.id {
            &self.b
        } else {
            &self.a
        }
    }

    /// All ways are open, both sites are there, and their clocks are right.
    pub fn repair(&self) {
        for site in [&self.a, &self.b] {
            site.set_down(false);
            site.clock.set(TimeDelta::zero());
        }
        self.a
            .array
            .link(&self.b.array, &LinkSettings::up())
            .unwrap();
    }

    /// Gives back what a world holds of the machine: its parts know each other, and would stay.
    pub async fn end(&self) {
        for site in [&self.a, &self.b] {
            site.db.close().await;
        }
    }

    /// The site of an id.
    pub fn site(&self, id: protector_framework::SiteId) -> &Site {
        if id == self.a.id { &self.a } else { &self.b }
    }
}

/// In memory where the machine has such a place: elsewhere each commit waits for the disk.
pub fn home() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}
