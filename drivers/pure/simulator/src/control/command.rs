//! The control API as data: every method of [`Control`] whose result can be written down is one
//! command.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Control, ControlError, Done, LinkState, Safemode};
use crate::fault::Fault;
use crate::state::LimitKind;

/// One command, named as its method is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Command {
    Now {},
    Advance {
        milliseconds: u64,
    },
    FreezeClock {
        freeze: bool,
    },
    SetLink {
        a: String,
        b: String,
        state: LinkState,
        bytes_per_second: Option<u64>,
    },
    SetPower {
        array: String,
        on: bool,
    },
    SetMediator {
        array: String,
        reachable: bool,
    },
    RenameArray {
        array: String,
        name: String,
    },
    ConnectHost {
        array: String,
        volume: String,
    },
    DisconnectHost {
        array: String,
        volume: String,
    },
    RemoveFromPoint {
        array: String,
        point: String,
        volume: String,
    },
    ExpireSessions {
        array: String,
    },
    Inject(Fault),
    ClearFaults {},
    SetLimit {
        array: String,
        kind: LimitKind,
        most: Option<u64>,
    },
    SetCapacity {
        array: String,
        bytes: u64,
    },
    SetEradicationDelay {
        array: String,
        milliseconds: u64,
    },
    SetSafemode {
        array: String,
        #[serde(default)]
        safemode: Safemode,
    },
    Switches {},
    ChangeSwitches(Value),
    Calls {
        array: String,
    },
    ClearCalls {},
    Dump {},
    WriteVolume {
        array: String,
        volume: String,
        offset: u64,
        hex: String,
    },
    ReadVolume {
        array: String,
        name: String,
        offset: u64,
        length: usize,
    },
    ContentId {
        array: String,
        name: String,
    },
}

impl Command {
    pub(super) fn parse(name: &str, body: Value) -> Done<Self> {
        let body = if body.is_null() { json!({}) } else { body };
        serde_json::from_value(json!({ name: body })).map_err(|error| failed(&error))
    }

    /// Does it; null where there is nothing to tell.
    pub(super) fn run(self, control: &Control) -> Done<Value> {
        match self {
            Self::Now {} => return Ok(json!(control.now())),
            Self::Advance { milliseconds } => control.advance(Duration::from_millis(milliseconds)),
            Self::FreezeClock { freeze } => control.freeze_clock(freeze),
            Self::SetLink {
                a,
                b,
                state,
                bytes_per_second,
            } => {
                control.set_link(&a, &b, state, bytes_per_second)?;
            }
            Self::SetPower { array, on } => control.set_power(&array, on)?,
            Self::SetMediator { array, reachable } => control.set_mediator(&array, reachable)?,
            Self::RenameArray { array, name } => control.rename_array(&array, &name)?,
            Self::ConnectHost { array, volume } => control.connect_host(&array, &volume)?,
            Self::DisconnectHost { array, volume } => control.disconnect_host(&array, &volume)?,
            Self::RemoveFromPoint {
                array,
                point,
                volume,
            } => {
                control.remove_from_point(&array, &point, &volume)?;
            }
            Self::ExpireSessions { array } => control.expire_sessions(&array)?,
            Self::Inject(fault) => control.inject(fault)?,
            Self::ClearFaults {} => control.clear_faults(),
            Self::SetLimit { array, kind, most } => control.set_limit(&array, kind, most)?,
            Self::SetCapacity { array, bytes } => control.set_capacity(&array, bytes)?,
            Self::SetEradicationDelay {
                array,
                milliseconds,
            } => {
                control.set_eradication_delay(&array, Duration::from_millis(milliseconds))?;
            }
            Self::SetSafemode { array, safemode } => control.set_safemode(&array, &safemode)?,
            Self::Switches {} => return to_value(&control.switches()),
            Self::ChangeSwitches(changes) => return change_switches(control, changes),
            Self::Calls { array } => return to_value(&control.calls(&array)),
            Self::ClearCalls {} => control.clear_calls(),
            Self::Dump {} => return Ok(control.dump()),
            Self::WriteVolume {
                array,
                volume,
                offset,
                hex,
            } => {
                let bytes = hex::decode(hex).map_err(|error| ControlError(error.to_string()))?;
                control.write_volume(&array, &volume, offset, &bytes)?;
            }
            Self::ReadVolume {
                array,
                name,
                offset,
                length,
            } => {
                let bytes = control.read_volume(&array, &name, offset, length)?;
                return Ok(json!({ "hex": hex::encode(bytes) }));
            }
            Self::ContentId { array, name } => {
                return Ok(json!(control.content_id(&array, &name)?));
            }
        }
        Ok(Value::Null)
    }
}

/// Members that are given replace those that are held.
fn change_switches(control: &Control, changes: Value) -> Done<Value> {
    let mut wanted = to_value(&control.switches())?;
    let (Some(held), Some(changes)) = (wanted.as_object_mut(), changes.as_object()) else {
        return Err(ControlError("switches are a JSON object".to_owned()));
    };
    held.extend(changes.clone());
    let switches = serde_json::from_value(wanted.clone()).map_err(|error| failed(&error))?;
    control.change_switches(|held| *held = switches);
    Ok(wanted)
}

fn to_value(value: &impl serde::Serialize) -> Done<Value> {
    serde_json::to_value(value).map_err(|error| failed(&error))
}

fn failed(error: &serde_json::Error) -> ControlError {
    ControlError(error.to_string())
}
