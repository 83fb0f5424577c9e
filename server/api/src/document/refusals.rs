//! Which refusals an operation can really be answered with. What a handler declares is the same for
//! all; what it can meet depends on what it asks.

use serde_json::{Map, Value};

/// Reading operations that ask nothing but this site's database, where no state is in the way.
const OWN_DATABASE: &[&str] = &[
    "list_drivers",
    "list_members",
    "list_operations",
    "list_protection_groups",
    "list_services",
    "list_sites",
    "list_tenant_mappings",
    "list_trusts",
    "peer_show_operation",
    "show_member",
    "show_policy",
    "show_protection_group",
    "show_quota_set",
    "show_resource_mappings",
    "show_site",
    "show_tenant_mapping",
];

/// Removes the refusals that cannot be.
pub(super) fn keep_real(
    method: &str,
    path: &str,
    id: &str,
    public: bool,
    operation: &mut Map<String, Value>,
) {
    let reads = method == "get";
    let names_nothing = reads && !path.contains('{');
    let cannot_be = |status: &str| match status {
        // Whoever needs no token is not refused for it, and asks for nothing that could be missing.
        "401" | "403" | "404" | "406" | "409" if public => true,
        "503" if public => id != "healthcheck",
        "404" => names_nothing,
        "409" => OWN_DATABASE.contains(&id),
        _ => false,
    };
    let responses = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut);
    if let Some(responses) = responses {
        responses.retain(|status, _| !cannot_be(status));
    }
}
