//! Ports, volumes and volume groups of the mock cloud.

use protector_framework::{
    EnsureManagedVolume, EnsurePort, EnsureVolumeGroup, ErrorKind, FindPort, FixedIp, GetResource,
    PortRef, ReplicationMode, ResolveVolume, ResourceKind, SetVolumeGroupVolumes, VolumeGroupRef,
    VolumeId, VolumeRef, VolumeStatus,
};

use super::{GIB, World, ctx, storage};

const MAC: &str = "fa:16:3e:00:00:01";

fn manage(world: &World, name: &str, source: &str) -> EnsureManagedVolume {
    let has = &world.has;
    EnsureManagedVolume::new(name, source, &*has.pool, &has.volume_type, true)
}

#[tokio::test]
async fn a_mac_makes_one_port_on_a_network() {
    let world = World::new();
    let compute = world.compute();
    let fixed = FixedIp::new(&world.has.subnet, "10.0.0.77");
    let req = EnsurePort::new(&world.has.network, MAC.to_uppercase()).fixed_ips(vec![fixed]);
    let port = compute.ensure_port(&ctx(), req.clone()).await.unwrap();
    assert_eq!(port.mac_address, MAC);
    assert_eq!(port.fixed_ips[0].ip_address, "10.0.0.77");
    assert_eq!(
        compute.ensure_port(&ctx(), req.clone()).await.unwrap(),
        port
    );
    let find = FindPort::new(&world.has.network, MAC);
    let found = compute.find_port(&ctx(), find.clone()).await.unwrap();
    assert_eq!(found, Some(port.clone()));

    let address_taken =
        EnsurePort::new(&world.has.network, "fa:16:3e:00:00:02").fixed_ips(req.fixed_ips.clone());
    let mut outside = req.clone();
    outside.mac_address = "fa:16:3e:00:00:03".to_owned();
    outside.fixed_ips[0].ip_address = "10.0.1.1".to_owned();
    let mut no_group = outside.clone();
    no_group.fixed_ips.clear();
    no_group.security_groups = vec!["absent".into()];
    for (req, kind) in [
        (address_taken, ErrorKind::Conflict),
        (outside, ErrorKind::InvalidRequest),
        (no_group, ErrorKind::NotFound),
        (EnsurePort::new("absent", MAC), ErrorKind::NotFound),
        (
            EnsurePort::new(&world.has.network, "no-mac"),
            ErrorKind::InvalidRequest,
        ),
    ] {
        let refused = compute.ensure_port(&ctx(), req).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{}", refused.message);
    }
    // Another project's port is not ours to find.
    let network = world.cloud.add_network("shared", None).unwrap();
    let theirs = world.compute_in(&world.has.service_project);
    let req = EnsurePort::new(&network, MAC);
    theirs.ensure_port(&ctx(), req.clone()).await.unwrap();
    let refused = compute.ensure_port(&ctx(), req).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);

    for _ in 0..2 {
        let port = PortRef::new(&port.id);
        compute.delete_port(&ctx(), port).await.unwrap();
    }
    assert_eq!(compute.find_port(&ctx(), find).await.unwrap(), None);
}

#[tokio::test]
async fn managing_renames_the_array_volume_and_unmanaging_leaves_it() {
    let world = World::new();
    let compute = world.compute();
    world.array.create_volume("copy", GIB + 1).unwrap();
    world.array.write("copy", 0, b"bytes").unwrap();
    let req = manage(&world, "web-root", "copy");
    let volume = compute
        .ensure_managed_volume(&ctx(), req.clone())
        .await
        .unwrap();
    assert_eq!(volume.status, VolumeStatus::Busy);
    assert_eq!(volume.size_gib, 2);
    let again = compute.ensure_managed_volume(&ctx(), req).await.unwrap();
    assert_eq!(again.id, volume.id);
    world.pass();
    let id = &volume.id;
    let volume = compute
        .get_volume(&ctx(), VolumeRef::new(id))
        .await
        .unwrap();
    assert_eq!(volume.status, VolumeStatus::Available);
    let driver = storage(&world.array, &world.env);
    let found = driver.resolve_volume(&ctx(), ResolveVolume::new(id)).await;
    let found = found.unwrap();
    assert_eq!(found.name.as_str(), format!("volume-{id}-cinder"));
    assert_eq!(found.connected, Some(false));
    let name = found.name.as_str();
    let twice = compute
        .ensure_managed_volume(&ctx(), manage(&world, "other", name))
        .await;
    assert_eq!(twice.unwrap_err().kind, ErrorKind::InvalidRequest);

    for _ in 0..2 {
        compute
            .unmanage_volume(&ctx(), VolumeRef::new(id))
            .await
            .unwrap();
        world.pass();
    }
    let gone = compute.get_volume(&ctx(), VolumeRef::new(id)).await;
    assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
    let left = world.array.volumes().unwrap();
    assert_eq!(left[0].name.as_str(), format!("{name}-unmanaged"));
    assert_eq!(left[0].serial, found.serial);
    assert_eq!(
        world.array.read(left[0].name.as_str(), 0, 5).unwrap(),
        b"bytes"
    );
}

