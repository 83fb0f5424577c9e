//! What is looked at on the clouds and arrays themselves, past Protector.

use std::collections::BTreeMap;

use super::arrays::{check_pattern, write_pattern};
use super::checks::{Portrait, portrait, same_looks};
use super::failure::{Outcome, ensure};
use super::inventory::Inventory;
use super::protection::Group;
use super::stage::Stage;
use super::testbed::Side;
use super::world::VOLUMES_EACH;

impl Stage {
    /// Checks the servers of a site in full: they run, look as they did, and bear the data.
    pub(super) async fn arrived(&self, side: Side, group: &Group, data: &str) -> Outcome {
        let what = format!(
            "{}: servers, flavors, ports, addresses, groups, metadata, data",
            side.name()
        );
        self.report
            .step(&what, async {
                self.all_run(side, group).await?;
                for (name, portrait) in self.portraits(side).await? {
                    for (slot, volume) in portrait.array_volumes().enumerate() {
                        let seed = seed(data, name, slot);
                        check_pattern(&*self.arrays, side, &volume, &seed)?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Exactly the group's servers run on a site, connected to their volumes, and look as they did.
    pub(super) async fn all_run(&self, side: Side, group: &Group) -> Outcome {
        for (name, portrait) in self.portraits(side).await? {
            same_looks(&portrait, &group.originals[name])?;
            for volume in portrait.array_volumes() {
                let hosts = self.arrays.connections(side, &volume)?;
                ensure(hosts == 1, || {
                    format!("{volume} of {name} is connected to {hosts} hosts, not one")
                })?;
            }
        }
        let servers = self.world.site(side).project.servers().await?;
        ensure(servers.len() == self.world.cast.plans().len(), || {
            format!("{} has {} servers", side.name(), servers.len())
        })
    }

    /// The copies of a site are off, locked and disconnected.
    pub(super) async fn parked(&self, side: Side) -> Outcome {
        let cloud = &self.world.site(side).project;
        for (name, portrait) in self.portraits(side).await? {
            for volume in portrait.array_volumes() {
                let hosts = self.arrays.connections(side, &volume)?;
                ensure(hosts == 0, || {
                    format!("{volume} of parked {name} is connected to {hosts} hosts")
                })?;
            }
            let server = cloud.server(name).await?;
            let off = server["status"] == "SHELVED_OFFLOADED" && server["locked"] == true;
            ensure(off, || {
                format!(
                    "{name} on {} is {}, locked: {}",
                    side.name(),
                    server["status"],
                    server["locked"]
                )
            })?;
        }
        Ok(())
    }

    /// The volumes of both sites are the same, byte for byte.
    pub(super) async fn same_bytes(&self) -> Outcome {
        self.report
            .step("both sites' volumes are the same, byte for byte", async {
                let (on_a, on_b) = (
                    self.portraits(Side::A).await?,
                    self.portraits(Side::B).await?,
                );
                for name in self.world.cast.names() {
                    let (a, b) = (&on_a[name], &on_b[name]);
                    ensure(a.volumes.len() == VOLUMES_EACH, || format!("{a:?}"))?;
                    ensure(b.volumes.len() == VOLUMES_EACH, || format!("{b:?}"))?;
                    for (a, b) in a.array_volumes().zip(b.array_volumes()) {
                        let same =
                            self.arrays.hash(Side::A, &a)? == self.arrays.hash(Side::B, &b)?;
                        ensure(same, || {
                            format!("{a} and {b} of {name} are not the same on both sites")
                        })?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// site-a's servers are the very ones that were protected, with their own volumes.
    pub(super) async fn the_same_servers(&self, group: &Group) -> Outcome {
        for (name, portrait) in self.portraits(Side::A).await? {
            let original = &group.originals[name];
            ensure(
                portrait.server_id == original.server_id && portrait.volumes == original.volumes,
                || format!("{name} came home as another server or with other volumes"),
            )?;
        }
        Ok(())
    }

    pub(super) async fn portraits(&self, side: Side) -> Outcome<BTreeMap<&'static str, Portrait>> {
        let cloud = &self.world.site(side).project;
        let mut all = BTreeMap::new();
        for name in self.world.cast.names() {
            all.insert(name, portrait(cloud, name).await?);
        }
        Ok(all)
    }

    pub(super) async fn inventory(&self, side: Side) -> Outcome<Inventory> {
        Inventory::read(&*self.arrays, &self.world.site(side).admin).await
    }

    /// Writes on every volume of a site what can be told apart later.
    pub(super) async fn write(&self, side: Side, data: &str) -> Outcome {
        for (name, portrait) in self.portraits(side).await? {
            ensure(portrait.looks["status"] == "ACTIVE", || {
                format!("{name} on {} does not run", side.name())
            })?;
            for (slot, volume) in portrait.array_volumes().enumerate() {
                write_pattern(&*self.arrays, side, &volume, &seed(data, name, slot))?;
            }
        }
        Ok(())
    }
}

fn seed(data: &str, server: &str, slot: usize) -> String {
    format!("{data}: {server} volume {slot}")
}
