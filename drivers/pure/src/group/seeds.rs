//! The side group: new volumes are sent there for the first time, so that the group's own points
//! wait for nobody. The array then finds the blocks at the target and sends them no second time.

use protector_framework::Result;
use serde_json::json;

use super::ensure::switch_schedule;
use super::finish::destroy_snapshot;
use super::settle::{is_member, remove};
use super::{Sent, Standing};
use crate::client::{Call, refused_is_looked_at};
use crate::names::{self, SEED_SUFFIX};
use crate::wire::{GroupSnapshot, Volume};

impl Sent<'_> {
    /// The side group holds exactly the waiting volumes, and each of them is on its way.
    pub(super) async fn settle_seeds(
        &mut self,
        side: &str,
        wanted: &[Volume],
        waiting: &[&Volume],
        standing: &Standing,
    ) -> Result<()> {
        if waiting.is_empty() {
            self.empty_side(side).await?;
            return self.forget_seeds(side, wanted, standing).await;
        }
        let target = self.target_name().await?;
        self.ensure_group(side).await?;
        let let_in = self.try_target(side, &target).await?;
        switch_schedule(self.own, side, false).await?;
        let waiting_now: Vec<Volume> = waiting.iter().map(|volume| (*volume).clone()).collect();
        let members = self.without_strangers(side, &waiting_now).await?;
        let new: Vec<&Volume> = waiting
            .iter()
            .copied()
            .filter(|volume| !is_member(&members, volume))
            .collect();
        self.add(side, &new).await?;
        match let_in {
            true => self.ensure_sent(side, waiting).await,
            // The arrays have not told each other yet, or cannot. The next look goes on.
            false => Ok(()),
        }
    }

    /// What the target is called here.
    pub(crate) async fn target_name(&self) -> Result<String> {
        if let Some(there) = &self.there {
            return Ok(there.clone());
        }
        let target = self
            .book
            .target()
            .ok_or_else(|| super::unknown(self.group))?;
        let found = self.own.connection_with(&target, Some(self.far)).await?;
        Ok(found.map_or(target.name, |connection| connection.name))
    }

    async fn empty_side(&self, side: &str) -> Result<()> {
        let left = self.own.members(side).await?;
        let left: Vec<&str> = left.iter().map(|one| one.member.name.as_str()).collect();
        remove(self.own, side, &left).await
    }

    /// Takes a seed unless each waiting volume is in one already.
    async fn ensure_sent(&self, side: &str, waiting: &[&Volume]) -> Result<()> {
        if self.all_seeded_from(side, waiting).await? {
            return Ok(());
        }
        let call = Call::get("protection-group-snapshots").with("names", side);
        let all: Vec<GroupSnapshot> = self.own.find(call).await?;
        let next = all
            .iter()
            .filter_map(|one| number(names::after(&one.name, side)?))
            .max()
            .unwrap_or_default()
            + 1;
        let call = Call::post("protection-group-snapshots")
            .with("source_names", side)
            .flag("replicate_now")
            .json(json!({"suffix": format!("{SEED_SUFFIX}{next}")}));
        refused_is_looked_at(self.own.send(call).await)?;
        match self.all_seeded_from(side, waiting).await? {
            true => Ok(()),
            false => Err(protector_framework::DriverError::conflict(format!(
                "the first copies of array group `{}` could not be begun: array group `{side}` \
                 takes no snapshot",
                self.group
            ))),
        }
    }

    async fn all_seeded_from(&self, side: &str, waiting: &[&Volume]) -> Result<bool> {
        let held = self.own.held(side).await?;
        Ok(waiting.iter().all(|volume| {
            held.iter().any(|one| {
                one.source.id == volume.id || one.name.ends_with(&format!(".{}", volume.name))
            })
        }))
    }

    /// The seeds go once the group's own points hold every volume: until then they are the proof
    /// that the target has it.
    async fn forget_seeds(&self, side: &str, wanted: &[Volume], standing: &Standing) -> Result<()> {
        let done = wanted
            .iter()
            .all(|volume| Standing::any_holds(&standing.points, &volume.serial));
        if !done {
            return Ok(());
        }
        for seed in self.own.group_snapshots(side).await? {
            destroy_snapshot(self.own, &seed.name).await?;
        }
        for seed in &standing.seeds {
            destroy_snapshot(self.far, &seed.snapshot.name).await?;
        }
        Ok(())
    }
}

fn number(suffix: &str) -> Option<u64> {
    suffix.strip_prefix(SEED_SUFFIX)?.parse().ok()
}
