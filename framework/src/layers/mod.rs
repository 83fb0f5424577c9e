//! What stands around every driver, whichever it is: tracing, metrics, retries, a limit of calls at
//! once, the deadline, and the end of a panic. From the outside in, and each in a file of its own.

mod layered;
mod limit;
mod metrics;
mod panics;
mod retry;
mod timeout;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

pub(crate) use layered::Layered;

use crate::registration::DriverKind;
use crate::{CallCtx, Clock, DriverConfig, DriverEnv, Result};

/// How the layers around one driver are set. By default a call is made once, any number run at a time,
/// and each lasts at most as long as its caller gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerSettings {
    /// How often a call that failed in passing is made again within its deadline.
    pub retries: u32,
    /// How long one attempt may take, where that is less than the caller gives it.
    pub timeout: Option<Duration>,
    /// How many calls to one array or cloud run at a time, of all instances that call it.
    pub at_once: Option<NonZeroUsize>,
}

/// The layers around the instances of one driver.
pub(crate) struct Around {
    kind: DriverKind,
    driver: Arc<str>,
    settings: LayerSettings,
    places: Option<limit::PlacesByAddress>,
    clock: Arc<dyn Clock>,
}

impl Around {
    /// The layers around an instance with these settings.
    pub(crate) fn of_instance(self: &Arc<Self>, config: &DriverConfig) -> AroundInstance {
        AroundInstance {
            around: self.clone(),
            places: self.places.as_ref().map(|places| places.of(config)),
        }
    }

    pub(crate) fn new(
        kind: DriverKind,
        driver: &str,
        settings: LayerSettings,
        env: &DriverEnv,
    ) -> Self {
        Self {
            kind,
            driver: driver.into(),
            places: settings.at_once.map(limit::PlacesByAddress::new),
            settings,
            clock: env.clock.clone(),
        }
    }
}

/// The layers around one instance.
pub(crate) struct AroundInstance {
    around: Arc<Around>,
    places: Option<Arc<limit::Places>>,
}

impl std::ops::Deref for AroundInstance {
    type Target = Around;

    fn deref(&self) -> &Around {
        &self.around
    }
}

impl AroundInstance {
    /// Makes one call of a verb within the layers. `call` makes an attempt with the context it is given.
    async fn call<T, F>(
        &self,
        verb: &'static str,
        ctx: &CallCtx,
        call: impl Fn(CallCtx) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let span = tracing::debug_span!(
            "driver_call",
            kind = self.kind.word(),
            driver = &*self.driver,
            verb,
            request_id = %ctx.request_id,
        );
        let began = self.clock.monotonic();
        let outcome = self.attempts(verb, ctx, call).instrument(span.clone());
        let outcome = outcome.await;
        let took = self.clock.monotonic().saturating_sub(began);
        metrics::record(self.kind, &self.driver, verb, &outcome, took);
        outcome.inspect_err(|error| {
            let _in = span.enter();
            tracing::debug!(
                %error,
                error_kind = error.kind.word(),
                remote_call = error.remote_call.as_deref(),
                remote_request_id = error.remote_request_id.as_deref(),
                "a call of a driver has failed"
            );
        })
    }

    async fn attempts<T, F>(
        &self,
        verb: &'static str,
        ctx: &CallCtx,
        call: impl Fn(CallCtx) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let began = self.clock.monotonic();
        let left = || {
            let passed = self.clock.monotonic().saturating_sub(began);
            ctx.deadline.saturating_sub(passed)
        };
        let mut failed = 0;
        loop {
            let outcome = self.attempt(verb, ctx, left(), &call).await;
            let Err(error) = outcome else {
                return outcome;
            };
            match retry::pause_after(verb, &error, failed, self.settings.retries) {
                // There must be time for more than the pause.
                Some(pause) if pause < left() => self.clock.sleep(pause).await,
                _ => return Err(error),
            }
            failed += 1;
            tracing::debug!(%error, failed, "a call of a driver is made again");
        }
    }

    async fn attempt<T, F>(
        &self,
        verb: &'static str,
        ctx: &CallCtx,
        left: Duration,
        call: impl Fn(CallCtx) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let began = self.clock.monotonic();
        let _place = match &self.places {
            Some(places) => Some(places.enter(&*self.clock, &self.driver, left).await?),
            None => None,
        };
        let waited = self.clock.monotonic().saturating_sub(began);
        let left = left.saturating_sub(waited);
        let limit = self.settings.timeout.map_or(left, |time| time.min(left));
        let ctx = ctx.clone().with_deadline(limit - timeout::margin(limit));
        let call = panics::contained(&self.driver, verb, || call(ctx));
        timeout::timed(&*self.clock, &self.driver, verb, limit, call).await
    }
}
