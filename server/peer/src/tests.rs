//! Two sites with a database each, joined by a way that loses requests and answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use protector_db::{Db, DbOptions, Fence, GroupRecord, SecretBox};
use protector_framework::{
    EpochId, ExposeSecret as _, GenericUuid as _, GroupId, Ids as _, ManualClock, OperationId,
    PolicyId, ReplicationMode, SecretString, SeededIds, SiteId,
};
use protector_model::epoch::Epoch;
use protector_model::{
    Actor, GroupDocument, GroupStatus, Operation, OperationKind, OperationOptions, OperationStatus,
    Policy, Retention,
};
use uuid::Uuid;

use crate::{
    Event, GroupHead, HandoverError, LocalPeer, Peer, PeerDocument, PeerError, PeerIdentity,
    PeerLink, ProposeError, PutDocument, PutReply, SyncError, SyncState,
};

const MARK: &str = "marked-array-token";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Request,
    Reply,
    Twice,
}

/// The way to a site: up or down, with losses to come for documents that are put.
struct Way {
    to: LocalPeer,
    up: Mutex<bool>,
    losses: Mutex<Vec<Loss>>,
    sent: Mutex<Vec<PutDocument>>,
}

impl Way {
    fn check(&self) -> Result<(), PeerError> {
        if *self.up.lock().unwrap() {
            Ok(())
        } else {
            Err(lost())
        }
    }
}

fn lost() -> PeerError {
    PeerError::Unreachable("no answer".to_owned())
}

#[async_trait]
impl Peer for Way {
    async fn identity(&self) -> Result<PeerIdentity, PeerError> {
        self.check()?;
        self.to.identity().await
    }

    async fn heads(&self) -> Result<Vec<GroupHead>, PeerError> {
        self.check()?;
        self.to.heads().await
    }

    async fn document(
        &self,
        group: GroupId,
        public_key: &str,
    ) -> Result<Option<PeerDocument>, PeerError> {
        self.check()?;
        self.to.document(group, public_key).await
    }

    async fn put_document(&self, put: &PutDocument) -> Result<PutReply, PeerError> {
        self.check()?;
        self.sent.lock().unwrap().push(put.clone());
        let loss = self.losses.lock().unwrap().pop();
        match loss {
            Some(Loss::Request) => Err(lost()),
            Some(Loss::Reply) => {
                self.to.put_document(put).await?;
                Err(lost())
            }
            Some(Loss::Twice) => {
                self.to.put_document(put).await?;
                self.to.put_document(put).await
            }
            None => self.to.put_document(put).await,
        }
    }
}

struct Site {
    id: SiteId,
    db: Db,
    link: PeerLink,
    way: Arc<Way>,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

fn site_id(n: u128) -> SiteId {
    SiteId::from_untyped_uuid(Uuid::from_u128(n))
}

fn group() -> GroupId {
    GroupId::from_untyped_uuid(Uuid::from_u128(7))
}

async fn database(clock: &Arc<ManualClock>, seed: u64) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?mode=rwc",
        dir.path().join("protector.db").display()
    );
    protector_migrations::sync(&url).await.unwrap();
    let ids = Arc::new(SeededIds::new(seed));
    let keys = SecretBox::open_or_create(&dir.path().join("keys"), &*ids).unwrap();
    let url = SecretString::from(url);
    let db = Db::connect(&url, DbOptions::default(), keys, clock.clone(), ids)
        .await
        .unwrap();
    (dir, db)
}

