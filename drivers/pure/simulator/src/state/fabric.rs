//! All arrays and what moves between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use protector_framework::Ids;

use super::array::{Array, Millis};
use super::error::{ApiError, Outcome};
use super::link::Link;
use super::names::{NameKind, check, same};
use super::news::News;
use super::pod::Pod;
use super::replica_link::ReplicaLink;
use super::session::Session;
use crate::content::Store;
use crate::spec::Switches;

/// The place of an array in [`Fabric::arrays`]; never changes.
pub(crate) type At = usize;

/// The whole world of the simulator.
#[derive(Debug, Clone)]
pub(crate) struct Fabric {
    pub arrays: Vec<Array>,
    pub links: Vec<Link>,
    /// Pods live on one array or on several.
    pub pods: BTreeMap<String, Pod>,
    /// Points on their way, in the order in which they were asked for.
    pub sessions: Vec<Session>,
    /// Changes of targets on their way.
    pub news: Vec<News>,
    /// Pods that follow another.
    pub replica_links: Vec<ReplicaLink>,
    pub points_taken: u64,
    pub now: Millis,
    pub switches: Switches,
    pub ids: Arc<dyn Ids>,
}

impl Fabric {
    pub(crate) fn new(ids: Arc<dyn Ids>, switches: Switches, now: Millis) -> Self {
        Self {
            arrays: Vec::new(),
            links: Vec::new(),
            pods: BTreeMap::new(),
            sessions: Vec::new(),
            news: Vec::new(),
            replica_links: Vec::new(),
            points_taken: 0,
            now,
            switches,
            ids,
        }
    }

    /// Whether a clone of it is a copy of everything.
    pub(crate) fn is_in_memory(&self) -> bool {
        let in_memory = |array: &Array| matches!(array.store, Store::Memory(_));
        self.arrays.iter().all(in_memory)
    }

    pub(crate) fn new_id(&self) -> String {
        self.ids.uuid().to_string()
    }

    /// How long something destroyed can still be recovered, in milliseconds.
    pub(crate) fn time_remaining(&self, at: At, destroyed: Option<Millis>) -> Option<Millis> {
        destroyed.map(|time| (time + self.arrays[at].eradication_delay - self.now).max(0))
    }

    /// Takes a new name. All names of what comes from this array change with it.
    pub(crate) fn rename_array(&mut self, at: At, name: &str) -> Outcome<()> {
        check_array_name(name)?;
        if self.array_at(name).is_some_and(|other| other != at) {
            return Err(ApiError::refused(name, "Array name is already in use."));
        }
        name.clone_into(&mut self.arrays[at].name);
        Ok(())
    }

    pub(crate) fn array_at(&self, name: &str) -> Option<At> {
        self.arrays.iter().position(|array| same(&array.name, name))
    }

    /// Joins every pair that is not joined.
    pub(crate) fn connect_all(&mut self) {
        for a in 0..self.arrays.len() {
            for b in a + 1..self.arrays.len() {
                self.join(a, b);
            }
        }
    }

    /// Joins two arrays; an existing link stays as it is.
    pub(crate) fn join(&mut self, a: At, b: At) {
        if self.link(a, b).is_none() {
            self.links.push(Link {
                a,
                b,
                id: self.new_id(),
                up: true,
                bytes_per_second: None,
                kind: "sync-replication".to_owned(),
                throttle: None,
            });
        }
    }
}

/// Refuses what no array can be called.
pub(crate) fn check_array_name(name: &str) -> Outcome<()> {
    check(NameKind::Array, name, name)
}
