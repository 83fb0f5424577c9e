//! Groups as they are shown in lists: with the status that is shown, so that a filter or an order by
//! it means what the caller sees.

use std::sync::LazyLock;

use protector_model::{GroupStatus, OperationKind};

/// What a list may be sorted and filtered by.
pub(super) const FIELDS: &[&str] = &[
    "id",
    "name",
    "status",
    "primary_site_id",
    "secondary_site_id",
    "current_primary_site_id",
    "replication_type",
    "created_at",
    "updated_at",
];

/// The table of groups with `protector_model::status::shown_status` in place of their own.
pub(super) static TABLE: LazyLock<String> = LazyLock::new(|| {
    let fields = FIELDS.iter().filter(|field| **field != "status");
    let fields: Vec<String> = fields.map(|field| format!("g.{field}")).collect();
    let running = OperationKind::ALL.iter().filter_map(|kind| {
        let status = kind.group_status_while_running()?;
        Some(format!("WHEN o.kind = '{kind}' THEN '{status}'"))
    });
    let running: Vec<String> = running.collect();
    format!(
        "(SELECT {fields}, g.project_id, g.deleted,
            CASE WHEN m.conflict_with IS NOT NULL OR g.status = '{conflict}' THEN '{conflict}'
                {running}
                WHEN g.test_operation_id IS NOT NULL THEN '{testing}' ELSE g.status END AS status
          FROM protection_groups g LEFT JOIN metadata_sync m ON m.id = g.id
          LEFT JOIN dr_operations o ON o.id = g.active_operation_id) AS shown",
        fields = fields.join(", "),
        running = running.join(" "),
        conflict = GroupStatus::Conflict,
        testing = GroupStatus::Testing,
    )
});
