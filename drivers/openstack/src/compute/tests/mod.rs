//! The verbs against a scripted cloud. Real ones are used by the whole of Protector: `cargo clouds`.

mod boot;
mod capture;
mod groups;
mod managed;
mod ports;
mod resources;
mod servers;
mod volumes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::testing::{FakeCloud, TENANT};

/// Whether a create has taken effect at the scripted cloud.
#[derive(Clone, Default)]
struct Made(Arc<AtomicBool>);

impl Made {
    fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Lets a list be empty until the create has taken effect, and hold the entry from then on.
    async fn shown(&self, cloud: &FakeCloud, at: &str, key: &'static str, entry: Value) {
        let made = self.clone();
        cloud
            .on("GET", at)
            .respond_with(move |_: &Request| {
                let all = if made.is() {
                    vec![entry.clone()]
                } else {
                    Vec::new()
                };
                ResponseTemplate::new(200).set_body_json(json!({key: all}))
            })
            .mount(&cloud.server)
            .await;
    }

    /// Lets this create take effect and its answer be lost.
    async fn by_lost(&self, cloud: &FakeCloud, at: &str) {
        let made = self.clone();
        cloud.loses("POST", at, move || made.set()).await;
    }
}

/// A server of the tenant's in this state.
fn server(id: &str, status: &str) -> Value {
    json!({
        "id": id, "name": "web", "status": status, "tenant_id": TENANT,
        "OS-EXT-STS:task_state": null, "locked": false, "tags": [],
        "os-extended-volumes:volumes_attached": [{"id": "v1", "delete_on_termination": true}],
    })
}

/// A free volume of the tenant's.
fn volume(id: &str, name: &str) -> Value {
    json!({
        "id": id, "name": name, "status": "available", "size": 3,
        "volume_type": "async", "volume_type_id": "type-1", "bootable": "true",
        "os-vol-host-attr:host": "h@b#p", "os-vol-tenant-attr:tenant_id": TENANT,
        "created_at": "2027-01-01T00:00:00.000000", "group_id": null,
        "metadata": {}, "encrypted": false, "multiattach": false,
    })
}

/// Nobody holds any volume, and none has snapshots.
async fn nothing_hangs_on_volumes(cloud: &FakeCloud) {
    let attachments = json!({"attachments": []});
    cloud
        .says(
            "GET",
            "/volume/v3/tenant/attachments/detail",
            200,
            attachments,
        )
        .await;
    let snapshots = json!({"snapshots": []});
    cloud
        .says("GET", "/volume/v3/tenant/snapshots", 200, snapshots)
        .await;
}
