//! What the site's database holds at the moment, as gauges. Each process of the site shows the same;
//! what is gone from the database is gone from here.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use protector_db::{Db, DbError, ListedGroup, ServiceRecord};
use protector_framework::{GroupId, SiteId};
use protector_model::{Operation, OperationKind, OperationStatus, Site};

use super::exposition::Exposition;

/// What ended longer ago is not shown: who did not look meanwhile reads the list of operations.
const ENDS: TimeDelta = TimeDelta::days(1);

/// What is read.
struct Held {
    now: DateTime<Utc>,
    groups: Vec<ListedGroup>,
    tests: BTreeMap<GroupId, DateTime<Utc>>,
    /// Not finished, and this site's to execute.
    operations: Vec<Operation>,
    ends: BTreeMap<(OperationKind, OperationStatus), DateTime<Utc>>,
    moves: Vec<(OperationKind, DateTime<Utc>)>,
    services: Vec<ServiceRecord>,
    sites: Vec<Site>,
}

/// Reads the database and writes it as Prometheus reads it.
///
/// # Errors
/// Where the database does not answer.
pub(super) async fn read(db: &Db, now: DateTime<Utc>) -> Result<String, DbError> {
    let sites = db.list_sites().await?;
    let local: Option<SiteId> = sites.iter().find(|site| site.is_local).map(|site| site.id);
    let mut operations = db.unfinished_operations().await?;
    operations.retain(|operation| Some(operation.executor_site_id) == local);
    let held = Held {
        now,
        groups: db.shown_groups().await?,
        tests: db.last_good_tests().await?,
        operations,
        ends: db.last_ends(now - ENDS).await?,
        moves: match local {
            Some(site) => db.last_moves(site).await?,
            None => Vec::new(),
        },
        services: db.list_services().await?,
        sites,
    };
    Ok(held.text())
}

