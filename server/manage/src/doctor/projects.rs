//! The projects of a site that tenants are mapped to: whether Cinder lets the account adopt volumes in
//! each, which is what a failover there needs.

use protector_db::{Db, DbError, Page};
use protector_framework::{ProjectId, SiteId};
use protector_model::Site;
use protector_reach::Reach;

use super::Ground;
use super::cloud::{self, Adoption};
use super::report::{Report, check};
use super::role;

/// How many projects of a site are asked in at the most: each is a login and a question.
const MOST: usize = 50;

/// What was found in the projects that were asked in.
#[derive(Default)]
struct Findings {
    refused: Vec<(ProjectId, String)>,
    /// Where it was not learned, with the reason.
    unknown: Vec<(ProjectId, String)>,
    /// How many were asked about.
    asked: usize,
}

pub(super) async fn look(
    ground: &Ground,
    db: &Db,
    reach: &Reach,
    site: &Site,
    report: &mut Report,
) -> Result<(), DbError> {
    let all = projects(db, site.id).await?;
    if all.is_empty() {
        return Ok(());
    }
    let name = format!("cinder policy of the projects of site {}", site.name);
    let check = check(name, format!("{}, in each mapped project", cloud::ADOPT));
    let found = ask(ground, reach, site, &all).await;
    let asked = format!(
        "the first {} of {} mapped projects were asked about",
        found.asked,
        all.len()
    );
    let line = |(project, why): &(ProjectId, String)| format!("project {project}: {why}");
    let refused: Vec<_> = found.refused.iter().map(line).collect();
    let unknown: Vec<_> = found.unknown.iter().map(line).collect();
    let lines = [refused, unknown].concat().into_iter();
    let short = (found.asked < all.len()).then(|| asked.clone());
    let lines: Vec<_> = lines.chain(short).collect();
    let lines = lines.join("\n");
    if !found.refused.is_empty() {
        let projects = found.refused.iter().map(|(project, _)| project);
        report.fail(&check, lines, against_refusal(site, projects));
    } else if !found.unknown.is_empty() {
        report.warn(&check, lines, cloud::CINDER_LOG);
    } else {
        report.ok(&check, format!("the account may adopt volumes; {asked}"));
    }
    Ok(())
}

async fn ask(ground: &Ground, reach: &Reach, site: &Site, all: &[ProjectId]) -> Findings {
    let mut found = Findings::default();
    for project in all.iter().take(MOST) {
        let said = match reach.compute(site.id, project).await {
            Ok(driver) => cloud::ask_to_adopt(ground, &driver).await,
            Err(error) => Adoption::Unknown(error.to_string()),
        };
        found.asked += 1;
        match said {
            Adoption::May | Adoption::CannotTell => {}
            Adoption::Refused(words) => found.refused.push((project.clone(), words)),
            Adoption::Unknown(why) => found.unknown.push((project.clone(), why)),
            Adoption::Silent(why) => {
                found.unknown.push((project.clone(), why));
                break;
            }
        }
    }
    found
}

/// The projects of a site in any mapping, the oldest first.
async fn projects(db: &Db, site: SiteId) -> Result<Vec<ProjectId>, DbError> {
    let page = Page {
        sort: vec![("created_at".to_owned(), false)],
        ..Page::default()
    };
    let mut all = Vec::new();
    for mapping in db.page_tenant_mappings(&page).await? {
        for (at, project) in [
            (mapping.primary_site_id, mapping.primary_project_id),
            (mapping.secondary_site_id, mapping.secondary_project_id),
        ] {
            if at == site && !all.contains(&project) {
                all.push(project);
            }
        }
    }
    Ok(all)
}

fn against_refusal<'a>(site: &Site, projects: impl Iterator<Item = &'a ProjectId>) -> String {
    let add = projects.map(|project| role::add(user(site), project.as_str(), role::ADMIN));
    format!(
        "at site {}:\n{}\nwhere the account has that role there already: {}",
        site.name,
        add.collect::<Vec<_>>().join("\n"),
        cloud::CINDER
    )
}

/// The account at a site, as commands name it.
pub(super) fn user(site: &Site) -> &str {
    site.account.username.as_deref().unwrap_or("protector")
}
