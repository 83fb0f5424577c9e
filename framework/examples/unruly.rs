//! A driver that does whatever a driver must not do, as its setting `mode` says: the host's tests load
//! it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protector_framework::{
    CallCtx, DriverConfig, DriverEnv, DriverError, ErrorKind, ExposeSecret as _, Result,
    SecretString, StorageCapabilities, StorageDriver,
};
use serde::Deserialize;

protector_framework::export_storage_driver! {
    name: "unruly",
    summary: "Breaks every rule of a driver, one at a time.",
    example: r#"{"mode": "panics"}"#,
    schema: || protector_framework::serde_json::json!({"type": "object"}),
    capabilities: StorageCapabilities::none,
    build: build,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Says in its error what it was given.
    Tells,
    /// The same, once the file `gate` is there; blocks its thread until then.
    TellsLater,
    /// Logs, within the call's span.
    Logs,
    Panics,
    PanicsWhenBuilt,
    PanicsWhenDropped,
    ClaimsMore,
    RefusesItsConfig,
    /// Never answers, and does not block.
    Hangs,
    /// Never answers, and says in its log when it is dropped.
    HangsUntilCancelled,
    /// Never gives its thread back.
    Blocks,
    BlocksWhenBuilt,
    Leaks,
    /// Waits on its own runtime's timer.
    Waits,
}

#[derive(Deserialize)]
struct Settings {
    mode: Mode,
    gate: Option<PathBuf>,
}

#[derive(Debug)]
struct Unruly {
    mode: Mode,
    gate: Option<PathBuf>,
    secret: SecretString,
    env: DriverEnv,
}

fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn StorageDriver>> {
    let Settings { mode, gate } = config.read()?;
    match mode {
        Mode::PanicsWhenBuilt => explode("while it is built"),
        Mode::BlocksWhenBuilt => block(),
        Mode::RefusesItsConfig => {
            let secret = config.require_secret("api_token")?;
            return Err(DriverError::invalid_config(format!(
                "it does not like {}",
                secret.expose_secret()
            )));
        }
        _ => {}
    }
    let secret = config.secrets.get("api_token").cloned();
    Ok(Arc::new(Unruly {
        mode,
        gate,
        secret: secret.unwrap_or_default(),
        env,
    }))
}

#[allow(clippy::panic, reason = "that is what it is for")]
fn explode(when: &str) -> ! {
    panic!("unruly {when}")
}

fn block() -> ! {
    loop {
        std::thread::park();
    }
}

fn wait_for(gate: Option<&Path>) {
    while gate.is_some_and(|gate| !gate.exists()) {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

impl Drop for Unruly {
    fn drop(&mut self) {
        if self.mode == Mode::PanicsWhenDropped {
            explode("when it is dropped");
        }
    }
}

/// Says when a call is given up.
struct Heard;

impl Drop for Heard {
    fn drop(&mut self) {
        tracing::warn!("given up");
    }
}

impl Unruly {
    async fn act<T>(&self, verb: &str, ctx: &CallCtx) -> Result<T> {
        match self.mode {
            Mode::Panics => explode("in a verb"),
            Mode::Hangs => std::future::pending().await,
            Mode::HangsUntilCancelled => {
                let _heard = Heard;
                std::future::pending().await
            }
            Mode::Blocks => block(),
            Mode::TellsLater => wait_for(self.gate.as_deref()),
            Mode::Leaks => {
                std::mem::forget(vec![1_u8; 1 << 20]);
            }
            Mode::Waits => self.env.clock.sleep(Duration::from_millis(20)).await,
            Mode::Logs => {
                let secret = self.secret.expose_secret();
                tracing::info!(target: "hyper::proto", "a header with a token");
                tracing::info!(array = "shelf-1", given = secret, "one line\nand {secret}");
                tracing::debug!("not interesting");
                tracing::warn!(target: "hyper::proto", "a broken connection");
            }
            _ => {}
        }
        let context = format!("{ctx:?}, the secret {}", self.secret.expose_secret());
        Err(
            DriverError::new(ErrorKind::Conflict, format!("{verb} with {context}"))
                .with_call(format!("GET /{}", self.secret.expose_secret()))
                .with_request_id("req-array-1"),
        )
    }
}

macro_rules! verbs {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        impl StorageDriver for Unruly {
            fn capabilities(&self) -> StorageCapabilities {
                let mut can = StorageCapabilities::none();
                can.manifest = self.mode == Mode::ClaimsMore;
                can
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                $(drop($arg);)?
                self.act(stringify!($verb), ctx).await
            })*
        }
    };
}
protector_framework::storage_verbs!(verbs);
