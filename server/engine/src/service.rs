//! The engine as a service: its loops, and how they begin and end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use protector_config::Config;
use protector_daemon::{
    Alive, AuditTrail, DatabaseError, Metrics, MetricsError, Observer, heartbeat, open_database,
};
use protector_framework::{Clock, Ids, Registry};
use protector_reach::{ArrayTrust, Reach};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use crate::beat::Beat;
use crate::peers::Peers;
use crate::readiness::Watch;
use crate::runner::RunnerOptions;
use crate::trail::{self, Trail};
use crate::work::WorkLoop;

/// How long running steps may take to end after the engine was told to stop.
const GRACE: Duration = Duration::from_secs(20);

/// What an engine is started with.
#[derive(Debug)]
pub struct EngineOptions {
    /// The configuration.
    pub config: Config,
    /// The drivers.
    pub registry: Registry,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers and randomness.
    pub ids: Arc<dyn Ids>,
    /// Names this process among the site's engines.
    pub name: String,
    /// Where the ends of operations are told.
    pub trail: AuditTrail,
}

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Metrics cannot be shown.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// A running engine.
#[derive(Debug)]
pub struct EngineHandle {
    stopping: Arc<AtomicBool>,
    wake: Arc<Notify>,
    clock: Arc<dyn Clock>,
    heart: AbortHandle,
    loops: JoinSet<()>,
    /// One for each loop.
    beats: Vec<AbortHandle>,
    beat: Beat,
    metrics: Option<Metrics>,
}

#[async_trait]
impl Alive for EngineHandle {
    /// Whether every loop runs, one that has failed not being begun again in this process, and operations
    /// are looked for.
    async fn alive(&self) -> bool {
        self.beats.iter().all(|one| !one.is_finished()) && self.beat.is_heard()
    }
}

impl EngineHandle {
    /// Where it shows its metrics, if it does.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(Metrics::local_addr)
    }

    /// Begins nothing more, lets running steps end for a while, and gives operations back.
    pub async fn stop(mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.wake.notify_waiters();
        self.heart.abort();
        let clock = self.clock.clone();
        tokio::select! {
            () = async { while self.loops.join_next().await.is_some() {} } => {}
            () = clock.sleep(GRACE) => {
                tracing::warn!("steps did not end in time; another engine takes them up");
            }
        }
        self.loops.abort_all();
    }

    /// Stops at once, as if the process was killed.
    pub fn abort(mut self) {
        self.loops.abort_all();
    }
}

/// Starts an engine on its site's database.
///
/// # Errors
/// One clear reason; nothing runs then.
pub async fn start(options: EngineOptions) -> Result<EngineHandle, EngineError> {
    let EngineOptions {
        config,
        registry,
        clock,
        ids,
        name,
        trail: file,
    } = options;
    let db = open_database(&config, clock.clone(), ids.clone()).await?;
    let shown = &config.metrics;
    let metrics = Metrics::show(
        &shown.bind_host,
        shown.engine_bind_port,
        db.clone(),
        clock.clone(),
    )
    .await?;
    let observer = Observer {
        program: trail::PROGRAM,
        host: config.default.host.clone(),
    };
    let trust = ArrayTrust {
        ca_file: config.storage.cafile.clone(),
        pins: config.storage.certificate_sha256.clone(),
        insecure: config.storage.insecure,
    };
    let reach = Reach::trusting(trust, db.clone(), registry, clock.clone(), ids.clone());
    let stopping = Arc::new(AtomicBool::new(false));
    let wake = Arc::new(Notify::new());
    let nudge = Arc::new(Notify::new());
    let met = Arc::new(AtomicBool::new(false));
    let peers = Peers {
        db: db.clone(),
        reach: reach.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        owner: name.clone(),
        interval: config.engine.peer_interval,
        nudge: nudge.clone(),
        stopping: stopping.clone(),
        wake: wake.clone(),
        met: met.clone(),
        observer: observer.clone(),
    };
    let trail = Trail {
        db: db.clone(),
        clock: clock.clone(),
        observer,
        file,
        stopping: stopping.clone(),
        wake: wake.clone(),
    };
    let watch = Watch {
        db: db.clone(),
        reach: reach.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        stopping: stopping.clone(),
        wake: wake.clone(),
    };
    let beat = Beat::new(clock.clone());
    let work = WorkLoop {
        db: db.clone(),
        reach,
        clock: clock.clone(),
        ids,
        owner: name,
        poll_interval: config.engine.poll_interval,
        max_operations: config.engine.max_operations,
        runner: RunnerOptions {
            lease: config.engine.lease,
            call_deadline: config.engine.call_deadline,
            ..RunnerOptions::default()
        },
        nudge,
        stopping: stopping.clone(),
        wake: wake.clone(),
        met,
        beat: beat.clone(),
    };
    let mut loops = JoinSet::new();
    let heart = loops.spawn(heartbeat(
        db,
        clock.clone(),
        "protector-engine",
        config.default.host,
    ));
    let beats = vec![
        heart.clone(),
        loops.spawn(peers.run()),
        loops.spawn(work.run()),
        loops.spawn(watch.run()),
        loops.spawn(trail.run()),
    ];
    Ok(EngineHandle {
        stopping,
        wake,
        clock,
        heart,
        loops,
        beats,
        beat,
        metrics,
    })
}
