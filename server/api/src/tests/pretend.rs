//! Services and an identity service that answer at once and keep what they were asked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use protector_control::*;
use protector_db::{ListedGroup, Page, PeerKey, Quotas, ServiceRecord, TrustRecord};
use protector_framework::{
    AccessRule, CallCtx, DriverError, DriverInfo, DriverKind, DriverOrigin, ErrorKind,
    ExposeSecret as _, GenericUuid as _, GroupId, IdentityCapabilities, IdentityDriver, MemberId,
    OperationId, Project, ProjectId, RefusedFile, ReplicationMode, SecretString, ServiceToken,
    SiteId, TenantMappingId, TokenInfo, TokenScope, Trust, VolumeType,
};
use protector_model::readiness::{Readiness, ReplicationHealth};
use protector_model::{Actor, Mapping, Operation, OperationKind, Plan, Site, TenantMapping};
use protector_peer::{
    ChangeReply, ForwardedAction, ForwardedChange, ForwardedGroup, ForwardedOperation, GroupHead,
    OperationAction, OperationView, PeerDocument, PeerIdentity, PutDocument, PutReply,
    SiteRegistry,
};
use serde_json::json;
use uuid::Uuid;

use super::samples::*;
use super::{PROJECT, now};
use crate::live::Live;

/// Tokens read `<role>@<project>`, `<role>@system`, `<role>@domain` or `<role>@nothing`; with
/// `expired:` before it, one that has expired; with `#<service>,<method>,<path> ...` behind it, one that
/// is limited to such calls. Those in `revoked` are unknown.
#[derive(Debug, Default)]
pub(crate) struct PretendIdentity {
    pub(crate) asked: AtomicUsize,
    pub(crate) revoked: Mutex<Vec<String>>,
}

#[async_trait]
impl IdentityDriver for PretendIdentity {
    fn capabilities(&self) -> IdentityCapabilities {
        IdentityCapabilities::default()
    }

    async fn check(&self, _ctx: &CallCtx) -> protector_framework::Result<()> {
        Ok(())
    }

    async fn validate_token(
        &self,
        _ctx: &CallCtx,
        token: &SecretString,
    ) -> protector_framework::Result<TokenInfo> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let text = token.expose_secret();
        if text.starts_with("expired:") {
            return Err(DriverError::not_found("the token"));
        }
        self.look_up(text).await
    }

    async fn validate_expired_token(
        &self,
        _ctx: &CallCtx,
        token: &SecretString,
    ) -> protector_framework::Result<TokenInfo> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let text = token.expose_secret();
        let mut info = self
            .look_up(text.strip_prefix("expired:").unwrap_or(text))
            .await?;
        if text.starts_with("expired:") {
            info.expires_at = now() - TimeDelta::hours(1);
        }
        Ok(info)
    }

    async fn service_token(&self, _ctx: &CallCtx) -> protector_framework::Result<ServiceToken> {
        Err(DriverError::unsupported("service tokens"))
    }

    async fn forget_service_token(&self) {}

    async fn get_project(
        &self,
        _ctx: &CallCtx,
        id: &ProjectId,
    ) -> protector_framework::Result<Project> {
        Err(DriverError::not_found(format_args!("project {id}")))
    }
}

impl PretendIdentity {
    async fn look_up(&self, text: &str) -> protector_framework::Result<TokenInfo> {
        if self.revoked.lock().unwrap().iter().any(|one| one == text) {
            return Err(DriverError::not_found("the token"));
        }
        let (text, rules) = text
            .split_once('#')
            .map_or((text, None), |(text, rules)| (text, Some(rules)));
        let (role, scope) = text
            .split_once('@')
            .ok_or_else(|| DriverError::not_found("the token"))?;
        match role {
            "down" => return Err(DriverError::new(ErrorKind::Unreachable, "no answer")),
            "own" => return Err(DriverError::new(ErrorKind::Unauthorized, "own password")),
            "slow" => std::future::pending().await,
            _ => {}
        }
        let scope = match scope {
            "system" => TokenScope::System,
            "domain" => TokenScope::Domain {
                id: "default".to_owned(),
            },
            "nothing" => TokenScope::Unscoped,
            project => TokenScope::Project {
                id: project.into(),
                name: project.to_owned(),
                domain_id: "default".to_owned(),
            },
        };
        Ok(TokenInfo {
            user_id: "user".into(),
            user_name: "user".to_owned(),
            user_domain_id: "default".to_owned(),
            scope,
            roles: vec![role.to_owned()],
            expires_at: now() + TimeDelta::seconds(if role == "short" { 60 } else { 3600 }),
            delegated: false,
            is_admin_project: true,
            access_rules: rules.map(|rules| rules.split(' ').filter_map(access_rule).collect()),
        })
    }
}

