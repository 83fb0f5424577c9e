//! A driver within its layers, which is what the rest of the program gets.

use std::sync::Arc;

use async_trait::async_trait;

use super::AroundInstance;
use crate::{
    CallCtx, CloudHealth, ComputeCapabilities, ComputeDriver, DriverError, IdentityCapabilities,
    IdentityDriver, Reachability, Result, SecretString, StorageCapabilities, StorageDriver,
    TrustId,
};

/// An instance of a driver within the layers of its driver.
pub(crate) struct Layered<T: ?Sized> {
    inner: Arc<T>,
    around: AroundInstance,
}

impl<T: ?Sized> Layered<T> {
    pub(crate) fn new(inner: Arc<T>, around: AroundInstance) -> Self {
        Self { inner, around }
    }
}

impl<T: ?Sized + std::fmt::Debug> std::fmt::Debug for Layered<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

/// One verb within the layers.
macro_rules! layered {
    ($self:ident, $ctx:ident, $verb:ident $(, $arg:ident)*) => {
        $self
            .around
            .call(stringify!($verb), $ctx, |ctx| {
                $(let $arg = Clone::clone(&$arg);)*
                async move { $self.inner.$verb(&ctx $(, $arg)*).await }
            })
            .await
    };
}

macro_rules! storage {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl StorageDriver for Layered<dyn StorageDriver> {
            fn capabilities(&self) -> StorageCapabilities {
                self.inner.capabilities()
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                layered!(self, ctx, $verb $(, $arg)?)
            })*
        }
    };
}
crate::storage_verbs!(storage);

macro_rules! compute {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl ComputeDriver for Layered<dyn ComputeDriver> {
            fn capabilities(&self) -> ComputeCapabilities {
                self.inner.capabilities()
            }

            async fn health(&self, ctx: &CallCtx) -> CloudHealth {
                let look = |ctx| async move { Ok(self.inner.health(&ctx).await) };
                let looked = self.around.call("health", ctx, look).await;
                looked.unwrap_or_else(silent)
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                layered!(self, ctx, $verb $(, $arg)?)
            })*
        }
    };
}
crate::compute_verbs!(compute);

/// The health of a cloud whose driver does not come back.
fn silent(error: DriverError) -> CloudHealth {
    let service = Reachability::new(false).detail(error.message);
    CloudHealth::new(service.clone(), service.clone(), service.clone(), service)
}

macro_rules! identity {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl IdentityDriver for Layered<dyn IdentityDriver> {
            fn capabilities(&self) -> IdentityCapabilities {
                self.inner.capabilities()
            }

            async fn forget_service_token(&self) {
                // Sends nothing.
                self.inner.forget_service_token().await;
            }

            async fn delete_trust(
                &self,
                ctx: &CallCtx,
                token: &SecretString,
                id: &TrustId,
            ) -> Result<()> {
                layered!(self, ctx, delete_trust, token, id)
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                layered!(self, ctx, $verb $(, $arg)?)
            })*
        }
    };
}
crate::identity_verbs!(identity);
