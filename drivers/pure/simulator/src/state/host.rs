//! Hosts and what is connected to them.

use super::array::LimitKind;
use super::error::{ApiError, Kind, Outcome};
use super::fabric::{At, Fabric};
use super::names::{NameKind, check, same};

/// One host and its initiators.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    pub id: String,
    pub name: String,
    pub iqns: Vec<String>,
    pub wwns: Vec<String>,
    pub nqns: Vec<String>,
    pub personality: Option<String>,
}

/// A volume that a host sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Host id.
    pub host: String,
    /// Volume id.
    pub volume: String,
    /// Starts at 1; also the namespace id of an NVMe host.
    pub lun: u32,
}

impl Fabric {
    pub(crate) fn host_id(&self, at: At, name: &str) -> Outcome<String> {
        self.arrays[at]
            .hosts
            .values()
            .find(|host| same(&host.name, name))
            .map(|host| host.id.clone())
            .ok_or_else(|| ApiError::missing(Kind::Host, name))
    }

    pub(crate) fn create_host(&mut self, at: At, host: Host) -> Outcome<String> {
        check(NameKind::Host, &host.name, &host.name)?;
        if self.host_id(at, &host.name).is_ok() {
            return Err(ApiError::exists(Kind::Host, &host.name));
        }
        self.check_initiators(at, &host)?;
        self.arrays[at].check_limit(LimitKind::Hosts, 1, &host.name)?;
        let id = self.new_id();
        let host = Host {
            id: id.clone(),
            ..host
        };
        self.arrays[at].hosts.insert(id.clone(), host);
        Ok(id)
    }

    /// Puts a changed host in the place of the one with its id.
    pub(crate) fn change_host(&mut self, at: At, host: Host) -> Outcome<()> {
        check(NameKind::Host, &host.name, &host.name)?;
        if self.host_id(at, &host.name).is_ok_and(|id| id != host.id) {
            return Err(ApiError::exists(Kind::Host, &host.name));
        }
        self.check_initiators(at, &host)?;
        self.arrays[at].hosts.insert(host.id.clone(), host);
        Ok(())
    }

    /// An initiator belongs to one host.
    pub(crate) fn check_initiators(&self, at: At, wanted: &Host) -> Outcome<()> {
        let used = |what: &str, mine: &[String], of: fn(&Host) -> &[String]| {
            let others = self.arrays[at].hosts.values().filter(|h| h.id != wanted.id);
            let taken = others
                .flat_map(of)
                .any(|held| mine.iter().any(|m| m.eq_ignore_ascii_case(held)));
            match taken {
                true => Err(ApiError::refused(
                    &wanted.name,
                    format!("The specified {what} is already in use."),
                )),
                false => Ok(()),
            }
        };
        used("IQN", &wanted.iqns, |host| &host.iqns)?;
        used("WWN", &wanted.wwns, |host| &host.wwns)?;
        used("NQN", &wanted.nqns, |host| &host.nqns)
    }

    pub(crate) fn delete_host(&mut self, at: At, id: &str) -> Outcome<()> {
        let array = &mut self.arrays[at];
        let name = array
            .hosts
            .get(id)
            .map(|h| h.name.clone())
            .unwrap_or_default();
        if array.connections.iter().any(|c| c.host == id) {
            return Err(ApiError::refused(
                &name,
                "Host cannot be deleted due to existing connections.",
            ));
        }
        array.hosts.remove(id);
        Ok(())
    }

    /// Connects a volume; without a wish it gets the lowest free number from 1 on.
    pub(crate) fn connect(
        &mut self,
        at: At,
        host: &str,
        volume: &str,
        lun: Option<u32>,
    ) -> Outcome<Connection> {
        let array = &self.arrays[at];
        let Some(held) = array.volumes.get(volume) else {
            return Err(ApiError::missing(Kind::Volume, volume));
        };
        if held.destroyed.is_some() {
            return Err(ApiError::destroyed(Kind::Volume, &held.name));
        }
        let of_host = || array.connections.iter().filter(|c| c.host == host);
        if of_host().any(|c| c.volume == volume) {
            return Err(ApiError::exists(Kind::Connection, &held.name));
        }
        array.check_limit(LimitKind::Connections, 1, &held.name)?;
        let taken = |lun: u32| of_host().any(|c| c.lun == lun);
        let lun = match lun {
            Some(lun) if taken(lun) => {
                return Err(ApiError::refused(&held.name, "LUN is already in use."));
            }
            Some(lun) => lun,
            None => (1..).find(|lun| !taken(*lun)).unwrap_or(1),
        };
        let connection = Connection {
            host: host.to_owned(),
            volume: volume.to_owned(),
            lun,
        };
        self.arrays[at].connections.push(connection.clone());
        Ok(connection)
    }

    pub(crate) fn disconnect(&mut self, at: At, host: &str, volume: &str) -> Outcome<()> {
        let connections = &mut self.arrays[at].connections;
        let before = connections.len();
        connections.retain(|c| c.host != host || c.volume != volume);
        if connections.len() == before {
            let name = self.arrays[at].volumes.get(volume).map(|v| v.name.clone());
            return Err(ApiError::missing(
                Kind::Connection,
                &name.unwrap_or_default(),
            ));
        }
        Ok(())
    }

    pub(crate) fn connection_count(&self, at: At, volume: &str) -> usize {
        let connections = self.arrays[at].connections.iter();
        connections.filter(|c| c.volume == volume).count()
    }
}
