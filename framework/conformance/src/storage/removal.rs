//! Removes what a case has made from arrays that stay: its pins, its groups and what was received of
//! them. Each is tried, however the others went, so that one that cannot be removed keeps none of the
//! others.

use protector_framework::{GroupRef, ListPoints, PinPoint};

use super::bench::{Facility, LinkCondition, Side};
use super::case::{Broken, Outcome};
use super::rig::Rig;
use crate::case::Failures;

impl Rig {
    /// Puts the bench away. On arrays that stay nothing of the case may.
    pub(crate) async fn end(&self) -> Outcome {
        let mut failures = Failures::default();
        if self.bench.outlives_its_case() {
            self.calm(&mut failures).await;
            self.remove_groups(&mut failures).await;
        }
        failures.note(self.bench.end().await.map_err(Broken::from));
        failures.outcome()
    }

    /// Ends what a case that failed in the middle does to the arrays and their calls.
    async fn calm(&self, failures: &mut Failures) {
        for side in Side::BOTH {
            if self.has(Facility::Power) {
                failures.note(self.bench.power(side, true).await.map_err(Broken::from));
            }
            if self.has(Facility::Cut) {
                failures.note(self.bench.arm(side, None).await.map_err(Broken::from));
            }
        }
        if self.has(Facility::Link) || self.has(Facility::Speed) {
            let up = self.bench.set_link(LinkCondition::Up).await;
            failures.note(up.map_err(Broken::from));
        }
    }

    /// A group goes where it sends before what was received of it, so that nothing more arrives.
    async fn remove_groups(&self, failures: &mut Failures) {
        for group in self.groups() {
            for side in Side::BOTH {
                self.remove(side, self.local(&group), failures).await;
            }
            for side in Side::BOTH {
                let received = self.received(&group, side.other());
                self.remove(side, received, failures).await;
            }
        }
    }

    async fn remove(&self, side: Side, group: GroupRef, failures: &mut Failures) {
        if self.can().pin_points {
            self.let_go(side, &group, failures).await;
        }
        failures.note(self.delete(side, group).await);
    }

    /// Lets all points of a group go, whoever keeps them: one that is pinned keeps its group.
    async fn let_go(&self, side: Side, group: &GroupRef, failures: &mut Failures) {
        let driver = self.driver(side);
        let list = ListPoints::new(group.clone());
        let points = driver.list_points(&self.ctx(), list).await;
        let points = failures.note(points.map_err(Broken::from));
        for point in points.into_iter().flatten() {
            for holder in point.pinned_by {
                let request = PinPoint::new(group.clone(), &point.name, holder);
                let unpinned = driver.unpin_point(&self.ctx(), request).await;
                failures.note(unpinned.map_err(Broken::from));
            }
        }
    }
}
