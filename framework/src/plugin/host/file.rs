//! Whether a file may be loaded at all, looked at before the loader sees it.

use std::fs::{Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use object::{Architecture, Object as _, ObjectKind, ObjectSection as _};
use rustix::fs::OFlags;

use super::load::LoadError;
use crate::plugin::abi::ENTRY;

/// A larger file is not read, and no driver is one, with all that a debugger wants to know of it.
const LARGEST: u64 = 512 << 20;

/// The file's place with every link followed, if nobody but root and this process's user can change what
/// is there, and it is a shared library for this machine that exports the entry function.
pub(super) fn vet(path: &Path) -> Result<PathBuf, LoadError> {
    let place = path.canonicalize().map_err(LoadError::Unreadable)?;
    for part in place.ancestors() {
        let metadata = part.metadata().map_err(LoadError::Unreadable)?;
        owned_and_kept(part, &metadata)?;
    }
    let mut bytes = Vec::new();
    // To open a pipe would wait for whoever writes into it.
    readable(&place.metadata().map_err(LoadError::Unreadable)?)?;
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&place)
        .map_err(LoadError::Unreadable)?;
    readable(&file.metadata().map_err(LoadError::Unreadable)?)?;
    file.take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(LoadError::Unreadable)?;
    fit(&bytes)?;
    Ok(place)
}

fn readable(metadata: &Metadata) -> Result<(), LoadError> {
    if !metadata.is_file() {
        return Err(LoadError::NotALibrary("it is not a file".to_owned()));
    }
    if metadata.len() > LARGEST {
        let why = format!(
            "it has {} bytes, and no driver more than {LARGEST}",
            metadata.len()
        );
        return Err(LoadError::NotALibrary(why));
    }
    Ok(())
}

fn owned_and_kept(part: &Path, metadata: &Metadata) -> Result<(), LoadError> {
    const STICKY: u32 = 0o1000;
    let mode = metadata.permissions().mode();
    let others_write = mode & 0o022 != 0;
    // In a sticky directory, nobody can replace what is another's.
    let kept = metadata.is_dir() && mode & STICKY != 0;
    if others_write && !kept {
        return Err(LoadError::Unsafe {
            part: part.to_owned(),
            why: "others than its owner can write it",
        });
    }
    let owner = metadata.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(LoadError::Unsafe {
            part: part.to_owned(),
            why: "it belongs to neither root nor the user of this process",
        });
    }
    Ok(())
}

/// The loader maps what a file's head names: of one that is cut short, it would map nothing, and the
/// process would die of it.
fn fit(bytes: &[u8]) -> Result<(), LoadError> {
    let odd = |error: object::Error| LoadError::NotALibrary(error.to_string());
    let library = object::File::parse(bytes).map_err(odd)?;
    if library.kind() != ObjectKind::Dynamic {
        let kind = format!("it is an object of kind {:?}", library.kind());
        return Err(LoadError::NotALibrary(kind));
    }
    let here = match std::env::consts::ARCH {
        "x86_64" => Some(Architecture::X86_64),
        "aarch64" => Some(Architecture::Aarch64),
        // The loader says it for the others.
        _ => None,
    };
    if here.is_some_and(|here| here != library.architecture()) {
        return Err(LoadError::Architecture(format!(
            "{:?}",
            library.architecture()
        )));
    }
    for section in library.sections() {
        section.data().map_err(|_| {
            let name = section.name().unwrap_or("a section").to_owned();
            LoadError::NotALibrary(format!("it is cut short: {name} is not in it"))
        })?;
    }
    let exports = library.exports().map_err(odd)?;
    match exports.iter().any(|e| e.name() == ENTRY.as_bytes()) {
        true => Ok(()),
        false => Err(LoadError::NoEntry),
    }
}
