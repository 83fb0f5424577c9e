//! The rules as they are without a file. A name that narrows another one's rule in a file narrows
//! those that refer to it here.

use super::subject::Scope;

/// A rule in code.
#[derive(Debug, Clone, Copy)]
pub struct RuleDefault {
    /// Its name.
    pub name: &'static str,
    /// Its check.
    pub check: &'static str,
    /// The scopes whose tokens it admits; empty: all.
    pub scopes: &'static [Scope],
    /// What it guards.
    pub help: &'static str,
    /// The calls that ask it, such as `GET /v1/{project_id}/protection-groups`.
    pub calls: &'static [&'static str],
    /// What it was before, where files may still say so.
    pub deprecated: Option<Deprecated>,
}

/// An earlier name or an earlier check of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deprecated {
    /// The earlier name, or the same one.
    pub name: &'static str,
    /// The earlier check.
    pub check: &'static str,
}

const ANY: &[Scope] = &[];
const TENANT: &[Scope] = &[Scope::Project];
const ADMIN: &[Scope] = &[Scope::Project, Scope::System];

const fn rule(
    name: &'static str,
    check: &'static str,
    scopes: &'static [Scope],
    help: &'static str,
    calls: &'static [&'static str],
) -> RuleDefault {
    RuleDefault {
        name,
        check,
        scopes,
        help,
        calls,
        deprecated: None,
    }
}

const ADMIN_ONLY: &str = "rule:context_is_admin";
const ACTION: &str = "rule:protector:operations:action";
const ACTIONS: &[&str] = &["POST /v1/{project_id}/protection-groups/{pg}/action"];
const OPERATION: &[&str] = &["POST /v1/{project_id}/operations/{op}/action"];

/// Every rule that the API asks.
pub fn defaults() -> &'static [RuleDefault] {
    RULES
}

