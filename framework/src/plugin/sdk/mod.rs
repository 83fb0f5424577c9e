//! What [`export_storage_driver!`](crate::export_storage_driver) expands to: the library's side of the
//! boundary.
//!
//! A call comes on a thread of the host and is driven to its end there, so that a driver that blocks
//! holds up nothing but that call; the library's own runtime has one thread, for its timers and sockets.
//! At its deadline a call that waits is dropped, so that it sends nothing any more.
//! Nothing unwinds to the host: each of its calls is caught.

mod dispatch;
mod forward;
mod host;
mod instance;
mod library;

pub use library::Library;

/// Makes a shared library of a storage driver, loadable by every Protector with the same major version
/// of the ABI, whatever compiler built either; linked into a program, the crate registers the driver
/// as [`register_storage_driver!`](crate::register_storage_driver) does. Once in a crate, of type
/// `cdylib` (and `rlib`, to be linked or tested).
///
/// ```
/// # use std::sync::Arc;
/// # use protector_framework::{DriverConfig, DriverEnv, DriverError, Result, StorageCapabilities, StorageDriver};
/// fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn StorageDriver>> {
/// #   let _ = (config, env); Err(DriverError::unsupported("example"))
///     // read the settings, return the driver
/// }
///
/// protector_framework::export_storage_driver! {
///     name: "shelf",
///     summary: "Volumes on a Shelf array.",
///     example: r#"{"url": "http://shelf-1.example:8080"}"#,
///     schema: || protector_framework::serde_json::json!({"type": "object"}),
///     capabilities: StorageCapabilities::none,
///     build: build,
/// }
/// # fn main() {}
/// ```
///
/// Every instance must claim exactly `capabilities`: a host asks no instance. The library must be built
/// with `panic = "unwind"`, which is the default.
#[macro_export]
macro_rules! export_storage_driver {
    ($($field:ident : $value:expr),+ $(,)?) => {
        $crate::register_storage_driver! { $($field: $value),+ }

        const _: () = {
            #[cfg(panic = "abort")]
            compile_error!(
                "a driver that aborts on a panic would end the service: set panic = \"unwind\""
            );

            static LIBRARY: $crate::plugin::sdk::Library = $crate::plugin::sdk::Library::new(
                $crate::Registration::<dyn $crate::StorageDriver> {
                    version: env!("CARGO_PKG_VERSION"),
                    module: module_path!(),
                    $($field: $value),+
                },
            );

            #[allow(unsafe_code, reason = "the library's side of the C ABI")]
            unsafe extern "C" fn create(
                host: *const $crate::plugin::abi::HostTable,
                call_id: u64,
                config: $crate::plugin::abi::Slice,
            ) -> *mut ::std::ffi::c_void {
                // SAFETY: the host keeps the rules of the header.
                unsafe { LIBRARY.create(host, call_id, config) }
            }

            #[allow(unsafe_code, reason = "the one symbol of the C ABI")]
            #[unsafe(no_mangle)]
            extern "C" fn protector_driver_v1() -> *const $crate::plugin::abi::DriverTable {
                LIBRARY.table(create)
            }
        };
    };
}
