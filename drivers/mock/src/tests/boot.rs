//! Servers on the mock cloud keep a real cloud's rules.

use std::time::Duration;

use protector_framework::{
    BootVolume, EnsurePort, EnsureServer, ErrorKind, FindServer, GetConsole, PortId, ServerId,
    ServerRef, ServerStatus, SetDeleteOnTermination, VolumeId, VolumeRef, VolumeStatus,
};

use super::{World, ctx};
use crate::world::{NewServer, Quota};

fn boot(world: &World, tag: &str, volumes: &[VolumeId], ports: Vec<PortId>) -> EnsureServer {
    let volumes: Vec<BootVolume> = volumes.iter().map(BootVolume::new).collect();
    EnsureServer::new(tag, "web", &world.has.flavor, volumes, ports)
}

async fn status(world: &World, id: &ServerId) -> ServerStatus {
    let server = world.compute().get_server(&ctx(), ServerRef::new(id)).await;
    server.unwrap().status
}

async fn volume_status(world: &World, id: &VolumeId) -> VolumeStatus {
    let volume = world.compute().get_volume(&ctx(), VolumeRef::new(id)).await;
    volume.unwrap().status
}

fn connected(world: &World) -> Vec<bool> {
    let volumes = world.array.volumes().unwrap();
    volumes.iter().map(|v| v.connected.unwrap()).collect()
}

#[tokio::test]
async fn stopping_keeps_volumes_connected_and_parking_lets_them_go() {
    let world = World::new();
    let compute = world.compute();
    let (id, volumes) = world.server("web");
    let server = || ServerRef::new(&id);
    assert_eq!(status(&world, &id).await, ServerStatus::Active);
    let refused = compute.park_server(&ctx(), server()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);

    compute.stop_server(&ctx(), server()).await.unwrap();
    let busy = compute.get_server(&ctx(), server()).await.unwrap();
    assert!(busy.busy, "{}", busy.raw_status);
    world.pass();
    assert_eq!(status(&world, &id).await, ServerStatus::Stopped);
    assert_eq!(
        volume_status(&world, &volumes[0]).await,
        VolumeStatus::InUse
    );
    assert_eq!(connected(&world), [true, true]);

    let ports = world.tenant().ports(&id).unwrap();
    for _ in 0..2 {
        compute.park_server(&ctx(), server()).await.unwrap();
        world.pass();
    }
    assert_eq!(status(&world, &id).await, ServerStatus::Shelved);
    assert_eq!(
        volume_status(&world, &volumes[1]).await,
        VolumeStatus::Reserved
    );
    assert_eq!(connected(&world), [false, false]);
    assert_eq!(world.tenant().ports(&id).unwrap(), ports);

    let refused = compute.start_server(&ctx(), server()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    compute.unpark_server(&ctx(), server()).await.unwrap();
    world.pass();
    assert_eq!(status(&world, &id).await, ServerStatus::Active);
    assert_eq!(connected(&world), [true, true]);
}

#[tokio::test]
async fn the_services_lock_keeps_the_tenant_out() {
    let world = World::new();
    let (id, _) = world.server("web");
    let tenant = world.tenant();
    tenant.lock_server(&id).unwrap();
    let refused = tenant.stop_server(&id).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    tenant.unlock_server(&id).unwrap();

    let compute = world.compute();
    compute
        .stop_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    compute
        .lock_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    world.pass();
    for (result, kind) in [
        (tenant.start_server(&id), ErrorKind::Conflict),
        (tenant.unlock_server(&id), ErrorKind::Unauthorized),
        (tenant.delete_server(&id), ErrorKind::Conflict),
    ] {
        assert_eq!(result.unwrap_err().kind, kind);
    }
    // The service itself goes on with it.
    compute
        .park_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    world.pass();
    compute
        .unlock_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    tenant.unshelve_server(&id).unwrap();
}

#[tokio::test]
async fn a_lock_needs_a_foothold_outside_the_project() {
    let world = World::new();
    let (id, _) = world.server("web");
    let has = &world.has;
    world
        .cloud
        .revoke(&has.service_user, &has.service_project, "admin")
        .unwrap();
    let refused = world
        .compute()
        .lock_server(&ctx(), ServerRef::new(&id))
        .await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_tag_builds_one_server() {
    let world = World::new();
    let compute = world.compute();
    let volumes = [world.volume("root", true), world.volume("data", false)];
    let port = EnsurePort::new(&world.has.network, "fa:16:3e:00:00:01");
    let port = compute.ensure_port(&ctx(), port).await.unwrap();
    let req = boot(&world, "protector-1", &volumes, vec![port.id.clone()]);
    let first = compute.ensure_server(&ctx(), req.clone()).await.unwrap();
    assert_eq!(first.status, ServerStatus::Building);
    assert_eq!(
        volume_status(&world, &volumes[0]).await,
        VolumeStatus::Reserved
    );
    let again = compute.ensure_server(&ctx(), req).await.unwrap();
    assert_eq!(again.id, first.id);
    let taken = boot(&world, "protector-2", &volumes, Vec::new());
    let refused = compute.ensure_server(&ctx(), taken).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    world.pass();
    let found = FindServer::new("protector-1");
    let found = compute.find_servers(&ctx(), found).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].status, ServerStatus::Active);
    assert_eq!(found[0].volumes.len(), 2);
}