#[tokio::test]
async fn managing_is_refused_before_it_leaves_a_record() {
    let world = World::new();
    let compute = world.compute();
    world.array.create_volume("copy", GIB).unwrap();
    let mut elsewhere = manage(&world, "x", "copy");
    elsewhere.host = "nowhere@x#y".to_owned();
    for req in [manage(&world, "x", "absent"), elsewhere] {
        let refused = compute
            .ensure_managed_volume(&ctx(), req)
            .await
            .unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound);
    }
    let has = &world.has;
    world
        .cloud
        .revoke(&has.service_user, &has.project, "admin")
        .unwrap();
    world
        .cloud
        .grant(&has.service_user, &has.project, "member")
        .unwrap();
    let refused = compute
        .ensure_managed_volume(&ctx(), manage(&world, "x", "copy"))
        .await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Unauthorized);
    assert_eq!(
        compute.list_pools(&ctx()).await.unwrap_err().kind,
        ErrorKind::Unauthorized
    );
    assert!(world.cloud.inventory().unwrap().volumes.is_empty());
}

#[tokio::test]
async fn a_manage_whose_source_vanishes_ends_in_error_and_stays() {
    let world = World::new();
    let compute = world.compute();
    world.array.create_volume("copy", GIB).unwrap();
    let req = manage(&world, "web-root", "copy");
    let id = compute.ensure_managed_volume(&ctx(), req).await.unwrap().id;
    std::fs::remove_file(world.array.directory().join("copy")).unwrap();
    world.pass();
    let volume = compute
        .get_volume(&ctx(), VolumeRef::new(&id))
        .await
        .unwrap();
    assert_eq!(volume.status, VolumeStatus::Error);
    let refused = compute.unmanage_volume(&ctx(), VolumeRef::new(&id)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn what_holds_a_volume_keeps_it_managed() {
    let world = World::new();
    let compute = world.compute();
    let (_, volumes) = world.server("web");
    let loose = world.volume("loose", false);
    world.tenant().snapshot_volume(&loose, "nightly").unwrap();
    for id in [&volumes[0], &loose] {
        let refused = compute.unmanage_volume(&ctx(), VolumeRef::new(id)).await;
        assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
    }
    world.tenant().delete_snapshot(&loose, "nightly").unwrap();
    compute
        .unmanage_volume(&ctx(), VolumeRef::new(&loose))
        .await
        .unwrap();
}

fn group_of(world: &World) -> EnsureVolumeGroup {
    let types = vec![world.has.volume_type.clone()];
    EnsureVolumeGroup::new("protector-g", "protector", types)
}

#[tokio::test]
async fn a_group_takes_volumes_of_its_type() {
    let world = World::new();
    let compute = world.compute();
    let group = compute
        .ensure_volume_group(&ctx(), group_of(&world))
        .await
        .unwrap();
    assert!(!group.available);
    let set = |volumes: &[VolumeId]| SetVolumeGroupVolumes::new(&group.id, volumes);
    let busy = compute.set_volume_group_volumes(&ctx(), set(&[])).await;
    assert_eq!(busy.unwrap_err().kind, ErrorKind::Busy);
    world.pass();

    let (server, volumes) = world.server("web");
    let filled = compute
        .set_volume_group_volumes(&ctx(), set(&volumes))
        .await
        .unwrap();
    assert_eq!(filled.raw_status, "updating");
    assert_eq!(filled.volumes.len(), 2);
    world.pass();
    let same = compute
        .set_volume_group_volumes(&ctx(), set(&volumes))
        .await
        .unwrap();
    assert!(same.available, "nothing changes, nothing is busy");
    let full = compute
        .delete_volume_group(&ctx(), VolumeGroupRef::new(&group.id))
        .await;
    assert_eq!(full.unwrap_err().kind, ErrorKind::Conflict);

    let plain = world
        .tenant()
        .create_volume("plain", 1, &world.has.plain_type, false)
        .unwrap();
    world.pass();
    let wrong = compute
        .set_volume_group_volumes(&ctx(), set(&[plain]))
        .await;
    assert_eq!(wrong.unwrap_err().kind, ErrorKind::InvalidRequest);

    // A volume that is reserved for a parked server cannot leave its group.
    let tenant = world.tenant();
    tenant.stop_server(&server).unwrap();
    world.pass();
    tenant.shelve_server(&server).unwrap();
    world.pass();
    let stuck = compute.set_volume_group_volumes(&ctx(), set(&[])).await;
    assert_eq!(stuck.unwrap_err().kind, ErrorKind::InvalidRequest);
    tenant.delete_server(&server).unwrap();
    world.pass();
    compute
        .set_volume_group_volumes(&ctx(), set(&[]))
        .await
        .unwrap();
    for _ in 0..2 {
        let group = VolumeGroupRef::new(&group.id);
        compute.delete_volume_group(&ctx(), group).await.unwrap();
    }
}

#[tokio::test]
async fn the_oldest_group_of_a_name_stays() {
    let world = World::new();
    let compute = world.compute();
    let tenant = world.tenant();
    let types = [world.has.volume_type.clone()];
    let twin = || {
        tenant
            .create_volume_group("protector-g", "protector", &types)
            .unwrap()
    };
    let (oldest, _younger) = (twin(), twin());
    let group = compute
        .ensure_volume_group(&ctx(), group_of(&world))
        .await
        .unwrap();
    assert_eq!(group.id, oldest);
    assert_eq!(world.cloud.inventory().unwrap().groups.len(), 1);
    let mut req = group_of(&world);
    req.name = "other".to_owned();
    req.group_type = "absent".to_owned();
    let refused = compute.ensure_volume_group(&ctx(), req).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
    assert!(
        refused.message.contains("group type create"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn resources_are_those_of_the_project() {
    let world = World::new();
    let compute = world.compute();
    let types = compute.list_volume_types(&ctx()).await.unwrap();
    let replicated: Vec<_> = types
        .iter()
        .filter(|t| t.replicates(ReplicationMode::Async))
        .collect();
    assert_eq!(replicated.len(), 1);
    assert_eq!(
        compute.list_pools(&ctx()).await.unwrap()[0].name,
        world.has.pool
    );
    let subnet = GetResource::new(ResourceKind::Subnet, &world.has.subnet);
    let subnet = compute.get_resource(&ctx(), subnet).await.unwrap();
    assert_eq!(subnet.network_id.as_ref(), Some(&world.has.network));
    let theirs = world.compute_in(&world.has.service_project);
    let network = GetResource::new(ResourceKind::Network, &world.has.network);
    let hidden = theirs.get_resource(&ctx(), network).await.unwrap_err();
    assert_eq!(hidden.kind, ErrorKind::NotFound);
    world
        .cloud
        .add_keypair(&world.has.service_user, "key")
        .unwrap();
    for kind in [
        ResourceKind::Keypair,
        ResourceKind::AvailabilityZone,
        ResourceKind::Flavor,
    ] {
        assert_eq!(compute.list_resources(&ctx(), kind).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_dead_cloud_is_reported_by_every_service() {
    let world = World::new();
    let compute = world.compute();
    assert!(compute.health(&ctx()).await.nova.reachable);
    world.cloud.set_down(true).unwrap();
    let health = compute.health(&ctx()).await;
    assert!(!health.keystone.reachable && !health.cinder.reachable);
    assert!(health.neutron.detail.contains("switched off"));
    let dead = compute.list_pools(&ctx()).await.unwrap_err();
    assert_eq!(dead.kind, ErrorKind::Unreachable);
}
