//! This site's Keystone with the account of `[keystone_authtoken]`: where it is, whether it lets the
//! account in, and whether the catalog leads here.

use std::sync::Arc;

use protector_config::KeystoneSection;
use protector_framework::{DriverError, ErrorKind, IdentityDriver, ServiceToken};
use protector_reach::{Found, Keystone, Probe};

use super::ports::{Port, is_protector};
use super::report::{Check, Report, check};
use super::{Ground, clock_skew, role};

/// What needs a login.
const AFTER_LOGIN: &[&str] = &["role", "endpoint"];

/// The reply is whether the account is let in and has the roles that it needs.
pub(super) async fn look(ground: &Ground, port: Port, report: &mut Report) -> bool {
    let section = &ground.config.keystone;
    let Some(driver) = driver(ground, report) else {
        report.skip(&["credentials"], "there is no driver for Keystone");
        report.skip(AFTER_LOGIN, "there is no driver for Keystone");
        return false;
    };
    // Other drivers speak to no Keystone: for them their own login says all.
    let keystone = match section.identity_driver.as_str() {
        "openstack" => match is_there(ground, report).await {
            Some(keystone) => Some(keystone),
            None => {
                report.skip(&["credentials"], "no Keystone answers");
                report.skip(AFTER_LOGIN, "no Keystone answers");
                return false;
            }
        },
        _ => None,
    };
    if !login(ground, &*driver, keystone.as_ref(), report).await {
        return false;
    }
    let token = match driver.service_token(&ground.ctx()).await {
        Ok(token) => token,
        Err(error) => {
            let check = check("role", "a token of the service's account");
            report.fail(&check, error.to_string(), add_admin(section));
            report.skip(&["endpoint"], "the service has no token");
            return false;
        }
    };
    let allowed = role::look(ground, &*driver, &token, report).await;
    endpoint(ground, &token, port, report).await;
    allowed
}

fn driver(ground: &Ground, report: &mut Report) -> Option<Arc<dyn IdentityDriver>> {
    let section = &ground.config.keystone;
    let name = &section.identity_driver;
    let registry = ground.registry.as_ref()?;
    match registry.identity(name, section.driver_config()) {
        Ok(driver) => Some(driver),
        Err(error) => {
            let check = check("keystone", format!("the settings of driver `{name}`"));
            let fix = "correct [keystone_authtoken] in protector.conf";
            report.fail(&check, error.to_string(), fix);
            None
        }
    }
}

/// The Keystone, where one is at the address.
async fn is_there(ground: &Ground, report: &mut Report) -> Option<Keystone> {
    let section = &ground.config.keystone;
    let written = section.auth_url.as_deref().unwrap_or_default();
    let keystone = match Keystone::new(&section.driver_config(), ground.clock.clone()) {
        Ok(keystone) => keystone,
        Err(error) => {
            let check = check("keystone", format!("reading auth_url {written}"));
            report.fail(&check, error.to_string(), AUTH_URL);
            return None;
        }
    };
    let check = check("keystone", format!("GET {}", keystone.url()));
    match keystone.look().await {
        Found::Keystone(answer) => {
            report.ok(&check, "a Keystone of version 3 answers");
            let check = super::check("keystone clock", "the Date of that answer");
            match answer.ahead {
                Some(ahead) => clock_skew(report, &check, "Keystone's clock", ahead),
                None => report.ok(&check, "it tells no time"),
            }
            Some(keystone)
        }
        Found::Other(answer) => {
            let found = format!(
                "what answers at auth_url {written} is no Keystone of version 3: HTTP {}",
                answer.status
            );
            report.fail(&check, found, AUTH_URL);
            None
        }
        Found::Nothing(reason) => {
            let found = format!("nothing answers at auth_url {written}: {reason}");
            report.fail(&check, found, AUTH_URL);
            None
        }
    }
}

const AUTH_URL: &str = "set [keystone_authtoken] auth_url to the Keystone of this site, such as \
                        http://controller:5000: `openstack endpoint list --service identity`; then try \
                        `curl -i http://controller:5000/v3`";

