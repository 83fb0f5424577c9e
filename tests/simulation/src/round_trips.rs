//! Round trips of a group from site to site, which must leave nothing behind: planned ones, some in
//! which the site is lost, some after which what was left is cleaned up. Guests write at each stop,
//! and every byte is compared.

use std::collections::BTreeMap;
use std::time::Duration;

use protector_model::loss::is_out_of_use;
use protector_model::{GroupStatus, OperationKind, OperationOptions, OperationStatus};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::world::{Seen, Site, World, planned, unplanned};

/// The servers of the group.
const SERVERS: [&str; 2] = ["db", "web"];
/// What tells the past and is kept on purpose.
const HISTORY: [&str; 5] = [
    "audit_events",
    "dr_operation_steps",
    "dr_operations",
    "idempotency_keys",
    "operation_turns",
];

/// All that there is of a group on one site, without ids.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    servers: Vec<String>,
    ports: Vec<String>,
    volumes: Vec<String>,
    groups: Vec<String>,
    array_volumes: usize,
    snapshots: usize,
    array_groups: usize,
    replicas: usize,
    /// Who holds recovery points.
    pins: Vec<String>,
    rows: BTreeMap<&'static str, u64>,
}

/// Makes so many round trips from a seed.
///
/// # Panics
/// Where something is left behind or a byte is lost.
pub async fn round_trips(seed: u64, count: u64) {
    let world = World::empty().await;
    let servers: Vec<_> = SERVERS
        .iter()
        .enumerate()
        .map(|(at, name)| world.build_server(name, 2, at))
        .collect();
    let before = [world.a.look(), world.b.look()];
    world.create_group().await;
    for (at, (name, server)) in SERVERS.iter().zip(&servers).enumerate() {
        let tier = u8::try_from(at + 1).unwrap();
        world.add_member(name, server, tier).await;
    }
    let mut trips = Trips {
        world,
        dice: StdRng::seed_from_u64(seed),
        writes: 0,
    };
    // After the first one both arrays have their group in both directions.
    trips.there_and_back(false).await;
    trips.clean_both().await;
    let settled = trips.holdings().await;
    for trip in 1..count {
        let lost = trips.dice.random_bool(0.4);
        trips.there_and_back(lost).await;
        if trips.dice.random_bool(0.3) {
            trips.clean_both().await;
            assert_eq!(
                trips.holdings().await,
                settled,
                "after trip {trip} of seed {seed}"
            );
        }
    }
    trips.clean_both().await;
    assert_eq!(
        trips.holdings().await,
        settled,
        "after {count} trips of seed {seed}"
    );
    let world = &trips.world;
    world
        .go(OperationKind::Delete, OperationOptions::default())
        .await;
    for (site, was) in [&world.a, &world.b].into_iter().zip(&before) {
        assert!(site.array.groups().unwrap().is_empty());
        assert!(site.array.replicas().unwrap().is_empty());
        let (is, was) = (names(&site.look()), names(was));
        assert_eq!(is, was, "the deleted group left something on {}", site.name);
    }
}

struct Trips {
    world: World,
    dice: StdRng,
    writes: u64,
}

impl Trips {
    async fn there_and_back(&mut self, lost: bool) {
        let plain = OperationOptions::default;
        self.write(SERVERS[0]).await;
        self.write(SERVERS[1]).await;
        let world = &self.world;
        if lost {
            world.go(OperationKind::Sync, plain()).await;
        }
        let bytes = world.bytes(&world.a).await;
        if lost {
            self.lose(&bytes).await;
        } else {
            self.world.go(OperationKind::Failover, planned()).await;
        }
        let world = &self.world;
        world.assert_settled(GroupStatus::FailedOver, "there").await;
        assert_eq!(world.bytes(&world.b).await, bytes, "bytes are lost");
        let cleans = self.dice.random_bool(0.3);
        if cleans {
            self.world.go(OperationKind::Cleanup, plain()).await;
        }
        self.write(SERVERS[0]).await;
        self.write(SERVERS[1]).await;
        let world = &self.world;
        let bytes = world.bytes(&world.b).await;
        world.go(OperationKind::Failback, planned()).await;
        world.assert_settled(GroupStatus::Active, "back").await;
        assert_eq!(world.bytes(&world.a).await, bytes, "bytes are lost");
    }

