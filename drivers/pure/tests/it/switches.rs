//! How arrays behave where nobody outside Pure knows must not matter to the driver.

use std::time::Duration;

use protector_framework::ReplicationMode;
use protector_pure_simulator::{OverwriteSizePolicy, PendingNameText, Switches};

use crate::fabric::{A, B};
use crate::world::{COPIES, ORIGINALS, World, cinder};

/// Turns one switch.
type Turn = fn(&mut Switches);

/// Each switch the other way.
const OTHER_WAYS: [(&str, Turn); 15] = [
    ("strict_overwrite", |s| s.strict_overwrite = true),
    ("pending_name_text", |s| {
        s.pending_name_text = PendingNameText::Destroyed;
    }),
    ("propagation_delay", |s| {
        s.propagation_delay = Duration::from_secs(3);
    }),
    ("overwrite_size_policy", |s| {
        s.overwrite_size_policy = OverwriteSizePolicy::Reject;
    }),
    ("overwrite_connected", |s| s.overwrite_connected = false),
    ("page_size", |s| s.page_size = 1),
    ("copy_before_complete", |s| s.copy_before_complete = true),
    ("dedupe", |s| s.dedupe = false),
    ("member_names_follow_rename", |s| {
        s.member_names_follow_rename = true;
    }),
    ("sessions_end", |s| s.sessions_end = false),
    ("bad_login_status", |s| s.bad_login_status = 400),
    ("all_or_nothing", |s| s.all_or_nothing = true),
    ("demote_connected", |s| s.demote_connected = false),
    ("source_lists_transfers", |s| {
        s.source_lists_transfers = true
    }),
    ("overwrite_keeps_undo", |s| s.overwrite_keeps_undo = true),
];

/// Out, home, and nothing left.
async fn whole_way(world: &World) {
    world.set_up(A, &ORIGINALS).await.unwrap();
    world.replicate(A, "first").await.unwrap();
    world.move_out().await.unwrap();
    assert_eq!(world.holds(B, &COPIES).await, [b"last", b"two\0"]);
    let copies = world.present(B, &COPIES).await.unwrap();
    world.reverse().await.unwrap();
    world.move_home().await.unwrap();
    assert_eq!(world.holds(A, &ORIGINALS).await, [b"away", b"away"]);
    world.clean_up(&copies).await.unwrap();
    world.delete(A).await.unwrap();
    // The tests' own looks read no pages.
    world
        .fabric
        .control()
        .change_switches(|s| s.page_size = 1000);
    assert_eq!(world.in_root(A).await, ORIGINALS.map(cinder));
    assert!(world.volumes(B).await.is_empty());
    for array in [A, B] {
        assert_eq!(world.fabric.notes(array).await, [""; 0]);
    }
}

async fn every_way(mode: ReplicationMode) {
    for (name, turn) in OTHER_WAYS {
        eprintln!("{name}");
        let world = World::new(mode).await;
        world.fabric.control().change_switches(turn);
        whole_way(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_goes_whichever_way_a_switch_is_turned() {
    every_way(ReplicationMode::Async).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_of_a_pod_goes_whichever_way_a_switch_is_turned() {
    every_way(ReplicationMode::Sync).await;
}

#[test]
fn no_switch_is_forgotten() {
    let all = serde_json::to_value(Switches::default()).unwrap();
    let all = all.as_object().unwrap().keys();
    let known = |name: &&String| OTHER_WAYS.iter().any(|(known, _)| known == *name);
    // A pod that is not whole yet has no points: whoever waits for it is tested elsewhere.
    let forgotten: Vec<&String> = all
        .filter(|name| !known(name) && *name != "resync_delay")
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
