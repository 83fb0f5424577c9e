//! Everything behind one lock: the fabric, who is logged in, what is to go wrong, what was called.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protector_framework::Clock;
use secrecy::{ExposeSecret, SecretString};

use crate::call::RecordedCall;
use crate::fault::Faults;
use crate::state::{At, Fabric, Millis, Outcome};

/// How the fabric's time follows the clock.
#[derive(Debug)]
pub(crate) struct FabricTime {
    clock: Arc<dyn Clock>,
    ahead: Millis,
    frozen: Option<Millis>,
}

impl FabricTime {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            ahead: 0,
            frozen: None,
        }
    }

    pub(crate) fn now(&self) -> Millis {
        let running = self.clock.now().timestamp_millis() + self.ahead;
        self.frozen.unwrap_or(running)
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        let by = Millis::try_from(by.as_millis()).unwrap_or(Millis::MAX / 4);
        match &mut self.frozen {
            Some(time) => *time += by,
            None => self.ahead += by,
        }
    }

    /// Goes on from another time.
    pub(crate) fn set(&mut self, time: Millis) {
        match &mut self.frozen {
            Some(frozen) => *frozen = time,
            None => self.ahead = time - self.clock.now().timestamp_millis(),
        }
    }

    /// Stops, or goes on from where it stands.
    pub(crate) fn freeze(&mut self, freeze: bool) {
        let now = self.now();
        if freeze {
            self.frozen = Some(now);
        } else if self.frozen.take().is_some() {
            self.ahead = now - self.clock.now().timestamp_millis();
        }
    }
}

/// Who may call one array.
#[derive(Debug)]
pub(crate) struct Access {
    token: SecretString,
    /// Session id to its last use.
    sessions: BTreeMap<String, Millis>,
}

impl Access {
    pub(crate) fn new(token: SecretString) -> Self {
        Self {
            token,
            sessions: BTreeMap::new(),
        }
    }

    pub(crate) fn knows(&self, token: &str) -> bool {
        self.token.expose_secret() == token
    }

    pub(crate) fn begin(&mut self, session: String, now: Millis) {
        self.sessions.insert(session, now);
    }

    /// Whether a session is good; using it keeps it.
    pub(crate) fn touch(&mut self, session: &str, now: Millis, idle: Millis) -> bool {
        self.sessions
            .retain(|_, used| idle == 0 || now - *used < idle);
        match self.sessions.get_mut(session) {
            Some(used) => {
                *used = now;
                true
            }
            None => false,
        }
    }

    pub(crate) fn end(&mut self, session: &str) {
        self.sessions.remove(session);
    }

    pub(crate) fn expire_all(&mut self) {
        self.sessions.clear();
    }
}

/// The simulator's whole state.
#[derive(Debug)]
pub(crate) struct World {
    pub fabric: Fabric,
    pub time: FabricTime,
    pub faults: Faults,
    /// By array.
    pub calls: Vec<Vec<RecordedCall>>,
    /// By array.
    pub access: Vec<Access>,
}

impl World {
    /// Brings the fabric to the present.
    pub(crate) fn settle(&mut self) {
        let now = self.time.now();
        self.fabric.settle(now);
    }

    /// Changes something on one array: what is due happens before it, what it causes after it.
    pub(crate) fn change<T>(
        &mut self,
        at: At,
        change: impl FnOnce(&mut Fabric) -> Outcome<T>,
    ) -> Outcome<T> {
        self.settle();
        let before = self
            .fabric
            .switches
            .all_or_nothing
            .then(|| self.fabric.clone());
        let done = change(&mut self.fabric);
        if let Some(before) = before.filter(|fabric| done.is_err() && fabric.is_in_memory()) {
            self.fabric = before;
        }
        self.fabric.mirror_from(at);
        self.settle();
        done
    }
}

/// The world, shared by all that look at it.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// One call is one transaction.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
