//! Values that the pretended services answer with.

use protector_control::{GroupView, MemberView, PolicyView, SiteSync, SyncReport};
use protector_framework::{
    ArrayIdentity, EpochId, GenericUuid as _, GroupId, MemberId, OperationId, PolicyId,
    ReplicationMode, SiteId, TenantMappingId,
};
use protector_model::epoch::Epoch;
use protector_model::policy::PolicyArray;
use protector_model::readiness::{
    Finding, FindingCode, Object, Purpose, Readiness, Report, Severity,
};
use protector_model::{
    Actor, GroupDocument, GroupStatus, Instance, InstanceState, Member, MemberStatus, Operation,
    OperationKind, OperationOptions, OperationStatus, Policy, Retention, Site, SiteStatus,
    TenantMapping,
};
use protector_peer::SyncState;
use uuid::Uuid;

use super::{PROJECT, now};

pub(super) fn site(n: u128) -> Site {
    Site {
        id: SiteId::from_untyped_uuid(Uuid::from_u128(n)),
        name: format!("site-{n}"),
        description: String::new(),
        site_type: "openstack".to_owned(),
        auth_url: format!("http://keystone-{n}/v3"),
        region_name: "RegionOne".to_owned(),
        account: protector_model::site::Account {
            username: Some("protector".to_owned()),
            ..Default::default()
        },
        status: SiteStatus::Active,
        status_reason: None,
        is_local: n == 1,
        reach: protector_model::Reach {
            checked_at: Some(now()),
            keystone: true,
            ..Default::default()
        },
        created_at: now(),
        updated_at: now(),
    }
}

pub(super) fn mapping() -> TenantMapping {
    TenantMapping {
        id: TenantMappingId::from_untyped_uuid(Uuid::from_u128(5)),
        primary_site_id: site(1).id,
        primary_project_id: PROJECT.into(),
        secondary_site_id: site(2).id,
        secondary_project_id: "other".into(),
        created_at: now(),
        updated_at: now(),
    }
}

pub(super) fn group_id(n: u128) -> GroupId {
    GroupId::from_untyped_uuid(Uuid::from_u128(100 + n))
}

pub(super) fn document(n: u128) -> GroupDocument {
    let (primary, secondary) = (site(1).id, site(2).id);
    GroupDocument {
        id: group_id(n),
        epoch: Epoch::first(EpochId::from_untyped_uuid(Uuid::from_u128(7)), primary),
        version: 3,
        name: format!("group-{n}"),
        description: String::new(),
        projects: [(primary, PROJECT.into()), (secondary, "other".into())].into(),
        primary_site_id: primary,
        secondary_site_id: secondary,
        current_primary_site_id: primary,
        replication_type: ReplicationMode::Async,
        volume_types: [(primary, "type-1".into()), (secondary, "type-2".into())].into(),
        volume_groups: Default::default(),
        status: GroupStatus::Active,
        status_reason: None,
        failover_count: 0,
        members: vec![member().member],
        policy: Some(policy().policy),
        mappings: Vec::new(),
        deleted: false,
        given_up: None,
        created_at: now(),
        updated_at: now(),
        unknown: Default::default(),
    }
}

pub(super) fn group(n: u128) -> GroupView {
    GroupView {
        document: document(n),
        project_id: PROJECT.into(),
        status: GroupStatus::FailingOver,
        active_operation: Some(operation(1).id),
        test_operation: None,
        last_replication_at: Some(now()),
        readiness: Some(readiness().kept()),
        sync_pending: false,
        synced_at: Some(now()),
    }
}

