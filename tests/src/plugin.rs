//! A storage driver in a file, which is loaded as the services load it.

use std::path::Path;

use protector_framework::plugin::host::add_file;
use protector_framework::{DriverOrigin, Registry};

use crate::clouds::failure::{Outcome, fail};

/// Adds the driver of a file, and says what it is called.
///
/// # Errors
/// In one line, why the file is not taken.
pub fn add_plugin(registry: &mut Registry, file: &Path) -> Outcome<String> {
    if let Err(why) = add_file(registry, file) {
        return fail(format!("{}: {why}", file.display()));
    }
    let drivers = registry.drivers().into_iter();
    let mut loaded = drivers.filter(|driver| driver.origin != DriverOrigin::Linked);
    match loaded.next() {
        Some(driver) => Ok(driver.name),
        None => fail(format!("{} has left no driver", file.display())),
    }
}
