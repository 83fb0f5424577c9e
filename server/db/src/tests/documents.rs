use std::collections::BTreeMap;

use protector_framework::{ChangeId, ExposeSecret as _, GenericUuid as _, SecretString};
use protector_model::{GroupDocument, PutMode, Verdict};
use uuid::Uuid;

use super::{MARK, World, document, epoch, group, site, start, with_group, world};
use crate::DbError;

fn change(n: u128) -> ChangeId {
    ChangeId::from_untyped_uuid(Uuid::from_u128(n))
}

fn secrets() -> BTreeMap<String, SecretString> {
    [("array/1".to_owned(), SecretString::from(MARK))].into()
}

fn bytes(document: &GroupDocument) -> Vec<u8> {
    document.to_bytes().unwrap()
}

async fn stage(world: &World, n: u128, next: &GroupDocument) -> Result<(), DbError> {
    let base = world
        .db
        .get_group(group())
        .await
        .unwrap()
        .map(|r| r.head.base());
    world
        .db
        .stage_change(change(n), base.as_ref(), &bytes(next), &secrets(), "api")
        .await
}

#[tokio::test]
async fn a_staged_change_is_the_lock_until_it_is_decided() {
    let world = world().await;
    let record = with_group(&world).await;
    let next = record.document.next_version(start());
    stage(&world, 1, &next).await.unwrap();
    assert!(matches!(
        stage(&world, 2, &next).await,
        Err(DbError::ChangePending)
    ));
    world.db.drop_staged(group(), change(1)).await.unwrap();
    stage(&world, 3, &next).await.unwrap();
    let after = world.db.commit_staged(group(), change(3)).await.unwrap();
    assert_eq!(after.head.version, 2);
    assert!(after.staged.is_none());
    let kept = world
        .db
        .get_secret(&format!("policy/{}", group()), "array/1")
        .await
        .unwrap();
    assert_eq!(kept.unwrap().expose_secret(), MARK);
}

