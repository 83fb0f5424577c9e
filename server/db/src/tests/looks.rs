//! Looks at whether a group is ready: shared between engines, with the last one kept.

use chrono::TimeDelta;
use protector_framework::{GenericUuid as _, GroupId, SiteId};
use protector_model::readiness::{Purpose, Readiness, Report};
use uuid::Uuid;

use super::{start, world};

fn group() -> GroupId {
    GroupId::from_untyped_uuid(Uuid::from_u128(7))
}

fn seen(ready: bool) -> Readiness {
    let site = SiteId::from_untyped_uuid(Uuid::from_u128(1));
    Readiness {
        seen_from: site,
        as_of: start(),
        reports: vec![Report {
            purpose: Purpose::Planned,
            ready,
            as_of: start(),
            source_site_id: site,
            target_site_id: site,
            findings: Vec::new(),
            predicted_rpo_seconds: Some(0),
            achieved_rpo_seconds: None,
            last_complete_at: None,
            predicted_rto_seconds: None,
            rto_learned_from: 0,
        }],
    }
}

#[tokio::test]
async fn one_engine_takes_a_look_and_it_is_due_again_when_it_says() {
    let world = world().await;
    let at = |seconds| start() + TimeDelta::seconds(seconds);
    let take = async |now, until| {
        world
            .db
            .take_look(group(), at(now), at(until))
            .await
            .unwrap()
    };
    assert!(take(0, 60).await, "the first look at a group is due");
    assert!(!take(0, 60).await, "another engine has it");
    assert!(!take(59, 100).await);
    assert!(take(60, 120).await, "the one that had it did not come back");
    world
        .db
        .put_readiness(group(), &seen(true), at(90))
        .await
        .unwrap();
    assert!(!take(89, 150).await);
    assert!(take(90, 150).await);
}

#[tokio::test]
async fn the_last_look_is_kept_with_what_was_thought_before() {
    let world = world().await;
    let later = start() + TimeDelta::seconds(30);
    assert_eq!(world.db.readiness(group()).await.unwrap(), None);
    world.db.take_look(group(), start(), later).await.unwrap();
    assert_eq!(
        world.db.readiness(group()).await.unwrap(),
        None,
        "nothing is found yet"
    );
    let put = async |ready| {
        world
            .db
            .put_readiness(group(), &seen(ready), later)
            .await
            .unwrap()
    };
    assert_eq!(put(true).await, None);
    assert_eq!(put(false).await, Some(seen(true).verdict()));
    assert_eq!(
        world.db.readiness(group()).await.unwrap(),
        Some(seen(false))
    );
    world.db.forget_readiness(group()).await.unwrap();
    assert_eq!(world.db.readiness(group()).await.unwrap(), None);
}
