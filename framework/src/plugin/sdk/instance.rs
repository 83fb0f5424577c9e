//! An instance and its calls.

use std::collections::{HashMap, VecDeque};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::dispatch::{NoReply, dispatch};
use super::host::Host;
use crate::plugin::abi::{self, Slice};
use crate::plugin::wire::Context;
use crate::{CallCtx, Clock, DriverError, ErrorKind, StorageDriver};

/// So many cancels of calls that are not open are kept: more than calls can be about to open.
const EARLY: usize = 64;

/// A driver for one array, and what is under way on it.
pub(super) struct Instance {
    name: &'static str,
    driver: Arc<dyn StorageDriver>,
    clock: Arc<dyn Clock>,
    host: Host,
    open: Mutex<Open>,
}

/// The calls that are under way.
#[derive(Default)]
struct Open {
    calls: HashMap<u64, oneshot::Sender<()>>,
    /// Calls that were given up before they came, or after they had ended; the newest last.
    early: VecDeque<u64>,
}

impl Open {
    /// Opens a call; `None` where it was given up already.
    fn begin(&mut self, call_id: u64) -> Option<oneshot::Receiver<()>> {
        if let Some(at) = self.early.iter().position(|early| *early == call_id) {
            self.early.remove(at);
            return None;
        }
        let (cancel, cancelled) = oneshot::channel();
        self.calls.insert(call_id, cancel);
        Some(cancelled)
    }

    fn cancel(&mut self, call_id: u64) {
        if let Some(cancel) = self.calls.remove(&call_id) {
            // A call that ends just now needs no telling.
            cancel.send(()).unwrap_or_default();
            return;
        }
        if self.early.len() == EARLY {
            self.early.pop_front();
        }
        self.early.push_back(call_id);
    }
}

enum Ended {
    Reply(Vec<u8>),
    Failed(DriverError),
    Unknown,
    Cancelled,
}

impl Instance {
    pub(super) fn new(
        name: &'static str,
        driver: Arc<dyn StorageDriver>,
        clock: Arc<dyn Clock>,
        host: Host,
    ) -> Self {
        Self {
            name,
            driver,
            clock,
            host,
            open: Mutex::default(),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a call to its end on this thread: to its deadline at the latest, unless the driver blocks it.
    fn run(&self, call_id: u64, verb: &[u8], context: &[u8], body: &[u8]) -> Ended {
        let began = self.clock.monotonic();
        let Ok(verb) = std::str::from_utf8(verb) else {
            return Ended::Unknown;
        };
        let mut ctx: CallCtx = match serde_json::from_slice::<Context>(context) {
            Ok(context) => context.into(),
            Err(error) => {
                let message = format!("the context of `{verb}` cannot be read: {error}");
                return Ended::Failed(DriverError::new(ErrorKind::InvalidRequest, message));
            }
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return Ended::Failed(error),
        };
        let deadline = ctx.deadline;
        let left = deadline.saturating_sub(self.clock.monotonic().saturating_sub(began));
        if left.is_zero() {
            return Ended::Failed(self.late(verb, deadline, "nothing was sent"));
        }
        ctx.deadline = left - margin(left);
        let Some(cancelled) = self.open().begin(call_id) else {
            return Ended::Cancelled;
        };
        let span = tracing::info_span!("call", verb, request_id = %ctx.request_id);
        let work = dispatch(&*self.driver, verb, &ctx, body).instrument(span);
        let ended = runtime.block_on(async {
            let given_up = select(cancelled, self.clock.sleep(left));
            match select(pin!(work), given_up).await {
                Either::Left((Ok(reply), _)) => Ended::Reply(reply),
                Either::Left((Err(NoReply::Failed(error)), _)) => Ended::Failed(error),
                Either::Left((Err(NoReply::Unknown), _)) => Ended::Unknown,
                Either::Right((Either::Left(_), _)) => Ended::Cancelled,
                Either::Right((Either::Right(_), _)) => {
                    let effect = "whether it took effect is not known";
                    Ended::Failed(self.late(verb, deadline, effect))
                }
            }
        });
        self.open().calls.remove(&call_id);
        ended
    }

    fn late(&self, verb: &str, deadline: Duration, effect: &str) -> DriverError {
        let name = self.name;
        let message =
            format!("driver `{name}` has not answered `{verb}` within {deadline:?}; {effect}");
        DriverError::new(ErrorKind::Timeout, message)
    }
}

/// How much less than is left a driver is told, so that one that keeps its time has said why before it is
/// given up.
fn margin(left: Duration) -> Duration {
    (left / 50).min(Duration::from_millis(100))
}

/// The library's runtime, made with the first call.
fn runtime() -> Result<&'static Runtime, DriverError> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("driver")
            .enable_all()
            .build()
    });
    made.as_ref().map_err(|error| {
        let message = format!("the driver's runtime does not start: {error}");
        DriverError::new(ErrorKind::Unexpected, message)
    })
}

/// `call` of the header.
#[allow(unsafe_code, reason = "the library's side of the C ABI")]
pub(super) unsafe extern "C" fn call(
    instance: *mut c_void,
    call_id: u64,
    verb: Slice,
    context: Slice,
    body: Slice,
) {
    // SAFETY: the host passes what `create` returned and `destroy` has not had, and lends the slices.
    let (instance, texts) = unsafe {
        let texts = [verb, context, body].map(|slice| slice.bytes(abi::LONGEST));
        (&*instance.cast::<Instance>(), texts)
    };
    let host = instance.host;
    let [Ok(verb), Ok(context), Ok(body)] = texts else {
        let message = "the request is longer than a driver takes";
        host.failed(
            call_id,
            &DriverError::new(ErrorKind::InvalidRequest, message),
        );
        return;
    };
    let run = AssertUnwindSafe(|| instance.run(call_id, verb, context, body));
    match catch_unwind(run) {
        Ok(Ended::Reply(reply)) => host.done(call_id, abi::OK, &reply),
        Ok(Ended::Failed(error)) => host.failed(call_id, &error),
        Ok(Ended::Unknown) => host.done(call_id, abi::UNSUPPORTED, &[]),
        Ok(Ended::Cancelled) => host.done(call_id, abi::CANCELLED, &[]),
        Err(panic) => {
            instance.open().calls.remove(&call_id);
            host.panicked(call_id, panic);
        }
    }
}

/// `cancel` of the header.
#[allow(unsafe_code, reason = "the library's side of the C ABI")]
pub(super) unsafe extern "C" fn cancel(instance: *mut c_void, call_id: u64) {
    // SAFETY: the host passes what `create` returned and `destroy` has not had.
    let instance = unsafe { &*instance.cast::<Instance>() };
    instance.open().cancel(call_id);
}

/// `destroy` of the header.
#[allow(unsafe_code, reason = "the library's side of the C ABI")]
pub(super) unsafe extern "C" fn destroy(instance: *mut c_void) {
    // SAFETY: the host passes what `create` returned, once, when no call is open.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance>()) };
    // A driver that panics when it is dropped is gone all the same.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(move || drop(instance))) {
        std::mem::forget(panic);
    }
}
