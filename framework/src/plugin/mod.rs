//! Storage drivers in shared libraries.
//!
//! A library is another program's worth of code: it has its own allocator, its own tokio, its own log.
//! What crosses the boundary is therefore a C ABI ([`abi`], published as
//! `include/protector_driver.h`): JSON in borrowed buffers, a call by its id, one function that completes
//! it. An author sees nothing of it: `export_storage_driver!` (feature `plugin`) makes the library from
//! the same type that can be linked, and the host (feature `host`) gives back a
//! [`StorageDriver`](crate::StorageDriver).

pub mod abi;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "plugin")]
#[doc(hidden)]
pub mod sdk;
#[cfg(any(feature = "host", feature = "plugin"))]
mod wire;

#[cfg(test)]
mod tests;
