//! Loads whatever drivers lie in the operator's directory.

use std::path::{Path, PathBuf};

use super::load::load;
use super::remote::RemoteStorage;
use crate::{RefusedFile, Registry};

/// Adds the drivers of every `*.so` of a directory, in the order of their names. A file that is not
/// taken, or whose driver's name is taken already, is told in one line of the log and noted in the
/// registry ([`Registry::refused`]); nothing else comes of it.
pub fn add_directory(registry: &mut Registry, directory: &Path) {
    let files = match libraries(directory) {
        Ok(files) => files,
        Err(error) => {
            refuse(registry, directory, format!("it cannot be read: {error}"));
            return;
        }
    };
    for file in files {
        if let Err(reason) = add_file(registry, &file) {
            refuse(registry, &file, reason);
        }
    }
}

fn refuse(registry: &mut Registry, file: &Path, reason: String) {
    tracing::error!("driver file {} is not loaded: {reason}", file.display());
    registry.note_refused(RefusedFile {
        file: file.to_owned(),
        reason,
    });
}

fn libraries(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in directory.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "so") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Adds the driver of one file.
///
/// # Errors
/// In one line, why it is not taken.
pub fn add_file(registry: &mut Registry, file: &Path) -> Result<(), String> {
    let plugin = load(file).map_err(|error| error.to_string())?;
    let (name, library) = (plugin.info.name.clone(), plugin.library);
    registry
        .add_storage(plugin.info, move |config, env| {
            Ok(std::sync::Arc::new(RemoteStorage::new(
                library, config, env.clock,
            )))
        })
        .map_err(|_| format!("there is a storage driver named `{name}` already"))?;
    tracing::info!("driver `{name}` is loaded from {}", file.display());
    Ok(())
}
