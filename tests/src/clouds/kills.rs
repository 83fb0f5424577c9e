//! One failover whose engine is killed at several points, whose creates lose their replies, and
//! that a second engine takes over from a paused one.

use std::time::Duration;

use protector_framework::Clock;
use serde_json::json;

use super::failure::{During, Outcome, ensure};
use super::identity::Admin;
use super::protection::Group;
use super::proxy::Proxy;
use super::stage::Stage;
use super::testbed::{Api, Side, Testbed};

/// Steps at which the engine is killed: in the middle of making volumes, of passing authority, of
/// making ports.
const KILLS: [&str; 3] = ["adopt/", "commit", "ports/"];
/// The step at which the engine is paused, while it makes servers.
const PAUSE: &str = "boot/";
/// How many replies are lost to creates of each kind.
const LOST: u32 = 2;

/// The proxies in front of site-b's services.
#[derive(Debug)]
pub struct Proxies {
    services: Vec<(Api, Proxy)>,
    keystone: Admin,
}

impl Stage {
    /// Puts a proxy in front of Nova, Neutron and Cinder of site-b.
    ///
    /// # Errors
    /// What fails.
    pub async fn put_proxies(&self) -> Outcome<Proxies> {
        let testbed = &self.world.testbed;
        let token = &self.world.b.admin.token;
        let keystone = Admin::new(&testbed.auth_url(Side::B), token)?;
        let mut services = Vec::new();
        for (api, kinds) in Api::CATALOG {
            let proxy = Proxy::start(testbed.port(Side::B, api)).await?;
            for kind in kinds {
                keystone.repoint(kind, &proxy.url()).await?;
            }
            services.push((api, proxy));
        }
        Ok(Proxies { services, keystone })
    }

    /// Fails over under all that.
    ///
    /// # Errors
    /// What fails, or is there twice afterwards.
    pub async fn failover_under_fire(&mut self, group: &Group) -> Outcome {
        let report = self.report.clone();
        self.write(Side::A, "under fire").await?;
        let proxies = report
            .step(
                "proxies before Nova, Neutron and Cinder of site-b",
                self.put_proxies(),
            )
            .await?;
        // Engines that start now read the catalog that leads through the proxies.
        self.restart_engine().await?;
        for (_, proxy) in &proxies.services {
            proxy.lose(LOST);
        }
        let options = json!({"type": "planned"});
        let operation = self.b.client.act(&group.id, "failover", options).await?;
        for key in KILLS {
            report
                .step(&format!("SIGKILL of site-b's engine at {key}"), async {
                    let at = self.b.client.reached(&operation, key).await?;
                    self.restart_engine().await?;
                    report.say(&format!("  it was at {at}"));
                    Ok(())
                })
                .await?;
        }
        self.paused_and_taken_over(&operation).await?;
        for (api, proxy) in &proxies.services {
            report.say(&format!("  replies lost by {api:?}: {}", proxy.lost()));
            ensure(proxy.lost() == LOST, || {
                format!("{api:?} lost {} replies, not {LOST}", proxy.lost())
            })?;
        }
        report
            .step(
                "the catalog of site-b as before",
                restore_catalog(&self.world.testbed, Side::B, &proxies.keystone),
            )
            .await?;
        self.arrived(Side::B, group, "under fire").await?;
        self.nothing_twice(group).await
    }

    /// SIGSTOP, a second engine that completes the operation, SIGCONT.
    async fn paused_and_taken_over(&mut self, operation: &str) -> Outcome {
        let report = self.report.clone();
        let Some(mut first) = self.b.engine.take() else {
            return super::failure::fail("site-b has no engine");
        };
        report
            .step(&format!("SIGSTOP of site-b's engine at {PAUSE}"), async {
                self.b.client.reached(operation, PAUSE).await?;
                first.pause().await
            })
            .await?;
        let second = self.b.deployment.start_second_engine()?;
        report
            .step("a second engine completes the failover", async {
                self.b.client.finished(operation).await
            })
            .await?;
        report
            .step("the first engine wakes and changes nothing", async {
                let before = self.inventory(Side::B).await?;
                first.wake().await?;
                report.clock().sleep(Duration::from_secs(10)).await;
                self.inventory(Side::B).await?.same_as(&before)?;
                let ended = self.b.client.operation(operation).await?;
                ensure(ended["status"] == "completed", || format!("now {ended}"))
            })
            .await?;
        self.b.engine = Some(first);
        second.terminate(&report).await
    }

    /// What the failover made is there once.
    async fn nothing_twice(&self, group: &Group) -> Outcome {
        self.report
            .step("no server, port or volume was made twice", async {
                let now = self.inventory(Side::B).await?;
                let groups = [("volume group", 1)];
                for (kind, made) in self.world.cast.counts().into_iter().chain(groups) {
                    let new = now.count(kind) - group.b_before.count(kind).min(now.count(kind));
                    ensure(new == made, || {
                        format!(
                            "{new} of {kind}, not {made}: {:?}",
                            now.difference(&group.b_before)
                        )
                    })?;
                }
                Ok(())
            })
            .await
    }

    async fn restart_engine(&mut self) -> Outcome {
        if let Some(engine) = self.b.engine.take() {
            engine.kill().await.during(|| "the engine".to_owned())?;
        }
        self.b.engine = Some(self.b.deployment.start_engine()?);
        Ok(())
    }
}

/// Makes the catalog of a site lead to its services without a proxy.
///
/// # Errors
/// What Keystone says.
pub async fn restore_catalog(testbed: &Testbed, side: Side, keystone: &Admin) -> Outcome {
    for (api, kinds) in Api::CATALOG {
        for kind in kinds {
            keystone.repoint(kind, &testbed.url(side, api)).await?;
        }
    }
    Ok(())
}
