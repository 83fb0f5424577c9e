//! How a group's document is on both sites, and what is done when one of them is gone for good.

use protector_tests::sites::{Client, Group, Pair, ensure};
use serde_json::json;

use crate::world::World;

async fn is(pair: &Pair, client: &Client, group: &Group, status: &str) {
    let so = async || {
        let now = client.sync_status(&group.id).await?;
        ensure(now.status == status, || format!("not {status}: {now:?}"))
    };
    pair.until(20, so).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sites_tell_the_same_and_one_alone_goes_on_only_when_told_to() {
    let mut world = World::new().await;
    let (group, _) = world.protected(&["db"]).await;
    let pair = &mut world.pair;
    let (a, b) = pair.tenants().unwrap();
    let force = format!("/protection-groups/{}/sync-force", group.id);

    is(pair, &a, &group, "in_sync").await;
    is(pair, &b, &group, "in_sync").await;
    let status = a.sync_status(&group.id).await.unwrap();
    assert_eq!(status.sites.len(), 2);
    assert_eq!(status.sites[0].hash, status.sites[1].hash);
    assert_eq!(status.sites[0].version, status.sites[1].version);
    a.post(&force, &json!({}))
        .await
        .unwrap()
        .expect(200)
        .unwrap();

    // The other site is gone.
    pair.b.lose().await.unwrap();
    is(pair, &a, &group, "unreachable").await;
    let before = a.group(&group.id).await.unwrap();
    let rename = json!({"protection_group": {"description": "alone"}});
    let path = format!("/protection-groups/{}", group.id);
    a.put(&path, &rename).await.unwrap().refused(409).unwrap();
    assert_eq!(a.group(&group.id).await.unwrap(), before);

    // For good, says the user: a new epoch begins here.
    let winner = json!({"winner": "site-a", "peer_lost": true});
    a.post(&force, &winner).await.unwrap().expect(200).unwrap();
    let after = a.group(&group.id).await.unwrap();
    assert_eq!(after.epoch, before.epoch + 1);
    assert_ne!(after.epoch_id, before.epoch_id);

    // Not quite for good: it comes back and follows.
    pair.b.come_back().await.unwrap();
    is(pair, &a, &group, "in_sync").await;
    is(pair, &b, &group, "in_sync").await;
    assert_eq!(b.group(&group.id).await.unwrap().epoch_id, after.epoch_id);
    a.put(&path, &rename).await.unwrap().expect(200).unwrap();
    is(pair, &b, &group, "in_sync").await;
}
