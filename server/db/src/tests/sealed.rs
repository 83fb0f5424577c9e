use std::collections::BTreeMap;
use std::sync::Arc;

use protector_framework::{ChangeId, ExposeSecret as _, GenericUuid as _, SecretString, SeededIds};
use uuid::Uuid;

use super::{MARK, document, group, open, with_group, world};
use crate::SecretBox;

#[tokio::test]
async fn everything_is_sealed_anew_and_services_that_run_open_it() {
    let world = world().await;
    let record = with_group(&world).await;
    let db = &world.db;
    let value = SecretString::from(MARK);
    db.put_secret("site/1", "password", &value).await.unwrap();
    db.deployment().await.unwrap();
    let change = ChangeId::from_untyped_uuid(Uuid::from_u128(5));
    let next = record.document.next_version(super::start());
    let staged = BTreeMap::from([("token".to_owned(), value.clone())]);
    let base = record.head.base();
    db.stage_change(
        change,
        Some(&base),
        &next.to_bytes().unwrap(),
        &staged,
        "one",
    )
    .await
    .unwrap();

    let keys = world.dir.path().join("keys");
    let made = SecretBox::new_key(&keys, &SeededIds::new(9)).unwrap();
    assert_eq!(made, "0002");
    let operator = open(&world.dir, &world.url, &world.clock, 3).await;
    let done = operator.reseal().await.unwrap();
    assert_eq!((done.key.as_str(), done.changed), ("0002", 3));
    assert!(done.unopened.is_empty());
    assert_eq!(operator.reseal().await.unwrap().changed, 0);
    for one in operator.check_sealed().await.unwrap() {
        assert_eq!(
            (one.key.as_str(), one.fault),
            ("0002", None),
            "{}",
            one.place
        );
    }

    // The service that was running before has the old key alone in memory.
    let got = db.get_secret("site/1", "password").await.unwrap().unwrap();
    assert_eq!(got.expose_secret(), MARK);
    let got = db.staged_secrets(group(), change).await.unwrap();
    assert_eq!(got["token"].expose_secret(), MARK);
    db.deployment().await.unwrap();
    // And seals with the new one from now on.
    db.put_secret("site/2", "password", &value).await.unwrap();
    let all = db.check_sealed().await.unwrap();
    assert!(all.iter().all(|one| one.key == "0002"), "{all:?}");
    assert_eq!(document("x").id, group());
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_and_stays() {
    let world = world().await;
    let value = SecretString::from(MARK);
    let put = world.db.put_secret("site/1", "password", &value);
    put.await.unwrap();
    let keys = world.dir.path().join("keys");
    SecretBox::new_key(&keys, &SeededIds::new(9)).unwrap();
    std::fs::remove_file(keys.join("0001.key")).unwrap();
    let operator = open(&world.dir, &world.url, &world.clock, 3).await;
    let all = operator.check_sealed().await.unwrap();
    assert_eq!(all[0].place, "secrets/site/1/password");
    let fault = all[0].fault.as_deref().unwrap();
    assert!(fault.contains("not in the ring"), "{fault}");
    let done = operator.reseal().await.unwrap();
    assert_eq!(done.changed, 0);
    assert_eq!(done.unopened, all);
}

#[test]
fn looking_makes_no_key_and_nothing_is_sealed_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("keys");
    let ids = Arc::new(SeededIds::new(1));
    let empty = SecretBox::open_existing(&none).unwrap();
    assert!(!none.exists());
    let value = SecretString::from(MARK);
    assert!(empty.seal("a", &value, &*ids).is_err());
    assert!(SecretBox::new_key(&none, &*ids).is_err());
    // A key that is made meanwhile is found when it is needed.
    let sealed = SecretBox::open_or_create(&none, &*ids)
        .unwrap()
        .seal("a", &value, &*ids)
        .unwrap();
    assert_eq!(empty.open("a", &sealed).unwrap().expose_secret(), MARK);
}
