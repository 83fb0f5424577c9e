//! The layers around a driver that answers as a script says, on a clock that moves by hand.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::LayerSettings;
use crate::{
    ArrayInfo, CallCtx, Clock as _, DriverConfig, DriverEnv, DriverError, DriverInfo, DriverKind,
    DriverOrigin, ErrorKind, ManualClock, RandomIds, Registry, Result, Retry, StorageCapabilities,
    StorageDriver,
};

/// What the driver does with one call.
#[derive(Debug, Clone)]
enum Act {
    Fails(ErrorKind, Retry),
    Answers,
    Hangs,
    Panics,
    /// Answers after this time.
    Takes(Duration),
}

#[derive(Debug)]
struct Scripted {
    acts: Mutex<Vec<Act>>,
    /// The deadlines of the calls that came, and when.
    came: Mutex<Vec<(Duration, Duration)>>,
    running: Mutex<(usize, usize)>,
    clock: Arc<ManualClock>,
}

impl Scripted {
    async fn act(&self, ctx: &CallCtx) -> Result<ArrayInfo> {
        let now = self.clock.monotonic();
        self.came.lock().unwrap().push((ctx.deadline, now));
        let act = {
            let mut acts = self.acts.lock().unwrap();
            if acts.is_empty() {
                Act::Answers
            } else {
                acts.remove(0)
            }
        };
        let identity = crate::ArrayIdentity {
            id: "a".into(),
            name: "array".to_owned(),
        };
        let info = ArrayInfo::new(identity, "1");
        match act {
            Act::Fails(kind, retry) => Err(DriverError::new(kind, "scripted").with_retry(retry)),
            Act::Answers => Ok(info),
            Act::Hangs => std::future::pending().await,
            Act::Panics => panic!("as the script says"),
            Act::Takes(time) => {
                {
                    let mut running = self.running.lock().unwrap();
                    running.0 += 1;
                    running.1 = running.1.max(running.0);
                }
                self.clock.sleep(time).await;
                self.running.lock().unwrap().0 -= 1;
                Ok(info)
            }
        }
    }
}

