//! Whether the roles of the service's account are enough, in its own project, for each of those who ask
//! for one: the policy of the other site, Keystone, Cinder and Nova.

use protector_config::{Credentials, Policy, Target};
use protector_framework::{
    ErrorKind, IdentityDriver, ProjectId, ServiceToken, TokenInfo, TokenScope,
};

use super::Ground;
use super::cloud::{self, Adoption};
use super::keystone::{project, user};
use super::report::{Report, check};

/// The role that Keystone, Nova and Cinder know an administrator by, where nobody has changed their rules.
pub(super) const ADMIN: &str = "admin";
/// The other one that `keystone-setup.sh` grants.
const SERVICE: &str = "service";

/// What the other site's Protector asks for; and so the account must be able to.
const PEER_RULE: &str = "protector:peer";

/// A project that is not there: who may look at any is told so, and who may not is refused first.
const NOWHERE: &str = "protector-asks";

/// Something that the roles are not enough for, and what to do about it.
struct Lack {
    found: String,
    fix: String,
}

/// The reply is whether they are enough.
pub(super) async fn look(
    ground: &Ground,
    driver: &dyn IdentityDriver,
    token: &ServiceToken,
    report: &mut Report,
) -> bool {
    let section = &ground.config.keystone;
    let granted = |role| add(user(section), project(section), role);
    let check = check("role", "validating a token and looking up projects");
    let info = match driver.validate_token(&ground.ctx(), &token.token).await {
        Ok(info) => info,
        Err(error) => {
            report.fail(&check, error.to_string(), granted(ADMIN));
            return false;
        }
    };
    let roles = info.roles.join(", ");
    let has_admin = info.roles.iter().any(|role| role == ADMIN);
    let cinder = match has_admin {
        true => None,
        false => refusal_of_cinder(ground).await,
    };
    let rule = ground.policy.as_ref().and_then(|policy| {
        let role = unmet(policy, &info)?;
        let found = format!("they do not meet the rule {PEER_RULE} of policy.yaml");
        let fix = role.map_or_else(|| PEER.to_owned(), granted);
        Some(Lack { found, fix })
    });
    let lack_admin = |found| Lack {
        found,
        fix: granted(ADMIN),
    };
    let keystone = refusal_of_keystone(ground, driver, &info).await;
    let lacks = [rule, keystone.map(lack_admin), cinder.map(lack_admin)];
    let lacks: Vec<_> = lacks.into_iter().flatten().collect();
    if !lacks.is_empty() {
        let found: Vec<_> = lacks.iter().map(|lack| lack.found.as_str()).collect();
        let mut fixes: Vec<_> = lacks.iter().map(|lack| lack.fix.as_str()).collect();
        fixes.dedup();
        let found = format!("the account's roles are {roles}\n{}", found.join("\n"));
        report.fail(&check, found, fixes.join("\n"));
        return false;
    }
    let found = format!("the account's roles are {roles}");
    match has_admin {
        true => report.ok(&check, found),
        false => {
            let found = format!(
                "{found}; Keystone and Cinder are content with them, but Nova by its own rules lets \
                 only `{ADMIN}` stop, start and shelve a server that is locked"
            );
            report.warn(&check, found, granted(ADMIN));
        }
    }
    true
}

/// The role that is missing for the policy to let the account speak for a site. The inner `None`: neither
/// of those that the guide grants would help.
fn unmet(policy: &Policy, info: &TokenInfo) -> Option<Option<&'static str>> {
    if may_meet(policy, info, None) {
        return None;
    }
    let helps = |role: &&'static str| may_meet(policy, info, Some(role));
    Some([ADMIN, SERVICE].into_iter().find(helps))
}

const PEER: &str = "give the account a role that the rule names, or write the rule anew; then run \
                    `protector-manage policy check`";

fn may_meet(policy: &Policy, info: &TokenInfo, more: Option<&str>) -> bool {
    let (project_id, project_domain_id) = match &info.scope {
        TokenScope::Project { id, domain_id, .. } => {
            (Some(id.to_string()), Some(domain_id.clone()))
        }
        _ => (None, None),
    };
    let mut roles = info.roles.clone();
    roles.extend(more.map(str::to_owned));
    let mut credentials = Credentials {
        user_id: info.user_id.to_string(),
        user_domain_id: Some(info.user_domain_id.clone()),
        project_id,
        project_domain_id,
        roles,
        is_admin_project: info.is_admin_project,
        ..Credentials::default()
    };
    credentials.is_admin = policy.is_admin(&credentials);
    policy.allows(PEER_RULE, &credentials, &Target::none())
}

/// How Keystone refuses to look a project up: everybody may look at his own, so that it is asked for
/// another one too.
async fn refusal_of_keystone(
    ground: &Ground,
    driver: &dyn IdentityDriver,
    info: &TokenInfo,
) -> Option<String> {
    let own = match &info.scope {
        TokenScope::Project { id, .. } => Some(id.clone()),
        _ => None,
    };
    for project in own.into_iter().chain([ProjectId::from(NOWHERE)]) {
        let asked = driver.get_project(&ground.ctx(), &project).await;
        if let Err(error) = asked
            && error.kind == ErrorKind::Unauthorized
        {
            return Some(format!("Keystone refuses looking up projects: {error}"));
        }
    }
    None
}

/// How Cinder refuses to let volumes be adopted.
async fn refusal_of_cinder(ground: &Ground) -> Option<String> {
    let driver = cloud::driver(ground)?.ok()?;
    match cloud::ask_to_adopt(ground, &driver).await {
        Adoption::Refused(words) => Some(format!("Cinder does not let it adopt volumes: {words}")),
        _ => None,
    }
}

/// The command that grants a role.
pub(super) fn add(user: &str, project: &str, role: &str) -> String {
    format!("openstack role add --project {project} --user {user} {role}")
}