fn access_rule(text: &str) -> Option<AccessRule> {
    let mut parts = text.split(',').map(str::to_owned);
    Some(AccessRule {
        service: parts.next()?,
        method: parts.next()?,
        path: parts.next()?,
    })
}

#[derive(Debug, Default)]
pub(crate) struct PretendServices {
    /// What was asked, in order.
    pub(crate) calls: Mutex<Vec<String>>,
    /// What the next call is refused with.
    pub(crate) refusal: Mutex<Option<Refusal>>,
    /// Why a load balancer should go elsewhere.
    pub(crate) trouble: Mutex<Option<String>>,
}

impl PretendServices {
    #[allow(clippy::result_large_err, reason = "the services' own error")]
    fn called<T>(&self, call: String, answer: T) -> Result<T> {
        self.calls.lock().unwrap().push(call);
        match self.refusal.lock().unwrap().take() {
            Some(refusal) => Err(refusal),
            None => Ok(answer),
        }
    }

    pub(crate) fn last(&self) -> String {
        self.calls
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        *self.refusal.lock().unwrap() = Some(refusal);
    }
}

#[async_trait]
impl Live for PretendServices {
    async fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap().clone()
    }
}

fn seen() -> OperationSeen {
    OperationSeen {
        operation: operation(1),
        steps: None,
        as_of: Some(now()),
    }
}

fn trust() -> TrustRecord {
    TrustRecord {
        site_id: site(1).id,
        project_id: PROJECT.into(),
        trust: Trust {
            id: "marked-trust".into(),
            trustor_user_id: "user".into(),
            trustee_user_id: "protector".into(),
            project_id: PROJECT.into(),
            roles: vec!["member".to_owned()],
        },
        state: "active".to_owned(),
        last_ok_at: None,
        last_error: None,
        created_at: now(),
    }
}

fn service() -> ServiceRecord {
    ServiceRecord {
        id: Uuid::from_u128(9),
        binary: "protector-engine".to_owned(),
        host: "controller".to_owned(),
        last_seen_at: now(),
        up: true,
    }
}

#[async_trait]
impl SiteServices for PretendServices {
    async fn page_sites(&self, page: &Page) -> Result<Vec<Site>> {
        self.called(format!("page_sites {page:?}"), vec![site(1), site(2)])
    }

    async fn get_site(&self, name: &str) -> Result<Site> {
        if name == "panic" {
            panic!("marked-panic");
        }
        if name == "nowhere" {
            return Err(Refusal::not_found("site `nowhere`"));
        }
        self.called(format!("get_site {name}"), site(1))
    }

    async fn register_site(&self, actor: &Actor, new: NewSite) -> Result<Registered> {
        let created = new.name != "again";
        let password = new.credentials.as_ref().and_then(|c| c.password.clone());
        let password = password.map(|p| p.expose_secret().to_owned());
        self.called(
            format!("register_site {actor:?} {new:?} password={password:?}"),
            Registered {
                site: site(1),
                created,
            },
        )
    }

    async fn update_site(&self, _: &Actor, name: &str, change: SiteChange) -> Result<Site> {
        self.called(format!("update_site {name} {change:?}"), site(1))
    }

    async fn delete_site(&self, _: &Actor, name: &str) -> Result<()> {
        self.called(format!("delete_site {name}"), ())
    }

    async fn validate_site(&self, _: &Actor, name: &str) -> Result<Site> {
        self.called(format!("validate_site {name}"), site(1))
    }

    async fn peer_keys(&self) -> Result<BTreeMap<SiteId, PeerKey>> {
        let key = PeerKey {
            known: "aa".repeat(32),
            offered: Some("bb".repeat(32)),
        };
        Ok([(site(2).id, key)].into())
    }

    async fn site_volume_types(
        &self,
        _: &Actor,
        name: &str,
        project: &ProjectId,
        mode: Option<ReplicationMode>,
    ) -> Result<Vec<VolumeType>> {
        self.called(
            format!("site_volume_types {name} {project} {mode:?}"),
            vec![VolumeType::new("type-1", "gold")],
        )
    }

    async fn page_tenant_mappings(&self, page: &Page) -> Result<Vec<TenantMapping>> {
        self.called(format!("page_tenant_mappings {page:?}"), vec![mapping()])
    }

    async fn get_tenant_mapping(&self, id: TenantMappingId) -> Result<TenantMapping> {
        self.called(format!("get_tenant_mapping {id}"), mapping())
    }

