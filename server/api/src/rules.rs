//! Which policy rule guards which operation. An operation that is in neither table is not served.

/// Operations that answer everybody.
const PUBLIC: &[&str] = &["list_versions", "show_version", "healthcheck"];

/// Operations with their rules. A rule that ends in `*` stands for one rule for each action; the action is the one field of the
/// request's body.
pub(crate) const RULES: &[(&str, &str)] = &[
    ("show_health", "protector:health:show"),
    ("list_sites", "protector:sites:index"),
    ("create_site", "protector:sites:create"),
    ("show_site", "protector:sites:show"),
    ("update_site", "protector:sites:update"),
    ("delete_site", "protector:sites:delete"),
    ("validate_site", "protector:sites:validate"),
    ("list_site_volume_types", "protector:sites:volume_types"),
    ("fail_over_site", "protector:sites:failover"),
    ("list_tenant_mappings", "protector:tenant_mappings:index"),
    ("create_tenant_mapping", "protector:tenant_mappings:create"),
    ("show_tenant_mapping", "protector:tenant_mappings:show"),
    ("delete_tenant_mapping", "protector:tenant_mappings:delete"),
    ("list_drivers", "protector:drivers:index"),
    ("list_services", "protector:services:index"),
    (
        "list_protection_groups",
        "protector:protection_groups:index",
    ),
    (
        "create_protection_group",
        "protector:protection_groups:create",
    ),
    ("show_protection_group", "protector:protection_groups:show"),
    (
        "update_protection_group",
        "protector:protection_groups:update",
    ),
    (
        "patch_protection_group",
        "protector:protection_groups:update",
    ),
    (
        "delete_protection_group",
        "protector:protection_groups:delete",
    ),
    ("protection_group_action", "protector:operations:action:*"),
    ("list_recovery_points", "protector:recovery_points:index"),
    ("show_readiness", "protector:readiness:show"),
    (
        "show_replication_health",
        "protector:replication_health:show",
    ),
    ("show_sync_status", "protector:sync:show"),
    ("force_sync", "protector:sync:force"),
    ("list_members", "protector:members:index"),
    ("create_member", "protector:members:create"),
    ("show_member", "protector:members:show"),
    ("update_member", "protector:members:update"),
    ("member_action", "protector:members:refresh"),
    ("delete_member", "protector:members:delete"),
    ("show_policy", "protector:policies:show"),
    ("create_policy", "protector:policies:create"),
    ("update_policy", "protector:policies:update"),
    ("delete_policy", "protector:policies:delete"),
    ("show_resource_mappings", "protector:resource_mappings:show"),
    (
        "update_resource_mappings",
        "protector:resource_mappings:update",
    ),
    ("list_operations", "protector:operations:index"),
    ("show_operation", "protector:operations:show"),
    ("list_operation_steps", "protector:operations:show"),
    ("operation_action", "protector:operations:action:*"),
    ("list_trusts", "protector:trusts:index"),
    ("create_trust", "protector:trusts:create"),
    ("delete_trust", "protector:trusts:delete"),
    ("show_quota_set", "protector:quota_sets:show"),
    ("update_quota_set", "protector:quota_sets:update"),
    ("reset_quota_set", "protector:quota_sets:update"),
    ("peer_identity", "protector:peer"),
    ("peer_heads", "protector:peer"),
    ("peer_read_document", "protector:peer"),
    ("peer_put_document", "protector:peer"),
    ("peer_create_group", "protector:peer"),
    ("peer_change_group", "protector:peer"),
    ("peer_create_operation", "protector:peer"),
    ("peer_show_operation", "protector:peer"),
    ("peer_put_mirror", "protector:peer"),
    ("peer_drop_mirror", "protector:peer"),
    ("peer_operation_action", "protector:peer"),
    ("peer_put_registry", "protector:peer"),
];

/// The rule of an operation.
pub(crate) fn of(operation: &str) -> Option<&'static str> {
    let found = RULES.iter().find(|(id, _)| *id == operation);
    found.map(|(_, rule)| *rule)
}

/// Whether an operation answers everybody.
pub(crate) fn is_public(operation: &str) -> bool {
    PUBLIC.contains(&operation)
}
