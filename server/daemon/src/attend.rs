//! A service while it runs: what it is asked by signals, and what its manager is told of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::Clock;

use crate::notify::Notifier;
use crate::reload::Reloader;
use crate::stop::{Asked, Signals};

// Parts of the manager's time. One sign of life that fails or is slow, and one after it that is just in time,
// do not end the service: 1/4 + 1/3 + 1/20 + 1/3 < 1.
const BETWEEN: u32 = 4;
const PATIENCE: u32 = 3;
const AGAIN: u32 = 20;

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
        match notifier.watchdog() {
            Some(time) => watch(time, service, &*clock, || notifier.alive()).await,
            None => std::future::pending().await,
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

/// Vouches for a service, for ever, to a manager that ends it where it has heard nothing for so long.
async fn watch(time: Duration, service: &dyn Alive, clock: &dyn Clock, vouch: impl Fn()) {
    loop {
        let answer = tokio::select! {
            answer = service.alive() => answer,
            () = clock.sleep(time / PATIENCE) => false,
        };
        let pause = match answer {
            true => {
                vouch();
                time / BETWEEN
            }
            false => {
                tracing::error!("the service gives no sign of life, and is not vouched for");
                time / AGAIN
            }
        };
        clock.sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use protector_framework::ManualClock;

    use super::*;

    /// Answers as the script says; `None`: never. After the script, always.
    struct Scripted(Mutex<Vec<Option<bool>>>);

    #[async_trait]
    impl Alive for Scripted {
        async fn alive(&self) -> bool {
            let answer = {
                let mut answers = self.0.lock().unwrap();
                match answers.is_empty() {
                    true => Some(true),
                    false => answers.remove(0),
                }
            };
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    }

    /// The longest time in which the manager heard nothing, in five minutes.
    async fn longest_silence(script: &[Option<bool>]) -> Duration {
        let clock = ManualClock::new("2026-12-01T12:00:00Z".parse().unwrap());
        let (heard, longest) = (Mutex::new(Duration::ZERO), Mutex::new(Duration::ZERO));
        let minute = Duration::from_secs(60);
        let service = Scripted(Mutex::new(script.to_vec()));
        let vouch = || {
            let now = clock.monotonic();
            let silence = now - std::mem::replace(&mut *heard.lock().unwrap(), now);
            let mut longest = longest.lock().unwrap();
            *longest = silence.max(*longest);
        };
        let time = async {
            while clock.monotonic() < 5 * minute {
                tokio::task::yield_now().await;
                clock.advance_to_next();
            }
        };
        tokio::select! {
            biased;
            () = watch(minute, &service, &clock, vouch) => {}
            () = time => {}
        }
        longest.into_inner().unwrap()
    }

    #[tokio::test]
    async fn one_slow_or_failed_sign_of_life_does_not_end_a_service() {
        for script in [
            vec![],
            vec![Some(true), Some(false)],
            vec![Some(true), None],
            vec![Some(true), None, Some(false), Some(false)],
        ] {
            let silence = longest_silence(&script).await;
            assert!(silence < Duration::from_secs(60), "{script:?}: {silence:?}");
        }
        let stuck = [Some(true), None, None, None];
        assert!(longest_silence(&stuck).await > Duration::from_secs(60));
    }
}
