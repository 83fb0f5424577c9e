//! Verbs that change a server that is there.

use async_trait::async_trait;
use protector_framework::{
    CallCtx, ComputeDriver, DriverError, ServerStatus, SetDeleteOnTermination,
};

use super::servers::not_staged;
use crate::compute::bench::ComputeFacility;
use crate::compute::case::{Compute, ComputeClaim, Outcome, check};
use crate::compute::rig::{Cloud, Rig};
use crate::compute::servers::Guest;
use crate::plague::{Trial, Verb};

const TAGS: &[ComputeClaim] = &[ComputeClaim::ServerTags];
const SHELVE: &[ComputeClaim] = &[ComputeClaim::ServerTags, ComputeClaim::Shelve];

pub(super) fn verbs() -> Vec<Verb<Compute>> {
    let verb = |name, claims, trial| Verb {
        name,
        at: Cloud,
        needs: &[ComputeFacility::Servers],
        claims,
        at_once: true,
        trial,
    };
    vec![
        verb("stop-server", TAGS, || Change::of(State::Stopped)),
        verb("start-server", TAGS, || Change::of(State::Started)),
        verb("lock-server", TAGS, || Change::of(State::Locked)),
        verb("unlock-server", TAGS, || Change::of(State::Unlocked)),
        verb("park-server", SHELVE, || Change::of(State::Parked)),
        verb("unpark-server", SHELVE, || Change::of(State::Unparked)),
        verb("set-delete-on-termination", TAGS, || {
            Change::of(State::TakesItsVolume)
        }),
    ]
}

/// What a verb makes of a server.
#[derive(Debug, Clone, Copy)]
enum State {
    Stopped,
    Started,
    Locked,
    Unlocked,
    Parked,
    Unparked,
    TakesItsVolume,
}

/// One server, which every round brings back to what it was.
struct Change {
    to: State,
    guest: Option<Guest>,
}

impl Change {
    fn of(to: State) -> Box<dyn Trial<Rig>> {
        Box::new(Self { to, guest: None })
    }

    fn guest(&self) -> Outcome<&Guest> {
        self.guest.as_ref().ok_or_else(not_staged)
    }

    async fn goes_with_it(&self, rig: &Rig, goes: bool) -> Outcome {
        let guest = self.guest()?;
        let request = SetDeleteOnTermination::new(&guest.id, &guest.root, goes);
        let set = rig
            .driver
            .set_delete_on_termination(&rig.ctx(), request)
            .await;
        Ok(set?)
    }
}

/// Brings a server back to running, whatever it is.
async fn run(rig: &Rig, guest: &Guest) -> Outcome {
    let ctx = rig.ctx();
    match rig.server(&guest.id).await?.status {
        ServerStatus::Stopped => {
            rig.patiently(|| rig.driver.start_server(&ctx, guest.named()))
                .await?;
        }
        ServerStatus::Shelved => {
            rig.patiently(|| rig.driver.unpark_server(&ctx, guest.named()))
                .await?;
        }
        _ => {}
    }
    rig.becomes(&guest.id, ServerStatus::Active).await.map(drop)
}

#[async_trait]
impl Trial<Rig> for Change {
    async fn prepare(&mut self, rig: &Rig) -> Outcome {
        self.guest = Some(rig.guest("web").await?);
        Ok(())
    }

    async fn stage(&mut self, rig: &Rig, _round: u64) -> Outcome {
        let guest = self.guest()?;
        let (driver, ctx) = (&rig.driver, rig.ctx());
        match self.to {
            State::Stopped => run(rig, guest).await,
            State::Started | State::Parked => {
                run(rig, guest).await?;
                rig.stopped(guest).await.map(drop)
            }
            State::Unparked => {
                run(rig, guest).await?;
                rig.parked(guest).await.map(drop)
            }
            State::Locked => Ok(driver.unlock_server(&ctx, guest.named()).await?),
            State::Unlocked => Ok(driver.lock_server(&ctx, guest.named()).await?),
            State::TakesItsVolume => self.goes_with_it(rig, false).await,
        }
    }

    async fn act(
        &self,
        _rig: &Rig,
        driver: &dyn ComputeDriver,
        ctx: &CallCtx,
    ) -> Result<String, DriverError> {
        let guest = self.guest().map_err(DriverError::not_found)?;
        let named = guest.named();
        match self.to {
            State::Stopped => driver.stop_server(ctx, named).await?,
            State::Started => driver.start_server(ctx, named).await?,
            State::Locked => driver.lock_server(ctx, named).await?,
            State::Unlocked => driver.unlock_server(ctx, named).await?,
            State::Parked => driver.park_server(ctx, named).await?,
            State::Unparked => driver.unpark_server(ctx, named).await?,
            State::TakesItsVolume => {
                let request = SetDeleteOnTermination::new(&guest.id, &guest.root, true);
                driver.set_delete_on_termination(ctx, request).await?;
            }
        }
        Ok(String::new())
    }

    async fn verify(&self, rig: &Rig) -> Outcome {
        let guest = self.guest()?;
        match self.to {
            State::Stopped => rig
                .becomes(&guest.id, ServerStatus::Stopped)
                .await
                .map(drop),
            State::Started | State::Unparked => {
                rig.becomes(&guest.id, ServerStatus::Active).await.map(drop)
            }
            State::Parked => rig
                .becomes(&guest.id, ServerStatus::Shelved)
                .await
                .map(drop),
            State::Locked | State::Unlocked => {
                let wanted = matches!(self.to, State::Locked);
                let locked = rig.server(&guest.id).await?.locked;
                check!(locked == wanted, "locked is {locked}");
                Ok(())
            }
            State::TakesItsVolume => {
                let now = rig.server(&guest.id).await?;
                check!(
                    now.volumes.iter().all(|v| v.delete_on_termination),
                    "its volume stays: {:?}",
                    now.volumes
                );
                // So that the volume is there for the next round, and after the last.
                self.goes_with_it(rig, false).await
            }
        }
    }
}
