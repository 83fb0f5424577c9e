//! A verb by its name: JSON in, JSON out.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{CallCtx, DriverError, ErrorKind, StorageDriver};

/// Why a verb gave no reply.
pub(super) enum NoReply {
    /// The driver said so.
    Failed(DriverError),
    /// No verb has this name.
    Unknown,
}

impl From<DriverError> for NoReply {
    fn from(error: DriverError) -> Self {
        Self::Failed(error)
    }
}

macro_rules! dispatch {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        /// Calls the verb of this name.
        pub(super) async fn dispatch(
            driver: &dyn StorageDriver,
            verb: &str,
            ctx: &CallCtx,
            body: &[u8],
        ) -> Result<Vec<u8>, NoReply> {
            $(if verb == stringify!($verb) {
                $(let $arg = read::<$request>(verb, body)?;)?
                let reply = driver.$verb(ctx $(, $arg)?).await?;
                return written(verb, &reply);
            })*
            Err(NoReply::Unknown)
        }
    };
}
crate::storage_verbs!(dispatch);

fn read<T: DeserializeOwned>(verb: &str, body: &[u8]) -> Result<T, NoReply> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the request of `{verb}` cannot be read: {error}");
        NoReply::Failed(DriverError::new(ErrorKind::InvalidRequest, message))
    })
}

fn written<T: Serialize>(verb: &str, reply: &T) -> Result<Vec<u8>, NoReply> {
    serde_json::to_vec(reply).map_err(|error| {
        let message = format!("the reply of `{verb}` cannot be written: {error}");
        NoReply::Failed(DriverError::new(ErrorKind::Unexpected, message))
    })
}
