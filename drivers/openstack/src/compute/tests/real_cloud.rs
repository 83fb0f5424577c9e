//! The whole driver against a real cloud.
//!
//! `PROTECTOR_TEST_CLOUD` names a JSON file:
//!
//! * `settings`, `password`: the service's account, `admin` in the tenant's project and in another;
//! * `owner`, `owner_password`: a `member` of the tenant's project;
//! * `server`: a running server of the project that boots from a volume and has a second one;
//! * `flavor`, `volume_type`, `group_type` (a name): what new things are made of;
//! * `pool_dir`: the directory whose files are the back end's volumes.
//!
//! The test leaves all of it as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protector_framework::{
    BootVolume, CallCtx, ComputeDriver, CreateTrust, DriverConfig, DriverEnv, EnsureManagedVolume,
    EnsurePort, EnsureServer, EnsureVolumeGroup, ErrorKind, FindPort, FindServer, GetResource,
    IdentityDriver, Ids as _, PortRef, RandomIds, Registry, ResourceKind, SecretString, Server,
    ServerId, ServerRef, ServerStatus, SetDeleteOnTermination, SetVolumeGroupVolumes,
    SetVolumeProperties, SystemClock, TokenScope, Trust, Volume, VolumeGroupRef, VolumeId,
    VolumeRef, VolumeStatus, VolumeTypeId,
};
use serde::Deserialize;
use serde_json::{Value, json};

const GIB: u64 = 1 << 30;

#[derive(Deserialize)]
struct TestCloud {
    settings: Value,
    password: String,
    owner: String,
    owner_password: String,
    server: ServerId,
    flavor: String,
    volume_type: String,
    group_type: String,
    pool_dir: PathBuf,
}

impl TestCloud {
    fn config(&self, trust: Option<&Trust>) -> DriverConfig {
        let config = DriverConfig::new(self.settings.clone())
            .secret("password", self.password.clone().into());
        match trust {
            Some(trust) => config.secret("trust_id", trust.id.as_str().to_owned().into()),
            None => config,
        }
    }

    fn owners(&self) -> DriverConfig {
        let mut settings = self.settings.clone();
        settings["username"] = json!(self.owner);
        DriverConfig::new(settings).secret("password", self.owner_password.clone().into())
    }
}

fn env() -> DriverEnv {
    DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    }
}

fn ctx() -> CallCtx {
    CallCtx::new(RandomIds.request_id(), Duration::from_secs(60))
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    for _ in 0..240 {
        if let Some(found) = look().await {
            return found;
        }
        env().clock.sleep(Duration::from_millis(500)).await;
    }
    panic!("not within two minutes: {what}");
}

async fn server_becomes(
    cloud: &Arc<dyn ComputeDriver>,
    id: &ServerId,
    want: ServerStatus,
) -> Server {
    until(&format!("server {id} {want:?}"), || async move {
        let server = cloud.get_server(&ctx(), ServerRef::new(id)).await.unwrap();
        assert_ne!(server.status, ServerStatus::Error, "{:?}", server.fault);
        (server.status == want && !server.busy).then_some(server)
    })
    .await
}