    async fn create_tenant_mapping(
        &self,
        _: &Actor,
        new: NewTenantMapping,
    ) -> Result<TenantMapping> {
        self.called(format!("create_tenant_mapping {new:?}"), mapping())
    }

    async fn delete_tenant_mapping(&self, _: &Actor, id: TenantMappingId) -> Result<()> {
        self.called(format!("delete_tenant_mapping {id}"), ())
    }

    async fn get_quotas(&self, project: &ProjectId) -> Result<Quotas> {
        self.called(format!("get_quotas {project}"), Quotas::default())
    }

    async fn set_quotas(&self, _: &Actor, project: &ProjectId, quotas: Quotas) -> Result<Quotas> {
        self.called(format!("set_quotas {project} {quotas:?}"), quotas)
    }

    async fn reset_quotas(&self, _: &Actor, project: &ProjectId) -> Result<()> {
        self.called(format!("reset_quotas {project}"), ())
    }

    async fn create_trust(
        &self,
        _: &Actor,
        project: &ProjectId,
        token: &SecretString,
    ) -> Result<TrustRecord> {
        let token = token.expose_secret();
        self.called(format!("create_trust {project} {token}"), trust())
    }

    async fn list_trusts(&self, project: &ProjectId) -> Result<Vec<TrustRecord>> {
        self.called(format!("list_trusts {project}"), vec![trust()])
    }

    async fn delete_trust(&self, _: &Actor, project: &ProjectId, _: &SecretString) -> Result<()> {
        self.called(format!("delete_trust {project}"), ())
    }

    async fn health(&self, _: &Actor) -> Result<Health> {
        let health = Health {
            ok: true,
            sites: vec![site(1)],
            services: vec![service()],
            arrays: vec![ArrayHealth {
                site_id: site(1).id,
                driver: "mock".to_owned(),
                url: "https://array-a".to_owned(),
                name: "array-a".to_owned(),
                reachable: true,
                detail: None,
            }],
        };
        self.called("health".to_owned(), health)
    }

    async fn list_services(&self) -> Result<Vec<ServiceRecord>> {
        self.called("list_services".to_owned(), vec![service()])
    }

    async fn list_drivers(&self) -> Result<Drivers> {
        let shelf = DriverInfo {
            kind: DriverKind::Storage,
            name: "shelf".to_owned(),
            version: "1.2.0".to_owned(),
            summary: "Volumes on a Shelf array, over its REST API.".to_owned(),
            example: json!({"url": "http://shelf-1.example:8080"}),
            schema: json!({"type": "object"}),
            capabilities: json!({"async_replication": true}),
            origin: DriverOrigin::File("/usr/lib/protector/drivers/libshelf_driver.so".into()),
            abi: Some("1.0".to_owned()),
        };
        let drivers = Drivers {
            known: vec![shelf],
            refused: vec![RefusedFile {
                file: "/usr/lib/protector/drivers/notes.so".into(),
                reason: "it is not a shared library: Unknown file magic".to_owned(),
            }],
        };
        self.called("list_drivers".to_owned(), drivers)
    }
}

#[async_trait]
impl GroupServices for PretendServices {
    async fn page_groups(&self, project: &ProjectId, page: &Page) -> Result<Vec<ListedGroup>> {
        let all = (1..=5).map(group);
        let after = all.skip_while(|g| {
            page.marker
                .is_some_and(|m| g.document.id.into_untyped_uuid() != m)
        });
        let skipped = usize::from(page.marker.is_some());
        let limit = usize::try_from(page.limit.unwrap_or(u64::MAX)).unwrap();
        let found = after.skip(skipped).take(limit).map(Into::into).collect();
        self.called(format!("page_groups {project} {page:?}"), found)
    }

    async fn get_group(&self, project: &ProjectId, name: &str) -> Result<GroupView> {
        self.called(format!("get_group {project} {name}"), group(1))
    }

    async fn create_group(
        &self,
        actor: &Actor,
        project: &ProjectId,
        new: NewGroup,
        key: Option<&str>,
    ) -> Result<GroupStarted> {
        self.called(
            format!("create_group {actor:?} {project} {new:?} {key:?}"),
            GroupStarted {
                group: group(1),
                operation: operation(1),
            },
        )
    }

    async fn update_group(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        change: GroupUpdate,
    ) -> Result<GroupView> {
        self.called(
            format!("update_group {project} {name} {change:?}"),
            group(1),
        )
    }

    async fn delete_group(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        key: Option<&str>,
    ) -> Result<Operation> {
        self.called(
            format!("delete_group {project} {name} {key:?}"),
            operation(1),
        )
    }

