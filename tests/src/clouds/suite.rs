//! The stories that are told on the clouds: the same one on different arrays.

use std::sync::Arc;

use super::arrays::{Arrays, MockArrays, PureArrays};
use super::deployment::Profile;
use super::failure::Outcome;
use super::report::Report;
use super::stage::Stage;
use super::testbed::Testbed;
use super::world::{Cast, Part, Secrets};

/// One story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// Cinder's volumes are files, replicated by mock arrays: three servers, and a failover under
    /// fire.
    File,
    /// Protector as OpenStack's own clients see it.
    Clients,
    /// Cinder's own Pure driver and Protector's on two simulated FlashArrays: two servers.
    Pure,
    /// The installation guide, followed to the letter on both clouds: Protector's package, its services
    /// under systemd, and a failover with the `openstack` client.
    Guide,
    /// What every compute and identity driver must do, by the drivers for OpenStack, without
    /// Protector: what each verb does.
    Kits,
    /// And whatever can happen to its calls.
    KitsLong,
    /// How fast Protector's lists are beside Cinder's.
    Lists,
}

impl Suite {
    /// What is told where nobody asks for one part, in this order. What measures needs a machine of
    /// its own, and is asked for.
    pub const ALL: [Self; 5] = [
        Self::File,
        Self::Clients,
        Self::Kits,
        Self::Pure,
        Self::Guide,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Clients => "clients",
            Self::Pure => "pure",
            Self::Guide => "guide",
            Self::Kits => "kits",
            Self::KitsLong => "kitslong",
            Self::Lists => "lists",
        }
    }

    /// How Protector's programs are compiled for it.
    pub fn profile(self) -> Profile {
        match self {
            Self::Lists => Profile::Sim,
            _ => Profile::Dev,
        }
    }

    /// Whose servers on which arrays.
    ///
    /// # Errors
    /// Where the mock arrays cannot be linked.
    pub fn part(
        self,
        testbed: &Testbed,
        run: &str,
        secrets: &Secrets,
        pure: Option<&Arc<PureArrays>>,
    ) -> Outcome<Part> {
        let (cast, arrays): (_, Arc<dyn Arrays>) = match (self, pure) {
            (Self::Pure | Self::Guide, Some(arrays)) => (Cast::TWO, arrays.clone()),
            (Self::Pure | Self::Guide, None) => {
                return super::failure::fail("no FlashArray was started");
            }
            (Self::Clients | Self::Kits | Self::KitsLong | Self::Lists, _) => {
                (Cast::ONE, Arc::new(MockArrays::link(testbed, secrets)?))
            }
            (Self::File, _) => (Cast::THREE, Arc::new(MockArrays::link(testbed, secrets)?)),
        };
        Ok(Part {
            run: format!("{run}{}", self.name()),
            secrets: secrets.clone(),
            cast,
            arrays,
        })
    }

    /// Tells the story.
    ///
    /// # Errors
    /// What fails.
    pub async fn tell(self, report: &Report, stage: &mut Stage) -> Outcome {
        report.phase("enrolment", stage.enrol()).await?;
        if self == Self::Clients {
            let clients = stage.real_clients();
            report.phase("OpenStack's own clients", clients).await?;
            return no_secret_is_shown(report, stage).await;
        }
        let group = report.phase("protection", stage.protect()).await?;
        let group = &group;
        if self == Self::Lists {
            return report.phase("fast lists", stage.fast_lists()).await;
        }
        report
            .phase("planned failover", stage.planned_failover(group))
            .await?;
        report
            .phase("failback", stage.failback(group, "written on site-b"))
            .await?;
        report
            .phase("test failover", stage.test_failover(group))
            .await?;
        report
            .phase("unplanned failover", stage.unplanned_failover(group))
            .await?;
        report.phase("quarantine", stage.quarantine(group)).await?;
        report
            .phase("home after the loss", stage.home_after_loss(group))
            .await?;
        report.phase("cleanup", stage.cleanup(group)).await?;
        if self == Self::File {
            report
                .phase("failover under fire", stage.failover_under_fire(group))
                .await?;
        }
        no_secret_is_shown(report, stage).await
    }
}

async fn no_secret_is_shown(report: &Report, stage: &Stage) -> Outcome {
    let search = report.step("no secret is shown", stage.no_secret_is_shown());
    report.phase("secrets", search).await
}
