//! The steps under way, which move on whatever their runner waits for.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;

use futures::stream::{FuturesUnordered, StreamExt as _};

/// Futures that are polled during every wait of their owner. One that was left alone in the middle
/// of a transaction would keep everybody, its owner included, from the database.
pub(crate) struct Running<F: Future> {
    going: FuturesUnordered<F>,
    ended: VecDeque<F::Output>,
}

impl<F: Future> Running<F> {
    pub(crate) fn new() -> Self {
        Self {
            going: FuturesUnordered::new(),
            ended: VecDeque::new(),
        }
    }

    pub(crate) fn push(&mut self, step: F) {
        self.going.push(step);
    }

    /// Those whose end was not taken yet.
    pub(crate) fn len(&self) -> usize {
        self.going.len() + self.ended.len()
    }

    /// Does something else meanwhile.
    pub(crate) async fn alongside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(end) = self.going.next(), if !self.going.is_empty() => {
                    self.ended.push_back(end);
                }
            }
        }
    }

    /// The next end; `None` where nothing is under way.
    pub(crate) async fn next(&mut self) -> Option<F::Output> {
        match self.ended.pop_front() {
            Some(end) => Some(end),
            None => self.going.next().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn what_is_under_way_moves_while_its_owner_waits() {
        let turn = tokio::sync::Semaphore::new(1);
        let done = Cell::new(0);
        let mut running = Running::new();
        for _ in 0..2 {
            running.push(async {
                let _held = turn.acquire().await.unwrap();
                tokio::task::yield_now().await;
                done.set(done.get() + 1);
            });
        }
        // The first one has the turn when the owner asks for it.
        running.next().await;
        running
            .alongside(async { turn.acquire().await.map(drop).unwrap() })
            .await;
        assert_eq!((done.get(), running.len()), (2, 1));
        running.next().await;
        assert!(running.next().await.is_none());
    }
}