async fn login(
    ground: &Ground,
    driver: &dyn IdentityDriver,
    keystone: Option<&Keystone>,
    report: &mut Report,
) -> bool {
    let section = &ground.config.keystone;
    let (user, project) = (user(section), project(section));
    let check = check(
        "credentials",
        format!("logging in as {user} in project {project}"),
    );
    let error = match driver.check(&ground.ctx()).await {
        Ok(()) => {
            report.ok(&check, format!("{user} is let in"));
            return true;
        }
        Err(error) => error,
    };
    if error.kind != ErrorKind::Unauthorized {
        not_asked(&check, &error, report);
        return false;
    }
    let known = match keystone {
        Some(keystone) => keystone.knows_account().await,
        None => None,
    };
    let set = format!("openstack user set --password-prompt {user}");
    match known {
        Some(true) => {
            report.ok(&check, format!("user and password of {user} are right"));
            let role = super::check("role", format!("logging in in project {project}"));
            let found = format!("{user} has no role in project {project}: {error}");
            report.fail(&role, found, add_admin(section));
            report.skip(&["endpoint"], "the service has no token");
        }
        Some(false) => {
            let fix = format!(
                "{set}\nand write the same user, domain and password into [keystone_authtoken]"
            );
            report.fail(&check, error.to_string(), fix);
            report.skip(AFTER_LOGIN, "the account is refused");
        }
        None => {
            let fix = format!(
                "{set}\nor, where the password is right: {}",
                add_admin(section)
            );
            report.fail(&check, error.to_string(), fix);
            report.skip(AFTER_LOGIN, "the account is refused");
        }
    }
    false
}

fn not_asked(check: &Check, error: &DriverError, report: &mut Report) {
    let fix = match error.kind {
        ErrorKind::InvalidConfig => "correct [keystone_authtoken] in protector.conf",
        _ => AUTH_URL,
    };
    report.fail(check, error.to_string(), fix);
    report.skip(AFTER_LOGIN, "Keystone could not be asked");
}

/// The command that gives the account what the guide gives it.
fn add_admin(section: &KeystoneSection) -> String {
    role::add(user(section), project(section), role::ADMIN)
}

pub(super) fn user(section: &KeystoneSection) -> &str {
    let named = section.username.as_deref().or(section.user_id.as_deref());
    let credential = section.application_credential_id.as_deref();
    named.or(credential).unwrap_or("protector")
}

pub(super) fn project(section: &KeystoneSection) -> &str {
    let named = section.project_name.as_deref();
    named.or(section.project_id.as_deref()).unwrap_or("service")
}

/// Whether the catalog has a public endpoint that leads to a Protector.
async fn endpoint(ground: &Ground, token: &ServiceToken, port: Port, report: &mut Report) {
    let region = ground.config.keystone.region_name.as_deref();
    let check = check("endpoint", "the public endpoint of type `protector`");
    let found = token.catalog.iter().find(|entry| {
        entry.service_type == "protector"
            && entry.interface.trim_end_matches("URL") == "public"
            && region.is_none_or(|region| region == entry.region)
    });
    let of_region = region.unwrap_or("RegionOne");
    let create = format!(
        "openstack service create --name protector protector\nopenstack endpoint create --region \
         {of_region} protector public 'http://CONTROLLER:8788/v1/%(tenant_id)s'"
    );
    let Some(entry) = found else {
        let found = format!("the catalog has none in region {of_region}");
        report.fail(&check, found, create);
        return;
    };
    let Some(root) = root(&entry.url) else {
        let found = format!("`{}` does not end in /v1/%(tenant_id)s", entry.url);
        report.fail(&check, found, correct());
        return;
    };
    if port == Port::None {
        let found = format!("it is {}; no API runs here that could answer", entry.url);
        report.ok(&check, found);
        return;
    }
    let keystone = &ground.config.keystone;
    let (cafile, insecure) = (keystone.cafile.as_deref(), keystone.insecure);
    let answer = match Probe::new(cafile, insecure, ground.clock.clone()) {
        Ok(probe) => probe.get(&root).await,
        Err(error) => Err(error.to_string()),
    };
    match answer {
        Ok(answer) if is_protector(&answer.body) => report.ok(&check, entry.url.clone()),
        Ok(answer) => {
            let found = format!(
                "what answers at {root} is no Protector: HTTP {}",
                answer.status
            );
            report.fail(&check, found, correct());
        }
        Err(reason) => {
            let found = format!("nothing answers at {root}: {reason}");
            report.fail(&check, found, correct());
        }
    }
}

fn correct() -> String {
    "openstack endpoint list --service protector\nopenstack endpoint set --url \
     'http://CONTROLLER:8788/v1/%(tenant_id)s' ENDPOINT"
        .to_owned()
}

/// The URL before its `/v1/PROJECT`.
fn root(url: &str) -> Option<String> {
    let (root, project) = url.rsplit_once("/v1/")?;
    let whole = !project.is_empty() && !project.contains(['/', '%', '$']);
    let http = root.starts_with("http://") || root.starts_with("https://");
    (whole && http).then(|| format!("{root}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_ends_in_its_version_and_the_project() {
        assert_eq!(
            root("http://c:8788/v1/p1").as_deref(),
            Some("http://c:8788/")
        );
        assert_eq!(root("https://c/dr/v1/p1").as_deref(), Some("https://c/dr/"));
        for wrong in [
            "http://c:8788",
            "http://c:8788/v1",
            "http://c/v1/%(x)s",
            "c/v1/p",
        ] {
            assert_eq!(root(wrong), None, "{wrong}");
        }
    }
}
