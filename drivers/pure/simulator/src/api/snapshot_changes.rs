//! How the snapshots of volumes and those of groups are changed: in the same way.

use serde_json::Value;

use super::{Request, body, items, nothing};
use crate::state::{ApiError, At, Fabric, Outcome, same};

/// What one kind of snapshots does with a change.
pub(super) struct Snapshots {
    pub id: fn(&Fabric, At, &str) -> Outcome<String>,
    pub destroy: fn(&mut Fabric, At, &str, bool) -> Outcome<()>,
    pub rename: fn(&mut Fabric, At, &str, &str) -> Outcome<()>,
    pub eradicate: fn(&mut Fabric, At, &str) -> Outcome<()>,
    pub shown: fn(&Fabric, At, &str) -> Outcome<Value>,
}

impl Snapshots {
    pub(super) fn patch(
        &self,
        fabric: &mut Fabric,
        at: At,
        call: &Request,
    ) -> Outcome<Option<Value>> {
        let destroyed = body::flag(&call.body, "destroyed")?;
        let name = body::text(&call.body, "name")?;
        if destroyed.is_none() && name.is_none() {
            return Err(ApiError::no_attribute());
        }
        let mut changed = Vec::new();
        for held in call.required("names")? {
            let id = (self.id)(fabric, at, &held)?;
            if let Some(destroyed) = destroyed {
                (self.destroy)(fabric, at, &id, destroyed)?;
            }
            if let Some(name) = name {
                (self.rename)(fabric, at, &id, new_suffix(&held, name)?)?;
            }
            changed.push((self.shown)(fabric, at, &id)?);
        }
        items(changed)
    }

    pub(super) fn delete(
        &self,
        fabric: &mut Fabric,
        at: At,
        call: &Request,
    ) -> Outcome<Option<Value>> {
        for name in call.required("names")? {
            let id = (self.id)(fabric, at, &name)?;
            (self.eradicate)(fabric, at, &id)?;
        }
        nothing()
    }
}

/// Clients send the new suffix alone, or the whole new name.
fn new_suffix<'n>(held: &str, name: &'n str) -> Outcome<&'n str> {
    let Some((front, suffix)) = name.rsplit_once('.') else {
        return Ok(name);
    };
    match held.rsplit_once('.') {
        Some((owner, _)) if same(owner, front) => Ok(suffix),
        _ => Err(ApiError::refused(
            held,
            "A snapshot cannot be given to another object.",
        )),
    }
}
