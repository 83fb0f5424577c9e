//! This site's cloud with the account of `[keystone_authtoken]`.

use std::sync::Arc;

use protector_framework::{CloudHealth, ComputeDriver, DriverKind, ErrorKind};
use protector_reach::within;

use super::report::{Report, check};
use super::{Ground, PATIENCE};

pub(super) async fn look(ground: &Ground, report: &mut Report) {
    let section = &ground.config.keystone;
    // Keystone and the rest of a cloud have drivers of the same name.
    let name = &section.identity_driver;
    let registry = ground.registry.as_ref();
    let registry = registry.filter(|known| known.driver(DriverKind::Compute, name).is_some());
    let Some(registry) = registry else {
        let why = "no compute driver has the name of [keystone_authtoken] identity_driver";
        report.skip(&["cloud", "cinder policy"], why);
        return;
    };
    let cloud_check = check("cloud", "one question each to Nova, Cinder and Neutron");
    let driver = match registry.compute(name, section.driver_config()) {
        Ok(driver) => driver,
        Err(error) => {
            let fix = "correct [keystone_authtoken] in protector.conf";
            report.fail(&cloud_check, error.to_string(), fix);
            report.skip(&["cinder policy"], "there is no driver for the cloud");
            return;
        }
    };
    let asked = within(&*ground.clock, PATIENCE * 2, driver.health(&ground.ctx())).await;
    let silent = match asked {
        Some(health) => silent(&health),
        None => vec!["no answer in time".to_owned()],
    };
    if silent.is_empty() {
        report.ok(&cloud_check, "all answer");
    } else {
        let fix = "`openstack catalog list` shows where they should be; `openstack compute service \
                   list`, `openstack volume service list` and `openstack network agent list` whether \
                   they run";
        report.fail(&cloud_check, silent.join("\n"), fix);
        report.skip(&["cinder policy"], "not all of the cloud answers");
        return;
    }
    may_adopt(ground, &driver, "", report).await;
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

/// Whether Cinder lets the account adopt volumes. `at`: the site, where it is not this one.
pub(super) async fn may_adopt(
    ground: &Ground,
    driver: &Arc<dyn ComputeDriver>,
    at: &str,
    report: &mut Report,
) {
    let name = match at {
        "" => "cinder policy".to_owned(),
        site => format!("cinder policy of site {site}"),
    };
    let check = check(
        name,
        "asking Cinder to adopt a volume of a back end that is not there",
    );
    let asked = within(&*ground.clock, PATIENCE, driver.may_adopt(&ground.ctx())).await;
    match asked {
        Some(Ok(())) => report.ok(&check, "the account may adopt volumes"),
        Some(Err(error)) if error.kind == ErrorKind::Unauthorized => {
            report.fail(&check, error.to_string(), CINDER);
        }
        Some(Err(error)) if error.kind == ErrorKind::Unsupported => {
            report.ok(&check, "this cloud cannot tell");
        }
        Some(Err(error)) => report.warn(&check, error.to_string(), "look into Cinder's log"),
        None => report.warn(&check, "no answer in time", "look into Cinder's log"),
    }
}

const CINDER: &str = "write these rules into /etc/cinder/policy.yaml there, for a role of the service's \
                      account or as the installation guide has them:\n\
                      \"volume_extension:volume_manage\": \"role:admin\"\n\
                      \"volume_extension:volume_unmanage\": \"role:admin\"\n\
                      \"volume_extension:services:index\": \"role:admin\"\n\
                      then `systemctl restart cinder-api cinder-volume`";
