//! `arrays` and `arrays/space`.

use serde_json::{Value, json};

use super::{Request, body, items, list};
use crate::state::{ApiError, At, Fabric, Kind, ManualEradication, Outcome};

pub(super) fn get(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    list::reply(
        fabric,
        at,
        call,
        Kind::ArrayConnection,
        vec![item(fabric, at, call)],
    )
}

fn item(fabric: &Fabric, at: At, call: &Request) -> Value {
    let array = &fabric.arrays[at];
    let manual = match array.manual_eradication {
        ManualEradication::AllEnabled => "all-enabled",
        ManualEradication::PartiallyDisabled => "partially-disabled",
        ManualEradication::AllDisabled => "all-disabled",
    };
    let mut item = json!({
        "id": array.id,
        "name": array.name,
        "version": array.profile.purity(),
        "os": "Purity//FA",
        "capacity": array.capacity,
        "parity": 1.0,
        "idle_timeout": array.idle_timeout,
        "eradication_config": {
            "eradication_delay": array.eradication_delay,
            "enabled_delay": array.eradication_delay,
            "disabled_delay": array.eradication_delay,
            "manual_eradication": manual,
        },
        "space": space_of(fabric, at),
        "console_lock_enabled": false,
        "banner": "",
    });
    if call.minor >= 26 {
        item["_as_of"] = json!(fabric.now);
    }
    item
}

pub(super) fn patch(fabric: &mut Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let name = body::text(&call.body, "name")?.ok_or_else(ApiError::no_attribute)?;
    fabric.rename_array(at, name)?;
    items(vec![item(fabric, at, call)])
}

pub(super) fn space(fabric: &Fabric, at: At, call: &Request) -> Outcome<Option<Value>> {
    let array = &fabric.arrays[at];
    let item = json!({
        "id": array.id,
        "name": array.name,
        "capacity": array.capacity,
        "parity": 1.0,
        "space": space_of(fabric, at),
        "time": fabric.now,
    });
    list::page(fabric, at, call, vec![item])
}

#[allow(clippy::cast_precision_loss, reason = "a ratio, for people")]
fn space_of(fabric: &Fabric, at: At) -> Value {
    let array = &fabric.arrays[at];
    let physical = array.used_bytes();
    let provisioned: u64 = array
        .volumes
        .values()
        .map(|volume| volume.provisioned)
        .sum();
    let snapshots = array.snapshots.values();
    let logical: u64 = array
        .volumes
        .values()
        .map(|volume| volume.known.data_bytes())
        .chain(snapshots.map(|snapshot| snapshot.manifest.data_bytes()))
        .sum();
    json!({
        "total_physical": physical,
        "total_provisioned": provisioned,
        "total_used": physical,
        "used_provisioned": provisioned,
        "total_reduction": (provisioned as f64 / physical.max(1) as f64).max(1.0),
        "data_reduction": (logical as f64 / physical.max(1) as f64).max(1.0),
        "unique": physical,
        "shared": 0,
        "snapshots": 0,
        "system": 0,
        "replication": 0,
        "thin_provisioning": 0.0,
    })
}
