//! The main job: a group of servers goes to the other cloud and home again, in every way.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::failure::{During, Outcome, ensure};
use super::protection::Group;
use super::report::Wait;
use super::stage::Stage;
use super::testbed::Side;

/// How soon the copies of a returning site must be stopped, locked and disconnected.
const QUARANTINE: Duration = Duration::from_secs(60);

impl Stage {
    /// The group goes to site-b without losing a byte.
    ///
    /// # Errors
    /// What fails.
    pub async fn planned_failover(&self, group: &Group) -> Outcome {
        self.write(Side::A, "before the planned failover").await?;
        let planned = json!({"type": "planned", "dry_run": true});
        self.report
            .step("dry run: a plan and no change", async {
                let path = format!("/protection-groups/{}/action", group.id);
                let body = json!({"failover": planned});
                let reply = self.a.client.tenant.send(Method::POST, &path, Some(&body));
                let plan = reply.await?.expect(200)?;
                ensure(plan["plan"]["steps"].is_array(), || {
                    format!("no plan: {plan}")
                })?;
                self.all_run(Side::A, group).await
            })
            .await?;
        self.report
            .step("planned failover", async {
                let options = json!({"type": "planned"});
                self.b.client.perform(&group.id, "failover", options).await
            })
            .await?;
        self.arrived(Side::B, group, "before the planned failover")
            .await?;
        self.parked(Side::A).await?;
        self.same_bytes().await
    }

    /// The group goes home; its own servers come back with what was written meanwhile.
    ///
    /// # Errors
    /// What fails.
    pub async fn failback(&self, group: &Group, data: &str) -> Outcome {
        self.write(Side::B, data).await?;
        self.report
            .step("failback", async {
                let options = json!({"type": "planned"});
                self.a.client.perform(&group.id, "failback", options).await
            })
            .await?;
        self.arrived(Side::A, group, data).await?;
        self.the_same_servers(group).await?;
        self.parked(Side::B).await?;
        self.same_bytes().await
    }

    /// site-a is lost; the group comes up on site-b from the last recovery point.
    ///
    /// # Errors
    /// What fails.
    pub async fn unplanned_failover(&mut self, group: &Group) -> Outcome {
        self.write(Side::A, "replicated before the loss").await?;
        self.report
            .step("sync", async {
                self.a.client.perform(&group.id, "sync", json!({})).await
            })
            .await?;
        self.write(Side::A, "never replicated").await?;
        let report = self.report.clone();
        let testbed = self.world.testbed.clone();
        report
            .step("site-a is lost: its cloud and its Protector", async {
                self.a.cut().await?;
                self.arrays.lose(Side::A);
                testbed.down(Some(Side::A)).await
            })
            .await?;
        let operation = report
            .step("unplanned failover", async {
                let options = json!({"type": "unplanned"});
                self.b.client.perform(&group.id, "failover", options).await
            })
            .await?;
        let loss = &operation["result"]["data_loss_seconds"];
        let rto = &operation["result"]["rto_seconds"];
        report.say(&format!("data lost: {loss} s; up again after {rto} s"));
        ensure(loss.is_number(), || format!("no loss stated: {operation}"))?;
        self.arrived(Side::B, group, "replicated before the loss")
            .await
    }

    /// site-a returns with its servers running, and they are stopped, locked and disconnected.
    ///
    /// # Errors
    /// What fails, or takes longer than promised.
    pub async fn quarantine(&mut self, group: &Group) -> Outcome {
        let report = self.report.clone();
        let testbed = self.world.testbed.clone();
        report
            .step("site-a's cloud is back", async {
                self.arrays.return_again(Side::A);
                testbed.up(Some(Side::A)).await
            })
            .await?;
        self.all_run(Side::A, group)
            .await
            .during(|| "site-a's own servers, after its return".to_owned())?;
        report
            .step("site-a's Protector is back", self.a.start(&report))
            .await?;
        report
            .step("its servers are quarantined", async {
                report
                    .until("quarantine of site-a's servers", QUARANTINE, async || {
                        Ok(match self.parked(Side::A).await {
                            Ok(()) => Wait::Done(()),
                            Err(failure) => Wait::NotYet(failure.0),
                        })
                    })
                    .await
            })
            .await?;
        self.all_run(Side::B, group).await
    }

    /// The group goes home after the loss: replication is set up towards site-a, then failback.
    ///
    /// # Errors
    /// What fails.
    pub async fn home_after_loss(&self, group: &Group) -> Outcome {
        self.report
            .step("reprotect", async {
                let client = &self.b.client;
                client.perform(&group.id, "reprotect", json!({})).await
            })
            .await?;
        self.failback(group, "written after the loss").await
    }

    /// Test copies come up on site-b, and go without a trace.
    ///
    /// # Errors
    /// What fails.
    pub async fn test_failover(&self, group: &Group) -> Outcome {
        let before_a = self.inventory(Side::A).await?;
        let before_b = self.inventory(Side::B).await?;
        self.report
            .step("test failover", async {
                let client = &self.a.client;
                client.perform(&group.id, "test_failover", json!({})).await
            })
            .await?;
        let during = self.inventory(Side::B).await?;
        for (kind, more) in self.world.cast.counts() {
            let (now, then) = (during.count(kind), before_b.count(kind));
            ensure(now == then + more, || {
                format!("a test made {now} - {then} of {kind}, not {more}")
            })?;
        }
        self.all_run(Side::A, group).await?;
        self.report
            .step("test cleanup", async {
                let client = &self.a.client;
                client.perform(&group.id, "test_cleanup", json!({})).await
            })
            .await?;
        self.report
            .step("nothing is left behind", async {
                // Nova lists a deleted server for a moment.
                let limit = Duration::from_secs(10);
                self.report
                    .until("everything as before the test", limit, async || {
                        let mut left = self.inventory(Side::B).await?.difference(&before_b);
                        left.extend(self.inventory(Side::A).await?.difference(&before_a));
                        Ok(match left.is_empty() {
                            true => Wait::Done(()),
                            false => Wait::NotYet(left.join("; ")),
                        })
                    })
                    .await
            })
            .await
    }

    /// The parked copies on site-b go; only what belongs to the group itself stays.
    ///
    /// # Errors
    /// What fails.
    pub async fn cleanup(&self, group: &Group) -> Outcome {
        self.report
            .step("cleanup of site-b's parked copies", async {
                let client = &self.b.client;
                client.perform(&group.id, "cleanup", json!({})).await
            })
            .await?;
        let expected = |line: &String| {
            let volume = line.strip_prefix("new array volume ");
            volume.is_some_and(|volume| self.arrays.is_note(volume))
                || line.starts_with("new volume group ") && line.contains(&group.id)
        };
        self.report
            .until(
                "site-b without copies",
                Duration::from_secs(10),
                async || {
                    let mut left = self.inventory(Side::B).await?.difference(&group.b_before);
                    left.retain(|line| !expected(line));
                    Ok(match left.is_empty() {
                        true => Wait::Done(()),
                        false => Wait::NotYet(left.join("; ")),
                    })
                },
            )
            .await
    }
}
