//! A service that can be killed.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::clouds::failure::{Outcome, fail};

/// How long the threads of a killed service may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A service in a runtime of its own, so that it dies as a process does: with every task and every
/// connection that it has.
#[derive(Debug)]
pub struct Process<H> {
    runtime: Option<Runtime>,
    handle: Option<H>,
}

impl<H: Send + 'static> Process<H> {
    /// Starts a service on threads of this name.
    ///
    /// # Errors
    /// What the service says.
    pub async fn start<E: std::error::Error + Send + 'static>(
        name: &str,
        service: impl Future<Output = Result<H, E>> + Send + 'static,
    ) -> Outcome<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(name)
            .enable_all()
            .build()?;
        let started = runtime.spawn(service);
        // From here on it may be dropped anywhere.
        let mut process = Self {
            runtime: Some(runtime),
            handle: None,
        };
        process.handle = Some(started.await??);
        Ok(process)
    }

    /// The service.
    pub fn handle(&self) -> Option<&H> {
        self.handle.as_ref()
    }

    /// Ends the service in order.
    ///
    /// # Errors
    /// Where it panics or its threads do not end.
    pub async fn stop<F>(mut self, stop: impl FnOnce(H) -> F) -> Outcome
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let (Some(handle), Some(runtime)) = (self.handle.take(), &self.runtime) {
            runtime.spawn(stop(handle)).await?;
        }
        self.kill().await
    }

    /// Ends the service at once, whatever it does.
    ///
    /// # Errors
    /// Where its threads do not end.
    pub async fn kill(mut self) -> Outcome {
        let Some(runtime) = self.runtime.take() else {
            return fail("the process was killed before");
        };
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await?;
        Ok(())
    }
}

impl<H> Drop for Process<H> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
