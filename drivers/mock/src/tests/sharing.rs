//! Several processes share a world and may die at any time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use protector_framework::{
    DriverEnv, EnsurePort, ErrorKind, ListPoints, RandomIds, StartReplication, SystemClock,
};
use tempfile::TempDir;

use super::{GROUP, Pair, World, build_world, ctx, registry, storage};
use crate::world::{Fault, MockCloud, PROTECTOR_PASSWORD, PROTECTOR_USER, Rule, Script};

/// Tells a child of this test binary where its world is.
const CHILD: &str = "PROTECTOR_MOCK_TEST_WORLD";

fn system_env() -> DriverEnv {
    DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_instances_lose_no_change() {
    let world = World::new();
    let mut calls = Vec::new();
    for n in 0..16 {
        let compute = world.compute();
        let network = world.has.network.clone();
        calls.push(tokio::spawn(async move {
            let mac = format!("fa:16:3e:00:00:{n:02x}");
            let req = EnsurePort::new(&network, mac);
            compute.ensure_port(&ctx(), req).await.unwrap()
        }));
    }
    let mut addresses = Vec::new();
    for call in calls {
        addresses.push(call.await.unwrap().fixed_ips[0].ip_address.clone());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 16);
    assert_eq!(world.cloud.inventory().unwrap().ports.len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_arrays_may_be_used_at_once() {
    let pair = Pair::new();
    pair.volumes(&["one"]);
    pair.group(&["one"]).await;
    let env = super::env(&pair.clock);
    let mut calls = Vec::new();
    for n in 0..8 {
        let (source, target) = (storage(&pair.a, &env), storage(&pair.b, &env));
        let replica = pair.replica();
        calls.push(tokio::spawn(async move {
            let req = StartReplication::new(GROUP, format!("p{n}"));
            source.start_replication(&ctx(), req).await.unwrap();
        }));
        calls.push(tokio::spawn(async move {
            let req = ListPoints::new(replica);
            target.list_points(&ctx(), req).await.unwrap();
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
    let received = pair.received().await;
    assert_eq!(received.len(), 8);
    assert!(received.iter().all(|(_, complete)| *complete));
}

#[tokio::test]
async fn a_process_that_dies_after_its_write_leaves_the_effect() {
    let directory = TempDir::new().unwrap();
    let env = system_env();
    let (_, cloud, has) = build_world(directory.path(), &env);
    let script = |fault| Script {
        rules: vec![Rule::new("ensure_port", fault).nth(1)],
    };
    cloud.set_faults(&script(Fault::CrashBefore)).unwrap();
    assert!(!run_child(directory.path()));
    assert!(cloud.inventory().unwrap().ports.is_empty());
    cloud.set_faults(&script(Fault::CrashAfterWrite)).unwrap();
    assert!(!run_child(directory.path()));
    assert_eq!(cloud.inventory().unwrap().ports.len(), 1);
    // The count goes on over processes: the next one finds what the dead one made.
    assert!(run_child(directory.path()));
    assert_eq!(cloud.inventory().unwrap().ports.len(), 1);
    assert_eq!(cloud.inventory().unwrap().ports[0].network, has.network);
}

/// Runs the test below in a process of its own; says whether it came to its end.
fn run_child(world: &Path) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::sharing::child", "--nocapture"])
        .env(CHILD, world)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    status.unwrap().success()
}

/// Does nothing but in a child process of the test above.
#[tokio::test]
async fn child() {
    let Some(world) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let env = system_env();
    let cloud = MockCloud::open(world.join("cloud"), env.clone()).unwrap();
    let entries = cloud.add_project("tenant").unwrap();
    let config = cloud.driver_config(PROTECTOR_USER, PROTECTOR_PASSWORD, &entries);
    let compute = registry(&env).compute("mock", config).unwrap();
    let kind = protector_framework::ResourceKind::Network;
    let networks = compute.list_resources(&ctx(), kind).await.unwrap();
    let network = networks.iter().find(|n| n.name == "tenant-net").unwrap();
    let req = EnsurePort::new(&network.id, "fa:16:3e:00:00:01");
    compute.ensure_port(&ctx(), req).await.unwrap();
}

#[tokio::test]
async fn a_half_written_state_file_is_not_read() {
    let pair = Pair::new();
    pair.volumes(&["one"]);
    let book = pair.a.directory().with_file_name("pool.array");
    std::fs::write(book.join("state.new"), "{").unwrap();
    std::fs::create_dir_all(book.join("scratch")).unwrap();
    std::fs::write(book.join("scratch").join("left"), "x").unwrap();
    pair.source.describe(&ctx()).await.unwrap();
    assert!(!book.join("scratch").exists());
    std::fs::write(book.join("state.json"), "{").unwrap();
    let broken = pair.source.describe(&ctx()).await.unwrap_err();
    assert_eq!(broken.kind, ErrorKind::InvalidConfig);
    assert!(broken.message.contains("state.json"), "{}", broken.message);
}
