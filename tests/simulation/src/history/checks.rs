//! The promises, as they can be looked at when both sites are at rest.

use protector_framework::{ArrayVolume, OperationId};
use protector_model::{GroupStatus, InstanceState, OperationStatus, StepStatus};

use super::SERVERS;
use crate::world::{Site, World};

/// Checks everything; returns how many promises that was.
pub(super) async fn all(world: &World, told: &[String]) -> u64 {
    world.heads_go_forward("rest").await;
    one_truth(world, told).await;
    one_production(world, told).await;
    all_has_ended(world, told).await;
    nothing_twice(world, told).await;
    nothing_held(world, told).await;
    tests_are_held(world, told).await;
    let gaps = [world.a.wire.gaps(), world.b.wire.gaps()].concat();
    assert!(gaps.is_empty(), "{gaps:#?}: {told:#?}");
    let (looks, broken) = world.watch.take();
    assert!(broken.is_empty(), "{broken:#?}: {told:#?}");
    7 + looks
}

/// INV6: both sites hold the same document, and nothing is on its way between them.
async fn one_truth(world: &World, told: &[String]) {
    let (a, b) = (world.record(&world.a).await, world.record(&world.b).await);
    assert_eq!(a.head, b.head, "the sites differ: {told:#?}");
    for record in [&a, &b] {
        assert!(record.staged.is_none(), "a change is on its way: {told:#?}");
        assert!(record.conflict_with.is_none(), "a conflict: {told:#?}");
        assert_eq!(record.active_operation, None, "{told:#?}");
    }
}

/// INV1: what is in production runs on the primary and nowhere else.
async fn one_production(world: &World, told: &[String]) {
    let primary = world.primary().await;
    let rests = world.other(primary);
    let document = world.document(primary).await;
    let well = matches!(
        document.status,
        GroupStatus::Active | GroupStatus::FailedOver
    );
    let running = |site: &Site| {
        let mut names = site.running();
        // A test's clones bear other names.
        names.retain(|name| SERVERS.contains(&name.as_str()));
        names
    };
    if well {
        assert_eq!(running(primary), SERVERS, "{told:#?}");
    }
    let running = running(rests);
    for name in SERVERS {
        let stayed = document.members.iter().any(|m| {
            let here = m.instance(primary.id);
            m.name == name && here.is_none_or(|copy| copy.state != InstanceState::Production)
        });
        assert!(
            stayed && !well || !running.iter().any(|r| r == name),
            "INV1: `{name}` runs on {} too: {told:#?}",
            rests.name
        );
    }
    for server in primary.look().cloud.servers {
        let runs = SERVERS.contains(&server.name.as_str()) && server.status.starts_with("ACTIVE");
        // One that is being brought back is unlocked last.
        assert!(
            !(well && runs && server.locked),
            "{} is locked: {told:#?}",
            server.name
        );
    }
}

/// INV3: every operation has ended in one way, and none of its steps runs.
async fn all_has_ended(world: &World, told: &[String]) {
    for site in [&world.a, &world.b] {
        let open = site.db.unfinished_operations().await.unwrap();
        assert!(open.is_empty(), "{open:#?}: {told:#?}");
        let page = protector_db::Page::default();
        let all = site.db.page_operations(None, None, &page).await.unwrap();
        for operation in all.iter().rev().take(3) {
            let steps = site.db.steps(operation.id).await.unwrap();
            let runs = |s: &&protector_model::StepRecord| s.status == StepStatus::Running;
            assert!(!steps.iter().any(|s| runs(&s)), "{told:#?}");
        }
    }
}

/// INV4, INV5: nothing was made twice, and no array volume is without its cloud's.
async fn nothing_twice(world: &World, told: &[String]) {
    let context = format!("{told:#?}");
    for site in [&world.a, &world.b] {
        let mut copies = 0;
        for volume in site.array.volumes().unwrap() {
            copies += usize::from(waits(site, &volume).await);
        }
        site.assert_nothing_twice_but(copies, &context);
    }
}

/// Whether a volume is a copy that a move which was left with errors has not adopted yet: `retry` goes
/// on with it.
async fn waits(site: &Site, volume: &ArrayVolume) -> bool {
    let made_by = volume.made_by.as_ref().and_then(|id| id.parse().ok());
    let (Some(made_by), true) = (made_by, volume.name.as_str().starts_with("protector-")) else {
        return false;
    };
    let operation = site.db.get_operation(made_by).await.unwrap();
    operation.is_some_and(|o| {
        o.kind.moves_authority() && o.status == OperationStatus::CompletedWithErrors
    })
}

/// No point is held but for a test, or for a move that was left with errors.
async fn nothing_held(world: &World, told: &[String]) {
    let test = world.record(&world.a).await.test_operation;
    for site in [&world.a, &world.b] {
        for holder in held(site).into_iter().flatten() {
            let id: OperationId = holder.parse().unwrap();
            let operation = site.db.get_operation(id).await.unwrap();
            let left = operation.is_some_and(|o| o.status != OperationStatus::Completed);
            assert!(test == Some(id) || left, "{id} holds a point: {told:#?}");
        }
    }
}

/// INV2: while a test stands, its point is kept for it.
async fn tests_are_held(world: &World, told: &[String]) {
    let Some(test) = world.record(&world.a).await.test_operation else {
        return;
    };
    let holds = |site: &Site| {
        held(site)
            .into_iter()
            .flatten()
            .any(|id| id == test.to_string())
    };
    assert!(
        holds(&world.a) || holds(&world.b),
        "INV2: nobody holds the point of the test {test}: {told:#?}"
    );
}

/// Whether the group is protected: what runs on its primary is what the array there sends.
pub(super) async fn is_protected(world: &World, told: &[String]) {
    let primary = world.primary().await;
    let document = world.document(primary).await;
    let groups = primary.array.groups().unwrap();
    let sent: Vec<_> = groups.iter().flat_map(|group| &group.volumes).collect();
    for member in &document.members {
        let copy = member.instance(primary.id);
        let copy = copy.filter(|copy| copy.state == InstanceState::Production);
        for volume in copy.iter().flat_map(|copy| &copy.volumes) {
            assert!(
                sent.iter().any(|sent| sent.serial == volume.serial),
                "`{}` is not protected: {sent:?}: {told:#?}",
                member.name
            );
        }
    }
}

fn held(site: &Site) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for replica in site.array.replicas().unwrap() {
        for point in site.array.points(&replica).unwrap() {
            if !point.pinned_by.is_empty() {
                all.push(point.pinned_by.clone());
            }
        }
    }
    all
}