#[tokio::test]
async fn a_document_without_a_policy_leaves_no_tokens_whichever_way_it_comes() {
    for way in 0..4 {
        let world = world().await;
        let record = with_group(&world).await;
        let owner = format!("policy/{}", group());
        let token = SecretString::from(MARK);
        world
            .db
            .put_secret(&owner, "array/1", &token)
            .await
            .unwrap();
        let mut next = record.document.next_version(start());
        next.policy = None;
        let (base, sent, none) = (record.head.base(), bytes(&next), BTreeMap::new());
        match way {
            0 => {
                let staged = world
                    .db
                    .stage_change(change(1), Some(&base), &sent, &none, "api");
                staged.await.unwrap();
                assert_eq!(world.db.secrets_of(&owner).await.unwrap().len(), 1);
                world.db.commit_staged(group(), change(1)).await.unwrap();
            }
            1 => {
                let mode = PutMode::Push;
                let taken = world.db.receive_document(site(2), mode, None, &sent, &none);
                assert_eq!(taken.await.unwrap().verdict, Verdict::Store);
            }
            2 => {
                let written = world.db.write_local(&base, &sent, None, false);
                written.await.unwrap();
            }
            _ => {
                world.db.replace_head(None, &sent, false).await.unwrap();
            }
        }
        assert!(
            world.db.secrets_of(&owner).await.unwrap().is_empty(),
            "{way}"
        );
    }
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_refused() {
    let world = world().await;
    let record = with_group(&world).await;
    let next = record.document.next_version(start());
    let (a, b) = tokio::join!(stage(&world, 1, &next), stage(&world, 2, &next));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
}

#[tokio::test]
async fn a_new_group_is_no_group_until_its_first_change_is_committed() {
    let world = world().await;
    stage(&world, 1, &document("shop")).await.unwrap();
    assert!(world.db.get_group(group()).await.unwrap().is_none());
    world.db.drop_staged(group(), change(1)).await.unwrap();
    stage(&world, 2, &document("shop")).await.unwrap();
    world.db.commit_staged(group(), change(2)).await.unwrap();
    assert!(world.db.get_group(group()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_change_from_an_older_document_is_refused() {
    let world = world().await;
    let record = with_group(&world).await;
    let next = record.document.next_version(start());
    let old = record.head.base();
    world
        .db
        .write_local(&old, &bytes(&next), None, false)
        .await
        .unwrap();
    let late = world.db.write_local(&old, &bytes(&next), None, false).await;
    assert!(matches!(late, Err(DbError::Moved(Some(head))) if head.version == 2));
}

#[tokio::test]
async fn an_abandoned_stage_can_be_taken_over_once_its_lease_has_ended() {
    let world = world().await;
    let record = with_group(&world).await;
    stage(&world, 1, &record.document.next_version(start()))
        .await
        .unwrap();
    assert!(
        world
            .db
            .claim_expired_stages("engine")
            .await
            .unwrap()
            .is_empty()
    );
    world.clock.advance(std::time::Duration::from_secs(31));
    let claimed = world.db.claim_expired_stages("engine").await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(matches!(
        world.db.renew_stage(group(), change(1), "api").await,
        Err(DbError::Fenced)
    ));
    let with = world.db.staged_secrets(group(), change(1)).await.unwrap();
    assert_eq!(with["array/1"].expose_secret(), MARK);
}

#[tokio::test]
async fn what_comes_in_is_stored_once_and_only_on_its_base() {
    let world = world().await;
    let record = with_group(&world).await;
    let next = record.document.next_version(start());
    let base = record.head.base();
    let put = async |mode, base, doc: &GroupDocument, at| {
        let none = BTreeMap::new();
        world
            .db
            .receive_document(at, mode, base, &bytes(doc), &none)
            .await
            .unwrap()
            .verdict
    };
    assert_eq!(
        put(PutMode::Change, None, &next, site(2)).await,
        Verdict::Busy
    );
    assert_eq!(
        put(PutMode::Change, Some(&base), &next, site(2)).await,
        Verdict::Store
    );
    assert_eq!(
        put(PutMode::Change, Some(&base), &next, site(2)).await,
        Verdict::Already
    );
    assert_eq!(
        put(PutMode::Push, None, &record.document, site(2)).await,
        Verdict::Stale
    );
    let mut twin = next.clone();
    twin.description = "another".to_owned();
    assert_eq!(
        put(PutMode::Push, None, &twin, site(2)).await,
        Verdict::Conflict
    );
    let held = world.db.get_group(group()).await.unwrap().unwrap();
    assert!(held.conflict_with.is_some(), "a conflict is remembered");
    assert_eq!(held.document, next, "and nothing else changes");
}

#[tokio::test]
async fn a_takeover_that_was_missed_is_adopted_and_says_that_authority_is_lost() {
    let world = world().await;
    let record = with_group(&world).await;
    let mine = record.document.next_version(start());
    stage(&world, 1, &mine).await.unwrap();
    let mut taken = record.document.next_version(start());
    taken.epoch = taken.epoch.next(epoch(2), site(2));
    taken.current_primary_site_id = site(2);
    let none = BTreeMap::new();
    let got = world
        .db
        .receive_document(site(1), PutMode::Push, None, &bytes(&taken), &none)
        .await
        .unwrap();
    assert_eq!(got.verdict, Verdict::Store);
    assert!(got.lost_authority);
    let after = world.db.get_group(group()).await.unwrap().unwrap();
    assert!(
        after.staged.is_none(),
        "a staged change of the old epoch is gone"
    );
    assert_eq!(after.document.current_primary_site_id, site(2));
    assert!(
        after.quarantine_due,
        "remembered until every copy was looked at"
    );
    let mut later = taken.next_version(start());
    later.description = "bookkeeping".to_owned();
    let push = async |doc: &GroupDocument| {
        let sent = bytes(doc);
        let mode = PutMode::Push;
        let got = world.db.receive_document(site(1), mode, None, &sent, &none);
        assert_eq!(got.await.unwrap().verdict, Verdict::Store);
        world.db.get_group(group()).await.unwrap().unwrap()
    };
    assert!(push(&later).await.quarantine_due, "whatever follows");
    let mut home = later.next_version(start());
    home.epoch = home.epoch.next(epoch(3), site(1));
    home.current_primary_site_id = site(1);
    assert!(!push(&home).await.quarantine_due, "until it has it again");
}

#[tokio::test]
async fn a_handover_needs_exactly_the_base_and_no_change_on_its_way() {
    let world = world().await;
    let record = with_group(&world).await;
    let base = record.head.base();
    let mut next = record.document.next_version(start());
    next.epoch = next.epoch.next(epoch(2), site(2));
    let none = BTreeMap::new();
    let offer = async || {
        let mode = PutMode::Handover;
        let sent = bytes(&next);
        let got = world
            .db
            .receive_document(site(1), mode, Some(&base), &sent, &none);
        got.await.unwrap().verdict
    };
    stage(&world, 1, &record.document.next_version(start()))
        .await
        .unwrap();
    assert_eq!(offer().await, Verdict::Busy);
    world.db.drop_staged(group(), change(1)).await.unwrap();
    assert_eq!(offer().await, Verdict::Store);
    assert_eq!(offer().await, Verdict::Already);
}

async fn listed(world: &World) -> Vec<crate::ListedGroup> {
    // Where no site is registered, groups are of no project.
    world
        .db
        .page_groups(&"".into(), &crate::Page::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_list_shows_the_document_after_each_way_of_writing_it() {
    let world = world().await;
    let record = with_group(&world).await;
    let shown = |document: &GroupDocument| protector_model::GroupSummary::from(document);
    assert_eq!(listed(&world).await[0].summary, shown(&record.document));

    let mut next = record.document.next_version(start());
    next.name = "renamed".to_owned();
    next.description = "by this site alone".to_owned();
    let base = record.head.base();
    let alone = bytes(&next);
    let written = world.db.write_local(&base, &alone, None, false);
    assert!(written.await.unwrap().peer.pending);
    let seen = listed(&world).await;
    assert_eq!(seen[0].summary, shown(&next));
    assert!(seen[0].sync_pending);

    let mut next = next.next_version(start());
    next.description = "together".to_owned();
    stage(&world, 1, &next).await.unwrap();
    assert_ne!(listed(&world).await[0].summary, shown(&next));
    world.db.commit_staged(group(), change(1)).await.unwrap();
    assert_eq!(listed(&world).await[0].summary, shown(&next));
}

#[tokio::test]
async fn a_list_reads_the_document_where_a_program_without_summaries_has_written_it() {
    let world = world().await;
    let record = with_group(&world).await;
    let shown = protector_model::GroupSummary::from(&record.document);
    for lost in [
        "UPDATE group_summaries SET hash = 'of another document', body = '{}'",
        "DELETE FROM group_summaries",
    ] {
        world.db.run(lost, []).await.unwrap();
        assert_eq!(listed(&world).await[0].summary, shown, "{lost}");
    }
}

#[tokio::test]
async fn a_list_shows_the_last_look_until_it_is_forgotten() {
    let world = world().await;
    with_group(&world).await;
    let found = protector_model::readiness::Readiness {
        seen_from: site(1),
        as_of: start(),
        reports: Vec::new(),
    };
    assert_eq!(listed(&world).await[0].readiness, None);
    world.db.take_look(group(), start(), start()).await.unwrap();
    for _ in 0..2 {
        world
            .db
            .put_readiness(group(), &found, start())
            .await
            .unwrap();
        assert_eq!(listed(&world).await[0].readiness, Some(found.kept()));
    }
    world.db.forget_readiness(group()).await.unwrap();
    assert_eq!(listed(&world).await[0].readiness, None);
}
