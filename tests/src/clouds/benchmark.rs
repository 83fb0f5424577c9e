//! How fast lists are: 1,000 groups in Protector beside 1,000 volumes in Cinder, both in detail, and a
//! page of one row of each.
//!
//! Both services run as they always do, each with two workers, on the same machine, with real tokens
//! that they have seen before; one is asked after the other, by `wrk` with 8 connections. The rows are
//! put into the databases. Protector keeps no replies: every request reads its database.

use std::sync::Arc;

use protector_config::{ConfigArgs, environment};
use protector_framework::{
    Clock, GenericUuid as _, GroupId, Ids, MemberId, PolicyId, RandomIds, SystemClock,
};
use protector_model::GroupDocument;
use protector_model::readiness::Readiness;
use serde_json::json;
use tokio::process::Command;

use super::command;
use super::deployment::mariadb;
use super::failure::{During, Outcome, ensure, fail};
use super::http::{Service, list, text};
use super::stage::Stage;
use super::testbed::{Api, Side};

/// How many rows each service has.
const ROWS: usize = 1000;
/// For how long each list is asked for.
const SECONDS: &str = "20s";
/// Connections at the same time.
const CONNECTIONS: &str = "-c8";
/// How many times as fast as Cinder: all rows, and a page of one.
const BOUNDS: [(usize, f64); 2] = [(ROWS, 25.0), (1, 20.0)];

impl Stage {
    /// Measures both and checks the bounds. Ends the engines: they would look after the groups.
    ///
    /// # Errors
    /// Where Protector is not as fast as it must be.
    pub async fn fast_lists(&mut self) -> Outcome {
        let report = self.report.clone();
        for running in [&mut self.a, &mut self.b] {
            for process in [running.engine.take(), running.api.take()]
                .into_iter()
                .flatten()
            {
                process.terminate(&report).await?;
            }
        }
        let volume = report
            .step("1,000 volumes in Cinder", self.make_volumes())
            .await?;
        let measured = self.beside_cinder().await;
        // Nothing else knows how to take these away: they are on no array.
        mariadb(&["-e", &copies("DELETE", &volume)]).await?;
        measured
    }

    async fn beside_cinder(&mut self) -> Outcome {
        let report = self.report.clone();
        report
            .step("1,000 groups in Protector", self.make_groups())
            .await?;
        self.a.api = Some(self.a.deployment.start_quiet_api(&report).await?);
        self.measure().await
    }

    async fn measure(&self) -> Outcome {
        let site = &self.world.a;
        let report = &self.report;
        let (testbed, token) = (&self.world.testbed, &site.tenant.token);
        let cinder = format!(
            "{}/v3/{}",
            testbed.url(Side::A, Api::Cinder),
            token.project_id
        );
        let ours = format!(
            "{}/v1/{}",
            testbed.url(Side::A, Api::Protector),
            token.project_id
        );
        let mut slow = Vec::new();
        for (rows, bound) in BOUNDS {
            let theirs = self
                .speed(&cinder, "/volumes/detail", "/volumes", rows)
                .await?;
            let ours = self
                .speed(&ours, "/protection-groups", "/protection_groups", rows)
                .await?;
            let times = ours / theirs;
            report.say(&format!(
                "{rows} of {ROWS} rows: Protector {ours:.1}/s, Cinder {theirs:.1}/s: {times:.1} \
                 times as fast (at least {bound})"
            ));
            if times < bound {
                slow.push(format!("lists of {rows}: {times:.1}, not {bound}"));
            }
        }
        ensure(slow.is_empty(), || slow.join("; "))
    }

