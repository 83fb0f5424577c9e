//! Originals are overwritten on the way home, where not everything goes well.

use protector_framework::{
    ArrayVolume, ErrorKind, GetVolume, OverwriteVolume, ReplicationMode, Result,
};
use protector_pure_simulator::{Effect, Fault};
use serde_json::{Value, json};

use crate::fabric::{A, B, Fabric};
use crate::world::{COPIES, ORIGINALS, World};

const V: &str = "volume-11111111-0000-4000-8000-000000000001-cinder";
const ASIDE: &str = "volume-11111111-0000-4000-8000-000000000001-cinder-overwriting";

/// A volume on the first array, and point `back` of the second one's copy of it.
struct Home {
    fabric: Fabric,
    original: String,
    copy: String,
}

impl Home {
    async fn new() -> Self {
        let fabric = Fabric::new().await;
        let original = fabric.volume(A, V, b"old").await;
        let copy = fabric.volume(B, "copy", b"new").await;
        fabric.protect(B, &["copy"]).await;
        fabric.send(B, "back").await;
        Self {
            fabric,
            original,
            copy,
        }
    }

    async fn overwrite(&self) -> Result<ArrayVolume> {
        let f = &self.fabric;
        let (from, serial) = (self.copy.as_str(), self.original.as_str());
        let request = OverwriteVolume::new(f.replica(B), "back", from, V, serial);
        f.alone(A)
            .overwrite_volume(&f.step("overwrite"), request)
            .await
    }

    /// The engine dies when the volume bears its other name.
    async fn dies_midway(&self) {
        let control = self.fabric.control();
        let cut = Fault::once(A, "POST", "volumes", Effect::DropBefore);
        control.inject(cut).unwrap();
        assert!(self.overwrite().await.unwrap_err().is_transient());
        assert_eq!(self.fabric.volumes(A).await, [ASIDE]);
    }

    async fn is_as_before(&self) {
        assert_eq!(self.fabric.volumes(A).await, [V]);
        assert_eq!(self.fabric.read(A, V, 3), b"old");
    }

    async fn is_done(&self) {
        let f = &self.fabric;
        assert_eq!(f.volumes(A).await, [V]);
        assert_eq!(f.read(A, V, 3), b"new");
        let get = GetVolume::new(V);
        let told = f.driver(A).get_volume(&f.ctx(), get).await.unwrap();
        assert_eq!(told.serial.as_str(), self.original);
    }
}

async fn connected_original(mode: ReplicationMode) {
    let world = World::new(mode).await;
    world.set_up(A, &ORIGINALS).await.unwrap();
    world.replicate(A, "first").await.unwrap();
    world.move_out().await.unwrap();
    world.reverse().await.unwrap();
    let control = world.fabric.control();
    let original = world.present(A, &ORIGINALS).await.unwrap().remove(0);
    control.connect_host(A, original.name.as_str()).unwrap();
    let error = world.move_home().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("connected"), "{error}");
    assert_eq!(world.holds(A, &ORIGINALS).await, [b"last", b"two\0"]);
    let now = world.present(A, &ORIGINALS).await.unwrap().remove(0);
    assert_eq!(
        (now.name, now.connected),
        (original.name.clone(), Some(true))
    );
    control.disconnect_host(A, original.name.as_str()).unwrap();
    world.move_home().await.unwrap();
    assert_eq!(world.holds(A, &ORIGINALS).await, [b"away", b"away"]);
    assert_eq!(world.holds(B, &COPIES).await, [b"away", b"away"]);
}

#[tokio::test]
async fn an_original_with_a_connection_is_refused_until_it_is_gone() {
    connected_original(ReplicationMode::Async).await;
}

#[tokio::test]
async fn an_original_in_a_pod_with_a_connection_is_refused_until_it_is_gone() {
    connected_original(ReplicationMode::Sync).await;
}

#[tokio::test]
async fn who_connects_while_the_engine_is_dead_finds_the_volume_under_its_name_again() {
    let home = Home::new().await;
    home.dies_midway().await;
    home.fabric.control().connect_host(A, ASIDE).unwrap();
    let error = home.overwrite().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    home.is_as_before().await;
    home.fabric.control().disconnect_host(A, V).unwrap();
    home.overwrite().await.unwrap();
    home.is_done().await;
}

#[tokio::test]
async fn a_volume_whose_point_is_gone_meanwhile_gets_its_name_back() {
    let home = Home::new().await;
    home.dies_midway().await;
    let point = "protection-group-snapshots?names=fa-b%3Aprotector-group.back";
    home.fabric
        .rest(A, "PATCH", point, json!({"destroyed": true}))
        .await;
    let error = home.overwrite().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    home.is_as_before().await;
}

/// Of two calls at once the slower one writes when the faster one has given the volume its name back:
/// the array then makes a volume under the other name. The slower one dies before it sees that.
#[tokio::test]
async fn what_a_late_write_has_made_goes_with_the_next_call() {
    let home = Home::new().await;
    home.overwrite().await.unwrap();
    let f = &home.fabric;
    let late = format!("volumes?names={ASIDE}&overwrite=true");
    let from = json!({"source": {"name": "fa-b:protector-group.back.copy"}});
    f.rest(A, "POST", &late, from).await;
    assert_eq!(f.volumes(A).await, [V, ASIDE]);
    // One that somebody uses is not the driver's to destroy.
    f.control().connect_host(A, ASIDE).unwrap();
    assert_eq!(
        home.overwrite().await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    f.control().disconnect_host(A, ASIDE).unwrap();
    home.overwrite().await.unwrap();
    home.is_done().await;
    // It can be had back, and its name is free.
    let destroyed = f
        .rest(A, "GET", "volumes?destroyed=true", Value::Null)
        .await;
    let name = destroyed["items"][0]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("drd-"), "{name}");
}
