//! A driver as the cases use it: time goes on while a verb runs.

use std::sync::Arc;

use async_trait::async_trait;
use protector_framework::{CallCtx, CloudHealth, ComputeCapabilities, ComputeDriver, Result};

use crate::pulse::Pulse;

pub(crate) struct Driven {
    inner: Arc<dyn ComputeDriver>,
    pulse: Arc<Pulse>,
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Driven {
    pub(crate) fn new(inner: Arc<dyn ComputeDriver>, pulse: Arc<Pulse>) -> Self {
        Self { inner, pulse }
    }
}

macro_rules! driven {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl ComputeDriver for Driven {
            fn capabilities(&self) -> ComputeCapabilities {
                self.inner.capabilities()
            }

            async fn health(&self, ctx: &CallCtx) -> CloudHealth {
                self.pulse.run(self.inner.health(ctx)).await
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                self.pulse.run(self.inner.$verb(ctx $(, $arg)?)).await
            })*
        }
    };
}
protector_framework::compute_verbs!(driven);
