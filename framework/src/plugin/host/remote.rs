//! A driver in a library, as a [`StorageDriver`].

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::deadline::Deadline;
use super::library::{Instance, Library};
use super::places::Places;
use super::secrets::Secrets;
use crate::{CallCtx, Clock, DriverConfig, Result, StorageCapabilities, StorageDriver};

/// An instance of a driver in a library. The library makes its part at the first call, because making it
/// runs the library's code, and building a driver does not wait.
///
/// A call that has found no way into the library by its deadline has sent nothing, and says so. One that
/// is in it is given up by the layers around every driver.
pub(super) struct RemoteStorage {
    library: &'static Library,
    config: DriverConfig,
    clock: Arc<dyn Clock>,
    places: Arc<Places>,
    secrets: Arc<Secrets>,
    instance: OnceCell<Arc<Instance>>,
}

impl std::fmt::Debug for RemoteStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteStorage")
            .field("settings", &self.config.settings)
            .finish_non_exhaustive()
    }
}

impl RemoteStorage {
    pub(super) fn new(
        library: &'static Library,
        config: DriverConfig,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            library,
            secrets: Secrets::new(config.secrets.values()),
            config,
            clock,
            places: library.places(),
            instance: OnceCell::new(),
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        ctx: &CallCtx,
        request: impl Serialize + Send,
    ) -> Result<T> {
        let deadline = Deadline::after(self.clock.clone(), ctx.deadline);
        let body = serde_json::to_vec(&request);
        // What is borrowed ends here; the future is sent.
        drop(request);
        let body = body.map_err(|error| self.library.unwritten(verb, &error))?;
        let create = || {
            self.library
                .create(&self.config, &self.secrets, &self.places, &deadline)
        };
        let instance = deadline.before(self.instance.get_or_try_init(create));
        let instance = match instance.await {
            Some(instance) => instance?,
            None => return Err(self.library.unmade(verb)),
        };
        let call = self
            .library
            .call(instance, &self.places, verb, ctx, &deadline, body);
        let reply = call.await?;
        serde_json::from_slice(&reply).map_err(|error| {
            let why = format!("its reply cannot be read: {error}");
            self.library.odd(&self.secrets, verb, &why)
        })
    }
}

macro_rules! remote {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl StorageDriver for RemoteStorage {
            fn capabilities(&self) -> StorageCapabilities {
                self.library.capabilities()
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                // What takes no request sends null.
                self.call(stringify!($verb), ctx, ($($arg)?)).await
            })*
        }
    };
}
crate::storage_verbs!(remote);
