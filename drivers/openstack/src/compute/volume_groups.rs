//! Generic volume groups. Their names are not unique, so the oldest of a name is the one.

use std::collections::BTreeSet;

use protector_framework::{
    DriverError, EnsureVolumeGroup, ErrorKind, Result, SetVolumeGroupVolumes, VolumeGroup,
    VolumeGroupId, VolumeId,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::volumes::{CINDER, cinder, state_refusal};
use super::wire::WireGroup;
use crate::session::{Call, Service, Trip};

#[derive(Deserialize)]
struct WireGroupType {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct MadeGroup {
    id: String,
}

impl WireGroup {
    /// Whether it is of no use: nothing is in it, and it failed or goes away.
    fn is_dead(&self) -> bool {
        self.status.starts_with("deleting")
            || self.status == "deleted"
            || (self.status.starts_with("error") && self.volumes.is_empty())
    }
}

impl Cloud {
    pub(super) async fn group(&self, trip: &Trip, id: &VolumeGroupId) -> Result<WireGroup> {
        // From 3.25 on a group tells its volumes.
        let call = cinder(["groups", id.as_str()])
            .needs(3, 25)
            .query("list_volume", "true");
        self.service.send(trip, call).await?.at("group")
    }

    pub(super) async fn make_group(
        &self,
        trip: &Trip,
        req: &EnsureVolumeGroup,
    ) -> Result<VolumeGroup> {
        if let Some(group) = self.keep_oldest(trip, &req.name).await? {
            return Ok(group.into());
        }
        match self.create_group(trip, req).await {
            // Somebody else may have made one at the same moment.
            Ok(made) => match self.keep_oldest(trip, &req.name).await {
                Ok(Some(group)) => Ok(group.into()),
                _ => Ok(made),
            },
            Err(error) => {
                self.find_after(error, || async move {
                    let found = self.keep_oldest(trip, &req.name).await?;
                    Ok(found.map(VolumeGroup::from))
                })
                .await
            }
        }
    }

    async fn create_group(&self, trip: &Trip, req: &EnsureVolumeGroup) -> Result<VolumeGroup> {
        let early = trip.leaving_time_to_look(&*self.env.clock);
        let group_type = self.group_type(&early, &req.group_type).await?;
        let types: Vec<_> = req.volume_types.iter().map(|id| id.as_str()).collect();
        let mut group = json!({
            "name": req.name,
            "group_type": group_type,
            "volume_types": types,
        });
        if !req.description.is_empty() {
            group["description"] = json!(req.description);
        }
        if let Some(zone) = req
            .availability_zone
            .as_ref()
            .filter(|zone| !zone.is_empty())
        {
            group["availability_zone"] = json!(zone);
        }
        let call = Call::post(Service::Volume, ["groups"], json!({"group": group}))
            .at(CINDER.0, CINDER.1)
            .needs(3, 13);
        let made: MadeGroup = self.service.send(&early, call).await?.at("group")?;
        match self.group(trip, &made.id.as_str().into()).await {
            Ok(group) => Ok(group.into()),
            // It is made; what it is now can be asked again.
            Err(_) => Ok(VolumeGroup::new(
                made.id,
                req.name.as_str(),
                false,
                "creating",
                Vec::new(),
            )),
        }
    }

    async fn group_type(&self, trip: &Trip, name: &str) -> Result<String> {
        let call = cinder(["group_types"]).needs(3, 11);
        let types: Vec<WireGroupType> = self.service.list(trip, call, "group_types").await?;
        types
            .into_iter()
            .find(|kind| kind.name == name)
            .map(|kind| kind.id)
            .ok_or_else(|| {
                DriverError::not_found(format!("group type `{name}` for this project"))
                    .with_call("GET /group_types")
            })
            .map_err(|mut error| {
                error.message = format!(
                    "{}; an administrator makes it once with `openstack --os-volume-api-version \
                     {}.{} volume group type create {name}`",
                    error.message, CINDER.0, CINDER.1
                );
                error
            })
    }

    /// The oldest group of this name; younger ones that hold nothing are deleted.
    async fn keep_oldest(&self, trip: &Trip, name: &str) -> Result<Option<WireGroup>> {
        let call = cinder(["groups", "detail"])
            .needs(3, 25)
            .query("list_volume", "true");
        let mut groups: Vec<WireGroup> = self.service.list(trip, call, "groups").await?;
        groups.retain(|group| group.name == name);
        groups.sort_by_key(|group| (group.is_dead(), group.created_at.clone(), group.id.clone()));
        let mut groups = groups.into_iter();
        let oldest = groups.next();
        let (oldest, dead) = match oldest {
            Some(group) if group.is_dead() => (None, Some(group)),
            other => (other, None),
        };
        for twin in dead.into_iter().chain(groups) {
            self.delete_twin(trip, &twin).await;
        }
        Ok(oldest)
    }

    /// Deletes a twin that holds nothing. Where that fails, the next look tries again.
    async fn delete_twin(&self, trip: &Trip, twin: &WireGroup) {
        let can_go = matches!(twin.status.as_str(), "available" | "error");
        if !can_go || !twin.volumes.is_empty() {
            return;
        }
        let sent = self.service.send(trip, deletion(&twin.id)).await;
        match sent {
            Ok(_) => tracing::info!(group = %twin.id, name = %twin.name, "deleted an empty twin"),
            Err(error) => {
                tracing::warn!(group = %twin.id, %error, "an empty twin could not be deleted");
            }
        }
    }

    pub(super) async fn set_members(
        &self,
        trip: &Trip,
        req: &SetVolumeGroupVolumes,
    ) -> Result<VolumeGroup> {
        let now = self.group(trip, &req.id).await?;
        let change = Change::between(&now.volumes, &req.volumes);
        if change.is_nothing() {
            return Ok(now.into());
        }
        check_ready(&now)?;
        let early = trip.leaving_time_to_look(&*self.env.clock);
        let call = Call::put(
            Service::Volume,
            ["groups", req.id.as_str()],
            change.into_body(),
        )
        .at(CINDER.0, CINDER.1)
        .needs(3, 13);
        match self.service.send(&early, call).await {
            Ok(_) => self.group(trip, &req.id).await.map(VolumeGroup::from),
            Err(error) => {
                self.find_after(error, || async move {
                    let group = self.group(trip, &req.id).await?;
                    let taken = group.status == "updating"
                        || Change::between(&group.volumes, &req.volumes).is_nothing();
                    Ok(taken.then(|| group.into()))
                })
                .await
            }
        }
    }

    pub(super) async fn drop_group(&self, trip: &Trip, id: &VolumeGroupId) -> Result<()> {
        let group = match self.group(trip, id).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        if group.status == "deleting" {
            return Ok(());
        }
        if !group.volumes.is_empty() {
            return Err(DriverError::conflict(format!(
                "volume group {id} still has {} volumes; take them out first",
                group.volumes.len()
            ))
            .with_call(format!("POST /groups/{id}/action")));
        }
        match self.service.send(trip, deletion(id.as_str())).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => {
                self.find_after(state_refusal(error), || async move {
                    match self.group(trip, id).await {
                        Ok(group) => Ok((group.status == "deleting").then_some(())),
                        Err(error) if error.kind == ErrorKind::NotFound => Ok(Some(())),
                        Err(error) => Err(error),
                    }
                })
                .await
            }
            Ok(_) => Ok(()),
        }
    }
}

/// Volumes are never deleted with their group.
fn deletion(id: &str) -> Call {
    Call::post(
        Service::Volume,
        ["groups", id, "action"],
        json!({"delete": {"delete-volumes": false}}),
    )
    .at(CINDER.0, CINDER.1)
    .needs(3, 13)
}

fn check_ready(group: &WireGroup) -> Result<()> {
    if group.status == "available" {
        return Ok(());
    }
    let kind = if group.status.ends_with("ing") {
        ErrorKind::Busy
    } else {
        ErrorKind::Conflict
    };
    Err(DriverError::new(
        kind,
        format!(
            "volume group {} is {} and cannot be changed",
            group.id, group.status
        ),
    )
    .with_call(format!("PUT /groups/{}", group.id)))
}

/// What makes one set of volumes into another.
struct Change {
    add: Vec<String>,
    remove: Vec<String>,
}

impl Change {
    fn between(now: &[String], wanted: &[VolumeId]) -> Self {
        let now: BTreeSet<_> = now.iter().map(String::as_str).collect();
        let wanted: BTreeSet<_> = wanted.iter().map(VolumeId::as_str).collect();
        let list = |from: &BTreeSet<&str>, without: &BTreeSet<&str>| {
            from.difference(without)
                .map(|id| (*id).to_owned())
                .collect()
        };
        Self {
            add: list(&wanted, &now),
            remove: list(&now, &wanted),
        }
    }

    fn is_nothing(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    fn into_body(self) -> Value {
        let mut group = json!({});
        for (name, ids) in [("add_volumes", self.add), ("remove_volumes", self.remove)] {
            if !ids.is_empty() {
                group[name] = json!(ids.join(","));
            }
        }
        json!({"group": group})
    }
}
