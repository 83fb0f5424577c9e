//! Benches for the compute driver: a namespace in the project, and a front of its own.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protector_conformance::compute::{
    Adoptable, ComputeBench, ComputeBenches, ComputeFacility, GroupKind, TestNetwork,
};
use protector_conformance::{BenchError, Cut};
use protector_framework::{
    Clock, ComputeDriver, ResourceId, SecretString, ServerId, SystemClock, VolumeId,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::ground::{ADDRESSES, Ground, failed};
use crate::clouds::failure::{Outcome, fail};
use crate::clouds::front::{Counted, Front};
use crate::clouds::http::{Service, list, text};
use crate::clouds::testbed::Side;

const GIB: u64 = 1 << 30;
/// The most that one look at the cloud waits.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a call that is never answered is given.
const DEADLINE: Duration = Duration::from_secs(6);
/// How often a wait of the bench looks.
const LOOKS: usize = 240;

/// Makes namespaces in the project.
pub(super) struct CloudBenches {
    ground: Arc<Ground>,
    counted: Counted,
}

impl CloudBenches {
    pub(super) fn new(ground: &Arc<Ground>, counted: Counted) -> Self {
        Self {
            ground: ground.clone(),
            counted,
        }
    }
}

#[async_trait]
impl ComputeBenches for CloudBenches {
    fn name(&self) -> &str {
        "the driver openstack on a real cloud"
    }

    fn facilities(&self) -> Vec<ComputeFacility> {
        let mut all: Vec<_> = ComputeFacility::ALL.into();
        all.retain(|facility| *facility != ComputeFacility::Quota);
        all
    }

    fn lack(&self, facility: ComputeFacility) -> Option<String> {
        let quota = facility == ComputeFacility::Quota;
        quota.then(|| "all cases share one project".to_owned())
    }

    async fn bench(&self) -> Result<Arc<dyn ComputeBench>, BenchError> {
        let ground = self.ground.clone();
        let front = Front::start(&ground.testbed, Side::A, self.counted);
        Ok(Arc::new(CloudBench {
            front: front.await.map_err(failed)?,
            clock: Arc::new(SystemClock::new()),
            addresses: ground.addresses()?,
            namespace: format!("kit-{:04}", ground.number()),
            made: Mutex::default(),
            ground,
        }))
    }
}

struct CloudBench {
    ground: Arc<Ground>,
    front: Front,
    clock: Arc<SystemClock>,
    addresses: [u8; ADDRESSES],
    namespace: String,
    made: Mutex<Made>,
}

/// What the bench has made beside the driver.
#[derive(Default)]
struct Made {
    volumes: Vec<VolumeId>,
    snapshots: Vec<(VolumeId, String)>,
    ports: Vec<String>,
    /// What the array volumes were made with.
    marks: BTreeSet<String>,
}

impl Drop for CloudBench {
    fn drop(&mut self) {
        self.ground.give_back(self.addresses);
    }
}

impl CloudBench {
    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cinder(&self) -> &Service {
        &self.ground.site.project.cinder
    }

    fn driver_with(&self, password: &str) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        let project = &self.ground.site.tenant.token.project_id;
        let project = ("project_id", project.as_str());
        let config = self.ground.config(self.front.auth_url(), project, password);
        Ok(self.ground.registry().compute("openstack", config)?)
    }

    async fn make_volume(&self, name: &str, bootable: bool) -> Outcome<VolumeId> {
        let tenant = &self.ground.site.tenant.cinder;
        let kind = &self.ground.site.types.plain;
        let body = json!({"volume": {"name": name, "size": 1, "volume_type": kind}});
        let id = text(&tenant.post("/volumes", &body).await?, "/volume/id")?;
        self.made().volumes.push(id.as_str().into());
        self.until(&format!("/volumes/{id}"), "/volume/status", "available")
            .await?;
        if bootable {
            let body = json!({"os-set_bootable": {"bootable": true}});
            tenant.post(&format!("/volumes/{id}/action"), &body).await?;
        }
        Ok(id.into())
    }

    /// Waits until something of the block storage service has a status.
    async fn until(&self, path: &str, pointer: &str, wanted: &str) -> Outcome {
        for _ in 0..LOOKS {
            let now = text(&self.cinder().get(path).await?, pointer)?;
            if now == wanted {
                return Ok(());
            }
            if now.starts_with("error") {
                return fail(format!("{path} is {now}"));
            }
            self.clock.sleep(PAUSE).await;
        }
        fail(format!("{path} does not become {wanted}"))
    }

    /// Deletes something of the block storage service and waits until it is gone.
    async fn delete(&self, path: &str) -> Outcome {
        let mut said = String::new();
        for _ in 0..LOOKS {
            let reply = self.cinder().send(Method::DELETE, path, None).await?;
            if reply.status == 404 {
                return Ok(());
            }
            said = reply.describe();
            self.clock.sleep(PAUSE).await;
        }
        fail(format!("it does not go: {said}"))
    }

    /// The files of the pool that begin with what an array volume was made with.
    fn files_with(&self, mark: &str) -> Outcome<Vec<std::path::PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.ground.files)? {
            let path = entry?.path();
            // Files come and go meanwhile.
            let Ok(file) = File::open(&path) else {
                continue;
            };
            let mut held = vec![0; mark.len() + 1];
            let read = file.read_exact_at(&mut held, 0);
            if read.is_ok() && held.split_last() == Some((&0, mark.as_bytes())) {
                found.push(path);
            }
        }
        Ok(found)
    }

    async fn remove(&self) -> Outcome {
        let made = std::mem::take(&mut *self.made());
        for (_, snapshot) in &made.snapshots {
            self.delete(&format!("/snapshots/{snapshot}")).await?;
        }
        for volume in &made.volumes {
            self.delete(&format!("/volumes/{volume}")).await?;
        }
        for port in &made.ports {
            let neutron = &self.ground.site.admin.neutron;
            neutron.delete(&format!("/ports/{port}")).await?;
        }
        for mark in &made.marks {
            for file in self.files_with(mark)? {
                std::fs::remove_file(file)?;
            }
        }
        Ok(())
    }

    async fn act(&self, server: &ServerId, body: &Value) -> Outcome<bool> {
        let nova = &self.ground.site.tenant.nova;
        let path = format!("/servers/{server}/action");
        let reply = nova.send(Method::POST, &path, Some(body)).await?;
        match reply.status {
            200..300 => Ok(true),
            403 | 409 => Ok(false),
            _ => fail(reply.describe()),
        }
    }

    async fn held(&self) -> Outcome<Vec<String>> {
        let site = &self.ground.site;
        let project = &site.tenant.token.project_id;
        let ports = format!("/ports?project_id={project}");
        let mut held = Vec::new();
        for (service, path, pointer) in [
            (&site.project.nova, "/servers", "/servers"),
            (&site.project.cinder, "/volumes", "/volumes"),
            (&site.project.cinder, "/groups", "/groups"),
            (&site.project.neutron, ports.as_str(), "/ports"),
        ] {
            let all = service.get(path).await?;
            let names = list(&all, pointer)
                .iter()
                .filter_map(|one| one["name"].as_str());
            let own = names.filter(|name| name.starts_with(&self.namespace));
            held.extend(own.map(|name| format!("{pointer} {name}")));
        }
        Ok(held)
    }
}

