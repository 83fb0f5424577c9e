//! What goes wrong on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that happens to some calls of one array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The array's name.
    pub array: String,
    /// Only calls with this method; none is any.
    #[serde(default)]
    pub method: Option<String>,
    /// Only calls whose path behind `/api/2.X/` begins so.
    #[serde(default)]
    pub path: String,
    /// How many such calls go well first.
    #[serde(default)]
    pub after: u32,
    /// How many calls it happens to; none is all from then on.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// What happens.
    pub effect: Effect,
}

#[allow(clippy::unnecessary_wraps, reason = "the type of the member")]
fn once() -> Option<u32> {
    Some(1)
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Answered so; nothing is done. Without a body, one that fits the status.
    Status {
        /// The HTTP status.
        code: u16,
        /// The JSON body.
        #[serde(default)]
        body: Option<Value>,
        /// More headers, such as `Retry-After`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// Done and answered after this much of the clock's time, in milliseconds.
    Delay {
        /// How long.
        milliseconds: u64,
    },
    /// The connection is closed and nothing is done.
    DropBefore,
    /// The call is done and the connection closed without an answer.
    DropAfter,
}

impl Effect {
    /// An answer with this status and a body that fits it.
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            body: None,
            headers: BTreeMap::new(),
        }
    }

    /// An answer as an array gives it: this status and message.
    pub fn error(code: u16, message: &str) -> Self {
        Self::Status {
            code,
            body: Some(crate::server::error_body(code, None, message)),
            headers: BTreeMap::new(),
        }
    }

    /// A delay.
    pub fn delay(time: Duration) -> Self {
        Self::Delay {
            milliseconds: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Fault {
    /// Happens once, to the next call of an array with this method and path.
    pub fn once(array: &str, method: &str, path: &str, effect: Effect) -> Self {
        Self {
            array: array.to_owned(),
            method: Some(method.to_owned()),
            path: path.to_owned(),
            after: 0,
            times: Some(1),
            effect,
        }
    }

    /// Lets this many calls go well first.
    #[must_use]
    pub fn after(self, calls: u32) -> Self {
        Self {
            after: calls,
            ..self
        }
    }

    /// Happens so many times; none is for ever.
    #[must_use]
    pub fn times(self, times: Option<u32>) -> Self {
        Self { times, ..self }
    }

    fn fits(&self, array: &str, method: &str, endpoint: &str) -> bool {
        self.array.eq_ignore_ascii_case(array)
            && self
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && endpoint.starts_with(self.path.trim_start_matches('/'))
    }
}

/// The faults that are still to happen, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn pending(&self) -> usize {
        self.0.len()
    }

    /// What happens to a call. It counts for every fault that it fits, up to the first that acts.
    pub(crate) fn strike(&mut self, array: &str, method: &str, endpoint: &str) -> Option<Effect> {
        let mut struck = None;
        for fault in &mut self.0 {
            if !fault.fits(array, method, endpoint) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            fault.times = fault.times.map(|times| times.saturating_sub(1));
            struck = Some(fault.effect.clone());
            break;
        }
        self.0.retain(|fault| fault.times != Some(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_waits_for_its_call_and_ends() {
        let mut faults = Faults::default();
        faults.add(Fault::once("a", "POST", "volumes", Effect::DropAfter).after(1));
        assert_eq!(faults.strike("a", "POST", "volumes"), None);
        assert_eq!(faults.strike("a", "GET", "volumes"), None);
        assert_eq!(faults.strike("b", "POST", "volumes"), None);
        assert_eq!(
            faults.strike("A", "POST", "volumes"),
            Some(Effect::DropAfter)
        );
        assert_eq!(faults.strike("a", "POST", "volumes"), None);
    }

    #[test]
    fn a_lasting_fault_stays_until_it_is_cleared() {
        let mut faults = Faults::default();
        faults.add(Fault::once("a", "GET", "", Effect::status(503)).times(None));
        for _ in 0..3 {
            assert!(faults.strike("a", "GET", "arrays").is_some());
        }
        faults.clear();
        assert_eq!(faults.strike("a", "GET", "arrays"), None);
    }
}
