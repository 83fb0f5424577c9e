//! A storage driver for Protector that speaks to Shelf arrays over their REST API.
//!
//! What is here is all that a driver needs: its settings (`settings`), a client of the array
//! (`client`), the array's JSON (`wire`) and the verbs (`driver`).

mod client;
mod driver;
mod settings;
mod wire;

use std::sync::Arc;

use protector_framework::{DriverConfig, DriverEnv, Result, StorageCapabilities, StorageDriver};

use client::Client;
use driver::ShelfDriver;
use settings::Settings;

#[cfg(feature = "library")]
use protector_framework::export_storage_driver as driver;
#[cfg(not(feature = "library"))]
use protector_framework::register_storage_driver as driver;

driver! {
    name: "shelf",
    summary: "Volumes on a Shelf array, over its REST API.",
    example: r#"{"url": "http://shelf-1.example:8080"}"#,
    schema: settings::schema,
    capabilities: capabilities,
    build: build,
}

/// What a Shelf can do; the storage kit tries each claim.
pub const fn capabilities() -> StorageCapabilities {
    let mut can = StorageCapabilities::none();
    can.async_replication = true;
    can.pin_points = true;
    can.connection_state = true;
    can.manifest = true;
    can.written_since = true;
    can
}

/// Makes an instance for one array. Sends nothing yet.
///
/// # Errors
/// `InvalidConfig` where the settings or the secret are wrong.
pub fn build(config: DriverConfig, env: DriverEnv) -> Result<Arc<dyn StorageDriver>> {
    let Settings { url } = config.read()?;
    let token = config.require_secret("api_token")?;
    let client = Client::new(&url, token, env.clock)?;
    Ok(Arc::new(ShelfDriver { client }))
}
