//! One question with an end: whoever does not answer in time is not waited for.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use protector_framework::{CallCtx, Clock, DriverError};
use protector_model::readiness::{Cause, Fact, Unknown};
use protector_reach::{ReachError, within};

/// How many questions of one kind are asked of one site at the same time.
const AT_ONCE: usize = 4;

/// How questions are asked.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ctx: &'a CallCtx,
}

impl Ask<'_> {
    fn limit(&self) -> Duration {
        self.ctx.deadline
    }

    /// What a call answers within the limit.
    pub(crate) async fn fact<T>(
        &self,
        call: impl Future<Output = Result<T, DriverError>>,
    ) -> Fact<T> {
        match within(self.clock, self.limit(), call).await {
            Some(answer) => Fact::from(answer),
            None => Fact::Unknown(late(self.limit())),
        }
    }

    /// What somebody who never fails answers within the limit.
    pub(crate) async fn answer<T>(&self, call: impl Future<Output = T>) -> Fact<T> {
        match within(self.clock, self.limit(), call).await {
            Some(answer) => Fact::Known(answer),
            None => Fact::Unknown(late(self.limit())),
        }
    }
}

/// Asks many things, a few at a time.
pub(crate) async fn each<K, V>(questions: Vec<BoxFuture<'_, (K, V)>>) -> Vec<(K, V)> {
    let asked = futures::stream::iter(questions).buffer_unordered(AT_ONCE);
    asked.collect().await
}

fn late(limit: Duration) -> Unknown {
    let because = format!("no answer within {} s", limit.as_secs());
    Unknown::because(Cause::Silent, because)
}

/// Why a site cannot even be asked.
pub(crate) fn unreached(error: ReachError) -> Unknown {
    match &error {
        ReachError::SecretMissing { .. } => Unknown::because(Cause::NotKept, error.to_string()),
        _ => Unknown::from(&DriverError::from(error)),
    }
}
