//! This site's cloud with the account of `[keystone_authtoken]`.

use std::sync::Arc;

use protector_framework::{CloudHealth, ComputeDriver, DriverError, DriverKind, ErrorKind};
use protector_reach::within;

use super::report::{Check, Report, check};
use super::{Ground, PATIENCE};

/// The driver for this site's cloud; `None`: there is none of that name.
pub(super) fn driver(ground: &Ground) -> Option<Result<Arc<dyn ComputeDriver>, DriverError>> {
    let section = &ground.config.keystone;
    // Keystone and the rest of a cloud have drivers of the same name.
    let name = &section.identity_driver;
    let registry = ground.registry.as_ref()?;
    registry.driver(DriverKind::Compute, name)?;
    Some(registry.compute(name, section.driver_config()))
}

/// The reply is whether all of the cloud answers.
pub(super) async fn look(ground: &Ground, report: &mut Report) -> bool {
    let Some(driver) = driver(ground) else {
        let why = "no compute driver has the name of [keystone_authtoken] identity_driver";
        report.skip(&["cloud", "cinder policy"], why);
        return false;
    };
    let cloud_check = check("cloud", "one question each to Nova, Cinder and Neutron");
    let driver = match driver {
        Ok(driver) => driver,
        Err(error) => {
            let fix = "correct [keystone_authtoken] in protector.conf";
            report.fail(&cloud_check, error.to_string(), fix);
            report.skip(&["cinder policy"], "there is no driver for the cloud");
            return false;
        }
    };
    let asked = within(&*ground.clock, PATIENCE * 2, driver.health(&ground.ctx())).await;
    let silent = match asked {
        Some(health) => silent(&health),
        None => vec!["no answer in time".to_owned()],
    };
    if !silent.is_empty() {
        let fix = "`openstack catalog list` shows where they should be; `openstack compute service \
                   list`, `openstack volume service list` and `openstack network agent list` whether \
                   they run";
        report.fail(&cloud_check, silent.join("\n"), fix);
        report.skip(&["cinder policy"], "not all of the cloud answers");
        return false;
    }
    report.ok(&cloud_check, "all answer");
    // Whether it lacks a role has been found out before.
    let check = check("cinder policy", ADOPT);
    tell(&check, ask_to_adopt(ground, &driver).await, CINDER, report);
    true
}

/// What does not answer.
fn silent(health: &CloudHealth) -> Vec<String> {
    let services = [
        ("keystone", &health.keystone),
        ("nova", &health.nova),
        ("cinder", &health.cinder),
        ("neutron", &health.neutron),
    ];
    let silent = services.iter().filter(|(_, answer)| !answer.reachable);
    silent
        .map(|(name, answer)| format!("{name}: {}", answer.detail))
        .collect()
}

/// What Cinder says to an account that asks whether it may adopt volumes.
pub(super) enum Adoption {
    May,
    CannotTell,
    /// With its words.
    Refused(String),
    /// Why it was not learned.
    Unknown(String),
    /// The same, where nobody answers and nobody would if asked again.
    Silent(String),
}

pub(super) const ADOPT: &str = "asking Cinder to adopt a volume of a back end that is not there";

pub(super) async fn ask_to_adopt(ground: &Ground, driver: &Arc<dyn ComputeDriver>) -> Adoption {
    let asked = within(&*ground.clock, PATIENCE, driver.may_adopt(&ground.ctx())).await;
    match asked {
        Some(Ok(())) => Adoption::May,
        Some(Err(error)) => match error.kind {
            ErrorKind::Unauthorized => Adoption::Refused(error.to_string()),
            ErrorKind::Unsupported => Adoption::CannotTell,
            ErrorKind::Unreachable | ErrorKind::Timeout => Adoption::Silent(error.to_string()),
            _ => Adoption::Unknown(error.to_string()),
        },
        None => Adoption::Silent("no answer in time".to_owned()),
    }
}

/// `fix`: what to do where it is refused.
pub(super) fn tell(check: &Check, said: Adoption, fix: &str, report: &mut Report) {
    match said {
        Adoption::May => report.ok(check, "the account may adopt volumes"),
        Adoption::CannotTell => report.ok(check, "this cloud cannot tell"),
        Adoption::Refused(words) => report.fail(check, words, fix),
        Adoption::Unknown(why) | Adoption::Silent(why) => report.warn(check, why, CINDER_LOG),
    }
}

pub(super) const CINDER_LOG: &str = "look into Cinder's log";

/// Where an account that has its role is refused all the same.
pub(super) const CINDER: &str = "Cinder's rules are narrower there than its own: merge \
    /usr/share/protector/cinder/policy.yaml, with `volume_extension:volume_manage` and what else is \
    needed, into /etc/cinder/policy.yaml and grant its role in each protected project: `openstack role \
    add --project PROJECT --user protector protector_service`. Cinder reads the file again by itself; \
    where it does not, `systemctl restart cinder-api cinder-volume`. \
    /usr/share/doc/protector/deployment/cinder-policy.md tells which ways there are";
