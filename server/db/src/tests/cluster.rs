//! What a cluster refuses at the last moment is done again, and has the effect of one.

use std::time::Duration;

use protector_framework::{Clock as _, SystemClock};
use protector_model::{OperationKind, OperationStatus};

use super::refusing::{At, Plan, Refusal, before};
use super::server::Server;
use super::{open, operation, site, with_group, world_at};
use crate::{Created, DbError, Page};

const CERTIFICATION: Refusal = Refusal {
    code: 1213,
    state: "40001",
    text: "Deadlock found when trying to get lock; try restarting transaction",
};
const LOCK_WAIT: Refusal = Refusal {
    code: 1205,
    state: "HY000",
    text: "Lock wait timeout exceeded; try restarting transaction",
};
const NO_NODE: Refusal = Refusal {
    code: 1047,
    state: "08S01",
    text: "WSREP has not yet prepared node for application use",
};
/// A text with the number of another error in it.
const OTHER: Refusal = Refusal {
    code: 1406,
    state: "22001",
    text: "Data too long for column 'body' at row 1213",
};

#[tokio::test]
async fn what_a_cluster_refuses_is_done_again_and_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let plan = Plan::default();
    let port = before(server.port, plan.clone()).await;
    let world = world_at(tempfile::tempdir().unwrap(), server.url(port)).await;
    let other = open(&world.dir, &world.url, &world.clock, 2).await;
    // Pauses between attempts are the clock's, which the test drives.
    let ticks = world.clock.clone();
    tokio::spawn(async move {
        let looks = SystemClock::new();
        loop {
            looks.sleep(Duration::from_millis(1)).await;
            ticks.advance_to_next();
        }
    });
    with_group(&world).await;
    let db = &world.db;
    let mut done = 0;
    for (refusal, at) in [
        (CERTIFICATION, At::Commit),
        (CERTIFICATION, At::Statement),
        (LOCK_WAIT, At::Statement),
        (NO_NODE, At::Statement),
    ] {
        done += 1;
        // Transactions: an operation is begun, taken, and ended.
        let asked = operation(done, OperationKind::Sync);
        plan.refuse(at, refusal, 3);
        let created = db.create_operation(&asked, None, false).await.unwrap();
        assert_eq!(created, Created::New, "{refusal:?}");
        plan.refuse(at, refusal, 3);
        let claim = db.claim_operation("one", site(1)).await.unwrap().unwrap();
        assert_eq!(claim.operation.id, asked.id);
        plan.refuse(at, refusal, 3);
        let ended = protector_model::Operation {
            status: OperationStatus::Completed,
            ..claim.operation
        };
        db.write_operation(&claim.fence, &ended).await.unwrap();
        // Statements that are transactions by themselves.
        plan.refuse(At::Statement, refusal, 3);
        db.heartbeat("protector-engine", &format!("host-{done}"))
            .await
            .unwrap();
        plan.refuse(At::Statement, refusal, 3);
        assert_eq!(db.list_services().await.unwrap().len() as u128, done);
    }
    assert!(plan.refused() >= 12 * 4, "{}", plan.refused());
    let page = Page::default();
    let all = other.page_operations(None, None, &page).await.unwrap();
    assert_eq!(all.len() as u128, done, "nothing lost, nothing twice");

    // What is refused for good is not tried for ever, and other errors are not tried again.
    plan.refuse(At::Commit, CERTIFICATION, 1000);
    let asked = operation(99, OperationKind::Sync);
    let before = plan.refused();
    let failed = db.create_operation(&asked, None, false).await;
    assert!(matches!(failed, Err(DbError::Unreachable(_))), "{failed:?}");
    assert_eq!(plan.refused() - before, 8);
    plan.refuse(At::Statement, OTHER, 1000);
    let before = plan.refused();
    let failed = db.heartbeat("protector-engine", "other").await;
    assert!(failed.is_err());
    assert_eq!(plan.refused() - before, 1, "{failed:?}");
}