async fn volume_becomes(
    cloud: &Arc<dyn ComputeDriver>,
    id: &VolumeId,
    want: VolumeStatus,
) -> Volume {
    until(&format!("volume {id} {want:?}"), || async move {
        let volume = cloud.get_volume(&ctx(), VolumeRef::new(id)).await.unwrap();
        assert_ne!(volume.status, VolumeStatus::Error, "{}", volume.raw_status);
        (volume.status == want).then_some(volume)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_cloud_does_what_the_driver_promises() {
    let Ok(path) = std::env::var("PROTECTOR_TEST_CLOUD") else {
        eprintln!("skipped: PROTECTOR_TEST_CLOUD names no cloud");
        return;
    };
    let test: TestCloud = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let registry = Registry::from_linked(env()).unwrap();
    let identity = registry.identity("openstack", test.config(None)).unwrap();
    let owners = registry.identity("openstack", test.owners()).unwrap();
    let token = owners.service_token(&ctx()).await.unwrap().token;
    let trust = enrol(&*identity, &token).await;

    for with in [None, Some(&trust)] {
        let cloud = registry.compute("openstack", test.config(with)).unwrap();
        let owner = registry.compute("openstack", test.owners()).unwrap();
        looks_around(&test, &cloud).await;
        captures(&test, &cloud).await;
        parks_and_brings_back(&test, &cloud, &owner).await;
        adopts_boots_and_lets_go(&test, &cloud, &owner).await;
    }

    identity
        .delete_trust(&ctx(), &token, &trust.id)
        .await
        .unwrap();
    identity
        .delete_trust(&ctx(), &token, &trust.id)
        .await
        .unwrap();
    let late = registry
        .compute("openstack", test.config(Some(&trust)))
        .unwrap();
    let error = late
        .get_server(&ctx(), ServerRef::new(&test.server))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized, "{error}");
    assert!(
        !format!("{error:?}").contains(trust.id.as_str()),
        "{error:?}"
    );
}

async fn enrol(identity: &dyn IdentityDriver, token: &SecretString) -> Trust {
    identity.check(&ctx()).await.unwrap();
    let info = identity.validate_token(&ctx(), token).await.unwrap();
    assert!(
        !info.delegated && info.roles.contains(&"member".to_owned()),
        "{info:?}"
    );
    let TokenScope::Project { id, .. } = info.scope else {
        panic!("{info:?}");
    };
    let project = identity.get_project(&ctx(), &id).await.unwrap();
    assert!(project.enabled);
    let wrong = identity
        .validate_token(&ctx(), &"gAAAAnothing".to_owned().into())
        .await;
    assert_eq!(wrong.unwrap_err().kind, ErrorKind::NotFound);
    let ask = || CreateTrust {
        token: token.clone(),
        roles: vec!["member".to_owned(), "_member_".to_owned()],
    };
    let trust = identity.create_trust(&ctx(), ask()).await.unwrap();
    let again = identity.create_trust(&ctx(), ask()).await.unwrap();
    assert_eq!(trust, again);
    trust
}

async fn looks_around(test: &TestCloud, cloud: &Arc<dyn ComputeDriver>) {
    let health = cloud.health(&ctx()).await;
    for service in [
        &health.keystone,
        &health.nova,
        &health.cinder,
        &health.neutron,
    ] {
        assert!(service.reachable, "{health:?}");
    }
    let types = cloud.list_volume_types(&ctx()).await.unwrap();
    let own = types
        .iter()
        .find(|kind| kind.id.as_str() == test.volume_type)
        .unwrap();
    assert!(
        own.replicates(protector_framework::ReplicationMode::Async),
        "{own:?}"
    );
    assert!(!cloud.list_pools(&ctx()).await.unwrap().is_empty());
    cloud.get_headroom(&ctx()).await.unwrap();
    for kind in [
        ResourceKind::Network,
        ResourceKind::Subnet,
        ResourceKind::Flavor,
        ResourceKind::SecurityGroup,
        ResourceKind::AvailabilityZone,
    ] {
        let all = cloud.list_resources(&ctx(), kind).await.unwrap();
        let first = all.first().unwrap_or_else(|| panic!("no {kind:?}"));
        let again = cloud
            .get_resource(&ctx(), GetResource::new(kind, &first.id))
            .await;
        assert_eq!(again.unwrap(), *first);
        let nothing = cloud
            .get_resource(
                &ctx(),
                GetResource::new(kind, "00000000-0000-0000-0000-000000000000"),
            )
            .await;
        assert_eq!(nothing.unwrap_err().kind, ErrorKind::NotFound);
    }
    cloud
        .list_resources(&ctx(), ResourceKind::Keypair)
        .await
        .unwrap();
}

async fn captures(test: &TestCloud, cloud: &Arc<dyn ComputeDriver>) {
    let blueprint = cloud
        .capture_server(&ctx(), ServerRef::new(&test.server))
        .await
        .unwrap();
    assert_eq!(blueprint.volumes.len(), 2);
    assert!(blueprint.volumes[0].bootable && blueprint.volumes[0].host.is_some());
    assert_eq!(
        blueprint.volumes[0].volume_type,
        Some(test.volume_type.as_str().into())
    );
    assert!(!blueprint.ports.is_empty() && !blueprint.ports[0].fixed_ips.is_empty());
    assert!(blueprint.flavor.id.is_some() && blueprint.hostname.is_some());
    assert!(
        blueprint.local_disks.is_empty(),
        "{:?}",
        blueprint.local_disks
    );
    assert!(
        blueprint
            .tags
            .iter()
            .all(|tag| !tag.starts_with("protector-"))
    );
}

async fn parks_and_brings_back(
    test: &TestCloud,
    cloud: &Arc<dyn ComputeDriver>,
    owner: &Arc<dyn ComputeDriver>,
) {
    let server = || ServerRef::new(&test.server);
    let now = cloud.get_server(&ctx(), server()).await.unwrap();
    let root = now.volumes[0].id.clone();
    let before = now.volumes[0].delete_on_termination;
    let keep = |delete: bool| SetDeleteOnTermination::new(&test.server, &root, delete);
    for delete in [!before, !before, before] {
        cloud
            .set_delete_on_termination(&ctx(), keep(delete))
            .await
            .unwrap();
        let now = cloud.get_server(&ctx(), server()).await.unwrap();
        assert_eq!(now.volumes[0].delete_on_termination, delete);
    }

    let running = cloud.park_server(&ctx(), server()).await.unwrap_err();
    assert_eq!(running.kind, ErrorKind::Conflict);
    cloud.stop_server(&ctx(), server()).await.unwrap();
    server_becomes(cloud, &test.server, ServerStatus::Stopped).await;
    cloud.stop_server(&ctx(), server()).await.unwrap();
    let volume = cloud
        .get_volume(&ctx(), VolumeRef::new(&root))
        .await
        .unwrap();
    assert!(
        volume.connected,
        "a stopped server's volume is connected: {volume:?}"
    );
    assert_eq!(volume.servers, std::slice::from_ref(&test.server));

    cloud.lock_server(&ctx(), server()).await.unwrap();
    cloud.lock_server(&ctx(), server()).await.unwrap();
    let refused = owner.unlock_server(&ctx(), server()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthorized, "{refused}");
    let refused = owner.start_server(&ctx(), server()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");

    cloud.park_server(&ctx(), server()).await.unwrap();
    let parked = server_becomes(cloud, &test.server, ServerStatus::Shelved).await;
    assert!(parked.locked);
    cloud.park_server(&ctx(), server()).await.unwrap();
    cloud.stop_server(&ctx(), server()).await.unwrap();
    let volume = volume_becomes(cloud, &root, VolumeStatus::Reserved).await;
    assert!(!volume.connected, "{volume:?}");
    assert_eq!(volume.servers, std::slice::from_ref(&test.server));

    cloud.unpark_server(&ctx(), server()).await.unwrap();
    server_becomes(cloud, &test.server, ServerStatus::Active).await;
    cloud.unpark_server(&ctx(), server()).await.unwrap();
    cloud.start_server(&ctx(), server()).await.unwrap();
    cloud.unlock_server(&ctx(), server()).await.unwrap();
    cloud.unlock_server(&ctx(), server()).await.unwrap();
    assert!(!cloud.get_server(&ctx(), server()).await.unwrap().locked);
}

async fn adopts_boots_and_lets_go(
    test: &TestCloud,
    cloud: &Arc<dyn ComputeDriver>,
    owner: &Arc<dyn ComputeDriver>,
) {
    let run = RandomIds.uuid().simple().to_string();
    let volume = adopts(test, cloud, owner, &format!("run-{run}")).await;
    groups(test, cloud, &volume, &format!("group-{run}")).await;
    boots(test, cloud, &volume, &run[..12]).await;

    cloud
        .unmanage_volume(&ctx(), VolumeRef::new(&volume))
        .await
        .unwrap();
    until("the volume is gone", || async {
        let gone = cloud.get_volume(&ctx(), VolumeRef::new(&volume)).await;
        gone.err().filter(|error| error.kind == ErrorKind::NotFound)
    })
    .await;
    cloud
        .unmanage_volume(&ctx(), VolumeRef::new(&volume))
        .await
        .unwrap();
    remove_files_of(&test.pool_dir, volume.as_str());
}

async fn adopts(
    test: &TestCloud,
    cloud: &Arc<dyn ComputeDriver>,
    owner: &Arc<dyn ComputeDriver>,
    name: &str,
) -> VolumeId {
    let file = std::fs::File::create(test.pool_dir.join(name)).unwrap();
    file.set_len(GIB).unwrap();
    let host = cloud.list_pools(&ctx()).await.unwrap()[0].name.clone();
    let ask = |name: &str, source: &str| {
        EnsureManagedVolume::new(
            name,
            source,
            host.as_str(),
            VolumeTypeId::from(test.volume_type.as_str()),
            true,
        )
        .metadata([("run".to_owned(), name.to_owned())])
    };
    let absent = cloud
        .ensure_managed_volume(&ctx(), ask("absent", "absent"))
        .await;
    assert_eq!(absent.unwrap_err().kind, ErrorKind::NotFound);
    assert!(
        cloud
            .find_volumes(&ctx(), "absent")
            .await
            .unwrap()
            .is_empty()
    );

    let made = cloud
        .ensure_managed_volume(&ctx(), ask(name, name))
        .await
        .unwrap();
    let again = cloud
        .ensure_managed_volume(&ctx(), ask(name, name))
        .await
        .unwrap();
    assert_eq!(made.id, again.id);
    let volume = volume_becomes(cloud, &made.id, VolumeStatus::Available).await;
    assert!(
        volume.bootable && !volume.connected && volume.size_gib == 1,
        "{volume:?}"
    );
    assert_eq!(volume.volume_type, Some(test.volume_type.as_str().into()));
    let seen = owner.find_volumes(&ctx(), name).await.unwrap();
    assert_eq!(seen.len(), 1, "it belongs to the owner's project");

    let set = || {
        SetVolumeProperties::new(&made.id, true)
            .image_metadata([("hw_disk_bus".to_owned(), "virtio".to_owned())])
            .name(Some(format!("{name}-new")))
    };
    cloud.set_volume_properties(&ctx(), set()).await.unwrap();
    cloud.set_volume_properties(&ctx(), set()).await.unwrap();
    let renamed = cloud
        .get_volume(&ctx(), VolumeRef::new(&made.id))
        .await
        .unwrap();
    assert_eq!(renamed.name, format!("{name}-new"));
    made.id
}

async fn groups(test: &TestCloud, cloud: &Arc<dyn ComputeDriver>, volume: &VolumeId, name: &str) {
    let types = [VolumeTypeId::from(test.volume_type.as_str())];
    let no_type = EnsureVolumeGroup::new(name, "no-such-type", types.clone());
    let error = cloud
        .ensure_volume_group(&ctx(), no_type)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");

    let ask = || EnsureVolumeGroup::new(name, test.group_type.as_str(), types.clone());
    let made = cloud.ensure_volume_group(&ctx(), ask()).await.unwrap();
    let again = cloud.ensure_volume_group(&ctx(), ask()).await.unwrap();
    assert_eq!(made.id, again.id);
    let settled = || {
        until("the group is available", || async {
            let now = cloud
                .get_volume_group(&ctx(), VolumeGroupRef::new(&made.id))
                .await;
            Some(now.unwrap()).filter(|group| group.available)
        })
    };
    settled().await;
    let set = |volumes: &[VolumeId]| SetVolumeGroupVolumes::new(&made.id, volumes);
    cloud
        .set_volume_group_volumes(&ctx(), set(std::slice::from_ref(volume)))
        .await
        .unwrap();
    assert_eq!(settled().await.volumes, std::slice::from_ref(volume));
    let held = cloud.unmanage_volume(&ctx(), VolumeRef::new(volume)).await;
    assert_eq!(held.unwrap_err().kind, ErrorKind::Conflict);
    let full = cloud
        .delete_volume_group(&ctx(), VolumeGroupRef::new(&made.id))
        .await;
    assert_eq!(full.unwrap_err().kind, ErrorKind::Conflict);
    cloud
        .set_volume_group_volumes(&ctx(), set(&[]))
        .await
        .unwrap();
    assert!(settled().await.volumes.is_empty());
    for _ in 0..2 {
        cloud
            .delete_volume_group(&ctx(), VolumeGroupRef::new(&made.id))
            .await
            .unwrap();
    }
    until("the group is gone", || async {
        let gone = cloud
            .get_volume_group(&ctx(), VolumeGroupRef::new(&made.id))
            .await;
        gone.err().filter(|error| error.kind == ErrorKind::NotFound)
    })
    .await;
    volume_becomes(cloud, volume, VolumeStatus::Available).await;
}

async fn boots(test: &TestCloud, cloud: &Arc<dyn ComputeDriver>, volume: &VolumeId, run: &str) {
    let like = cloud
        .capture_server(&ctx(), ServerRef::new(&test.server))
        .await
        .unwrap();
    let mac = format!("fa:16:3e:{}:{}:{}", &run[..2], &run[2..4], &run[10..12]);
    let port = EnsurePort::new(&like.ports[0].network_id, mac.as_str())
        .name("run")
        .security_groups(like.ports[0].security_groups.clone());
    let made = cloud.ensure_port(&ctx(), port.clone()).await.unwrap();
    assert_eq!(cloud.ensure_port(&ctx(), port).await.unwrap().id, made.id);
    let found = FindPort::new(&like.ports[0].network_id, mac.to_uppercase());
    assert_eq!(
        cloud.find_port(&ctx(), found).await.unwrap().unwrap().id,
        made.id
    );

    let tag = format!("protector-{run}");
    let boot = || {
        EnsureServer::new(
            tag.as_str(),
            "run",
            test.flavor.as_str(),
            [BootVolume::new(volume).tag(Some("root".to_owned()))],
            [made.id.clone()],
        )
        .hostname(Some("run-host.example.org".to_owned()))
        .user_data(like.user_data.clone())
        .metadata(like.metadata.clone())
        .tags(["web".to_owned()])
        .config_drive(true)
    };
    let server = cloud.ensure_server(&ctx(), boot()).await.unwrap();
    let again = cloud.ensure_server(&ctx(), boot()).await.unwrap();
    assert_eq!(server.id, again.id);
    server_becomes(cloud, &server.id, ServerStatus::Active).await;
    let found = cloud
        .find_servers(&ctx(), FindServer::new(tag.as_str()))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    let other = cloud
        .ensure_server(&ctx(), {
            let mut other = boot();
            other.tag = format!("{tag}-other");
            other.ports.clear();
            other
        })
        .await;
    assert_eq!(
        other.unwrap_err().kind,
        ErrorKind::Conflict,
        "its root is taken"
    );
    let copy = cloud
        .capture_server(&ctx(), ServerRef::new(&server.id))
        .await
        .unwrap();
    assert_eq!(copy.tags, ["web"]);
    assert_eq!(copy.ports[0].mac_address, mac);
    assert!(!copy.ports[0].owned_by_server && copy.config_drive);
    assert_eq!(copy.user_data, like.user_data);

    cloud
        .lock_server(&ctx(), ServerRef::new(&server.id))
        .await
        .unwrap();
    for _ in 0..2 {
        cloud
            .delete_server(&ctx(), ServerRef::new(&server.id))
            .await
            .unwrap();
    }
    until("the server is gone", || async {
        let gone = cloud.get_server(&ctx(), ServerRef::new(&server.id)).await;
        gone.err().filter(|error| error.kind == ErrorKind::NotFound)
    })
    .await;
    volume_becomes(cloud, volume, VolumeStatus::Available).await;
    for _ in 0..2 {
        cloud
            .delete_port(&ctx(), PortRef::new(&made.id))
            .await
            .unwrap();
    }
}

/// What was let go is kept by the back end under a name that holds the volume's id.
fn remove_files_of(dir: &Path, id: &str) {
    let mut removed = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().contains(id) {
            std::fs::remove_file(entry.path()).unwrap();
            removed += 1;
        }
    }
    assert_eq!(removed, 1, "the array volume outlives its Cinder record");
}