    async fn page_members(
        &self,
        project: &ProjectId,
        name: &str,
        page: &Page,
    ) -> Result<Vec<MemberView>> {
        self.called(
            format!("page_members {project} {name} {page:?}"),
            vec![member()],
        )
    }

    async fn get_member(
        &self,
        project: &ProjectId,
        name: &str,
        id: MemberId,
    ) -> Result<MemberView> {
        self.called(format!("get_member {project} {name} {id}"), member())
    }

    async fn add_member(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        new: NewMember,
        key: Option<&str>,
    ) -> Result<MemberStarted> {
        self.called(
            format!("add_member {project} {name} {new:?} {key:?}"),
            MemberStarted {
                member: member(),
                operation: operation(1),
            },
        )
    }

    async fn update_member(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        id: MemberId,
        change: MemberChange,
    ) -> Result<MemberView> {
        self.called(
            format!("update_member {project} {name} {id} {change:?}"),
            member(),
        )
    }

    async fn refresh_member(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        id: MemberId,
    ) -> Result<MemberView> {
        self.called(format!("refresh_member {project} {name} {id}"), member())
    }

    async fn remove_member(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        id: MemberId,
        key: Option<&str>,
    ) -> Result<Operation> {
        self.called(
            format!("remove_member {project} {name} {id} {key:?}"),
            operation(1),
        )
    }

    async fn get_policy(&self, project: &ProjectId, name: &str) -> Result<PolicyView> {
        self.called(format!("get_policy {project} {name}"), policy())
    }

    async fn put_policy(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        input: PolicyInput,
        write: PolicyWrite,
        is_admin: bool,
    ) -> Result<PolicyView> {
        let tokens = [&input.primary, &input.secondary]
            .map(|a| a.api_token.as_ref().map(|t| t.expose_secret().to_owned()));
        self.called(
            format!("put_policy {project} {name} {write:?} {is_admin} {tokens:?} {input:?}"),
            policy(),
        )
    }

    async fn delete_policy(&self, _: &Actor, project: &ProjectId, name: &str) -> Result<()> {
        self.called(format!("delete_policy {project} {name}"), ())
    }

    async fn get_mappings(&self, project: &ProjectId, name: &str) -> Result<Vec<Mapping>> {
        self.called(format!("get_mappings {project} {name}"), Vec::new())
    }

    async fn set_mappings(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        mappings: Vec<Mapping>,
    ) -> Result<Vec<Mapping>> {
        let call = format!("set_mappings {project} {name} {}", mappings.len());
        self.called(call, mappings)
    }

    async fn recovery_points(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
    ) -> Result<Vec<RecoveryPoint>> {
        self.called(format!("recovery_points {project} {name}"), Vec::new())
    }

    async fn readiness(&self, _: &Actor, project: &ProjectId, name: &str) -> Result<Readiness> {
        self.called(format!("readiness {project} {name}"), readiness())
    }

    async fn replication_health(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
    ) -> Result<ReplicationHealth> {
        let health = ReplicationHealth::of(&readiness(), Some(15)).unwrap();
        self.called(format!("replication_health {project} {name}"), health)
    }

    async fn sync_status(&self, project: &ProjectId, name: &str) -> Result<SyncReport> {
        self.called(format!("sync_status {project} {name}"), sync())
    }

    async fn sync_force(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        winner: Option<&str>,
        peer_lost: bool,
    ) -> Result<SyncReport> {
        self.called(
            format!("sync_force {project} {name} {winner:?} {peer_lost}"),
            sync(),
        )
    }
}

#[async_trait]
impl OperationServices for PretendServices {
    async fn page_operations(
        &self,
        project: Option<&ProjectId>,
        group: Option<GroupId>,
        page: &Page,
    ) -> Result<Vec<OperationSeen>> {
        self.called(
            format!("page_operations {project:?} {group:?} {page:?}"),
            vec![seen()],
        )
    }

    async fn get_operation(&self, project: &ProjectId, id: OperationId) -> Result<OperationSeen> {
        self.called(format!("get_operation {project} {id}"), seen())
    }

    async fn operation_steps(&self, project: &ProjectId, id: OperationId) -> Result<OperationView> {
        let view = OperationView {
            operation: operation(1),
            plan: None,
            steps: vec![protector_model::StepRecord::pending("boot/web-1", 0)],
        };
        self.called(format!("operation_steps {project} {id}"), view)
    }

