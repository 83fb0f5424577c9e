//! Everything that is on a cloud and its array, to see that nothing is left behind or made twice.

use std::collections::{BTreeMap, BTreeSet};

use super::arrays::Arrays;
use super::cloud::Cloud;
use super::failure::{Outcome, fail};
use super::http::{list, text};

/// Names of everything by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<&'static str, BTreeSet<String>>);

impl Inventory {
    /// Lists all projects of a cloud, and its array's volumes.
    ///
    /// # Errors
    /// What a service says.
    pub async fn read(arrays: &dyn Arrays, admin: &Cloud) -> Outcome<Self> {
        let mut all = BTreeMap::new();
        let nova = &admin.nova;
        let cinder = &admin.cinder;
        for (kind, service, path, pointer) in [
            ("server", nova, "/servers?all_tenants=1", "/servers"),
            ("port", &admin.neutron, "/ports", "/ports"),
            ("volume", cinder, "/volumes?all_tenants=1", "/volumes"),
            ("snapshot", cinder, "/snapshots?all_tenants=1", "/snapshots"),
            ("volume group", cinder, "/groups?all_tenants=1", "/groups"),
            (
                "attachment",
                cinder,
                "/attachments?all_tenants=1",
                "/attachments",
            ),
        ] {
            let body = service.get(path).await?;
            let ids = list(&body, pointer)
                .iter()
                .map(|one| {
                    let name = one["name"].as_str().unwrap_or_default();
                    text(one, "/id").map(|id| format!("{id} {name}").trim().to_owned())
                })
                .collect::<Outcome<_>>()?;
            all.insert(kind, ids);
        }
        all.insert("array volume", arrays.volumes(admin.side)?);
        Ok(Self(all))
    }

    /// How many of a kind there are.
    pub fn count(&self, kind: &str) -> usize {
        self.0.get(kind).map_or(0, BTreeSet::len)
    }

    /// What is there now and was not before, and the other way round.
    pub fn difference(&self, before: &Self) -> Vec<String> {
        let none = BTreeSet::new();
        let mut lines = Vec::new();
        for (kind, now) in &self.0 {
            let then = before.0.get(kind).unwrap_or(&none);
            lines.extend(now.difference(then).map(|x| format!("new {kind} {x}")));
            lines.extend(then.difference(now).map(|x| format!("lost {kind} {x}")));
        }
        lines
    }

    /// Checks that all is as before.
    ///
    /// # Errors
    /// With every difference.
    pub fn same_as(&self, before: &Self) -> Outcome {
        let lines = self.difference(before);
        if lines.is_empty() {
            return Ok(());
        }
        fail(format!("not as before: {}", lines.join("; ")))
    }
}