    /// Requests in a second, all of which were answered with as many rows as asked for.
    async fn speed(&self, base: &str, path: &str, part: &str, rows: usize) -> Outcome<f64> {
        let token = &self.world.a.tenant.token.id;
        let path = format!("{path}?limit={rows}");
        let shown = Service::new(base)?.token(token).get(&path).await?;
        let count = list(&shown, part).len();
        ensure(count == rows, || {
            format!("{path} shows {count} rows, not {rows}")
        })?;
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", CONNECTIONS, "-d", SECONDS, "--timeout", "60s", "-H"]);
        wrk.arg(format!("X-Auth-Token: {token}"))
            .arg(format!("{base}{path}"));
        let printed = self.report.step(&path, command::run(&mut wrk)).await?;
        let broken = ["Non-2xx", "Socket errors"]
            .iter()
            .any(|word| printed.contains(word));
        ensure(!broken, || printed.clone())?;
        let found = printed
            .lines()
            .find_map(|line| line.strip_prefix("Requests/sec:"));
        match found.and_then(|number| number.trim().parse().ok()) {
            Some(number) => Ok(number),
            None => fail(printed),
        }
    }

    /// Copies one volume, made by Cinder itself, in its database.
    async fn make_volumes(&self) -> Outcome<String> {
        let cinder = &self.world.a.tenant.cinder;
        let body = json!({"volume": {"size": 1, "name": "listed",
            "volume_type": self.world.a.types.plain}});
        let made = text(&cinder.post("/volumes", &body).await?, "/volume/id")?;
        let cloud = &self.world.a.tenant;
        cloud
            .volume_becomes(&self.report, &made, "available")
            .await?;
        let there = cinder.get("/volumes").await?;
        let missing = ROWS.saturating_sub(list(&there, "/volumes").len());
        let columns = mariadb(&[
            "--skip-column-names",
            "-e",
            "SELECT column_name FROM information_schema.columns
             WHERE table_schema = 'a_cinder' AND table_name = 'volumes' AND column_name <> 'id'",
        ])
        .await?;
        let columns: Vec<String> = columns.lines().map(|c| format!("`{c}`")).collect();
        let columns = columns.join(", ");
        let copy = format!(
            "INSERT INTO a_cinder.volumes (id, {columns})
             SELECT UUID(), {columns} FROM a_cinder.volumes, a_cinder.seq_1_to_{missing} WHERE id = '{made}'"
        );
        mariadb(&["-e", &copy]).await?;
        Ok(made)
    }

    /// Writes groups as an API does: documents with all that is kept beside them.
    async fn make_groups(&self) -> Outcome {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ids: Arc<dyn Ids> = Arc::new(RandomIds);
        let args = ConfigArgs {
            config_file: vec![self.a.deployment.config()],
            ..ConfigArgs::default()
        };
        let config = args.load("protector-api", environment())?;
        let db = protector_daemon::open_database(&config, clock.clone(), ids.clone())
            .await
            .during(|| "the database".to_owned())?;
        let Some(pattern) = db.all_groups().await?.into_iter().next() else {
            return fail("there is no group to copy");
        };
        for n in 1..=ROWS {
            let document = another(&pattern.document, n, &*clock, &*ids);
            db.replace_head(None, &document.to_bytes()?, false).await?;
            let readiness = Readiness {
                seen_from: document.primary_site_id,
                as_of: clock.now(),
                reports: Vec::new(),
            };
            let later = clock.now() + chrono::TimeDelta::hours(1);
            db.take_look(document.id, clock.now(), later).await?;
            db.put_readiness(document.id, &readiness, later).await?;
        }
        Ok(())
    }
}

/// The same group once more, as one of its own.
fn another(pattern: &GroupDocument, n: usize, clock: &dyn Clock, ids: &dyn Ids) -> GroupDocument {
    let mut document = pattern.clone();
    document.id = GroupId::from_untyped_uuid(ids.uuid());
    document.name = format!("listed-{n}");
    document.created_at = clock.now();
    for member in &mut document.members {
        member.id = MemberId::from_untyped_uuid(ids.uuid());
    }
    if let Some(policy) = &mut document.policy {
        policy.id = PolicyId::from_untyped_uuid(ids.uuid());
    }
    document
}

/// A statement about the copies of a volume, which have its name.
fn copies(verb: &str, volume: &str) -> String {
    format!("{verb} FROM a_cinder.volumes WHERE display_name = 'listed' AND id <> '{volume}'")
}
