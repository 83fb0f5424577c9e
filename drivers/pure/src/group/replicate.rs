//! Points on demand: taken, sent, and how far they are.

use protector_framework::{
    DriverError, LinkState, PointName, Result, StartReplication, Transfer, TransferState,
};
use serde_json::json;

use super::finish::destroy_snapshot;
use super::{DEFAULT_KEEP, Sent};
use crate::client::{Call, refused_is_looked_at};
use crate::link;
use crate::names;
use crate::points;
use crate::wire::{GroupSnapshot, TransferItem, time};

/// A transfer that the target has not heard of after so many milliseconds is asked for again.
const UNHEARD_OF: i64 = 60_000;

impl Sent<'_> {
    /// Takes the point unless it is there, and begins to send it.
    pub(crate) async fn start(&mut self, req: &StartReplication) -> Result<Transfer> {
        let suffix = names::suffix(req.point.as_str())?;
        if !self.book.is_active() {
            return Err(DriverError::conflict(format!(
                "array group `{}` is suspended",
                self.group
            )));
        }
        if self.is_sync() {
            return self.start_sync(&req.point, &suffix).await;
        }
        let name = format!("{}.{suffix}", self.group);
        match self.own.group_snapshot(&name).await? {
            Some(taken) if !taken.destroyed => {}
            Some(_) => return Err(deleted(&req.point)),
            None => self.take(&name, &suffix).await?,
        }
        self.transfer(&req.point, &suffix).await
    }

    async fn take(&mut self, name: &str, suffix: &str) -> Result<()> {
        let wanted = self.wanted().await?;
        self.settle(&wanted).await?;
        // Without `apply_retention` no retention of the array takes the point away; the driver
        // itself does, by what the group keeps.
        let call = Call::post("protection-group-snapshots")
            .with("source_names", self.group)
            .flag("replicate_now")
            .json(json!({"suffix": suffix}));
        refused_is_looked_at(self.own.send(call).await)?;
        let taken = self.own.group_snapshot(name).await?;
        if taken.is_some_and(|taken| !taken.destroyed) {
            return Ok(());
        }
        Err(DriverError::conflict(format!(
            "array group `{}` takes no point; look at its members on array `{}`",
            self.group, self.me.name
        )))
    }

    /// How far a point is on its way.
    pub(crate) async fn replication(&self, point: &PointName) -> Result<Transfer> {
        let suffix = names::known_suffix(point.as_str())?;
        match self.is_sync() {
            true => self.transfer_sync(point, &suffix).await,
            false => self.transfer(point, &suffix).await,
        }
    }

    async fn transfer(&self, point: &PointName, suffix: &str) -> Result<Transfer> {
        let local = format!("{}.{suffix}", self.group);
        let remote = self.remote(&local);
        let here = self.own.group_snapshot(&local).await?;
        let here = here.filter(|one| !one.destroyed);
        let sending = self.far.transfers(&remote).await?;
        let sending = sending
            .into_iter()
            .find(|one| names::same(&one.name, &remote));
        if let Some(done) = sending.as_ref().filter(|one| one.is_complete()) {
            return self.arrived(point, &remote, here, done).await;
        }
        let Some(here) = here else {
            return Err(DriverError::not_found(format!(
                "point `{point}` of array group `{}`",
                self.group
            )));
        };
        let state = self.moving(&local, &here, sending.is_some()).await?;
        let bytes = sending.and_then(|one| one.data_transferred).unwrap_or(0);
        Ok(Transfer::new(point, state, time(here.created), bytes))
    }

    /// The point is wholly on the target; points beyond those that are kept go.
    async fn arrived(
        &self,
        point: &PointName,
        remote: &str,
        here: Option<GroupSnapshot>,
        done: &TransferItem,
    ) -> Result<Transfer> {
        let taken = match here {
            Some(here) => here,
            // Aged away here, as the target keeps longer.
            None => self.far.group_snapshot(remote).await?.ok_or_else(|| {
                DriverError::not_found(format!("point `{point}` of array group `{}`", self.group))
            })?,
        };
        self.prune().await?;
        let bytes = done.data_transferred.unwrap_or_default();
        Ok(
            Transfer::new(point, TransferState::Complete, time(taken.created), bytes)
                .bytes_total(bytes),
        )
    }

    async fn moving(
        &self,
        local: &str,
        here: &GroupSnapshot,
        heard_of: bool,
    ) -> Result<TransferState> {
        let target = self
            .book
            .target()
            .ok_or_else(|| super::unknown(self.group))?;
        let link = link::state(self.pair(), &target).await?;
        let carries = matches!(link.state, LinkState::Connected | LinkState::Partial);
        if !carries || !self.book.is_active() {
            return Ok(TransferState::Stalled);
        }
        let age = self.own.now(&self.me).timestamp_millis() - here.created;
        if !heard_of && age > UNHEARD_OF {
            self.send_again(local).await?;
        }
        Ok(TransferState::Running)
    }

    /// The target was not let in when the point was taken, or forgot.
    async fn send_again(&self, local: &str) -> Result<()> {
        if !self.own.abilities().await?.resend {
            return Ok(());
        }
        let call = Call::post("protection-group-snapshots/replica")
            .with("names", local)
            .with("on", self.target_name().await?);
        match self.own.send(call).await {
            // It may be queued: then it is on its way all the same.
            Err(failure) if failure.status.is_some() => {
                tracing::info!(point = local, error = %failure.error, "not sent again");
                Ok(())
            }
            Err(failure) => Err(failure.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Takes away the points beyond the newest complete ones that the group keeps.
    async fn prune(&self) -> Result<()> {
        let keep = self.book.keep().unwrap_or(DEFAULT_KEEP);
        let remote = self.remote(self.group);
        let points = points::received(self.far, &remote, None, None).await?;
        for old in points::beyond(&points, keep) {
            destroy_snapshot(self.far, &old.snapshot.name).await?;
            destroy_snapshot(self.own, &format!("{}.{}", self.group, old.suffix)).await?;
        }
        Ok(())
    }
}

fn deleted(point: &PointName) -> DriverError {
    DriverError::conflict(format!(
        "point `{point}` was taken before and deleted; its name is not free yet"
    ))
}
