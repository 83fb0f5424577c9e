//! One core for one simulation. Its threads, the runtime's and the databases', work one at a time
//! and hand over all the time, which takes about twice as long between two cores.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How many simulations are on each core.
static BUSY: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// Keeps a thread, and those that it starts, on one core while it lives.
pub(super) struct OneCore {
    core: usize,
    before: CpuSet,
}

impl OneCore {
    /// Puts this thread on the core with the fewest simulations; nothing where the system refuses.
    pub(super) fn take() -> Option<Self> {
        let before = sched_getaffinity(None).ok()?;
        let mut busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
        let core = (0..CpuSet::MAX_CPU)
            .filter(|core| before.is_set(*core))
            .min_by_key(|core| busy.get(core).copied().unwrap_or_default())?;
        let mut one = CpuSet::new();
        one.set(core);
        sched_setaffinity(None, &one).ok()?;
        *busy.entry(core).or_default() += 1;
        Some(Self { core, before })
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        let mut busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.core) {
            *count -= 1;
        }
        // A thread that stays where it is only has less choice.
        let _refused = sched_setaffinity(None, &self.before);
    }
}
