//! Which volumes are in the group, which are still seeded beside it.

use std::collections::BTreeSet;

use protector_framework::{GroupStatus, Result, SetGroupVolumes};

use super::{Sent, Standing, in_pod};
use crate::book::Book;
use crate::client::{Call, Cause, refused_is_looked_at};
use crate::names;
use crate::side::{Side, TOGETHER, identity};
use crate::wire::{Membership, Volume};

impl Sent<'_> {
    /// Sets the group's volumes to exactly these.
    pub(crate) async fn set_volumes(&mut self, req: &SetGroupVolumes) -> Result<GroupStatus> {
        let asked = req.volumes.iter().map(names::volume);
        let mut asked: Vec<&str> = asked.collect::<Result<_>>()?;
        asked.sort_unstable();
        asked.dedup();
        if self.is_sync() {
            return self.set_volumes_sync(&asked).await;
        }
        let wanted = self.own.live_volumes(&asked).await?;
        if let Some(volume) = wanted.iter().find(|volume| !volume.pod.name.is_empty()) {
            return Err(in_pod(volume));
        }
        self.remember(&wanted).await?;
        let standing = self.settle(&wanted).await?;
        self.shown(&wanted, Some(&standing)).await
    }

    /// Notes the volumes that the group is to have, so that one which somebody takes out comes back.
    pub(crate) async fn remember(&mut self, wanted: &[Volume]) -> Result<()> {
        let members: Vec<(String, String)> = wanted
            .iter()
            .map(|volume| (volume.serial.clone(), volume.name.clone()))
            .collect();
        self.book.set_members(self.own, &members).await
    }

    /// Brings both arrays to what the notes say, as far as it can be done now: who has no whole copy
    /// on the target is seeded beside the group, who has one joins it.
    pub(super) async fn settle(&mut self, wanted: &[Volume]) -> Result<Standing> {
        let book = self.note_names(wanted).await?;
        let standing = self.standing_by(Some(&book)).await?;
        let side = names::side(self.group);
        let main = self.without_strangers(self.group, wanted).await?;
        let missing: Vec<&Volume> = wanted
            .iter()
            .filter(|volume| !is_member(&main, volume))
            .collect();
        // A group without volumes has no points that could be delayed.
        let (joining, waiting): (Vec<&Volume>, Vec<&Volume>) = missing
            .into_iter()
            .partition(|volume| main.is_empty() || standing.holds(&volume.serial));
        self.add(self.group, &joining).await?;
        if self.own.group(&side).await?.is_some_and(|g| !g.destroyed) || !waiting.is_empty() {
            self.settle_seeds(&side, wanted, &waiting, &standing)
                .await?;
        }
        Ok(standing)
    }

    /// Tells the target which volume each name means.
    async fn note_names(&self, wanted: &[Volume]) -> Result<Book> {
        let now = self.own.now(&self.me);
        let mut book = match self.far_book().await? {
            Some(book) => book,
            None => Book::open(self.far, &identity(&self.me), self.group).await?,
        };
        let volumes = wanted
            .iter()
            .map(|volume| (volume.serial.as_str(), volume.name.as_str()));
        book.note_names(self.far, volumes, now).await?;
        Ok(book)
    }

    /// The members of a group, after those that are not wanted have been taken out.
    pub(crate) async fn without_strangers(
        &self,
        group: &str,
        wanted: &[Volume],
    ) -> Result<Vec<Membership>> {
        let members = self.own.members(group).await?;
        let ids: BTreeSet<&str> = wanted.iter().map(|volume| volume.id.as_str()).collect();
        let (stay, leave): (Vec<Membership>, Vec<Membership>) = members
            .into_iter()
            .partition(|one| ids.contains(one.member.id.as_str()));
        let leave: Vec<&str> = leave.iter().map(|one| one.member.name.as_str()).collect();
        remove(self.own, group, &leave).await?;
        Ok(stay)
    }

    /// Puts volumes into a group and sees that they are in it.
    pub(crate) async fn add(&self, group: &str, volumes: &[&Volume]) -> Result<()> {
        for some in volumes.chunks(TOGETHER) {
            let call = Call::post("protection-groups/volumes")
                .with("group_names", group)
                .list("member_names", some.iter().map(|volume| &volume.name));
            match self.own.send(call).await {
                Ok(_) => continue,
                Err(failure) if some.len() == 1 => refused_is_looked_at::<()>(Err(failure))?,
                Err(failure) => {
                    refused_is_looked_at::<()>(Err(failure))?;
                    self.add_one_by_one(group, some).await?;
                }
            }
        }
        if volumes.is_empty() {
            return Ok(());
        }
        let members = self.own.members(group).await?;
        match volumes.iter().find(|volume| !is_member(&members, volume)) {
            None => Ok(()),
            Some(volume) => Err(protector_framework::DriverError::conflict(format!(
                "array volume `{}` cannot be put into array group `{group}`; a group with a \
                 guarded retention, or one of hosts, may hold it",
                volume.name
            ))),
        }
    }

    /// One that is in the group already makes the array refuse all of them.
    async fn add_one_by_one(&self, group: &str, volumes: &[&Volume]) -> Result<()> {
        for volume in volumes {
            let call = Call::post("protection-groups/volumes")
                .with("group_names", group)
                .with("member_names", &volume.name);
            refused_is_looked_at(self.own.send(call).await)?;
        }
        Ok(())
    }
}

pub(super) fn is_member(members: &[Membership], volume: &Volume) -> bool {
    members.iter().any(|one| one.member.id == volume.id)
}

/// Takes volumes out of a group. One that is guarded stays and is told: more is kept than asked.
pub(crate) async fn remove(side: Side<'_>, group: &str, volumes: &[&str]) -> Result<()> {
    for volume in volumes {
        let call = Call::delete("protection-groups/volumes")
            .with("group_names", group)
            .with("member_names", volume);
        match side.send(call).await {
            Err(failure)
                if failure.is_refusal()
                    && matches!(failure.cause, Cause::NotFound | Cause::Pending) => {}
            Err(failure) if failure.cause == Cause::SafeMode => {
                tracing::warn!(group, volume, error = %failure.error, "a member stays");
            }
            Err(failure) => return Err(failure.into()),
            Ok(_) => {}
        }
    }
    Ok(())
}
