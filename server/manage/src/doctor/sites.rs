//! The registered sites as this one sees them, and the services of this one.

use std::collections::BTreeMap;

use protector_db::{Db, DbError};
use protector_model::{Site, SiteStatus};
use protector_reach::{Examined, Found, Keystone, Reach};

use super::cloud::{self, Adoption};
use super::report::{Report, check};
use super::{Ground, clock_skew, projects, role};

/// `answers`: whether this site's cloud does.
pub(super) async fn look(ground: &Ground, db: &Db, answers: bool, report: &mut Report) {
    if let Err(error) = sites(ground, db, answers, report).await {
        let check = check("sites", "reading the registered sites");
        report.fail(&check, error.to_string(), "see what the database says");
    }
    if let Err(error) = services(db, report).await {
        let check = check("services", "reading the services' signs of life");
        report.fail(&check, error.to_string(), "see what the database says");
    }
}

async fn sites(
    ground: &Ground,
    db: &Db,
    answers: bool,
    report: &mut Report,
) -> Result<(), DbError> {
    let Some(registry) = &ground.registry else {
        report.skip(&["sites"], "the drivers cannot be gathered");
        return Ok(());
    };
    let all = db.list_sites().await?;
    let others: Vec<_> = all.iter().filter(|site| !site.is_local).collect();
    let registered = check("sites", "reading the registered sites");
    if all.len() == others.len() && !all.is_empty() {
        let fix = "openstack protector site validate SITE, for the site of this cloud";
        report.warn(&registered, "none of them is known to be this one", fix);
    } else if others.is_empty() {
        report.ok(&registered, "no other site is registered");
    } else {
        report.ok(&registered, format!("{} are registered", all.len()));
    }
    let (clock, ids) = (ground.clock.clone(), ground.ids.clone());
    let reach = Reach::new(db.clone(), registry.clone(), clock, ids);
    for site in all.iter().filter(|site| site.is_local && answers) {
        projects::look(ground, db, &reach, site, report).await?;
    }
    for site in others {
        other(ground, db, &reach, site, report).await?;
    }
    Ok(())
}

async fn other(
    ground: &Ground,
    db: &Db,
    reach: &Reach,
    site: &Site,
    report: &mut Report,
) -> Result<(), DbError> {
    let name = &site.name;
    let check = check(
        format!("site {name}"),
        format!(
            "its cloud at {} with the account that is kept for it, and its Protector",
            site.auth_url
        ),
    );
    let keys = db.peer_keys().await?;
    let offered = keys.get(&site.id).and_then(|key| key.offered.clone());
    let examined = match reach.examine(site, &ground.ids.request_id()).await {
        Ok(examined) => examined,
        Err(error) => {
            report.fail(&check, error.to_string(), register(site));
            return Ok(());
        }
    };
    let well = examined.status == SiteStatus::Active && examined.reason.is_none();
    if well && examined.reach.protector && offered.is_none() {
        report.ok(
            &check,
            "all of it answers, and its key is the one that is known",
        );
    } else {
        report.fail(
            &check,
            told(&examined, offered.as_deref()),
            fix(site, &examined),
        );
    }
    // Where it cannot be built, that is part of what was found.
    if well && let Ok(driver) = reach.own_compute(site.id).await {
        let check = super::check(format!("cinder policy of site {name}"), cloud::ADOPT);
        let said = cloud::ask_to_adopt(ground, &driver).await;
        let fix = match said {
            Adoption::Refused(_) => against_refusal(ground, reach, site).await,
            _ => String::new(),
        };
        cloud::tell(&check, said, &fix, report);
        projects::look(ground, db, reach, site, report).await?;
    }
    their_clock(ground, site, report).await;
    Ok(())
}

/// What to do where a site's Cinder refuses: the account may lack its role there, or the rules are narrow.
async fn against_refusal(ground: &Ground, reach: &Reach, site: &Site) -> String {
    let roles = roles(ground, reach, site).await;
    match roles.is_some_and(|roles| roles.iter().all(|role| role != role::ADMIN)) {
        true => {
            let project = site.account.project_name.as_deref().unwrap_or("service");
            let add = role::add(projects::user(site), project, role::ADMIN);
            format!("at site {}: {add}", site.name)
        }
        false => format!("at site {}: {}", site.name, cloud::CINDER),
    }
}

