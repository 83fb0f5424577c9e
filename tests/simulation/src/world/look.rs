//! Looking at what there is on both sites.

use std::collections::BTreeMap;

use protector_driver_mock::world::Inventory;
use protector_model::{GroupStatus, Member};

use super::{Site, World};

/// What there is on one site, without what passes by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub cloud: Inventory,
    /// Array volumes by name.
    pub array: BTreeMap<String, String>,
}

impl Site {
    pub fn look(&self) -> Seen {
        let volumes = self.array.volumes().unwrap();
        Seen {
            cloud: self.cloud.inventory().unwrap(),
            array: volumes
                .into_iter()
                .map(|v| (v.name.to_string(), v.serial.to_string()))
                .collect(),
        }
    }

    /// The servers that run.
    pub fn running(&self) -> Vec<String> {
        let inventory = self.cloud.inventory().unwrap();
        let mut names: Vec<_> = inventory
            .servers
            .into_iter()
            .filter(|s| s.status.starts_with("ACTIVE"))
            .map(|s| s.name)
            .collect();
        names.sort();
        names
    }

    /// Nothing twice: servers by name, ports by network and MAC, volumes by name.
    pub fn assert_nothing_twice(&self, context: &str) {
        self.assert_nothing_twice_but(0, context);
    }

    /// The same, with so many copies on the array that no cloud has taken over yet.
    pub fn assert_nothing_twice_but(&self, copies: usize, context: &str) {
        let all = self.cloud.inventory().unwrap();
        let lists = [
            all.servers
                .iter()
                .map(|s| s.name.clone())
                .collect::<Vec<_>>(),
            all.ports
                .iter()
                .map(|p| format!("{} {}", p.network, p.mac_address))
                .collect(),
            all.volumes.iter().map(|v| v.name.clone()).collect(),
            all.groups.iter().map(|g| g.name.clone()).collect(),
        ];
        for mut list in lists {
            let count = list.len();
            list.sort();
            list.dedup();
            assert_eq!(
                list.len(),
                count,
                "{context}: twice on {}: {all:#?}",
                self.name
            );
        }
        let volumes = self.array.volumes().unwrap();
        assert_eq!(
            volumes.len(),
            all.volumes.len() + copies,
            "{context}: array volumes of {} that no cloud has: {volumes:#?}",
            self.name
        );
    }
}

impl World {
    /// The hashes of all volumes in production, by member and slot.
    pub async fn bytes(&self, site: &Site) -> Vec<(String, Vec<String>)> {
        let document = self.document(site).await;
        let mut all: Vec<_> = document
            .members
            .iter()
            .map(|member| {
                let copy = member.instance(site.id).unwrap();
                let hashes = copy
                    .volumes
                    .iter()
                    .map(|v| site.tenant.hash_volume(&v.id).unwrap())
                    .collect();
                (member.name.clone(), hashes)
            })
            .collect();
        all.sort();
        all
    }

    pub async fn member(&self, site: &Site, name: &str) -> Member {
        let document = self.document(site).await;
        document
            .members
            .into_iter()
            .find(|m| m.name == name)
            .unwrap()
    }

    /// Writes into a volume of a member, as its guest does.
    pub async fn write(&self, site: &Site, name: &str, slot: usize, text: &str) {
        let member = self.member(site, name).await;
        let volume = &member.instance(site.id).unwrap().volumes[slot];
        site.tenant
            .write_volume(&volume.id, 65536, text.as_bytes())
            .unwrap();
    }

    pub async fn reads(&self, site: &Site, name: &str, slot: usize, text: &str) -> bool {
        let member = self.member(site, name).await;
        let volume = &member.instance(site.id).unwrap().volumes[slot];
        site.tenant
            .read_volume(&volume.id, 65536, text.len())
            .unwrap()
            == text.as_bytes()
    }

    /// The members of the group as both sites have them, in a line.
    pub async fn summary(&self) -> String {
        let mut told = Vec::new();
        for site in [&self.a, &self.b] {
            let document = self.document(site).await;
            let runs = site.running();
            let primary = self.site(document.current_primary_site_id).name;
            let (number, version) = (document.epoch.number(), document.version);
            told.push(format!(
                "{}: {primary} {number}.{version} {}",
                site.name, document.status
            ));
            for member in &document.members {
                let copy = member.instance(site.id).map(|copy| copy.state);
                let runs = if runs.contains(&member.name) {
                    "runs"
                } else {
                    "rests"
                };
                told.push(format!("{} {} {copy:?} {runs}", member.name, member.status));
            }
        }
        told.join("; ")
    }

    /// What was written last into the first volume of a member's copy; `None`: there is no copy.
    pub async fn text(&self, site: &Site, name: &str, length: usize) -> Option<String> {
        let document = self.document(site).await;
        let member = document.members.iter().find(|m| m.name == name)?;
        let volume = member.instance(site.id)?.volumes.first()?;
        let bytes = site.tenant.read_volume(&volume.id, 65536, length).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// What the snapshots of that volume hold.
    pub async fn snapshots(&self, site: &Site, name: &str, length: usize) -> Vec<String> {
        let member = self.member(site, name).await;
        let Some(volume) = member
            .instance(site.id)
            .and_then(|copy| copy.volumes.first())
        else {
            return Vec::new();
        };
        let volumes = site.array.volumes().unwrap();
        let volume = volumes.iter().find(|v| v.serial == volume.serial);
        let Some(volume) = volume.map(|v| v.name.as_str()) else {
            return Vec::new();
        };
        let read = |snapshot: &String| {
            let bytes = site.array.read_snapshot(volume, snapshot, 65536 + length);
            let bytes = bytes.unwrap()?;
            String::from_utf8(bytes[65536..].to_vec()).ok()
        };
        let names = site.array.snapshots(volume).unwrap();
        names.iter().filter_map(read).collect()
    }

    /// Both sites hold the same document, nothing is under way, and the group has this status.
    pub async fn assert_settled(&self, status: GroupStatus, context: &str) {
        let (a, b) = (self.record(&self.a).await, self.record(&self.b).await);
        assert_eq!(a.head, b.head, "{context}");
        assert_eq!(
            a.document.status, status,
            "{context}: {:?}",
            a.document.status_reason
        );
        for record in [a, b] {
            assert!(
                record.staged.is_none() && record.conflict_with.is_none(),
                "{context}"
            );
            assert_eq!(record.active_operation, None, "{context}");
        }
    }
}
