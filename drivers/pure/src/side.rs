//! One array within one verb: the looks that the verbs share.

use chrono::{DateTime, Utc};
use protector_framework::{ArrayIdentity, DriverError, Result};
use serde::de::DeserializeOwned;

use crate::client::{Abilities, Call, Client, Failure, Reply, Trip, quoted};
use crate::names;
use crate::wire::{
    ArrayItem, Connection, Group, GroupSnapshot, Membership, Target, TransferItem, Volume,
    VolumeSnapshot,
};

/// How many names go into one call.
pub(crate) const TOGETHER: usize = 50;

/// An array as one verb speaks with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) client: &'a Client,
    pub(crate) trip: &'a Trip,
}

impl<'a> Side<'a> {
    pub(crate) fn new(client: &'a Client, trip: &'a Trip) -> Self {
        Self { client, trip }
    }

    pub(crate) async fn send(self, call: Call) -> Result<Reply, Failure> {
        self.client.send(self.trip, &call).await
    }

    pub(crate) async fn list<T: DeserializeOwned>(self, call: Call) -> Result<Vec<T>, Failure> {
        self.client.list(self.trip, call).await
    }

    pub(crate) async fn find<T: DeserializeOwned>(self, call: Call) -> Result<Vec<T>, Failure> {
        self.client.find(self.trip, call).await
    }

    /// A list of volumes, each of which says which one it is.
    pub(crate) async fn list_volumes(self, call: Call) -> Result<Vec<Volume>> {
        let name = call.name();
        told_apart(&name, self.list(call).await?)
    }

    /// The same for exact names or ids; one that is not there is no error but missing.
    pub(crate) async fn find_volumes(self, call: Call) -> Result<Vec<Volume>> {
        let name = call.name();
        told_apart(&name, self.find(call).await?)
    }

    pub(crate) async fn abilities(self) -> Result<Abilities, Failure> {
        self.client.abilities(self.trip).await
    }

    /// Waits before one more look.
    pub(crate) async fn pause(self, what: &str) -> Result<()> {
        self.trip.pause(&*self.client.env().clock, what).await
    }

    /// The array itself.
    pub(crate) async fn array(self) -> Result<ArrayItem> {
        let found: Vec<ArrayItem> = self.list(Call::get("arrays")).await?;
        found
            .into_iter()
            .next()
            .filter(|array| !array.id.is_empty() && !array.name.is_empty())
            .ok_or_else(|| {
                DriverError::new(
                    protector_framework::ErrorKind::Unexpected,
                    format!("the array at {} does not say who it is", self.client.host()),
                )
                .with_call("GET arrays")
            })
    }

    /// What time it is for the array, where it says so, else here.
    pub(crate) fn now(self, array: &ArrayItem) -> DateTime<Utc> {
        match array._as_of {
            Some(milliseconds) => crate::wire::time(milliseconds),
            None => self.client.env().clock.now(),
        }
    }

    /// How this array knows another one now. Arrays are told apart by id; a name is only believed
    /// where the array gives no id of the other one.
    pub(crate) async fn connection(self, to: &ArrayIdentity) -> Result<Option<Connection>> {
        let all: Vec<Connection> = self.list(Call::get("array-connections")).await?;
        let id = to.id.as_str();
        let by_id = all
            .iter()
            .find(|c| names::same(&c.remote.id, id) || names::same(&c.id, id));
        let by_name = || {
            all.iter()
                .find(|c| c.remote.id.is_empty() && names::same(&c.name, &to.name))
        };
        Ok(by_id.or_else(by_name).cloned())
    }

    /// The same, where the other array can be asked what it is called now: it may have been renamed,
    /// and not every release tells the ids of the arrays that it is connected to.
    pub(crate) async fn connection_with(
        self,
        to: &ArrayIdentity,
        far: Option<Self>,
    ) -> Result<Option<Connection>> {
        if let Some(found) = self.connection(to).await? {
            return Ok(Some(found));
        }
        let Some(far) = far else {
            return Ok(None);
        };
        let there = identity(&far.array().await?);
        match names::same(there.id.as_str(), to.id.as_str()) && there.name != to.name {
            true => self.connection(&there).await,
            false => Ok(None),
        }
    }