/// The account's roles in its own project at a site, where Keystone tells them.
async fn roles(ground: &Ground, reach: &Reach, site: &Site) -> Option<Vec<String>> {
    let identity = reach.identity(site.id).await.ok()?;
    let token = identity.service_token(&ground.ctx()).await.ok()?;
    let info = identity.validate_token(&ground.ctx(), &token.token).await;
    Some(info.ok()?.roles)
}

fn told(examined: &Examined, offered: Option<&str>) -> String {
    let mut details: BTreeMap<String, String> = examined.reach.details.clone();
    if details.is_empty() {
        let reason = examined.reason.clone();
        details.extend(reason.map(|reason| ("site".to_owned(), reason)));
    }
    if let Some(offered) = offered {
        let told = details.entry("protector".to_owned()).or_default();
        if told.is_empty() {
            *told = format!("it shows another key than is known: {offered}");
        }
    }
    let lines = details.iter().map(|(part, told)| format!("{part}: {told}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn fix(site: &Site, examined: &Examined) -> String {
    let (name, details) = (&site.name, &examined.reach.details);
    let protector = details.get("protector");
    if examined.status == SiteStatus::Registered || examined.status == SiteStatus::Error {
        return register(site);
    }
    if examined.status == SiteStatus::Unreachable {
        return format!(
            "from this machine: `curl -i {}` and the same with each endpoint of `openstack catalog \
             list` there; open the way in firewalls and routers, then `openstack protector site \
             validate {name}`. What was refused meanwhile may be asked again; `openstack protector \
             protection-group sync-status GROUP` tells whether `sync-force` is needed",
            site.auth_url
        );
    }
    match protector {
        Some(told) if told.contains("another key") => format!(
            "if Protector was installed anew at {name}, and only then, confirm its key, which `openstack \
             protector site show {name}` shows there: openstack protector site set --peer-key KEY {name}"
        ),
        Some(told) if told.contains("not known here") => {
            format!("openstack protector site validate {name}")
        }
        _ => format!(
            "there: `systemctl status protector-api`, `ss -tlnp 'sport = :8788'`, `openstack endpoint \
             list --service protector`; from here: `curl -i` with that endpoint; then `openstack \
             protector site validate {name}`"
        ),
    }
}

fn register(site: &Site) -> String {
    format!(
        "correct the site's account, `auth_url` and region: `openstack protector site set {0} ...`, then \
         `openstack protector site validate {0}`",
        site.name
    )
}

/// Only a Keystone tells its time without being asked for it.
async fn their_clock(ground: &Ground, site: &Site, report: &mut Report) {
    let settings = serde_json::json!({"auth_url": site.auth_url});
    let config = protector_framework::DriverConfig::new(settings);
    let Ok(keystone) = Keystone::new(&config, ground.clock.clone()) else {
        return;
    };
    let check = check(
        format!("clock of site {}", site.name),
        format!("the Date that {} answers with", keystone.url()),
    );
    if let Found::Keystone(answer) = keystone.look().await
        && let Some(ahead) = answer.ahead
    {
        clock_skew(report, &check, "its Keystone's clock", ahead);
    }
}

async fn services(db: &Db, report: &mut Report) -> Result<(), DbError> {
    let check = check("services", "reading the services' signs of life");
    let services = db.list_services().await?;
    let down: Vec<_> = services
        .iter()
        .filter(|service| !service.up)
        .map(|service| {
            format!(
                "{} on {} was last seen at {}",
                service.binary,
                service.host,
                protector_db::stamp(service.last_seen_at)
            )
        })
        .collect();
    let ok = match services.is_empty() {
        true => "none has run yet",
        false => "all of them live",
    };
    let fix = "there: `systemctl status protector-api protector-engine`, `journalctl -u \
               protector-engine -n 100`; one that is gone for good is forgotten by `protector-manage \
               service remove HOST`";
    report.warnings(&check, &down, ok, fix);
    Ok(())
}
