//! A driver as the cases use it: time goes on while a verb runs.

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{CallCtx, Result, StorageCapabilities, StorageDriver};

use crate::pulse::Pulse;

pub(crate) struct Driven {
    inner: Arc<dyn StorageDriver>,
    pulse: Arc<Pulse>,
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Driven {
    pub(crate) fn new(inner: Arc<dyn StorageDriver>, pulse: Arc<Pulse>) -> Self {
        Self { inner, pulse }
    }
}

macro_rules! driven {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl StorageDriver for Driven {
            fn capabilities(&self) -> StorageCapabilities {
                self.inner.capabilities()
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                self.pulse.run(self.inner.$verb(ctx $(, $arg)?)).await
            })*
        }
    };
}
protector_framework::storage_verbs!(driven);
