//! How every verb runs: its fault first, its work away from the async threads where there are several,
//! its reply last.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use protector_framework::{CallCtx, DriverEnv, DriverError, ErrorKind, Result};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::fault::{self, Fault};

/// One mock as its calls see it.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    /// Where the fault script is.
    pub directory: PathBuf,
    /// Whom errors name, such as `mock array /pool`.
    pub title: String,
    pub env: DriverEnv,
}

impl Gate {
    /// Runs one verb; `target` is its request as fault rules see it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        ctx: &CallCtx,
        verb: &'static str,
        target: String,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let directory = self.directory.clone();
        let held = self.env.clock.hold();
        let fault = blocking(move || fault::next(&directory, verb, &target)).await;
        drop(held);
        // Without a directory there is no script; the work itself says what is missing.
        let fault = fault.unwrap_or_else(|error| {
            tracing::debug!(%error, "no fault script");
            None
        });
        let result = match &fault {
            Some(fault) => {
                tracing::info!(verb, ?fault, mock = self.title, "a fault of the script");
                self.before(ctx, fault).await
            }
            None => Ok(()),
        };
        let result = match result {
            Ok(()) => {
                let _held = self.env.clock.hold();
                blocking(work).await
            }
            Err(error) => Err(error),
        };
        match (fault, result) {
            (Some(Fault::CrashAfterWrite), Ok(_)) => std::process::abort(),
            (Some(Fault::LostReply), Ok(_)) => Err(DriverError::new(
                ErrorKind::Unreachable,
                "the connection broke before the answer came (by the fault script)",
            )),
            (_, result) => result,
        }
        .map_err(|error| self.named(ctx, verb, error))
    }

    async fn before(&self, ctx: &CallCtx, fault: &Fault) -> Result<()> {
        match fault {
            Fault::Error { kind, message } => Err(DriverError::new(*kind, message.clone())),
            Fault::Delay { milliseconds } => {
                self.wait(ctx, Duration::from_millis(*milliseconds)).await
            }
            Fault::Hang => self.wait(ctx, Duration::MAX).await,
            Fault::CrashBefore => std::process::abort(),
            Fault::LostReply | Fault::CrashAfterWrite => Ok(()),
        }
    }

    async fn wait(&self, ctx: &CallCtx, wait: Duration) -> Result<()> {
        self.env.clock.sleep(wait.min(ctx.deadline)).await;
        if wait > ctx.deadline {
            return Err(DriverError::new(
                ErrorKind::Timeout,
                format!("no answer within {:?}", ctx.deadline),
            ));
        }
        Ok(())
    }

    fn named(&self, ctx: &CallCtx, verb: &str, error: DriverError) -> DriverError {
        let message = format!("{}: {verb}: {}", self.title, error.message);
        let mut error = error.with_call(verb).with_request_id(&*ctx.request_id);
        error.message = message;
        error
    }
}

/// The text of a request that fault rules are matched with.
pub(crate) fn target<T: serde::Serialize>(request: &T) -> String {
    serde_json::to_string(request).unwrap_or_default()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return in_turn(work).await;
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // Only a runtime that shuts down cancels it. The call's owner is dead and hears no answer:
        // with one, it could still write it down as a failure.
        Err(error) if error.is_cancelled() => std::future::pending().await,
        Err(error) => Err(DriverError::new(ErrorKind::Panicked, error.to_string())),
    }
}

/// A runtime of one thread is a simulation's or a test's: to hand its work to another thread and
/// back would take longer than the work. The caller can still die between its effect and its answer.
async fn in_turn<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(work));
    tokio::task::yield_now().await;
    done.unwrap_or_else(|_| {
        let what = "the mock panicked, its log says why";
        Err(DriverError::new(ErrorKind::Panicked, what))
    })
}
