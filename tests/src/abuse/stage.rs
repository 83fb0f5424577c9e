//! Two sites with a protected group, the first one's API in a process of its own.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clouds::deployment::{Profile, Programs};
use crate::clouds::failure::Outcome;
use crate::sites::{NewGroup, Pair, Side};

/// The name of a third site, of which there is nothing, and of a group without members: they may be
/// changed and removed.
pub(super) const SPARE: &str = "spare";

/// The sites, and what there is on them.
#[derive(Debug)]
pub struct Stage {
    /// Both sites.
    pub pair: Pair,
    /// Projects.
    pub projects: Vec<String>,
    /// Groups, by id and by name.
    pub groups: Vec<String>,
    /// Members.
    pub members: Vec<String>,
    /// Operations.
    pub operations: Vec<String>,
    /// Sites, by id and by name.
    pub sites: Vec<String>,
    /// Servers that are protected, and one that is not.
    pub servers: Vec<String>,
    /// Storage drivers.
    pub drivers: Vec<String>,
    /// What a path calls just `id`: any of these, and a tenant mapping.
    pub ids: Vec<String>,
    directory: TempDir,
}

impl Stage {
    /// Builds it.
    ///
    /// # Errors
    /// What fails.
    pub async fn set() -> Outcome<Self> {
        let programs = Programs::build(Profile::Dev).await?;
        let directory = tempfile::Builder::new()
            .prefix("protector-abuse-")
            .tempdir()?;
        let mut pair = Pair::ready(directory.path()).await?;
        let servers = pair.make_servers(&["db", "web", "spare"]).await?;
        pair.write(Side::A, &servers, "first")?;
        let members: Vec<_> = servers.iter().take(2).zip(1..).collect();
        let group = pair
            .protect(NewGroup {
                name: "shop",
                members: &members,
            })
            .await?;
        pair.settled(&group).await?;
        pair.create_group(SPARE).await?;
        let spare = json!({"site": {
            "name": SPARE,
            "site_type": "mock",
            "auth_url": format!("{}-nowhere", pair.a.cloud.auth_url()),
            "region_name": "RegionC",
        }});
        let admin = pair.a.admin()?;
        admin.post("/admin/sites", &spare).await?.expect(201)?;
        pair.a.become_a_process(&programs).await?;
        let tenant = pair.a.tenant()?;
        let project = pair.a.furniture.project.to_string();
        let members = tenant
            .get(&format!("/protection-groups/{}/members", group.id))
            .await?;
        let members: Vec<Value> = members.read(200, "members")?;
        let operations = tenant.get("/operations").await?;
        let operations: Vec<Value> = operations.read(200, "operations")?;
        let mappings = admin.get("/admin/tenant-mappings").await?;
        let mappings: Vec<Value> = mappings.read(200, "tenant_mappings")?;
        let mut ids = all_ids(&operations);
        ids.extend(all_ids(&mappings));
        ids.extend([group.id.clone(), project.clone()]);
        let mut sites = vec!["site-a".to_owned(), "site-b".to_owned(), SPARE.to_owned()];
        for side in Side::BOTH {
            sites.push(pair.site_id(Side::A, side).await?);
        }
        Ok(Self {
            servers: servers.iter().map(|server| server.id.to_string()).collect(),
            drivers: vec!["mock".to_owned(), "pure".to_owned()],
            projects: vec![project, "another".to_owned()],
            groups: vec![group.id, group.name, SPARE.to_owned()],
            members: all_ids(&members),
            operations: all_ids(&operations),
            sites,
            ids,
            pair,
            directory,
        })
    }

    /// Where everything is kept.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Stays on disk, to look at.
    pub fn keep(&mut self) {
        self.directory.disable_cleanup(true);
    }
}

fn all_ids(entries: &[Value]) -> Vec<String> {
    let ids = entries.iter().filter_map(|entry| entry["id"].as_str());
    ids.map(str::to_owned).collect()
}