pub(super) fn readiness() -> Readiness {
    let finding = Finding {
        severity: Severity::Blocker,
        code: FindingCode::QuotaShort,
        object: Object::new("quota").name("cores").on(site(2).id),
        message: "quota `cores`: 4 needed, 2 left, 2 missing".to_owned(),
        what_to_do: "raise it by 2".to_owned(),
        accept_drift: false,
        passing: false,
        remote_call: None,
        remote_request_id: None,
    };
    let report = |purpose: &Purpose| Report {
        purpose: *purpose,
        ready: false,
        as_of: now(),
        source_site_id: site(1).id,
        target_site_id: site(2).id,
        findings: vec![finding.clone()],
        predicted_rpo_seconds: Some(0),
        achieved_rpo_seconds: Some(60),
        last_complete_at: Some(now()),
        predicted_rto_seconds: Some(90),
        rto_learned_from: 2,
    };
    Readiness {
        seen_from: site(1).id,
        as_of: now(),
        reports: Purpose::ALL.iter().map(report).collect(),
    }
}

pub(super) fn member() -> MemberView {
    let primary = site(1).id;
    let instance = Instance {
        state: InstanceState::Production,
        server_id: Some("server-1".into()),
        ports: Vec::new(),
        volumes: Vec::new(),
        made: false,
    };
    MemberView {
        member: Member {
            id: MemberId::from_untyped_uuid(Uuid::from_u128(40)),
            name: "web-1".to_owned(),
            boot_tier: 3,
            boot_delay: 0,
            probe: Some(protector_model::Probe {
                console: "login:".to_owned(),
                timeout: 90,
            }),
            status: MemberStatus::Protected,
            status_reason: None,
            blueprint: None,
            blueprint_site: primary,
            instances: [(primary, instance)].into(),
            created_at: now(),
            updated_at: now(),
        },
        group_id: group_id(1),
        primary_server_id: Some("server-1".into()),
        secondary_server_id: None,
        not_carried_over: vec![("server_group".to_owned(), "x is of this cloud".to_owned())],
    }
}

pub(super) fn policy() -> PolicyView {
    let (primary, secondary) = (site(1).id, site(2).id);
    let array = |name: &str| PolicyArray {
        url: format!("https://{name}"),
        identity: ArrayIdentity {
            id: name.into(),
            name: name.to_owned(),
        },
    };
    PolicyView {
        policy: Policy {
            id: PolicyId::from_untyped_uuid(Uuid::from_u128(50)),
            driver: "mock".to_owned(),
            arrays: [(primary, array("array-a")), (secondary, array("array-b"))].into(),
            rpo_minutes: 15,
            replication_interval: None,
            retention: Retention::default(),
            secondary_backend_host: None,
            test_volume_type_id: None,
            created_at: now(),
            updated_at: now(),
        },
        group_id: group_id(1),
        primary_site_id: primary,
        secondary_site_id: secondary,
        created: true,
    }
}

pub(super) fn operation(n: u128) -> Operation {
    Operation {
        id: OperationId::from_untyped_uuid(Uuid::from_u128(200 + n)),
        group_id: group_id(1),
        project_id: PROJECT.into(),
        kind: OperationKind::Failover,
        options: OperationOptions::default(),
        status: OperationStatus::Running,
        phase: "starting".to_owned(),
        progress: 40,
        source_site_id: site(1).id,
        target_site_id: site(2).id,
        executor_site_id: site(2).id,
        steps_completed: 4,
        steps_failed: 0,
        was_running: None,
        test_stands: false,
        error: None,
        result: None,
        actor: Actor {
            request_id: "req-1".to_owned(),
            user_id: Some("user".into()),
            project_id: Some(PROJECT.into()),
        },
        attempt: 1,
        created_at: now(),
        updated_at: now(),
        started_at: Some(now()),
        finished_at: None,
    }
}

pub(super) fn sync() -> SyncReport {
    SyncReport {
        state: SyncState::InSync,
        sites: vec![SiteSync {
            site_id: site(1).id,
            site_name: site(1).name,
            epoch_id: Some(document(1).epoch.id),
            epoch_number: Some(0),
            version: Some(3),
            hash: Some("abc".to_owned()),
            pending: true,
            pending_since: Some(now()),
            last_success_at: Some(now()),
            last_error: None,
        }],
    }
}
