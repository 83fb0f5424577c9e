//! A library that misbehaves in the middle of operations: each ends, with a reason, and what other groups
//! ask of the same array goes on.

use std::path::{Path, PathBuf};

use protector_tests::sites::{Client, Group, NewGroup, Pair, Side};
use serde_json::{Value, json};
use tempfile::TempDir;

const MOODS: [&str; 5] = ["panic", "block", "never", "leak", "garbage"];

/// The library, which `cargo test` has built beside this test.
fn library() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let built = own.parent().unwrap().parent().unwrap();
    let path = built.join("examples/libmoody.so");
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{} is not built, and in CI it must be",
        path.display()
    );
    eprintln!("skipped: build it first (`cargo build -p protector-tests --example moody`)");
    None
}

async fn sync(client: &Client, group: &Group) -> protector_tests::sites::OperationView {
    let started = client.start(&group.id, "sync", json!({})).await.unwrap();
    client.ended(&started.id).await.unwrap()
}

fn be(array: &Path, moods: &str) {
    std::fs::write(array.join("moods"), moods).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_in_a_bad_mood_fails_the_operation_that_met_it_and_nothing_else() {
    let Some(library) = library() else { return };
    let directory = TempDir::new().unwrap();
    let pair = Pair::ready_with(directory.path(), &library).await.unwrap();
    let client = pair.a.tenant().unwrap();
    let names: Vec<&str> = MOODS.into_iter().chain(["good"]).collect();
    let servers = pair.make_servers(&names).await.unwrap();
    pair.write(Side::A, &servers, "first").unwrap();
    let mut groups = Vec::new();
    for (name, server) in names.iter().zip(&servers) {
        let members = &[(server, 1)];
        groups.push(pair.protect(NewGroup { name, members }).await.unwrap());
    }
    let good = groups.pop().unwrap();

    let array = pair.a.array.directory().to_owned();
    let moods = groups.iter().zip(MOODS);
    let moods = moods.map(|(group, mood)| format!("{mood} start_replication {}\n", group.id));
    be(&array, &moods.collect::<String>());
    let bad = futures::future::join_all(groups.iter().map(|group| sync(&client, group)));
    // More than once, while the others wait.
    let others = async {
        for _ in 0..3 {
            assert_eq!(sync(&client, &good).await.status, "completed");
        }
    };
    let (ended, ()) = futures::future::join(bad, others).await;
    for (mood, ended) in MOODS.into_iter().zip(&ended) {
        match mood {
            "leak" => assert_eq!(ended.status, "completed", "{ended:?}"),
            // What a nonsensical reply means is the engine's to find out; it may have learned otherwise.
            "garbage" => assert_ne!(ended.status, "running", "{ended:?}"),
            _ => {
                assert_eq!(ended.status, "error", "{mood}: {ended:?}");
                let error: Value = json!(ended.error.as_ref().unwrap().message);
                let told = error.as_str().unwrap().to_lowercase();
                let word = if mood == "panic" {
                    "panicked"
                } else {
                    "answer"
                };
                assert!(told.contains(word), "{mood}: {told}");
            }
        }
    }

    be(&array, "");
    for group in groups.iter().chain([&good]) {
        let ended = sync(&client, group).await;
        assert_eq!(ended.status, "completed", "{ended:?}");
    }
    let moved = client.perform(&groups[1].id, "failover", json!({"type": "planned"}));
    moved.await.unwrap();
}
