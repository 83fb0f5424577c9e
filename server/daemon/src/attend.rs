//! A service while it runs: what it is asked by signals, and what its manager is told of it.

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::Clock;

use crate::notify::Notifier;
use crate::reload::Reloader;
use crate::stop::{Asked, Signals};

/// A sign of life of a service that is more than that its process exists.
#[async_trait]
pub trait Alive: Send + Sync {
    /// Whether the service does what it is for. Where something else is away that a restart would not
    /// bring back, such as the database, it is alive.
    async fn alive(&self) -> bool;
}

/// Attends to a service that has started, until it is asked to end: tells the manager that it is ready
/// and, where the manager wants to hear so, well; reads the configuration again when asked, after which
/// `reloaded` is called. What follows is the service's own end.
pub async fn attend(
    signals: &mut Signals,
    notifier: &Notifier,
    mut reloader: Reloader,
    clock: Arc<dyn Clock>,
    service: &dyn Alive,
    reloaded: impl Fn(),
) {
    notifier.ready();
    let watched = async {
        let Some(interval) = notifier.watchdog() else {
            return std::future::pending::<()>().await;
        };
        loop {
            let answer = tokio::select! {
                answer = service.alive() => answer,
                () = clock.sleep(interval) => false,
            };
            match answer {
                true => notifier.alive(),
                false => {
                    tracing::error!("the service gives no sign of life, and is not vouched for")
                }
            }
            clock.sleep(interval).await;
        }
    };
    let asked = async {
        while signals.next().await == Asked::Reload {
            notifier.reloading();
            reloader.reload();
            reloaded();
            notifier.ready();
        }
    };
    tokio::select! {
        () = asked => {}
        () = watched => {}
    }
    notifier.stopping();
}
