//! The same compare-and-sets on a real MariaDB, which the test starts and stops itself.

use protector_model::OperationKind;

use super::server::Server;
use super::{open, operation, site, with_group, world_at};
use crate::{Created, DbError};

#[tokio::test]
async fn engines_documents_and_sync_behave_on_mariadb_as_on_sqlite() {
    let Some(server) = Server::start().await else {
        return;
    };
    let url = server.url(server.port);
    let (a, b) = tokio::join!(
        protector_migrations::sync(&url),
        protector_migrations::sync(&url)
    );
    a.unwrap();
    b.unwrap();

    let world = world_at(tempfile::tempdir().unwrap(), url).await;
    let record = with_group(&world).await;
    let first = operation(1, OperationKind::Sync);
    assert_eq!(
        world
            .db
            .create_operation(&first, None, false)
            .await
            .unwrap(),
        Created::New
    );
    let second = operation(2, OperationKind::Sync);
    let busy = world.db.create_operation(&second, None, false).await;
    assert!(matches!(busy, Err(DbError::Busy(id)) if id == first.id));

    let other = open(&world.dir, &world.url, &world.clock, 2).await;
    let (a, b) = tokio::join!(
        world.db.claim_operation("one", site(1)),
        other.claim_operation("two", site(1))
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(a.is_some() != b.is_some(), "exactly one engine takes it");
    let claim = a.or(b).unwrap();
    world.db.renew(&claim.fence).await.unwrap();
    let stale = crate::Fence {
        number: claim.fence.number - 1,
        ..claim.fence.clone()
    };
    assert!(matches!(world.db.renew(&stale).await, Err(DbError::Fenced)));

    let next = record
        .document
        .next_version(super::start())
        .to_bytes()
        .unwrap();
    let base = record.head.base();
    let (a, b) = tokio::join!(
        world
            .db
            .write_local(&base, &next, Some(&claim.fence), false),
        other.write_local(&base, &next, Some(&claim.fence), false)
    );
    assert!(
        a.is_ok() != b.is_ok(),
        "exactly one write takes effect: {a:?} {b:?}"
    );
    world
        .db
        .heartbeat("protector-engine", "host")
        .await
        .unwrap();
    assert!(world.db.list_services().await.unwrap()[0].up);
    let skew = (world.db.now().await.unwrap() - super::start()).abs();
    assert!(
        skew > chrono::TimeDelta::zero(),
        "leases use the server's time"
    );
}