#[tokio::test]
async fn a_server_is_refused_for_what_it_lacks() {
    let world = World::new();
    let compute = world.compute();
    let root = world.volume("root", true);
    let plain = world.volume("plain", false);
    let one = |volume: &VolumeId| boot(&world, "protector-1", std::slice::from_ref(volume), vec![]);
    let mut no_flavor = one(&root);
    no_flavor.flavor = "huge".into();
    for (req, kind) in [
        (no_flavor, ErrorKind::NotFound),
        (one(&"absent".into()), ErrorKind::NotFound),
        (one(&plain), ErrorKind::InvalidRequest),
        (
            one(&root).keypair("nobodys".to_owned()),
            ErrorKind::NotFound,
        ),
        (
            one(&root).availability_zone("mars".to_owned()),
            ErrorKind::NotFound,
        ),
        (
            boot(&world, "protector-1", &[], vec![]),
            ErrorKind::InvalidRequest,
        ),
        (
            boot(
                &world,
                "protector-1",
                std::slice::from_ref(&root),
                vec!["absent".into()],
            ),
            ErrorKind::NotFound,
        ),
        (
            boot(&world, &"x".repeat(61), std::slice::from_ref(&root), vec![]),
            ErrorKind::InvalidRequest,
        ),
    ] {
        let refused = compute.ensure_server(&ctx(), req).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{}", refused.message);
    }
    let quota = Quota {
        instances: Some(0),
        ..Quota::default()
    };
    world.cloud.set_quota(&world.has.project, quota).unwrap();
    let refused = compute.ensure_server(&ctx(), one(&root)).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::QuotaExceeded);
    assert_eq!(volume_status(&world, &root).await, VolumeStatus::Available);
    assert!(world.cloud.inventory().unwrap().servers.is_empty());
}

#[tokio::test]
async fn a_server_whose_array_is_dead_ends_in_error() {
    let world = World::new();
    let root = world.volume("root", true);
    let req = boot(&world, "protector-1", std::slice::from_ref(&root), vec![]);
    world.array.set_down(true).unwrap();
    let made = world.compute().ensure_server(&ctx(), req).await.unwrap();
    world.pass();
    let server = ServerRef::new(&made.id);
    let server = world.compute().get_server(&ctx(), server).await.unwrap();
    assert_eq!(server.status, ServerStatus::Error);
    assert!(server.fault.is_some());
}