/// Two sites; site 1 is the primary of the group once it is made.
async fn two_sites(seed: u64) -> (Site, Site) {
    let clock = Arc::new(ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
    let mut sites = Vec::new();
    for n in [1_u64, 2] {
        let (dir, db) = database(&clock, seed * 10 + n).await;
        sites.push((site_id(n.into()), dir, db));
    }
    let ways: Vec<Arc<Way>> = [1, 0]
        .map(|to: usize| {
            let (id, _, db) = &sites[to];
            let ids = Arc::new(SeededIds::new(seed * 10 + 5));
            Arc::new(Way {
                to: LocalPeer::new(db.clone(), *id, ids),
                up: Mutex::new(true),
                losses: Mutex::default(),
                sent: Mutex::default(),
            })
        })
        .into();
    let mut built = sites
        .into_iter()
        .zip(ways)
        .zip([7, 8])
        .map(|(((id, dir, db), way), n)| {
            let ids = Arc::new(SeededIds::new(seed * 10 + n));
            let link = PeerLink::new(
                db.clone(),
                clock.clone(),
                ids,
                id,
                way.clone(),
                format!("engine-{n}"),
            );
            Site {
                id,
                db,
                link,
                way,
                clock: clock.clone(),
                _dir: dir,
            }
        });
    (built.next().unwrap(), built.next().unwrap())
}

fn policy() -> Policy {
    Policy {
        id: PolicyId::from_untyped_uuid(Uuid::from_u128(9)),
        driver: "mock".to_owned(),
        arrays: BTreeMap::new(),
        rpo_minutes: 10,
        replication_interval: None,
        retention: Retention::default(),
        secondary_backend_host: None,
        test_volume_type_id: None,
        created_at: "2026-11-24T12:00:00Z".parse().unwrap(),
        updated_at: "2026-11-24T12:00:00Z".parse().unwrap(),
    }
}

fn document() -> GroupDocument {
    let at = "2026-11-24T12:00:00Z".parse().unwrap();
    GroupDocument {
        id: group(),
        epoch: Epoch::first(EpochId::from_untyped_uuid(Uuid::from_u128(1)), site_id(1)),
        version: 1,
        name: "shop".to_owned(),
        description: String::new(),
        projects: [(site_id(1), "p1".into()), (site_id(2), "p2".into())].into(),
        primary_site_id: site_id(1),
        secondary_site_id: site_id(2),
        current_primary_site_id: site_id(1),
        replication_type: ReplicationMode::Async,
        volume_types: BTreeMap::new(),
        volume_groups: BTreeMap::new(),
        status: GroupStatus::Active,
        status_reason: None,
        failover_count: 0,
        members: Vec::new(),
        policy: Some(policy()),
        mappings: Vec::new(),
        deleted: false,
        given_up: None,
        created_at: at,
        updated_at: at,
        unknown: [(
            "from_a_newer_version".to_owned(),
            serde_json::json!({"kept": true}),
        )]
        .into(),
    }
}

impl Site {
    async fn group(&self) -> GroupRecord {
        self.db.get_group(group()).await.unwrap().unwrap()
    }

    fn lose(&self, losses: &[Loss]) {
        *self.way.losses.lock().unwrap() = losses.iter().rev().copied().collect();
    }

    fn cut(&self, up: bool) {
        *self.way.up.lock().unwrap() = up;
    }

    async fn change(&self, description: &str) -> Result<GroupRecord, ProposeError> {
        let record = self.group().await;
        let mut next = record
            .document
            .next_version(protector_framework::Clock::now(&*self.clock));
        next.description = description.to_owned();
        self.link
            .propose(Some(&record), &next, &BTreeMap::new())
            .await
    }

    /// The document with which this site takes authority.
    async fn taking(&self, epoch: u128) -> (GroupRecord, GroupDocument) {
        let record = self.group().await;
        let mut next = record.document.next_version(record.document.updated_at);
        next.epoch = next
            .epoch
            .next(EpochId::from_untyped_uuid(Uuid::from_u128(epoch)), self.id);
        next.current_primary_site_id = self.id;
        (record, next)
    }

    async fn fence(&self) -> Fence {
        let at = protector_framework::Clock::now(&*self.clock);
        let operation = Operation {
            id: OperationId::from_untyped_uuid(SeededIds::new(99).uuid()),
            group_id: group(),
            project_id: "p".into(),
            kind: OperationKind::Failover,
            options: OperationOptions::default(),
            status: OperationStatus::Queued,
            phase: String::new(),
            progress: 0,
            source_site_id: site_id(1),
            target_site_id: site_id(2),
            executor_site_id: self.id,
            steps_completed: 0,
            steps_failed: 0,
            was_running: None,
            test_stands: false,
            error: None,
            result: None,
            actor: Actor::engine("req-test"),
            attempt: 1,
            created_at: at,
            updated_at: at,
            started_at: None,
            finished_at: None,
        };
        self.db
            .create_operation(&operation, None, false)
            .await
            .unwrap();
        self.db
            .claim_operation("engine", self.id)
            .await
            .unwrap()
            .unwrap()
            .fence
    }
}

/// Two sites that hold the group, with an array token beside it.
async fn with_group(seed: u64) -> (Site, Site) {
    let (a, b) = two_sites(seed).await;
    let secrets = [("array/1".to_owned(), SecretString::from(MARK))].into();
    a.link.propose(None, &document(), &secrets).await.unwrap();
    (a, b)
}

async fn same(a: &Site, b: &Site) {
    let (a, b) = (a.group().await, b.group().await);
    assert_eq!(a.bytes, b.bytes);
    assert!(a.staged.is_none() && b.staged.is_none());
}

#[tokio::test]
async fn a_new_group_is_on_both_sites_with_its_secrets_and_what_it_does_not_know() {
    let (a, b) = with_group(1).await;
    same(&a, &b).await;
    assert_eq!(
        b.group().await.document.unknown["from_a_newer_version"]["kept"],
        true
    );
    let there =
        b.db.get_secret(&format!("policy/{}", group()), "array/1")
            .await
            .unwrap();
    assert_eq!(there.unwrap().expose_secret(), MARK);
    for put in a.way.sent.lock().unwrap().iter() {
        assert!(
            !serde_json::to_string(put).unwrap().contains(MARK),
            "secrets travel sealed"
        );
    }
    let state = a.link.sync_status(group()).await.unwrap().state;
    assert_eq!(state, SyncState::InSync);
}

#[tokio::test]
async fn a_peer_that_is_away_leaves_no_trace_of_a_change() {
    let (a, b) = with_group(2).await;
    a.cut(false);
    let refused = a.change("x").await.unwrap_err();
    assert!(matches!(refused, ProposeError::PeerUnreachable(_)));
    assert!(refused.to_string().contains("remote site unreachable"));
    same(&a, &b).await;
    assert_eq!(
        a.link.sync_status(group()).await.unwrap().state,
        SyncState::Unreachable
    );
}

#[tokio::test]
async fn a_lost_request_or_answer_is_sent_again_until_it_is_decided() {
    for loss in [Loss::Request, Loss::Reply, Loss::Twice] {
        let (a, b) = with_group(3).await;
        a.lose(&[loss]);
        let outcome = a.change("x").await;
        if loss == Loss::Twice {
            outcome.unwrap();
        } else {
            assert!(matches!(outcome, Err(ProposeError::Pending)), "{outcome:?}");
            assert!(
                matches!(a.change("y").await, Err(ProposeError::Db(_))),
                "it is the lock"
            );
            assert!(
                a.link.settle_stages().await.unwrap().is_empty(),
                "its lease still holds"
            );
            a.clock.advance(Duration::from_secs(31));
            assert_eq!(a.link.settle_stages().await.unwrap(), [group()]);
        }
        same(&a, &b).await;
        assert_eq!(b.group().await.document.description, "x", "{loss:?}");
        assert_eq!(b.group().await.head.version, 2, "no gap");
    }
}

#[tokio::test]
async fn a_lost_answer_is_also_settled_by_meeting_the_peer() {
    let (a, b) = with_group(4).await;
    a.lose(&[Loss::Reply]);
    a.change("x").await.unwrap_err();
    a.link.reconcile().await.unwrap();
    same(&a, &b).await;
}

#[tokio::test]
async fn a_handover_passes_authority_even_when_its_answer_is_lost() {
    for losses in [&[][..], &[Loss::Reply], &[Loss::Request], &[Loss::Twice]] {
        let (a, b) = with_group(5).await;
        let fence = b.fence().await;
        let (base, next) = b.taking(2).await;
        b.lose(losses);
        let mut outcome = b.link.handover(&base.head, &next, &fence).await;
        if let Err(HandoverError::NoAnswer(_)) = outcome {
            outcome = b.link.handover(&base.head, &next, &fence).await;
        }
        outcome.unwrap();
        same(&a, &b).await;
        assert_eq!(a.group().await.document.current_primary_site_id, b.id);
    }
}

#[tokio::test]
async fn an_old_primary_that_went_on_keeps_authority() {
    let (a, b) = with_group(6).await;
    let fence = b.fence().await;
    let (base, next) = b.taking(2).await;
    a.change("meanwhile").await.unwrap();
    let refused = b.link.handover(&base.head, &next, &fence).await;
    assert!(matches!(refused, Err(HandoverError::Refused(Some(head))) if head.version == 2));
    assert_eq!(b.group().await.document.current_primary_site_id, a.id);
}

#[tokio::test]
async fn a_returning_site_learns_that_it_has_lost_authority() {
    let (a, b) = with_group(7).await;
    let fence = b.fence().await;
    a.cut(false);
    b.cut(false);
    let (base, next) = b.taking(2).await;
    b.link.take_over(&base.head, &next, &fence).await.unwrap();
    // An engine that was stopped in the middle takes the same document again.
    b.link.take_over(&base.head, &next, &fence).await.unwrap();
    assert!(b.link.reconcile().await.is_err(), "the way is still cut");
    a.cut(true);
    b.cut(true);
    let events = a.link.reconcile().await.unwrap();
    assert_eq!(
        events,
        [Event::Adopted {
            group: group(),
            lost_authority: true
        }]
    );
    same(&a, &b).await;
}

#[tokio::test]
async fn two_claims_are_a_conflict_until_a_person_names_the_winner() {
    for winner in [1, 2] {
        let (a, b) = with_group(8).await;
        a.cut(false);
        b.cut(false);
        let fence = b.fence().await;
        let (base, next) = b.taking(2).await;
        b.link.take_over(&base.head, &next, &fence).await.unwrap();
        a.link.sync_force(group(), Some(a.id), true).await.unwrap();
        a.cut(true);
        b.cut(true);
        assert_eq!(
            a.link.reconcile().await.unwrap(),
            [Event::Conflict { group: group() }]
        );
        assert_eq!(
            b.link.reconcile().await.unwrap(),
            [Event::Conflict { group: group() }]
        );
        assert_eq!(
            a.link.sync_status(group()).await.unwrap().state,
            SyncState::Conflict
        );
        let unnamed = a.link.sync_force(group(), None, false).await;
        assert!(matches!(unnamed, Err(SyncError::Conflict { .. })));
        let won = a
            .link
            .sync_force(group(), Some(site_id(winner)), false)
            .await
            .unwrap();
        b.link.reconcile().await.unwrap();
        a.link.reconcile().await.unwrap();
        same(&a, &b).await;
        assert_eq!(won.document.current_primary_site_id, site_id(winner));
        assert!(b.group().await.conflict_with.is_none());
        assert!(a.group().await.conflict_with.is_none());
    }
}

#[tokio::test]
async fn going_on_alone_needs_the_site_that_the_group_runs_on() {
    let (a, b) = with_group(9).await;
    assert!(matches!(
        b.link.sync_force(group(), Some(b.id), true).await,
        Err(SyncError::Refused(_))
    ));
    a.cut(false);
    a.link.sync_force(group(), Some(a.id), true).await.unwrap();
    a.cut(true);
    a.link.reconcile().await.unwrap();
    same(&a, &b).await;
}

/// Whatever is lost: never two contents under one version of one epoch, never a gap in what a site
/// accepts of the other, and both agree once the way is good again.
#[tokio::test]
async fn random_losses_never_split_the_document() {
    for seed in 100..130_u64 {
        let (a, b) = with_group(seed).await;
        let dice = SeededIds::new(seed);
        let roll = |sides: u8| {
            let mut byte = [0];
            dice.bytes(&mut byte);
            byte[0] % sides
        };
        let mut known: BTreeMap<(EpochId, u64), String> = BTreeMap::new();
        for step in 0..25 {
            let primary_is_a = a.group().await.document.current_primary_site_id == a.id;
            let (primary, other) = if primary_is_a { (&a, &b) } else { (&b, &a) };
            let losses = [Loss::Request, Loss::Reply, Loss::Twice];
            if roll(2) == 0 {
                primary.lose(&[losses[usize::from(roll(3))]]);
            }
            match roll(5) {
                0 | 1 => drop(primary.change(&format!("change {step}")).await),
                2 => drop(primary.link.settle_stages().await.unwrap()),
                3 => drop(other.link.reconcile().await),
                _ => drop(primary.link.reconcile().await),
            }
            primary
                .clock
                .advance(Duration::from_secs(u64::from(roll(40))));
            for site in [&a, &b] {
                let head = site.group().await.head;
                let hash = known
                    .entry((head.epoch.id, head.version))
                    .or_insert(head.hash.clone());
                assert_eq!(*hash, head.hash, "seed {seed}: one version, two contents");
            }
            let gap = primary
                .group()
                .await
                .head
                .version
                .abs_diff(other.group().await.head.version);
            assert!(gap <= 1, "seed {seed}: a gap of {gap}");
        }
        a.lose(&[]);
        b.lose(&[]);
        a.clock.advance(Duration::from_secs(31));
        a.link.settle_stages().await.unwrap();
        a.link.reconcile().await.unwrap();
        same(&a, &b).await;
    }
}