    /// What another array is called here, as the beginning of the name of a group that it sends.
    pub(crate) async fn source_name(self, source: &ArrayIdentity, group: &str) -> Result<String> {
        if let Some(connection) = self.connection(source).await? {
            return Ok(connection.name);
        }
        // Disconnected or renamed: what it has sent tells whose it is.
        let call = Call::get("protection-groups")
            .with("filter", format!("name={}", quoted(&format!("*:{group}"))));
        let inbound: Vec<Group> = self.list(call).await?;
        let told = inbound
            .iter()
            .find(|one| names::same(&one.source.id, source.id.as_str()))
            .and_then(|one| one.name.strip_suffix(&format!(":{group}")));
        Ok(told.unwrap_or(&source.name).to_owned())
    }

    /// The volume of a name, live or destroyed.
    pub(crate) async fn volume(self, name: &str) -> Result<Option<Volume>> {
        let call = Call::get("volumes").with("names", name);
        let found = self.find_volumes(call).await?;
        Ok(found
            .into_iter()
            .find(|volume| names::same(&volume.name, name)))
    }

    /// The live volume of a name.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn live_volume(self, name: &str) -> Result<Volume> {
        let found = self.volume(name).await?;
        found
            .filter(|volume| !volume.destroyed)
            .ok_or_else(|| no_volume(name))
    }

    /// The volumes of these names.
    ///
    /// # Errors
    /// `NotFound` with the first that is not there or is destroyed.
    pub(crate) async fn live_volumes(self, wanted: &[&str]) -> Result<Vec<Volume>> {
        let mut found: Vec<Volume> = Vec::new();
        for some in wanted.chunks(TOGETHER) {
            let call = Call::get("volumes").list("names", some);
            // One that is missing fails the call for all; then each is asked for by itself.
            let mut page = self.find_volumes(call).await?;
            if page.len() < some.len() {
                page.clear();
                for name in some {
                    page.extend(self.volume(name).await?);
                }
            }
            found.extend(page);
        }
        for name in wanted {
            let here = found.iter().find(|volume| names::same(&volume.name, name));
            if here.is_none_or(|volume| volume.destroyed) {
                return Err(no_volume(name));
            }
        }
        Ok(found)
    }

    /// The call that makes a volume which joins no group by itself.
    pub(crate) async fn new_volume(self, name: &str) -> Result<Call> {
        let call = Call::post("volumes").with("names", name);
        Ok(match self.abilities().await?.default_protection {
            true => call.with("with_default_protection", "false"),
            false => call,
        })
    }

    /// The live volume of a serial, whatever it is called.
    pub(crate) async fn volume_by_serial(self, serial: &str) -> Result<Option<Volume>> {
        let found = self.volumes_by_serial(&[serial]).await?;
        Ok(found.into_iter().next())
    }

    /// The live volumes of these serials; those that are gone are left out.
    pub(crate) async fn volumes_by_serial(self, serials: &[&str]) -> Result<Vec<Volume>> {
        let mut found = Vec::new();
        for some in serials.chunks(TOGETHER) {
            let filter = match some {
                [one] => format!("serial={}", quoted(one)),
                several => {
                    let several: Vec<String> = several.iter().map(|one| quoted(one)).collect();
                    format!("serial=({})", several.join(","))
                }
            };
            let call = Call::get("volumes")
                .with("filter", filter)
                .with("destroyed", "false");
            let page = self.list_volumes(call).await?;
            found.extend(page.into_iter().filter(|volume| {
                some.iter()
                    .any(|serial| names::same(serial, &volume.serial))
            }));
        }
        Ok(found)
    }

    /// The volume of an id.
    pub(crate) async fn volume_by_id(self, id: &str) -> Result<Option<Volume>> {
        let call = Call::get("volumes").with("ids", id);
        let found = self.find_volumes(call).await?;
        Ok(found.into_iter().find(|volume| volume.id == id))
    }

    /// The group of a name, live or destroyed.
    pub(crate) async fn group(self, name: &str) -> Result<Option<Group>> {
        let call = Call::get("protection-groups").with("names", name);
        let found: Vec<Group> = self.find(call).await?;
        Ok(found
            .into_iter()
            .find(|group| names::same(&group.name, name)))
    }

    /// The volumes of a group; none where there is no such group.
    pub(crate) async fn members(self, group: &str) -> Result<Vec<Membership>> {
        let call = Call::get("protection-groups/volumes").with("group_names", group);
        let name = call.name();
        let mut found: Vec<Membership> = self.find(call).await?;
        if let Some(one) = found.iter().find(|one| one.member.id.is_empty()) {
            return Err(nameless(&name, &one.member.name, "id"));
        }
        found.retain(|one| names::same(&one.group.name, group) && !one.member.destroyed);
        Ok(found)
    }

    /// Where a group sends to.
    pub(crate) async fn targets(self, group: &str) -> Result<Vec<Target>> {
        let call = Call::get("protection-groups/targets").with("group_names", group);
        let mut found: Vec<Target> = self.find(call).await?;
        found.retain(|one| names::same(&one.group.name, group));
        Ok(found)
    }

    /// A group's snapshots that are not destroyed, as this array has them.
    pub(crate) async fn group_snapshots(self, group: &str) -> Result<Vec<GroupSnapshot>> {
        let call = Call::get("protection-group-snapshots")
            .with("names", group)
            .with("destroyed", "false");
        let mut found: Vec<GroupSnapshot> = self.find(call).await?;
        found.retain(|one| names::after(&one.name, group).is_some() && !one.destroyed);
        Ok(found)
    }

    /// One snapshot of a group, live or destroyed.
    pub(crate) async fn group_snapshot(self, name: &str) -> Result<Option<GroupSnapshot>> {
        let call = Call::get("protection-group-snapshots").with("names", name);
        let found: Vec<GroupSnapshot> = self.find(call).await?;
        Ok(found.into_iter().find(|one| names::same(&one.name, name)))
    }

    /// What has been sent here of a group, or of one of its snapshots.
    pub(crate) async fn transfers(self, of: &str) -> Result<Vec<TransferItem>> {
        let call = Call::get("protection-group-snapshots/transfer").with("names", of);
        let mut found: Vec<TransferItem> = self.find(call).await?;
        found.retain(|one| !one.destroyed);
        Ok(found)
    }

    /// The volumes within the snapshots whose names begin with `head` and a dot.
    pub(crate) async fn held(self, head: &str) -> Result<Vec<VolumeSnapshot>> {
        let call = Call::get("volume-snapshots")
            .with("filter", format!("name={}", quoted(&format!("{head}.*"))))
            .with("destroyed", "false");
        let mut found: Vec<VolumeSnapshot> = self.find(call).await?;
        found.retain(|one| names::after(&one.name, head).is_some() && !one.destroyed);
        Ok(found)
    }
}

/// Volumes are matched by id and serial, and changed by id: one that does not tell them all would be
/// taken for another one.
fn told_apart(call: &str, found: Vec<Volume>) -> Result<Vec<Volume>> {
    for volume in &found {
        for (field, text) in [("id", &volume.id), ("serial", &volume.serial)] {
            if text.is_empty() {
                return Err(nameless(call, &volume.name, field));
            }
        }
    }
    Ok(found)
}

fn nameless(call: &str, item: &str, field: &str) -> DriverError {
    DriverError::new(
        protector_framework::ErrorKind::Unexpected,
        format!("`{call}`: the item `{item}` of the answer has no `{field}`"),
    )
    .with_call(call)
}

/// An array as its partner knows it.
pub(crate) fn identity(array: &ArrayItem) -> ArrayIdentity {
    ArrayIdentity {
        id: array.id.as_str().into(),
        name: array.name.clone(),
    }
}

/// A volume that was asked for by name and is not there.
pub(crate) fn no_volume(name: &str) -> DriverError {
    DriverError::not_found(format!("array volume `{name}`"))
}
