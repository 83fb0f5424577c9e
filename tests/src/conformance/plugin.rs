//! The driver of a file, on two Shelf arrays.

use std::path::Path;
use std::sync::Arc;

use protector_example_array::ShelfBenches;
use protector_framework::{DriverEnv, DriverError, DriverKind, RandomIds, Registry, SystemClock};

use crate::plugin::add_plugin;
use crate::sites::{Outcome, fail};

/// Loads a file once and makes benches for the driver in it.
///
/// # Errors
/// In one line, why the file is not taken.
pub fn plugin_benches(file: &Path) -> Outcome<ShelfBenches> {
    let mut loaded = Registry::from_linked(DriverEnv {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
    })?;
    let name = add_plugin(&mut loaded, file)?;
    let Some(info) = loaded.driver(DriverKind::Storage, &name).cloned() else {
        return fail(format!("{} has left no driver", file.display()));
    };
    let title = format!("driver `{name}` of {}", file.display());
    Ok(ShelfBenches::new(title, move |config, env| {
        // Within layers that live by the bench's clock: it is they who keep deadlines.
        let twice = |error| DriverError::invalid_config(format!("{error}"));
        let mut registry = Registry::from_linked(env).map_err(twice)?;
        let (library, driver) = (loaded.clone(), name.clone());
        registry
            .add_storage(info.clone(), move |config, _| {
                library.storage(&driver, config)
            })
            .map_err(twice)?;
        registry.storage(&name, config)
    }))
}