#[tokio::test]
async fn deleting_takes_what_belongs_to_the_server() {
    let world = World::new();
    let compute = world.compute();
    let root = world.volume("root", true);
    let data = world.volume("data", false);
    let tenant = world.tenant();
    let kept = tenant
        .create_port(&world.has.network, &Default::default())
        .unwrap();
    let server = NewServer {
        name: "web".to_owned(),
        volumes: vec![root.clone(), data.clone()],
        ports: vec![kept.clone()],
        networks: vec![world.has.network.clone()],
        delete_on_termination: true,
        ..NewServer::default()
    };
    let id = tenant.create_server(&world.has.flavor, &server).unwrap();
    world.pass();
    assert_eq!(tenant.ports(&id).unwrap().len(), 2);
    let keep = SetDeleteOnTermination::new(&id, &root, false);
    compute
        .set_delete_on_termination(&ctx(), keep)
        .await
        .unwrap();
    compute
        .delete_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    world.pass();
    let left = world.cloud.inventory().unwrap();
    assert!(left.servers.is_empty());
    let ids: Vec<_> = left.volumes.iter().map(|volume| &volume.id).collect();
    assert_eq!(ids, [&root]);
    assert_eq!(left.volumes[0].status, "available");
    assert_eq!(left.ports.len(), 1);
    assert_eq!((&left.ports[0].id, &left.ports[0].server), (&kept, &None));
    assert_eq!(world.array.volumes().unwrap().len(), 1);
    let gone = compute.get_server(&ctx(), ServerRef::new(&id)).await;
    assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
    compute
        .delete_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_blueprint_tells_all_and_local_disks() {
    let world = World::new();
    let compute = world.compute();
    let (id, volumes) = world.server("web");
    let blueprint = compute
        .capture_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    assert_eq!(blueprint.flavor.name, "small");
    let ids: Vec<_> = blueprint.volumes.iter().map(|v| &v.id).collect();
    assert_eq!(ids, volumes.iter().collect::<Vec<_>>());
    assert_eq!(
        blueprint.volumes[0].volume_type_name.as_deref(),
        Some("replicated")
    );
    assert_eq!(blueprint.volumes[1].device.as_deref(), Some("/dev/vdb"));
    assert_eq!(blueprint.volumes[0].host.as_deref(), Some(&*world.has.pool));
    assert!(blueprint.ports[0].owned_by_server);
    assert_eq!(blueprint.ports[0].fixed_ips[0].ip_address, "10.0.0.2");
    assert!(blueprint.local_disks.is_empty());

    let flavor = &world.has.flavor;
    world.cloud.set_local_disks(flavor, 0, 10, 512).unwrap();
    let blueprint = compute.capture_server(&ctx(), ServerRef::new(&id)).await;
    assert_eq!(blueprint.unwrap().local_disks.len(), 2);
    compute
        .stop_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    let busy = compute.capture_server(&ctx(), ServerRef::new(&id)).await;
    assert_eq!(busy.unwrap_err().kind, ErrorKind::Busy);
}

#[tokio::test]
async fn transitions_take_the_time_they_are_given() {
    let world = World::new();
    let (id, _) = world.server("web");
    world.cloud.set_transition(Duration::from_secs(10)).unwrap();
    let compute = world.compute();
    compute
        .stop_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(9));
    assert_eq!(status(&world, &id).await, ServerStatus::Active);
    let busy = compute.start_server(&ctx(), ServerRef::new(&id)).await;
    assert_eq!(busy.unwrap_err().kind, ErrorKind::Busy);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&world, &id).await, ServerStatus::Stopped);
}

#[tokio::test]
async fn a_server_that_runs_shows_a_console_and_its_metadata_say_what() {
    let world = World::new();
    let compute = world.compute();
    let (id, _) = world.server("web");
    let ask = |lines: u32| GetConsole::new(&id, lines);
    let shown = compute.get_console(&ctx(), ask(1)).await.unwrap();
    assert_eq!(shown.text, "web login: ");
    let shown = compute.get_console(&ctx(), ask(9)).await.unwrap();
    assert!(shown.text.starts_with("booting"), "{}", shown.text);
    compute
        .stop_server(&ctx(), ServerRef::new(&id))
        .await
        .unwrap();
    world.pass();
    let early = compute.get_console(&ctx(), ask(9)).await.unwrap_err();
    assert_eq!(early.kind, ErrorKind::Busy);
    let none = GetConsole::new("absent", 9_u32);
    let none = compute.get_console(&ctx(), none).await.unwrap_err();
    assert_eq!(none.kind, ErrorKind::NotFound);
}
