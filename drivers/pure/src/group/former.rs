//! A group that was deleted awaits its eradication under its name, which the new one needs. It is
//! taken back, and whatever it still has goes before the new one begins. That takes several calls, so
//! it is noted first: whoever comes after a crash knows a group that was taken back from a new one.
//!
//! An asynchronous group that somebody else destroyed was never deleted here: it is taken back with all it has.

use protector_framework::{DriverError, Result};
use serde_json::{Value, json};

use super::Sent;
use super::finish::destroy_snapshot;
use crate::book::Former;
use crate::client::{Call, quoted, refused_is_looked_at};
use crate::names;
use crate::wire::Group;

impl Sent<'_> {
    /// A live group of this name on the own array, with nothing of one that was deleted.
    pub(crate) async fn ensure_group(&mut self, name: &str) -> Result<Group> {
        let mut found = self.own.group(name).await?;
        if found.as_ref().is_some_and(|group| group.destroyed) && self.book.former(name).is_none() {
            if self.is_alive(name) {
                tracing::warn!(group = name, "destroyed by somebody else; it is taken back");
                self.change_group(name, json!({"destroyed": false})).await?;
                found = self.own.group(name).await?;
            } else {
                self.note_former(name).await?;
            }
        }
        if let Some(former) = self.book.former(name) {
            self.leave_former(name, &former).await?;
            self.book.forget_former(self.own, name).await?;
            found = self.own.group(name).await?;
        }
        if let Some(group) = found.filter(|group| !group.destroyed) {
            return Ok(group);
        }
        let call = Call::post("protection-groups").with("names", name);
        refused_is_looked_at(self.own.send(call).await)?;
        let made = self.own.group(name).await?;
        made.filter(|group| !group.destroyed).ok_or_else(|| {
            DriverError::conflict(format!(
                "array group `{name}` could not be made; look for a group of that name on array \
                 `{}`",
                self.me.name
            ))
        })
    }

    /// Whether by the notes the group of this name sends, so that it was not destroyed by the driver:
    /// a deletion notes the end first. Not told so of the side group, which comes and goes, nor of one
    /// in a pod: a synchronous group is active before it has its pod.
    fn is_alive(&self, name: &str) -> bool {
        self.book.is_active() && self.book.target().is_some() && name == self.group
    }

    /// Notes what is to become of the group that has the name.
    pub(crate) async fn note_former(&mut self, name: &str) -> Result<()> {
        let former = Former {
            until: self.own.now(&self.me).timestamp_millis(),
            grave: self.grave(name).await?,
        };
        self.book.note_former(self.own, name, &former).await
    }

    /// The name under which it goes for good, so that the names of its points are free. Where its
    /// points are still kept at the target, the new one goes on from them under the same name.
    async fn grave(&self, name: &str) -> Result<Option<String>> {
        let remote = self.remote(name);
        if name != self.group || self.far.group(&remote).await?.is_some_and(|g| !g.destroyed) {
            return Ok(None);
        }
        let any = format!("name={}", quoted(&format!("{name}-old*")));
        let call = Call::get("protection-groups").with("filter", any);
        let older: Vec<Group> = self.own.list(call).await?;
        Ok((1..)
            .map(|number| format!("{name}-old{number}"))
            .find(|name| older.iter().all(|group| !names::same(&group.name, name))))
    }

    async fn leave_former(&self, name: &str, former: &Former) -> Result<()> {
        if self.own.group(name).await?.is_some_and(|g| g.destroyed) {
            self.change_group(name, json!({"destroyed": false})).await?;
        }
        let Some(grave) = &former.grave else {
            let all = self.own.group_snapshots(name).await?;
            for old in all.iter().filter(|one| one.created <= former.until) {
                destroy_snapshot(self.own, &old.name).await?;
            }
            return Ok(());
        };
        if self.own.group(grave).await?.is_none() {
            self.change_group(name, json!({"name": grave})).await?;
        }
        if self.own.group(grave).await?.is_some_and(|g| !g.destroyed) {
            self.change_group(grave, json!({"destroyed": true})).await?;
        }
        Ok(())
    }

    async fn change_group(&self, name: &str, body: Value) -> Result<()> {
        let call = Call::patch("protection-groups")
            .with("names", name)
            .json(body);
        refused_is_looked_at(self.own.send(call).await)
    }
}
