//! Everything that can be asked for, as traits without HTTP in them.

mod groups;
mod operations;
mod peer;
mod sites;

pub use groups::*;
pub use operations::*;
pub use peer::*;
pub use sites::*;

/// Declares a part of the surface as a trait, together with its implementation by [`NoServices`],
/// so that the list of verbs is written once.
macro_rules! surface {
    (
        $(#[$meta:meta])*
        pub trait $name:ident {
            $( $(#[$doc:meta])* async fn $verb:ident(&self $(, $arg:ident: $ty:ty)* $(,)?) -> $out:ty; )*
        }
    ) => {
        $(#[$meta])*
        #[async_trait::async_trait]
        pub trait $name: Send + Sync {
            $( $(#[$doc])* async fn $verb(&self $(, $arg: $ty)*) -> $crate::Result<$out>; )*
        }

        #[async_trait::async_trait]
        impl $name for $crate::NoServices {
            $( async fn $verb(&self $(, $arg: $ty)*) -> $crate::Result<$out> {
                $( let _ = $arg; )*
                Err($crate::Refusal::unavailable("this process serves no requests"))
            } )*
        }
    };
}
pub(crate) use surface;

/// All of it.
pub trait Services: SiteServices + GroupServices + OperationServices + PeerServices {}

impl<T: SiteServices + GroupServices + OperationServices + PeerServices> Services for T {}

/// Refuses everything: for a process that only describes the API.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoServices;
