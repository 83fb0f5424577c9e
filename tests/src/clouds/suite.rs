//! The stories that are told on the clouds: the same one on different arrays.

use std::sync::Arc;

use super::arrays::{Arrays, MockArrays, PureArrays};
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
    /// Cinder's own Pure driver and Protector's on two simulated FlashArrays: two servers.
    Pure,
}

impl Suite {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 2] = [Self::File, Self::Pure];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Pure => "pure",
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
            (Self::Pure, Some(arrays)) => (Cast::TWO, arrays.clone()),
            (Self::Pure, None) => return super::failure::fail("no FlashArray was started"),
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
        let group = report.phase("protection", stage.protect()).await?;
        let group = &group;
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
        let search = report.step("no secret is shown", stage.no_secret_is_shown());
        report.phase("secrets", search).await
    }
}