#[rustfmt::skip] // one rule a line
const RULES: &[RuleDefault] = &[
    rule("context_is_admin", "role:admin", ANY, "Who is an administrator.", &[]),
    rule("admin_or_owner", "is_admin:True or project_id:%(project_id)s", ANY, "An administrator, or a member of the project that owns the object.", &[]),
    rule("default", "rule:admin_or_owner", ANY, "What a rule says that is not defined.", &[]),
    rule("protector:peer", "role:service or role:admin", ADMIN, "The calls of the other site's Protector.", &["ANY /v1/admin/peer/..."]),

    rule("protector:sites:index", ADMIN_ONLY, ADMIN, "List sites.", &["GET /v1/admin/sites"]),
    rule("protector:sites:show", ADMIN_ONLY, ADMIN, "Show a site.", &["GET /v1/admin/sites/{site}"]),
    rule("protector:sites:create", ADMIN_ONLY, ADMIN, "Register a site.", &["POST /v1/admin/sites"]),
    rule("protector:sites:update", ADMIN_ONLY, ADMIN, "Change a site.", &["PATCH /v1/admin/sites/{site}"]),
    rule("protector:sites:delete", ADMIN_ONLY, ADMIN, "Remove a site.", &["DELETE /v1/admin/sites/{site}"]),
    rule("protector:sites:validate", ADMIN_ONLY, ADMIN, "Ask a site's services for a sign of life.", &["POST /v1/admin/sites/{site}/validate"]),
    rule("protector:sites:volume_types", ADMIN_ONLY, ADMIN, "List the volume types of a site that can be replicated.", &["GET /v1/admin/sites/{site}/volume-types"]),
    rule("protector:sites:failover", "role:dr_site_admin", ADMIN, "Fail over every group of a site.", &["POST /v1/admin/sites/{site}/failover"]),
    rule("protector:tenant_mappings:index", ADMIN_ONLY, ADMIN, "List tenant mappings.", &["GET /v1/admin/tenant-mappings"]),
    rule("protector:tenant_mappings:show", ADMIN_ONLY, ADMIN, "Show a tenant mapping.", &["GET /v1/admin/tenant-mappings/{id}"]),
    rule("protector:tenant_mappings:create", ADMIN_ONLY, ADMIN, "Map a project of one site to one of the other.", &["POST /v1/admin/tenant-mappings"]),
    rule("protector:tenant_mappings:delete", ADMIN_ONLY, ADMIN, "Remove a tenant mapping.", &["DELETE /v1/admin/tenant-mappings/{id}"]),
    rule("protector:drivers:index", ADMIN_ONLY, ADMIN, "List drivers.", &["GET /v1/admin/drivers"]),
    rule("protector:services:index", ADMIN_ONLY, ADMIN, "List APIs and engines.", &["GET /v1/admin/services"]),
    rule("protector:health:show", "@", ANY, "Show the health of sites, services and arrays.", &["GET /v1/health"]),
    rule("protector:health:details", ADMIN_ONLY, ADMIN, "See the details of health, from microversion 1.2.", &["GET /v1/health"]),

    rule("protector:protection_groups:index", "rule:default", TENANT, "List protection groups.", &["GET /v1/{project_id}/protection-groups"]),
    rule("protector:protection_groups:show", "rule:default", TENANT, "Show a protection group.", &["GET /v1/{project_id}/protection-groups/{pg}"]),
    rule("protector:protection_groups:create", "rule:default", TENANT, "Create a protection group.", &["POST /v1/{project_id}/protection-groups"]),
    rule("protector:protection_groups:update", "rule:default", TENANT, "Change a protection group.", &["PUT /v1/{project_id}/protection-groups/{pg}"]),
    rule("protector:protection_groups:delete", "rule:default", TENANT, "Delete a protection group.", &["DELETE /v1/{project_id}/protection-groups/{pg}"]),
    rule("protector:members:index", "rule:default", TENANT, "List the members of a group.", &["GET /v1/{project_id}/protection-groups/{pg}/members"]),
    rule("protector:members:show", "rule:protector:members:index", TENANT, "Show a member.", &["GET /v1/{project_id}/protection-groups/{pg}/members/{member}"]),
    rule("protector:members:create", "rule:default", TENANT, "Add a server to a group.", &["POST /v1/{project_id}/protection-groups/{pg}/members"]),
    rule("protector:members:update", "rule:protector:members:create", TENANT, "Change a member.", &["PATCH /v1/{project_id}/protection-groups/{pg}/members/{member}"]),
    rule("protector:members:refresh", "rule:protector:members:create", TENANT, "Read a member's server again.", &["POST /v1/{project_id}/protection-groups/{pg}/members/{member}/action"]),
    rule("protector:members:delete", "rule:default", TENANT, "Remove a server from a group.", &["DELETE /v1/{project_id}/protection-groups/{pg}/members/{member}"]),
    rule("protector:policies:show", "rule:default", TENANT, "Show a replication policy.", &["GET /v1/{project_id}/protection-groups/{pg}/policy"]),
    rule("protector:policies:create", "rule:default", TENANT, "Create a replication policy.", &["POST /v1/{project_id}/protection-groups/{pg}/policy"]),
    rule("protector:policies:update", "rule:protector:policies:create", TENANT, "Change a replication policy.", &["PUT /v1/{project_id}/protection-groups/{pg}/policy"]),
    rule("protector:policies:delete", "rule:protector:policies:create", TENANT, "Delete a replication policy.", &["DELETE /v1/{project_id}/protection-groups/{pg}/policy"]),
    rule("protector:resource_mappings:show", "rule:protector:policies:show", TENANT, "Show resource mappings.", &["GET /v1/{project_id}/protection-groups/{pg}/resource-mappings"]),
    rule("protector:resource_mappings:update", "rule:protector:policies:create", TENANT, "Replace resource mappings.", &["PUT /v1/{project_id}/protection-groups/{pg}/resource-mappings"]),
    rule("protector:recovery_points:index", "rule:protector:protection_groups:show", TENANT, "List recovery points.", &["GET /v1/{project_id}/protection-groups/{pg}/recovery-points"]),
    rule("protector:readiness:show", "rule:protector:protection_groups:show", TENANT, "Ask whether a failover would work now.", &["GET /v1/{project_id}/protection-groups/{pg}/readiness"]),
    rule("protector:replication_health:show", "rule:protector:protection_groups:show", TENANT, "Show the health of a group's replication.", &["GET /v1/{project_id}/protection-groups/{pg}/health"]),
    rule("protector:sync:show", "rule:protector:protection_groups:show", TENANT, "Compare a group's document on both sites.", &["GET /v1/{project_id}/protection-groups/{pg}/sync-status"]),
    rule("protector:sync:force", "rule:protector:protection_groups:update", TENANT, "Push a group's document, or settle a conflict.", &["POST /v1/{project_id}/protection-groups/{pg}/sync-force"]),

    rule("protector:operations:index", "rule:default", TENANT, "List operations.", &["GET /v1/{project_id}/operations"]),
    rule("protector:operations:show", "rule:default", TENANT, "Show an operation and its steps.", &["GET /v1/{project_id}/operations/{op}", "GET /v1/{project_id}/operations/{op}/steps"]),
    rule("protector:operations:action", "rule:default", TENANT, "Start an operation, or steer one.", ACTIONS),
    rule("protector:operations:action:failover", ACTION, TENANT, "Fail a group over.", ACTIONS),
    rule("protector:operations:action:failback", ACTION, TENANT, "Bring a group home.", ACTIONS),
    rule("protector:operations:action:test_failover", ACTION, TENANT, "Test a failover.", ACTIONS),
    rule("protector:operations:action:test_cleanup", ACTION, TENANT, "Remove what a test has made.", ACTIONS),
    rule("protector:operations:action:sync", ACTION, TENANT, "Replicate now.", ACTIONS),
    rule("protector:operations:action:reprotect", ACTION, TENANT, "Replicate from where the group is.", ACTIONS),
    rule("protector:operations:action:cleanup", ACTION, TENANT, "Remove parked copies, or what an operation left.", &["POST /v1/{project_id}/protection-groups/{pg}/action", "POST /v1/{project_id}/operations/{op}/action"]),
    rule("protector:operations:action:reset", ACTION, TENANT, "Read both sites again to leave the status error.", ACTIONS),
    rule("protector:operations:action:cancel", ACTION, TENANT, "Cancel an operation.", OPERATION),
    rule("protector:operations:action:retry", ACTION, TENANT, "Reopen an operation.", OPERATION),
    rule("protector:operations:action:skip", ACTION, TENANT, "Leave a step of an operation out.", OPERATION),

    rule("protector:trusts:index", "rule:default", TENANT, "List trusts.", &["GET /v1/{project_id}/trusts"]),
    rule("protector:trusts:create", "rule:default", TENANT, "Enrol a project on this site.", &["POST /v1/{project_id}/trusts"]),
    rule("protector:trusts:delete", "rule:default", TENANT, "Withdraw a trust.", &["DELETE /v1/{project_id}/trusts"]),
    rule("protector:quota_sets:show", "rule:default", ADMIN, "Show a project's quotas.", &["GET /v1/{project_id}/quota-sets/{id}"]),
    rule("protector:quota_sets:update", ADMIN_ONLY, ADMIN, "Change a project's quotas.", &["PUT /v1/{project_id}/quota-sets/{id}"]),
];

/// All rules as a file in which each is commented out, for operators to start from.
pub fn sample() -> String {
    let mut out = String::new();
    for rule in RULES {
        out.push_str(&format!("# {}\n", rule.help));
        for call in rule.calls {
            out.push_str(&format!("# {call}\n"));
        }
        if !rule.scopes.is_empty() {
            let scopes: Vec<_> = rule
                .scopes
                .iter()
                .map(|s| format!("{s:?}").to_lowercase())
                .collect();
            out.push_str(&format!("# Intended scope(s): {}\n", scopes.join(", ")));
        }
        out.push_str(&format!("#\"{}\": \"{}\"\n\n", rule.name, rule.check));
    }
    out
}
