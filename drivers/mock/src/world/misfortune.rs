//! What happens to an array beside its replication, and what can be seen of it from inside.

use std::fs::File;
use std::os::unix::fs::FileExt;

use protector_framework::{DriverError, ErrorKind, GroupRef, Result};

use super::array::MockArray;
use crate::array::{Files, remove};
use crate::fault;
use crate::log::{self, RecordedCall};
use crate::store::failed;

impl MockArray {
    /// Gives the array this much space for volumes, also less than is in use.
    ///
    /// # Errors
    /// As [`MockArray::identity`].
    pub fn set_capacity(&self, bytes: u64) -> Result<()> {
        self.change(|open| {
            open.own.state_mut().capacity_bytes = bytes;
            Ok(())
        })
    }

    /// Leaves no room for another volume.
    ///
    /// # Errors
    /// As [`MockArray::identity`].
    pub fn fill(&self) -> Result<()> {
        let used = self.look()?.own.files.used_bytes()?;
        self.set_capacity(used)
    }

    /// Records that a host is connected to a volume; from then on all connections of the array are
    /// known.
    ///
    /// # Errors
    /// `NotFound` for the volume.
    pub fn connect(&self, volume: &str, host: &str) -> Result<()> {
        self.know_connections()?;
        self.change(|open| {
            let serial = open.own.files.require(volume)?.serial;
            let connections = &mut open.own.state_mut().connections;
            connections
                .entry(serial)
                .or_default()
                .insert(host.to_owned());
            Ok(())
        })
    }

    /// Records that a host is not connected to a volume any more.
    ///
    /// # Errors
    /// `NotFound` for the volume.
    pub fn disconnect(&self, volume: &str, host: &str) -> Result<()> {
        self.change(|open| {
            let serial = open.own.files.require(volume)?.serial;
            if let Some(hosts) = open.own.state_mut().connections.get_mut(&serial) {
                hosts.remove(host);
            }
            Ok(())
        })
    }

    /// From now on the connections of the array's volumes are known; there are none.
    ///
    /// # Errors
    /// As [`MockArray::identity`].
    pub fn record_connections(&self) -> Result<()> {
        self.know_connections()
    }

    /// Takes one volume out of a received point.
    ///
    /// # Errors
    /// `InvalidRequest` for a group that sends; `NotFound` for the point or a volume of this serial
    /// in it.
    pub fn lose_from_point(&self, group: &GroupRef, point: &str, serial: &str) -> Result<()> {
        let GroupRef::Replica { name, source } = group else {
            return Err(DriverError::new(
                ErrorKind::InvalidRequest,
                "only received points lose volumes",
            ));
        };
        self.change(|open| {
            let missing = || DriverError::not_found(format!("point `{point}` with `{serial}`"));
            let replicas = &mut open.own.state_mut().replicas;
            let received = replicas
                .get_mut(source.id.as_str())
                .and_then(|groups| groups.get_mut(name.as_str()))
                .ok_or_else(missing)?;
            let record = received.points.iter_mut().find(|p| p.name == point);
            let volumes = &mut record.ok_or_else(missing)?.volumes;
            let at = volumes.iter().position(|v| v.serial.as_str() == serial);
            volumes.remove(at.ok_or_else(missing)?);
            let files = &open.own.files;
            let path = files.replica(source.id.as_str(), name.as_str(), point);
            let path = path.join(serial);
            remove(&path).map_err(|error| failed("remove", &path, &error))
        })
    }

    /// Forgets a point that a group of this array has taken, as retention does.
    ///
    /// # Errors
    /// `NotFound` for the group.
    pub fn lose_point(&self, group: &str, point: &str) -> Result<()> {
        self.change(|open| {
            let known = open.group_mut(group)?;
            known.points.retain(|record| record.name != point);
            Ok(())
        })
    }

    /// Reads from a snapshot of a volume; `None` where the volume has no such snapshot.
    ///
    /// # Errors
    /// `NotFound` for the volume; `Unexpected` beyond the snapshot's end.
    pub fn read_snapshot(
        &self,
        volume: &str,
        snapshot: &str,
        length: usize,
    ) -> Result<Option<Vec<u8>>> {
        let open = self.look()?;
        let serial = open.own.files.require(volume)?.serial;
        let path = open.own.files.snapshots(&serial).join(snapshot);
        if !path.exists() {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        File::open(&path)
            .and_then(|file| file.read_exact_at(&mut bytes, 0))
            .map_err(|error| failed("read", &path, &error))?;
        Ok(Some(bytes))
    }

    /// How many calls have fitted each rule of the fault script since it was written.
    ///
    /// # Errors
    /// `Unexpected` where the counts cannot be read.
    pub fn fault_counts(&self) -> Result<Vec<u64>> {
        fault::counts(&Files::of(self.directory()).book)
    }

    /// Begins to record the mutating calls that the array carries out, from none; or stops.
    ///
    /// # Errors
    /// `Unexpected` where the log cannot be written.
    pub fn record_calls(&self, on: bool) -> Result<()> {
        log::record(&Files::of(self.directory()).book, on)
    }

    /// The recorded calls, the oldest first.
    ///
    /// # Errors
    /// `Unexpected` where the log cannot be read.
    pub fn calls(&self) -> Result<Vec<RecordedCall>> {
        log::calls(&Files::of(self.directory()).book)
    }
}
