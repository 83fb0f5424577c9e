//! A driver in a shared library that is as good as the mock arrays' own until the file `moods` in its array's
//! directory says otherwise. Each line has a mood, a verb and a word: a call of the verb whose request has the
//! word in it meets the mood.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use protector_driver_mock as _;
use protector_framework::{
    CallCtx, DriverConfig, DriverEnv, DriverError, ErrorKind, Registration, Result,
    StorageCapabilities, StorageDriver, inventory,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

protector_framework::export_storage_driver! {
    name: "moody",
    summary: "Good until told otherwise.",
    example: r#"{"url": "mock:///var/lib/arrays/a"}"#,
    schema: || protector_framework::serde_json::json!({"type": "object"}),
    capabilities: capabilities,
    build: build,
}

/// The mock arrays' own driver, which is linked into this library.
fn mock() -> Option<&'static Registration<dyn StorageDriver>> {
    let linked = inventory::iter::<Registration<dyn StorageDriver>>;
    linked.into_iter().find(|driver| driver.name == "mock")
}

fn capabilities() -> StorageCapabilities {
    mock().map_or_else(StorageCapabilities::none, |mock| (mock.capabilities)())
}

#[derive(Debug)]
struct Moody {
    inner: Arc<dyn StorageDriver>,
    moods: PathBuf,
}

fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn StorageDriver>> {
    let url = config.settings["url"].as_str().unwrap_or_default();
    let moods = PathBuf::from(url.trim_start_matches("mock://")).join("moods");
    let mock = mock().ok_or_else(|| DriverError::invalid_config("there is no mock driver"))?;
    let inner = (mock.build)(config, env)?;
    Ok(Arc::new(Moody { inner, moods }))
}

impl Moody {
    /// The mood of a call.
    fn mood(&self, verb: &str, request: &str) -> Option<String> {
        let moods = std::fs::read_to_string(&self.moods).ok()?;
        moods.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (mood, of, word) = (words.next()?, words.next()?, words.next()?);
            (of == verb && request.contains(word)).then(|| mood.to_owned())
        })
    }
}

#[allow(clippy::panic, reason = "that is what it is for")]
async fn meet<T: Serialize + DeserializeOwned>(
    mood: Option<String>,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    match mood.as_deref() {
        Some("panic") => panic!("in a bad mood"),
        Some("block") => loop {
            std::thread::park();
        },
        Some("never") => std::future::pending().await,
        Some("leak") => {
            std::mem::forget(vec![1_u8; 8 << 20]);
            call.await
        }
        Some("garbage") => nonsense(&call.await?),
        _ => call.await,
    }
}

/// The same reply with other names and no size.
fn nonsense<T: Serialize + DeserializeOwned>(reply: &T) -> Result<T> {
    let mut reply = serde_json::to_value(reply).unwrap_or_default();
    if let Some(fields) = reply.as_object_mut() {
        for (name, value) in fields {
            match value {
                Value::Number(_) => *value = json!(0),
                Value::String(text) if !name.ends_with("_at") && name != "state" => {
                    text.insert_str(0, "nonsense-");
                }
                _ => {}
            }
        }
    }
    serde_json::from_value(reply)
        .map_err(|error| DriverError::new(ErrorKind::Unexpected, error.to_string()))
}

macro_rules! verbs {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        impl StorageDriver for Moody {
            fn capabilities(&self) -> StorageCapabilities {
                self.inner.capabilities()
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                let request: &[String] = &[$(json!($arg).to_string(),)?];
                let mood = self.mood(stringify!($verb), &request.concat());
                meet(mood, self.inner.$verb(ctx $(, $arg)?)).await
            })*
        }
    };
}
protector_framework::storage_verbs!(verbs);
