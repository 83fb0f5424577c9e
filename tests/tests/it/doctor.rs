//! The doctor on two sites whose services run: it finds nothing, and then what a test breaks.

use protector_tests::sites::{Pair, Side};
use serde_json::Value;

use crate::programs::program;
use crate::world::World;

/// What is neither well nor skipped, with the verdict.
fn found(pair: &Pair, side: Side) -> Option<Vec<(String, String)>> {
    let program = program("protector-manage")?;
    let file = pair.site(side).dir().join("protector.conf");
    close(&file);
    let output = std::process::Command::new(program)
        .args(["doctor", "--user", &me(), "-f", "json", "--config-file"])
        .arg(&file)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        !printed.contains(&pair.mark),
        "a secret is shown: {printed}"
    );
    let all: Vec<Value> = serde_json::from_str(&printed)
        .unwrap_or_else(|error| panic!("{error}: {printed} {output:?}"));
    let found = all
        .iter()
        .filter(|one| one["result"] != "ok" && one["result"] != "skipped")
        .map(|one| {
            let word = |field: &str| one[field].as_str().unwrap().to_owned();
            (word("check"), word("result"))
        });
    Some(found.collect())
}

fn me() -> String {
    let output = std::process::Command::new("id").arg("-un").output();
    let name = String::from_utf8(output.unwrap().stdout).unwrap();
    name.trim().to_owned()
}

/// Holds passwords, as one in /etc does.
fn close(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o640)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_nothing_on_two_sites_and_then_the_lost_one() {
    let mut world = World::new().await;
    let pair = &mut world.pair;
    for side in Side::BOTH {
        let Some(found) = found(pair, side) else {
            return;
        };
        assert_eq!(found, [], "{side}");
    }
    pair.b.lose().await.unwrap();
    let lost = vec![("site site-b".to_owned(), "problem".to_owned())];
    assert_eq!(found(pair, Side::A).unwrap(), lost);
    pair.b.come_back().await.unwrap();
    pair.until(30, async || {
        let all = found(pair, Side::A).unwrap();
        protector_tests::sites::ensure(all.is_empty(), || format!("{all:?}"))
    })
    .await
    .unwrap();
}