/// The labels of a group: ids, for names are the tenant's.
fn labels(group: &ListedGroup) -> [(&'static str, String); 2] {
    [
        ("group_id", group.summary.id.to_string()),
        ("project_id", group.project_id.to_string()),
    ]
}

impl Held {
    fn text(&self) -> String {
        let mut text = Exposition::default();
        self.recovery_points(&mut text);
        self.readiness(&mut text);
        self.group_states(&mut text);
        self.operations(&mut text);
        self.operations_over_time(&mut text);
        self.processes(&mut text);
        self.sites(&mut text);
        text.into_text()
    }

    /// One gauge of the groups that have a value for it.
    fn each_group(
        &self,
        text: &mut Exposition,
        name: &str,
        help: &str,
        value: impl Fn(&ListedGroup) -> Option<f64>,
    ) {
        let mut samples = text.gauge(name, help);
        for group in &self.groups {
            if let Some(value) = value(group) {
                let [id, project] = &labels(group);
                samples.add(&[(id.0, &id.1), (project.0, &project.1)], value);
            }
        }
    }

    fn age(&self, of: DateTime<Utc>) -> f64 {
        seconds(self.now - of).max(0.0)
    }

    fn recovery_points(&self, text: &mut Exposition) {
        let replicated = |group: &ListedGroup| {
            group.summary.member_count > 0 && group.summary.rpo_target_seconds.is_some()
        };
        self.each_group(
            text,
            "protector_group_rpo_seconds",
            "The age of the newest complete recovery point; infinite where there is none, below 0 where \
             a clock is wrong.",
            |group| match group.last_replication_at {
                // An age that is not known must not look like the best that there can be.
                Some(at) => Some(seconds(self.now - at)),
                None => replicated(group).then_some(f64::INFINITY),
            },
        );
        self.each_group(
            text,
            "protector_group_rpo_target_seconds",
            "How old the newest complete recovery point may be, by the policy.",
            |group| group.summary.rpo_target_seconds.map(whole),
        );
        self.each_group(
            text,
            "protector_group_last_good_test_timestamp_seconds",
            "When the last test failover ended in which nothing went wrong.",
            |group| self.tests.get(&group.summary.id).map(|at| moment(*at)),
        );
    }

    fn readiness(&self, text: &mut Exposition) {
        self.each_group(
            text,
            "protector_group_ready",
            "Whether a planned move would work, by the last look.",
            |group| Some(f64::from(u8::from(group.readiness.as_ref()?.ready))),
        );
        self.each_group(
            text,
            "protector_group_blockers",
            "How many reasons there are why a planned move would not work, by the last look.",
            |group| Some(whole(group.readiness.as_ref()?.blockers)),
        );
        self.each_group(
            text,
            "protector_group_warnings",
            "What does not block a planned move and should be repaired, by the last look.",
            |group| Some(whole(group.readiness.as_ref()?.warnings)),
        );
        self.each_group(
            text,
            "protector_group_readiness_age_seconds",
            "How long ago the last look at the group's readiness was; infinite where there was none.",
            |group| match &group.readiness {
                Some(readiness) => Some(self.age(readiness.as_of)),
                None => Some(f64::INFINITY),
            },
        );
    }

    fn group_states(&self, text: &mut Exposition) {
        self.each_group(
            text,
            "protector_group_created_timestamp_seconds",
            "When the group was made.",
            |group| Some(moment(group.summary.created_at)),
        );
        self.each_group(
            text,
            "protector_group_busy",
            "Whether an operation works on the group, waits for an engine or for a person.",
            |group| Some(f64::from(u8::from(group.active_operation.is_some()))),
        );
        self.each_group(
            text,
            "protector_group_sync_pending",
            "Whether the other site lacks something of the group that this site has.",
            |group| Some(f64::from(u8::from(group.sync_pending))),
        );
        self.each_group(
            text,
            "protector_group_sync_age_seconds",
            "How long ago both sites were last seen to hold the same of the group.",
            |group| group.synced_at.map(|at| self.age(at)),
        );
        let mut samples = text.gauge("protector_group_status", "The group's status; always 1.");
        for group in &self.groups {
            let [id, project] = &labels(group);
            let status = ("status", group.status.as_str());
            samples.add(&[(id.0, &id.1), (project.0, &project.1), status], 1.0);
        }
    }

    fn operations(&self, text: &mut Exposition) {
        let mut counts = BTreeMap::new();
        let mut oldest: BTreeMap<OperationStatus, DateTime<Utc>> = BTreeMap::new();
        for operation in &self.operations {
            *counts
                .entry((operation.kind, operation.status))
                .or_insert(0_u64) += 1;
            // One that waits for a person has waited since its last change.
            let since = match operation.status {
                OperationStatus::WaitingForUser => operation.updated_at,
                _ => operation.created_at,
            };
            let first = oldest.entry(operation.status).or_insert(since);
            *first = since.min(*first);
        }
        let mut samples = text.gauge(
            "protector_operations_unfinished",
            "Operations of this site that have not ended, by kind and status; those that are queued \
             wait for an engine, those that are waiting_for_user for a person.",
        );
        for ((kind, status), count) in counts {
            let labels = &[("kind", kind.as_str()), ("status", status.as_str())];
            samples.add(labels, whole(count));
        }
        let mut samples = text.gauge(
            "protector_operations_oldest_seconds",
            "How long the oldest operation has been there that is queued or runs, and how long the one \
             has waited that has waited longest for a person.",
        );
        for (status, since) in oldest {
            samples.add(&[("status", status.as_str())], self.age(since));
        }
    }

    fn operations_over_time(&self, text: &mut Exposition) {
        let mut still: BTreeMap<OperationKind, DateTime<Utc>> = BTreeMap::new();
        for (kind, at) in &self.moves {
            let first = still.entry(*kind).or_insert(*at);
            *first = *at.min(first);
        }
        let mut samples = text.gauge(
            "protector_operations_still_seconds",
            "How long no step of an operation has begun, got on or ended, of the one of each kind that \
             runs and has not moved for longest; 0 where none runs.",
        );
        for kind in OperationKind::ALL {
            let age = still.get(kind).map_or(0.0, |since| self.age(*since));
            samples.add(&[("kind", kind.as_str())], age);
        }
        let mut samples = text.gauge(
            "protector_operations_last_end_timestamp_seconds",
            "When an operation of this kind last ended so, within a day.",
        );
        for ((kind, outcome), at) in &self.ends {
            let labels = &[("kind", kind.as_str()), ("outcome", outcome.as_str())];
            samples.add(labels, moment(*at));
        }
    }

    fn processes(&self, text: &mut Exposition) {
        let mut samples = text.gauge(
            "protector_service_up",
            "Whether a process of this program gave a sign of life on the host within a minute.",
        );
        for service in &self.services {
            samples.add(&process(service), f64::from(u8::from(service.up)));
        }
        let mut samples = text.gauge(
            "protector_service_last_seen_timestamp_seconds",
            "When a process of this program last gave a sign of life on the host.",
        );
        for service in &self.services {
            samples.add(&process(service), moment(service.last_seen_at));
        }
    }

    fn sites(&self, text: &mut Exposition) {
        let mut samples = text.gauge("protector_site_status", "The site's status; always 1.");
        for site in &self.sites {
            let id = site.id.to_string();
            let local = if site.is_local { "true" } else { "false" };
            let status = ("status", site.status.as_str());
            samples.add(&[("site_id", &id), ("local", local), status], 1.0);
        }
        let mut samples = text.gauge(
            "protector_site_service_reachable",
            "Whether a service of the site answered when it was last asked.",
        );
        for site in self
            .sites
            .iter()
            .filter(|site| site.reach.checked_at.is_some())
        {
            let (id, reach) = (site.id.to_string(), &site.reach);
            for (service, answers) in [
                ("keystone", reach.keystone),
                ("nova", reach.nova),
                ("cinder", reach.cinder),
                ("neutron", reach.neutron),
                ("protector", reach.protector),
            ] {
                let labels = &[("site_id", id.as_str()), ("service", service)];
                samples.add(labels, f64::from(u8::from(answers)));
            }
        }
        let mut samples = text.gauge(
            "protector_site_check_age_seconds",
            "How long ago the services of the site were last asked.",
        );
        for site in &self.sites {
            if let Some(at) = site.reach.checked_at {
                samples.add(&[("site_id", &site.id.to_string())], self.age(at));
            }
        }
    }
}

fn process(service: &ServiceRecord) -> [(&'static str, &str); 2] {
    [("binary", &service.binary), ("host", &service.host)]
}

/// A number that Prometheus keeps as one with decimals; exact below 2^53.
fn whole(number: u64) -> f64 {
    number as f64
}

fn seconds(time: TimeDelta) -> f64 {
    time.num_milliseconds() as f64 / 1000.0
}

/// Seconds since 1970, as Prometheus counts.
fn moment(at: DateTime<Utc>) -> f64 {
    seconds(at - DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use protector_framework::ReplicationMode;
    use protector_model::{GroupStatus, GroupSummary};

    use super::*;

    const NIL: &str = "00000000-0000-0000-0000-000000000000";

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn group() -> ListedGroup {
        let site: SiteId = NIL.parse().unwrap();
        ListedGroup {
            summary: GroupSummary {
                id: NIL.parse().unwrap(),
                name: "shop".to_owned(),
                description: String::new(),
                primary_site_id: site,
                secondary_site_id: site,
                current_primary_site_id: site,
                replication_type: ReplicationMode::Async,
                volume_type_id: None,
                secondary_volume_type_id: None,
                status_reason: None,
                member_count: 1,
                version: 1,
                epoch: 1,
                epoch_id: NIL.parse().unwrap(),
                failover_count: 0,
                rpo_target_seconds: Some(600),
                created_at: now(),
                updated_at: now(),
            },
            project_id: "p".into(),
            status: GroupStatus::Active,
            active_operation: None,
            test_operation: None,
            last_replication_at: None,
            readiness: None,
            sync_pending: false,
            synced_at: None,
        }
    }

    /// The value of a group's gauge.
    fn shown(group: ListedGroup, name: &str) -> String {
        let held = Held {
            now: now(),
            groups: vec![group],
            tests: BTreeMap::new(),
            operations: Vec::new(),
            ends: BTreeMap::new(),
            moves: Vec::new(),
            services: Vec::new(),
            sites: Vec::new(),
        };
        let text = held.text();
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name}{{")));
        line.unwrap().rsplit_once(' ').unwrap().1.to_owned()
    }

    #[test]
    fn a_recovery_point_that_is_still_to_come_is_not_shown_as_one_of_now() {
        for (ago, age) in [(90, "90"), (0, "0"), (-3600, "-3600")] {
            let seen = ListedGroup {
                last_replication_at: Some(now() - TimeDelta::seconds(ago)),
                ..group()
            };
            assert_eq!(shown(seen, "protector_group_rpo_seconds"), age);
        }
        assert_eq!(shown(group(), "protector_group_rpo_seconds"), "+Inf");
    }

    #[test]
    fn a_group_that_nobody_has_looked_at_is_shown_and_one_that_is_worked_on_says_so() {
        let looked = "protector_group_readiness_age_seconds";
        assert_eq!(shown(group(), looked), "+Inf");
        assert_eq!(shown(group(), "protector_group_busy"), "0");
        let busy = ListedGroup {
            active_operation: Some(NIL.parse().unwrap()),
            ..group()
        };
        assert_eq!(shown(busy, "protector_group_busy"), "1");
    }
}
