//! Servers with data on their volumes, and what becomes of them.

use std::collections::BTreeMap;

use protector_driver_mock::world::{Inventory, NewPort, NewServer, ServerEntry, Tenant};
use protector_framework::{ServerId, VolumeId, VolumeStatus};

use super::pair::{Pair, Side};
use super::site::Site;
use crate::clouds::failure::{During, Outcome, ensure, fail};

/// The size of each volume; the files are sparse.
const GIB: u64 = 1;

/// How much is written at each place.
const BLOCK: usize = 64 * 1024;
/// How many places of a volume are written, the first and the last block among them.
const PLACES: u64 = 8;

/// A server that a tenant made on site-a.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its name, the same on both sites.
    pub name: String,
    /// Its id on site-a.
    pub id: ServerId,
    /// Its volumes on site-a, the root volume first.
    pub volumes: Vec<VolumeId>,
}

/// The hash of each volume, by server and place.
pub type Contents = BTreeMap<(String, usize), String>;

impl Pair {
    /// Makes running servers on site-a, each with a root volume and a data volume.
    ///
    /// # Errors
    /// What the cloud says.
    pub async fn make_servers(&self, names: &[&str]) -> Outcome<Vec<Server>> {
        let site = &self.a;
        let tenant = site.at_work();
        let kind = &site.furniture.volume_type;
        let mut volumes = Vec::new();
        for name in names {
            let root = tenant.create_volume(&format!("{name}-root"), GIB, kind, true)?;
            let data = tenant.create_volume(&format!("{name}-data"), GIB, kind, false)?;
            volumes.push(vec![root, data]);
        }
        self.until(10, async || {
            for id in volumes.iter().flatten() {
                let status = tenant.volume(id)?.status;
                let available = status == VolumeStatus::Available;
                ensure(available, || format!("volume {id} is {status:?}"))?;
            }
            Ok(())
        })
        .await?;
        let mut servers = Vec::new();
        for (name, volumes) in names.iter().zip(volumes) {
            let port = NewPort {
                name: format!("{name}-port"),
                security_groups: vec![site.furniture.security_group.clone()],
                ..NewPort::default()
            };
            let port = tenant.create_port(&site.furniture.network, &port)?;
            let server = NewServer {
                name: (*name).to_owned(),
                volumes: volumes.clone(),
                ports: vec![port],
                metadata: BTreeMap::from([("role".to_owned(), (*name).to_owned())]),
                ..NewServer::default()
            };
            let id = tenant.create_server(&site.furniture.flavor, &server)?;
            servers.push(Server {
                name: (*name).to_owned(),
                id,
                volumes,
            });
        }
        self.until(10, async || self.all_run(Side::A, &servers))
            .await?;
        Ok(servers)
    }

    /// Writes data into every volume of the servers that run on a site, as their guests do.
    ///
    /// # Errors
    /// What the cloud says.
    pub fn write(&self, side: Side, servers: &[Server], seed: &str) -> Outcome {
        let site = self.site(side);
        let tenant = site.at_work();
        for server in servers {
            for (slot, volume) in site.server(&server.name)?.volumes.iter().enumerate() {
                let seed = format!("{seed} {} {slot}", server.name);
                for (place, offset) in places() {
                    tenant.write_volume(volume, offset, &pattern(&seed, place))?;
                }
            }
        }
        Ok(())
    }

    /// Checks that every volume of the servers on a site bears this data, byte by byte.
    ///
    /// # Errors
    /// With the first volume and place that do not.
    pub fn check(&self, side: Side, servers: &[Server], seed: &str) -> Outcome {
        let site = self.site(side);
        let tenant = site.at_work();
        for server in servers {
            for (slot, volume) in site.server(&server.name)?.volumes.iter().enumerate() {
                let written = format!("{seed} {} {slot}", server.name);
                for (place, offset) in places() {
                    let should = pattern(&written, place);
                    let is = tenant.read_volume(volume, offset, should.len())?;
                    ensure(is == should, || {
                        format!(
                            "volume {slot} of {} at {side} does not bear the data `{seed}` at \
                             byte {offset}",
                            server.name
                        )
                    })?;
                }
            }
        }
        Ok(())
    }

    /// The content of every volume of the servers on a site.
    ///
    /// # Errors
    /// What the cloud says.
    pub fn contents(&self, side: Side, servers: &[Server]) -> Outcome<Contents> {
        let site = self.site(side);
        let tenant = site.at_work();
        let mut all = Contents::new();
        for server in servers {
            for (slot, volume) in site.server(&server.name)?.volumes.iter().enumerate() {
                all.insert((server.name.clone(), slot), tenant.hash_volume(volume)?);
            }
        }
        Ok(all)
    }

    /// Checks that all of the servers run on a site, each with both of its volumes.
    ///
    /// # Errors
    /// With the first that does not.
    pub fn all_run(&self, side: Side, servers: &[Server]) -> Outcome {
        for server in servers {
            let found = self.site(side).server(&server.name)?;
            ensure(found.status == "ACTIVE" && !found.locked, || {
                format!("{} at {side} does not run: {found:?}", server.name)
            })?;
            ensure(found.volumes.len() == 2, || {
                format!("{} at {side} has other volumes: {found:?}", server.name)
            })?;
        }
        Ok(())
    }

    /// Checks that all of the servers on a site are stopped, locked and disconnected.
    ///
    /// # Errors
    /// With the first that is not.
    pub fn all_parked(&self, side: Side, servers: &[Server]) -> Outcome {
        for server in servers {
            let found = self.site(side).server(&server.name)?;
            let shelved = found.status.starts_with("SHELVED_OFFLOADED");
            ensure(shelved && found.locked, || {
                format!("{} at {side} is not parked: {found:?}", server.name)
            })?;
        }
        Ok(())
    }
}

impl Site {
    /// Its tenant at the cloud itself.
    pub fn at_work(&self) -> Tenant {
        let (user, project) = (&self.furniture.user, &self.furniture.project);
        self.cloud.tenant(user, project)
    }

    /// All that is on its cloud.
    ///
    /// # Errors
    /// What the cloud says.
    pub fn inventory(&self) -> Outcome<Inventory> {
        self.cloud
            .inventory()
            .during(|| format!("the inventory of {}", self.side))
    }

    /// The one server of this name.
    ///
    /// # Errors
    /// Where there is none or more than one.
    pub fn server(&self, name: &str) -> Outcome<ServerEntry> {
        let all = self.inventory()?.servers;
        let mut named = all.into_iter().filter(|server| server.name == name);
        match (named.next(), named.next()) {
            (Some(server), None) => Ok(server),
            (None, _) => fail(format!("there is no server {name} at {}", self.side)),
            _ => fail(format!("there are two servers {name} at {}", self.side)),
        }
    }
}

/// Where a volume is written.
fn places() -> impl Iterator<Item = (u64, u64)> {
    let last = (GIB << 30) - BLOCK as u64;
    (0..PLACES).map(move |place| (place, last / (PLACES - 1) * place))
}

/// Bytes that differ by seed and place.
fn pattern(seed: &str, place: u64) -> Vec<u8> {
    let line = format!("{seed} at {place};");
    line.bytes().cycle().take(BLOCK).collect()
}