    async fn start_operation(
        &self,
        _: &Actor,
        project: &ProjectId,
        name: &str,
        kind: OperationKind,
        request: OperationRequest,
    ) -> Result<Started> {
        let started = match request.dry_run {
            true => Started::Plan(Plan {
                operation: kind,
                epoch: None,
                steps: Vec::new(),
            }),
            false => Started::Operation(Box::new(operation(1))),
        };
        self.called(
            format!("start_operation {project} {name} {kind} {request:?}"),
            started,
        )
    }

    async fn fail_over_site(
        &self,
        _: &Actor,
        name: &str,
        request: SiteFailoverRequest,
    ) -> Result<SiteFailover> {
        let plan = GroupPlan {
            group_id: group_id(1),
            name: "group-1".to_owned(),
            project_id: PROJECT.into(),
            plan: Plan {
                operation: OperationKind::Failover,
                epoch: None,
                steps: Vec::new(),
            },
        };
        let stays = GroupRefused {
            group_id: group_id(2),
            name: "group-2".to_owned(),
            project_id: "other".into(),
            refusal: Refusal::busy(operation(2).id),
        };
        let done = SiteFailover {
            operations: vec![operation(1)],
            plans: vec![plan],
            refused: vec![stays],
        };
        self.called(format!("fail_over_site {name} {request:?}"), done)
    }

    async fn act_on_operation(
        &self,
        _: &Actor,
        project: &ProjectId,
        id: OperationId,
        action: OperationAction,
    ) -> Result<Operation> {
        self.called(
            format!("act_on_operation {project} {id} {action:?}"),
            operation(1),
        )
    }
}

fn change_reply() -> ChangeReply {
    ChangeReply {
        head: document(1).head(b"{}"),
    }
}

#[async_trait]
impl PeerServices for PretendServices {
    async fn peer_identity(&self) -> Result<PeerIdentity> {
        let identity = PeerIdentity {
            deployment_id: protector_framework::DeploymentId::from_untyped_uuid(Uuid::nil()),
            site_id: Some(SiteId::from_untyped_uuid(Uuid::from_u128(1))),
            public_key: "00".repeat(32),
            version: "0.1.0".to_owned(),
        };
        self.called("peer_identity".to_owned(), identity)
    }

    async fn peer_heads(&self) -> Result<Vec<GroupHead>> {
        let head = GroupHead {
            group_id: group_id(1),
            head: document(1).head(b"{}"),
        };
        self.called("peer_heads".to_owned(), vec![head])
    }

    async fn peer_document(&self, group: GroupId, key: &str) -> Result<Option<PeerDocument>> {
        let document = PeerDocument {
            document: "e30=".to_owned(),
            secrets: Default::default(),
        };
        self.called(format!("peer_document {group} {key}"), Some(document))
    }

    async fn peer_put_document(&self, group: GroupId, put: &PutDocument) -> Result<PutReply> {
        let verdict = match put.document.as_str() {
            "stale" => protector_model::Verdict::Stale,
            _ => protector_model::Verdict::Store,
        };
        self.called(
            format!("peer_put_document {group}"),
            PutReply {
                verdict,
                head: None,
            },
        )
    }

    async fn peer_change_group(&self, id: GroupId, _: &ForwardedChange) -> Result<ChangeReply> {
        self.called(format!("peer_change_group {id}"), change_reply())
    }

    async fn peer_create_group(&self, _: &ForwardedGroup) -> Result<ChangeReply> {
        self.called("peer_create_group".to_owned(), change_reply())
    }

    async fn peer_create_operation(&self, new: &ForwardedOperation) -> Result<Operation> {
        let id = new.operation.id;
        self.called(format!("peer_create_operation {id}"), operation(1))
    }

    async fn peer_put_mirror(&self, operation: &Operation) -> Result<()> {
        self.called(format!("peer_put_mirror {}", operation.id), ())
    }

    async fn peer_drop_mirror(&self, id: OperationId) -> Result<()> {
        self.called(format!("peer_drop_mirror {id}"), ())
    }

    async fn peer_get_operation(&self, id: OperationId) -> Result<Option<OperationView>> {
        let known = (id == operation(1).id).then(|| OperationView {
            operation: operation(1),
            plan: None,
            steps: Vec::new(),
        });
        self.called(format!("peer_get_operation {id}"), known)
    }

    async fn peer_act_on_operation(
        &self,
        _: OperationId,
        _: &ForwardedAction,
    ) -> Result<Operation> {
        self.called("peer_act_on_operation".to_owned(), operation(1))
    }

    async fn peer_put_registry(&self, _: &SiteRegistry) -> Result<()> {
        self.called("peer_put_registry".to_owned(), ())
    }
}
