use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use protector_model::{FailoverType, OperationKind, OperationOptions};
use protector_peer::OperationAction;

use super::common::FailoverTypeWord;

/// Options of `failover` and `failback`.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct FailoverOptions {
    /// `planned` (default) or `unplanned`.
    #[oai(rename = "type")]
    kind: Option<FailoverTypeWord>,
    /// The recovery point; without it, the newest complete one.
    #[oai(validator(min_length = 1, max_length = 255))]
    recovery_point_id: Option<String>,
    /// Go on although the source still answers.
    force: Option<bool>,
    /// Start what the target keeps although something newer may be lost by it.
    accept_loss: Option<bool>,
    /// Go on although a server no longer is what was protected.
    accept_drift: Option<bool>,
    /// Only show the plan.
    dry_run: Option<bool>,
}

/// Options of `test_failover`.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct TestFailoverOptions {
    /// The recovery point; without it, the newest complete one.
    #[oai(validator(min_length = 1, max_length = 255))]
    recovery_point_id: Option<String>,
    /// Remove the test copies when the test has been verified.
    auto_cleanup: Option<bool>,
    /// Seconds after which the test copies are removed.
    #[oai(validator(minimum(value = "60"), maximum(value = "2592000")))]
    expires_in: Option<u64>,
    /// Only show the plan.
    dry_run: Option<bool>,
}

/// Options of an action that has none of its own.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct PlainOptions {
    /// Only show the plan.
    dry_run: Option<bool>,
}

/// One action on a group. `null` is the same as an empty object.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct GroupActionBody {
    /// Brings the group up on the site that it does not run on.
    failover: MaybeUndefined<FailoverOptions>,
    /// Brings the group home.
    failback: MaybeUndefined<FailoverOptions>,
    /// Boots clones on a test network.
    test_failover: MaybeUndefined<TestFailoverOptions>,
    /// Removes what a test failover made.
    test_cleanup: MaybeUndefined<PlainOptions>,
    /// Replicates now.
    sync: MaybeUndefined<PlainOptions>,
    /// Starts replication from where the group runs towards the other site.
    reprotect: MaybeUndefined<PlainOptions>,
    /// Removes the parked copies.
    cleanup: MaybeUndefined<PlainOptions>,
    /// Reads both sites again to leave the status `error`.
    reset: MaybeUndefined<PlainOptions>,
}

/// What was asked of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupAction {
    pub(crate) kind: OperationKind,
    pub(crate) options: OperationOptions,
    pub(crate) dry_run: bool,
}

impl GroupActionBody {
    /// The one action that is named.
    pub(crate) fn action(self) -> Option<GroupAction> {
        let moved = |kind, options: FailoverOptions| GroupAction {
            kind,
            dry_run: options.dry_run == Some(true),
            options: OperationOptions {
                failover_type: Some(options.kind.map_or(FailoverType::Planned, |word| word.0)),
                recovery_point: options.recovery_point_id.map(Into::into),
                force: options.force == Some(true),
                accept_loss: options.accept_loss == Some(true),
                accept_drift: options.accept_drift == Some(true),
                ..OperationOptions::default()
            },
        };
        let plain = |kind, options: PlainOptions| GroupAction {
            kind,
            dry_run: options.dry_run == Some(true),
            options: OperationOptions::default(),
        };
        let tested = |options: TestFailoverOptions| GroupAction {
            kind: OperationKind::TestFailover,
            dry_run: options.dry_run == Some(true),
            options: OperationOptions {
                recovery_point: options.recovery_point_id.map(Into::into),
                auto_cleanup: options.auto_cleanup == Some(true),
                expires_in: options.expires_in,
                ..OperationOptions::default()
            },
        };
        let all = [
            given(self.failover).map(|o| moved(OperationKind::Failover, o)),
            given(self.failback).map(|o| moved(OperationKind::Failback, o)),
            given(self.test_failover).map(tested),
            given(self.test_cleanup).map(|o| plain(OperationKind::TestCleanup, o)),
            given(self.sync).map(|o| plain(OperationKind::Sync, o)),
            given(self.reprotect).map(|o| plain(OperationKind::Reprotect, o)),
            given(self.cleanup).map(|o| plain(OperationKind::Cleanup, o)),
            given(self.reset).map(|o| plain(OperationKind::Reset, o)),
        ];
        one(all)
    }
}

fn given<T: Default>(field: MaybeUndefined<T>) -> Option<T> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(T::default()),
        MaybeUndefined::Value(value) => Some(value),
    }
}

fn one<T>(all: impl IntoIterator<Item = Option<T>>) -> Option<T> {
    let mut named = all.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(action), None) => Some(action),
        _ => None,
    }
}

/// Options of an action that has none.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct NoOptions {}

/// Options of `retry`.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct RetryOptions {
    /// Go on although the other site answers, so that its servers may run, or does not answer where
    /// it was to be asked.
    force: Option<bool>,
    /// Start what is kept although something newer may be lost by it.
    accept_loss: Option<bool>,
}

/// Options of `skip`.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct SkipOptions {
    /// The step.
    #[oai(validator(min_length = 1, max_length = 255))]
    step: String,
    /// Why, for the audit.
    #[oai(validator(min_length = 1, max_length = 1024))]
    reason: String,
}

/// One action on an operation. `null` is the same as an empty object.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct OperationActionBody {
    /// Gives it up.
    cancel: MaybeUndefined<NoOptions>,
    /// Opens it again.
    retry: MaybeUndefined<RetryOptions>,
    /// Goes on without a failed step.
    skip: MaybeUndefined<SkipOptions>,
    /// Removes what it left.
    cleanup: MaybeUndefined<NoOptions>,
}

impl OperationActionBody {
    /// The one action that is named.
    pub(crate) fn action(self) -> Option<OperationAction> {
        one([
            given(self.cancel).map(|_| OperationAction::Cancel),
            given(self.retry).map(|o| OperationAction::Retry {
                force: o.force == Some(true),
                accept_loss: o.accept_loss == Some(true),
            }),
            self.skip.take().map(|o| OperationAction::Skip {
                step: o.step,
                reason: o.reason,
            }),
            given(self.cleanup).map(|_| OperationAction::Cleanup),
        ])
    }
}
