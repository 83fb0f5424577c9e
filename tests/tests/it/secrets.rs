//! No password, array token or user's token is in a log, a reply or a database.

use std::path::{Path, PathBuf};

use protector_framework::ExposeSecret;
use protector_tests::sites::Side;
use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn marked_secrets_are_nowhere() {
    let mut world = World::new().await;
    let (group, servers) = world.protected(&["db"]).await;
    let logs = world.logs.clone();
    let pair = &mut world.pair;
    let (a, b) = pair.tenants().unwrap();
    let admin = pair.a.admin().unwrap();
    let path = format!("/protection-groups/{}", group.id);

    // Work that uses every secret, and calls that go wrong with secrets in them.
    b.perform(&group.id, "failover", json!({"type": "planned"}))
        .await
        .unwrap();
    for client in [&a, &b] {
        for part in [
            "",
            "/members",
            "/policy",
            "/recovery-points",
            "/readiness",
            "/health",
        ] {
            client.get(&format!("{path}{part}")).await.unwrap();
        }
        client.get("/trusts").await.unwrap();
    }
    for part in [
        "sites",
        "sites/site-a",
        "sites/site-b",
        "services",
        "drivers",
    ] {
        admin
            .get(&format!("/admin/{part}"))
            .await
            .unwrap()
            .expect(200)
            .unwrap();
    }
    let wrong = format!("{}-wrong", pair.mark);
    let mut policy = pair.policy_body();
    policy["policy"]["primary_fa_api_token"] = json!(wrong);
    let reply = b.put(&format!("{path}/policy"), &policy).await.unwrap();
    assert!((400..500).contains(&reply.status), "{}", reply.describe());
    policy["policy"]["secondary_fa_api_token"] = json!([wrong]);
    b.put(&format!("{path}/policy"), &policy)
        .await
        .unwrap()
        .refused(400)
        .unwrap();
    let body = json!({"site": {"credentials": {"username": "protector", "password": wrong}}});
    let patch = reqwest::Method::PATCH;
    let changed = admin
        .send(patch, "/admin/sites/site-b", Some(&body))
        .await
        .unwrap();
    assert_ne!(changed.status, 500, "{}", changed.describe());
    let intruder = pair
        .a
        .client(a.base().to_owned(), wrong.clone().into())
        .unwrap();
    intruder.get(&path).await.unwrap().expect(401).unwrap();
    pair.all_run(Side::B, &servers).unwrap();

    // A search that finds nothing must be one that could.
    let mut places: Vec<(String, Vec<u8>)> = vec![
        ("the logs".to_owned(), logs.text().into_bytes()),
        ("the replies".to_owned(), pair.seen.text().into_bytes()),
    ];
    for side in Side::BOTH {
        let mut all = Vec::new();
        for file in files(&pair.site(side).dir().join("state")) {
            let bytes = std::fs::read(&file).unwrap();
            all.extend_from_slice(&bytes);
            places.push((file.display().to_string(), bytes));
        }
        assert!(
            holds(&all, group.name.as_bytes()),
            "{side}: no document was found"
        );
    }
    assert!(
        holds(&places[0].1, group.id.as_bytes()),
        "the logs are empty"
    );
    assert!(
        holds(&places[1].1, group.id.as_bytes()),
        "the replies are empty"
    );

    let tokens = [&a, &b, &admin].map(|client| client.token().expose_secret().to_owned());
    for (place, bytes) in &places {
        for secret in tokens.iter().chain([&pair.mark]) {
            if let Some(at) = find(bytes, secret.as_bytes()) {
                let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 60)];
                panic!(
                    "a secret is in {place}: {}",
                    String::from_utf8_lossy(around)
                );
            }
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    find(bytes, needle).is_some()
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|part| part == needle)
}
