//! What schemathesis is told, so that it gets past the door: ids of things that exist.

use super::stage::{SPARE, Stage};
use crate::clouds::failure::Outcome;
use protector_framework::ExposeSecret;

/// Whose token the calls carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The administrator, who may call everything.
    Admin,
    /// The owner of the group, who may call what tenants call.
    Tenant,
}

impl Caller {
    /// Both; the administrator last, who may take the sites apart.
    pub const ALL: [Self; 2] = [Self::Tenant, Self::Admin];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "administrator",
            Self::Tenant => "tenant",
        }
    }
}

/// Where this service means something else than schemathesis does.
const CHECKS: &str = "\
request-timeout = 60.0

[checks]
# A body over the limit is refused before it is read.
negative_data_rejection.expected-statuses = [
    400, 401, 403, 404, 405, 406, 409, 413, 415,
]

";

/// A new site is asked for a sign of life for as long as a call may take. Where its URL is taken from
/// the list above it says at once that it is not there; these two phases take no such URL.
const SLOW: &str = "
[[operations]]
include-operation-id = \"create_site\"
phases = { examples = { enabled = false }, coverage = { enabled = false } }
";

/// How often a known id is taken instead of an invented one.
const OFTEN: f64 = 0.8;

/// The text of `schemathesis.toml`.
///
/// # Errors
/// Where no token is to be had.
pub fn config(stage: &Stage, caller: Caller) -> Outcome<String> {
    let site = &stage.pair.a;
    let token = match caller {
        Caller::Admin => site.admin()?.token().clone(),
        Caller::Tenant => site.tenant_token()?,
    };
    let mut text = format!(
        "{CHECKS}[headers]\nX-Auth-Token = \"{}\"\n\n[output.sanitization]\nenabled = true\n\n",
        token.expose_secret()
    );
    // A cloud that is called over HTTP would be asked for as long as a call may take.
    let mock = vec!["mock".to_owned()];
    let nowhere = vec![format!("{}-nowhere", site.cloud.auth_url())];
    let known = [
        ("path.tenant_id", &stage.projects),
        ("path.pg", &stage.groups),
        ("path.member", &stage.members),
        ("path.op", &stage.operations),
        ("path.site", &stage.sites),
        ("path.id", &stage.ids),
        ("body.protection_group.primary_site_id", &stage.sites),
        ("body.protection_group.secondary_site_id", &stage.sites),
        ("body.tenant_mapping.primary_site_id", &stage.sites),
        ("body.tenant_mapping.secondary_site_id", &stage.sites),
        ("body.member.server_id", &stage.servers),
        ("body.policy.driver", &stage.drivers),
        ("body.site.site_type", &mock),
        ("body.site.auth_url", &nowhere),
    ];
    for (n, (_, values)) in known.iter().enumerate() {
        text += &format!("[dictionaries.known-{n}]\nvalues = {values:?}\n\n");
    }
    text += "[parameters]\n";
    for (n, (place, values)) in known.iter().enumerate() {
        // Where only one will do, nothing else is invented.
        let often = if values.len() == 1 { 1.0 } else { OFTEN };
        text +=
            &format!("\"{place}\" = {{ dictionary = \"known-{n}\", probability = {often:?} }}\n");
    }
    // The real sites and the group stay there, or soon nothing would get further than their absence.
    for (operation, parameter) in [
        ("update_site", "path.site"),
        ("delete_site", "path.site"),
        ("delete_protection_group", "path.pg"),
    ] {
        text += &format!(
            "\n[[operations]]\ninclude-operation-id = \"{operation}\"\n\
             parameters = {{ \"{parameter}\" = \"{SPARE}\" }}\n"
        );
    }
    text += SLOW;
    Ok(text)
}