    /// The site goes dark after it has written what no point holds, and returns.
    async fn lose(&mut self, bytes: &[(String, Vec<String>)]) {
        self.write(SERVERS[0]).await;
        let world = &self.world;
        world.a.set_down(true);
        let moved = world
            .ask_at(&world.b, OperationKind::Failover, unplanned())
            .await;
        let ended = world.finish(&world.b, moved.id).await;
        assert_eq!(
            ended.status,
            OperationStatus::Completed,
            "{:#?}",
            ended.error
        );
        assert_eq!(world.bytes(&world.b).await, bytes);
        world.a.set_down(false);
        // What was quarantined lately is looked at again after a while.
        world.clock.advance(Duration::from_secs(30));
        world.round(&world.a).await;
        for open in world.a.db.unfinished_operations().await.unwrap() {
            let ended = world.finish(&world.a, open.id).await;
            assert_eq!(ended.kind, OperationKind::Quarantine);
            assert_eq!(
                ended.status,
                OperationStatus::Completed,
                "{:#?}",
                ended.error
            );
        }
        world.meet().await;
        let document = world.document(&world.b).await;
        assert!(
            is_out_of_use(&document, world.a.id),
            "it is not quarantined"
        );
        world
            .go(OperationKind::Reprotect, OperationOptions::default())
            .await;
    }

    /// Builds both copies anew: what a volume had kept of a divergence goes with it.
    async fn clean_both(&self) {
        let plain = OperationOptions::default;
        let world = &self.world;
        for kind in [OperationKind::Failover, OperationKind::Failback] {
            world.go(kind, planned()).await;
            world.go(OperationKind::Cleanup, plain()).await;
        }
    }

    async fn write(&mut self, name: &str) {
        self.writes += 1;
        let text = format!("write {:0>8}", self.writes);
        let primary = self.world.primary().await;
        let slot = usize::try_from(self.writes % 2).unwrap();
        self.world.write(primary, name, slot, &text).await;
        self.world.clock.advance(Duration::from_secs(2));
    }

    async fn holdings(&self) -> [Holdings; 2] {
        [holdings(&self.world.a).await, holdings(&self.world.b).await]
    }
}

async fn holdings(site: &Site) -> Holdings {
    let seen = site.look();
    let [servers, ports, volumes, groups] = names(&seen);
    let (mut snapshots, mut pins) = (0, Vec::new());
    for name in seen.array.keys() {
        snapshots += site.array.snapshots(name).unwrap().len();
    }
    let replicas = site.array.replicas().unwrap();
    for replica in &replicas {
        let points = site.array.points(replica).unwrap();
        assert!(
            points.len() <= 64,
            "points beyond retention: {}",
            points.len()
        );
        pins.extend(points.into_iter().flat_map(|point| point.pinned_by));
    }
    let mut rows = site.db.row_counts().await.unwrap();
    rows.retain(|table, _| !HISTORY.contains(table));
    Holdings {
        servers,
        ports,
        volumes,
        groups,
        array_volumes: seen.array.len(),
        snapshots,
        array_groups: site.array.groups().unwrap().len(),
        replicas: replicas.len(),
        pins,
        rows,
    }
}

/// Servers, ports, volumes and groups by what does not change when they are built anew.
fn names(seen: &Seen) -> [Vec<String>; 4] {
    let cloud = &seen.cloud;
    let mut all = [
        cloud
            .servers
            .iter()
            .map(|s| format!("{} {}", s.name, s.status))
            .collect::<Vec<_>>(),
        cloud
            .ports
            .iter()
            .map(|p| format!("{} {}", p.network, p.mac_address))
            .collect(),
        cloud
            .volumes
            .iter()
            .map(|v| format!("{} {} GiB", v.name, v.size_gib))
            .collect(),
        cloud
            .groups
            .iter()
            .map(|g| format!("{} of {}", g.name, g.volumes.len()))
            .collect(),
    ];
    for list in &mut all {
        list.sort();
    }
    all
}