macro_rules! scripted {
    (describe() -> $info:ty; $($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        impl StorageDriver for Scripted {
            fn capabilities(&self) -> StorageCapabilities {
                StorageCapabilities::none()
            }

            async fn describe(&self, ctx: &CallCtx) -> Result<$info> {
                self.act(ctx).await
            }

            $(async fn $verb(&self, _: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                $(drop($arg);)?
                Err(DriverError::unsupported(stringify!($verb)))
            })*
        }
    };
}
crate::storage_verbs!(scripted);

struct Bench {
    clock: Arc<ManualClock>,
    inner: Arc<Scripted>,
    registry: Registry,
    driver: Arc<dyn StorageDriver>,
}

fn bench(settings: LayerSettings, acts: &[Act]) -> Bench {
    let clock = Arc::new(ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
    let env = DriverEnv {
        clock: clock.clone(),
        ids: Arc::new(RandomIds),
    };
    let mut registry = Registry::from_linked(env).unwrap();
    let inner = Arc::new(Scripted {
        acts: Mutex::new(acts.to_vec()),
        came: Mutex::default(),
        running: Mutex::default(),
        clock: clock.clone(),
    });
    let info = DriverInfo {
        kind: DriverKind::Storage,
        name: "scripted".to_owned(),
        version: "1".to_owned(),
        summary: String::new(),
        example: serde_json::Value::Null,
        schema: serde_json::Value::Null,
        capabilities: serde_json::Value::Null,
        origin: DriverOrigin::Linked,
        abi: None,
    };
    let built = inner.clone();
    registry
        .add_storage(info, move |_, _| Ok(built.clone()))
        .unwrap();
    let settings = BTreeMap::from([
        ("scripted".to_owned(), settings),
        ("nobody".to_owned(), LayerSettings::default()),
    ]);
    assert_eq!(registry.set_layers(&settings), ["nobody"]);
    let driver = registry
        .storage("scripted", DriverConfig::default())
        .unwrap();
    Bench {
        clock,
        inner,
        registry,
        driver,
    }
}

impl Bench {
    /// Another instance, with this address.
    fn instance(&self, url: &str) -> Arc<dyn StorageDriver> {
        let config = DriverConfig::new(serde_json::json!({ "url": url }));
        self.registry.storage("scripted", config).unwrap()
    }

    async fn call(&self, deadline: Duration) -> Result<ArrayInfo> {
        self.calls(&[deadline]).await.remove(0)
    }

    /// Calls at once.
    async fn calls(&self, deadlines: &[Duration]) -> Vec<Result<ArrayInfo>> {
        let calls = deadlines.iter().map(|deadline| (&self.driver, *deadline));
        self.calls_of(calls).await
    }

    /// Calls of several instances at once, while the clock moves to whatever is waited for.
    async fn calls_of(
        &self,
        calls: impl IntoIterator<Item = (&Arc<dyn StorageDriver>, Duration)>,
    ) -> Vec<Result<ArrayInfo>> {
        let calls = calls.into_iter().map(async |(driver, deadline)| {
            driver.describe(&CallCtx::new("req-1", deadline)).await
        });
        let time = async {
            loop {
                tokio::task::yield_now().await;
                self.clock.advance_to_next();
            }
        };
        tokio::select! {
            // Whoever was woken goes on before the clock does.
            biased;
            outcomes = futures::future::join_all(calls) => outcomes,
            () = time => unreachable!("time does not end"),
        }
    }

    fn came(&self) -> Vec<(Duration, Duration)> {
        self.inner.came.lock().unwrap().clone()
    }
}

fn retries(retries: u32) -> LayerSettings {
    LayerSettings {
        retries,
        ..LayerSettings::default()
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn by_default_a_call_is_made_once() {
    let bench = bench(
        LayerSettings::default(),
        &[Act::Fails(ErrorKind::Unreachable, Retry::Now)],
    );
    let error = bench.call(MINUTE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert_eq!(bench.came().len(), 1);
    assert_eq!(bench.clock.monotonic(), Duration::ZERO);
}

#[tokio::test]
async fn a_failure_in_passing_is_tried_again_within_the_deadline() {
    let gone = Act::Fails(ErrorKind::Unreachable, Retry::Now);
    let slow = Act::Fails(ErrorKind::RateLimited, Retry::After(3));
    let bench = bench(retries(3), &[gone.clone(), slow, gone]);
    bench.call(MINUTE).await.unwrap();
    let came = bench.came();
    let at: Vec<u128> = came.iter().map(|(_, at)| at.as_millis()).collect();
    assert_eq!(at, [0, 200, 3200, 4000]);
    for (deadline, at) in came {
        let left = MINUTE - at;
        assert_eq!(
            deadline,
            left - Duration::from_millis(500),
            "what is left of the caller's time"
        );
    }
}

#[tokio::test]
async fn what_waiting_does_not_help_or_the_caller_waits_for_is_not_tried_again() {
    for (kind, retry) in [
        (ErrorKind::Conflict, Retry::Never),
        (ErrorKind::Busy, Retry::Now),
        (ErrorKind::Panicked, Retry::Never),
        (ErrorKind::Unreachable, Retry::Never),
    ] {
        let bench = bench(retries(5), &[Act::Fails(kind, retry)]);
        assert_eq!(bench.call(MINUTE).await.unwrap_err().kind, kind);
        assert_eq!(bench.came().len(), 1, "{kind:?}");
    }
    // Nor where the pause would take what is left.
    let bench = bench(
        retries(5),
        &[Act::Fails(ErrorKind::RateLimited, Retry::After(60))],
    );
    let error = bench.call(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error.retry, Retry::After(60));
    assert_eq!(bench.clock.monotonic(), Duration::ZERO);
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_whatever_the_driver_does() {
    let bench = bench(LayerSettings::default(), &[Act::Hangs]);
    let error = bench.call(Duration::from_secs(7)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    for part in ["scripted", "describe", "7s", "not known"] {
        assert!(error.message.contains(part), "{error}");
    }
    assert_eq!(bench.clock.monotonic(), Duration::from_secs(7));
}

#[tokio::test]
async fn an_attempt_has_a_limit_of_its_own() {
    let settings = LayerSettings {
        timeout: Some(Duration::from_secs(2)),
        ..retries(1)
    };
    let bench = bench(settings, &[Act::Hangs]);
    bench.call(MINUTE).await.unwrap();
    let deadlines: Vec<_> = bench.came().iter().map(|(deadline, _)| *deadline).collect();
    assert_eq!(deadlines, [Duration::from_millis(1900); 2]);
}

#[tokio::test]
async fn only_so_many_calls_run_at_a_time_and_who_waits_in_vain_has_sent_nothing() {
    let settings = LayerSettings {
        at_once: NonZeroUsize::new(2),
        ..LayerSettings::default()
    };
    let second = Duration::from_secs(1);
    let bench = bench(settings, &vec![Act::Takes(second); 7]);
    for outcome in bench.calls(&[MINUTE; 6]).await {
        outcome.unwrap();
    }
    assert_eq!(bench.inner.running.lock().unwrap().1, 2);
    assert_eq!(bench.clock.monotonic(), 3 * second);

    let bench = self::bench(
        LayerSettings {
            at_once: NonZeroUsize::new(1),
            ..LayerSettings::default()
        },
        &[Act::Takes(10 * second)],
    );
    let mut outcomes = bench.calls(&[MINUTE, second]).await;
    let error = outcomes.remove(1).unwrap_err();
    outcomes.remove(0).unwrap();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(error.message.contains("nothing was sent"), "{error}");
    assert_eq!(bench.came().len(), 1);
}

#[tokio::test]
async fn calls_that_wait_for_a_dead_array_hold_up_none_to_the_other() {
    let settings = LayerSettings {
        at_once: NonZeroUsize::new(1),
        ..LayerSettings::default()
    };
    let bench = bench(settings, &[Act::Hangs]);
    let [dead, same, other] =
        ["https://dead", "https://DEAD/", "https://other"].map(|url| bench.instance(url));
    let second = Duration::from_secs(1);
    let calls = [(&dead, MINUTE), (&same, second), (&other, second)];
    let mut outcomes = bench.calls_of(calls).await.into_iter();
    let mut kind = || outcomes.next().unwrap().map_err(|error| error.kind);
    assert_eq!(kind().unwrap_err(), ErrorKind::Timeout);
    assert_eq!(kind().unwrap_err(), ErrorKind::Busy, "the same array");
    kind().unwrap();
}

#[tokio::test]
async fn a_driver_that_panics_fails_the_one_call() {
    let bench = bench(retries(3), &[Act::Panics]);
    let error = bench.call(MINUTE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Panicked);
    for part in ["scripted", "describe"] {
        assert!(error.message.contains(part), "{error}");
    }
    bench.call(MINUTE).await.unwrap();
    assert_eq!(bench.came().len(), 2);
}

#[test]
fn a_driver_that_panics_while_it_is_built_refuses_its_settings() {
    let mut bench = bench(LayerSettings::default(), &[]);
    let info = DriverInfo {
        name: "fragile".to_owned(),
        ..bench.registry.drivers().remove(0)
    };
    bench
        .registry
        .add_storage(info, |_, _| panic!("as the script says"))
        .unwrap();
    let built = bench.registry.storage("fragile", DriverConfig::default());
    assert_eq!(built.unwrap_err().kind, ErrorKind::Panicked);
}

#[test]
fn what_two_calls_at_once_would_make_twice_is_not_sent_again_while_the_first_may_run() {
    let pause = |verb, kind| super::retry::pause_after(verb, &DriverError::new(kind, "x"), 0, 3);
    assert!(pause("create_trust", ErrorKind::Timeout).is_none());
    assert!(pause("create_trust", ErrorKind::Unreachable).is_some());
    assert!(pause("ensure_server", ErrorKind::Timeout).is_some());
}

#[test]
fn each_call_is_counted_and_timed_by_driver_verb_and_outcome() {
    let recorder = DebuggingRecorder::new();
    let metrics = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let acts = [
                Act::Takes(Duration::from_secs(2)),
                Act::Fails(ErrorKind::Conflict, Retry::Never),
            ];
            let bench = bench(LayerSettings::default(), &acts);
            bench.call(MINUTE).await.unwrap();
            bench.call(MINUTE).await.unwrap_err();
        });
    });
    let mut seen: Vec<String> = Vec::new();
    for (key, _, _, value) in metrics.snapshot().into_vec() {
        let labels: Vec<_> = key
            .key()
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Histogram(times) => format!("{times:?}"),
            DebugValue::Gauge(_) => "a gauge".to_owned(),
        };
        seen.push(format!("{} {} {value}", key.key().name(), labels.join(" ")));
    }
    seen.sort();
    let driver = "kind=storage driver=scripted verb=describe";
    assert_eq!(
        seen,
        [
            format!("protector_driver_call_seconds {driver} [2.0, 0.0]"),
            format!("protector_driver_calls_total {driver} outcome=conflict 1"),
            format!("protector_driver_calls_total {driver} outcome=ok 1"),
        ]
    );
}