#[async_trait]
impl ComputeBench for CloudBench {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn driver(&self) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        self.driver_with(&self.ground.site.service_login.password)
    }

    fn namespace(&self) -> String {
        self.namespace.clone()
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.ground.marked()
    }

    async fn pass(&self, time: Duration) -> Result<(), BenchError> {
        self.clock.sleep(time.min(PAUSE)).await;
        Ok(())
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    async fn end(&self) -> Result<(), BenchError> {
        self.remove().await.map_err(failed)
    }

    async fn network(&self) -> Result<TestNetwork, BenchError> {
        let networks = &self.ground.site.networks;
        let id = |of: &std::collections::BTreeMap<String, String>, name: &str| {
            let id = of.get(name).map(|id| ResourceId::from(id.as_str()));
            id.ok_or_else(|| BenchError::new(format_args!("there is no `{name}`")))
        };
        Ok(TestNetwork {
            id: id(&networks.networks, "app")?,
            subnet: id(&networks.subnets, "app")?,
            addresses: self.addresses.map(|host| format!("10.77.0.{host}")).into(),
            security_group: Some(id(&networks.security_groups, "web")?),
        })
    }

    fn flavor(&self) -> Result<ResourceId, BenchError> {
        Ok(self.ground.site.types.flavor.as_str().into())
    }

    async fn volume(&self, name: &str, bootable: bool) -> Result<VolumeId, BenchError> {
        self.make_volume(name, bootable).await.map_err(failed)
    }

    async fn array_volume(&self, name: &str) -> Result<Adoptable, BenchError> {
        let name = format!("{}-{name}", self.namespace);
        let path = self.ground.files.join(&name);
        let written = File::create_new(&path).and_then(|file| {
            file.set_len(GIB)?;
            file.write_all_at(name.as_bytes(), 0)
        });
        written.map_err(BenchError::new)?;
        self.made().marks.insert(name.clone());
        Ok(Adoptable {
            source_name: name,
            host: self.ground.host.clone(),
            volume_type: self.ground.site.types.plain.as_str().into(),
            size_gib: 1,
        })
    }

    async fn keeps(&self, volume: &Adoptable) -> Result<bool, BenchError> {
        let files = self.files_with(&volume.source_name).map_err(failed)?;
        Ok(files.len() == 1)
    }

    fn group_type(&self) -> Result<GroupKind, BenchError> {
        Ok(GroupKind {
            group_type: "protector".to_owned(),
            volume_type: self.ground.site.types.plain.as_str().into(),
        })
    }

    async fn twin(&self, name: &str) -> Result<(), BenchError> {
        let body = json!({"group": {"name": name, "group_type": self.ground.group_type,
            "volume_types": [self.ground.site.types.plain]}});
        let made = self.cinder().post("/groups", &body).await.map_err(failed)?;
        let id = text(&made, "/group/id").map_err(failed)?;
        let path = format!("/groups/{id}");
        let made = self.until(&path, "/group/status", "available").await;
        made.map_err(failed)
    }

    async fn snapshot(&self, volume: &VolumeId, there: bool) -> Result<(), BenchError> {
        if there {
            let body = json!({"snapshot": {"volume_id": volume.as_str(), "name": self.namespace}});
            let made = self.cinder().post("/snapshots", &body).await;
            let made = made.map_err(failed)?;
            let id = text(&made, "/snapshot/id").map_err(failed)?;
            self.made().snapshots.push((volume.clone(), id.clone()));
            let path = format!("/snapshots/{id}");
            let made = self.until(&path, "/snapshot/status", "available").await;
            return made.map_err(failed);
        }
        let gone: Vec<_> = {
            let mut made = self.made();
            let all = std::mem::take(&mut made.snapshots);
            let (gone, stay) = all.into_iter().partition(|(of, _)| of == volume);
            made.snapshots = stay;
            gone
        };
        for (_, snapshot) in gone {
            let gone = self.delete(&format!("/snapshots/{snapshot}")).await;
            gone.map_err(failed)?;
        }
        Ok(())
    }

    async fn owner_changes(&self, server: &ServerId) -> Result<bool, BenchError> {
        let unlocked = self.act(server, &json!({"unlock": null})).await;
        let stopped = self.act(server, &json!({"os-stop": null})).await;
        Ok(unlocked.map_err(failed)? || stopped.map_err(failed)?)
    }

    async fn foreign_port(&self, mac: &str) -> Result<(), BenchError> {
        let network = self.network().await?;
        let body = json!({"port": {"network_id": network.id.as_str(), "mac_address": mac,
            "name": self.namespace}});
        let neutron = &self.ground.site.admin.neutron;
        let made = neutron.post("/ports", &body).await.map_err(failed)?;
        let id = text(&made, "/port/id").map_err(failed)?;
        self.made().ports.push(id);
        Ok(())
    }

    async fn power(&self, on: bool) -> Result<(), BenchError> {
        self.front.set_off(!on);
        Ok(())
    }

    fn intruder(&self) -> Result<Arc<dyn ComputeDriver>, BenchError> {
        self.driver_with(&self.ground.wrong_password())
    }

    async fn arm(&self, cut: Option<Cut>) -> Result<(), BenchError> {
        self.front.arm(cut, &self.clock).await;
        Ok(())
    }

    fn calls(&self) -> Result<u64, BenchError> {
        Ok(self.front.calls())
    }

    async fn holdings(&self) -> Result<Vec<String>, BenchError> {
        self.held().await.map_err(failed)
    }
}
