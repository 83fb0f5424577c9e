//! Loads one library.

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use libloading::os::unix::{Library as Loaded, RTLD_LOCAL, RTLD_NOW};

use super::file;
use super::library::Library;
use super::secrets::shortened;
use super::state;
use crate::plugin::abi::{self, DriverTable, ENTRY, Entry, MAJOR};
use crate::plugin::wire::Manifest;
use crate::{DriverInfo, DriverKind, DriverOrigin};

/// How long a library may take to be loaded and to tell its table.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_MANIFEST: usize = 1 << 20;
const LONGEST_VERSION: usize = 64;
const LONGEST_SUMMARY: usize = 512;
/// What is told of a reason that has a library's own words in it.
const LONGEST_REASON: usize = 512;

/// Why a file is not taken, in one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// Somebody else could change the file or its directory.
    #[error("{} is not safe: {why}; give it to root and take the others' right to write", .part.display())]
    Unsafe {
        /// The file or one of its directories.
        part: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is no shared library.
    #[error("it is not a shared library: {0}")]
    NotALibrary(String),
    /// It is one for another machine.
    #[error("it was built for {0}, and this machine is {arch}", arch = std::env::consts::ARCH)]
    Architecture(String),
    /// It does not export the entry function.
    #[error(
        "it does not export `{ENTRY}`: it is not a driver, or one for another major version of the ABI"
    )]
    NoEntry,
    /// The loader refuses it.
    #[error("the loader refuses it: {0}")]
    Loader(String),
    /// The loader does not come back from it.
    #[error(
        "what it runs when it is loaded has not ended within {0:?}; no driver can be loaded after it: take \
         it away and restart the service"
    )]
    Loading(Duration),
    /// The loader has not come back from another file.
    #[error(
        "{} does not let the loader go, so that nothing can be loaded after it; take that file away and \
         restart the service", .0.display()
    )]
    Behind(PathBuf),
    /// Its entry function does not come back.
    #[error("it has not told its table within {0:?}")]
    Stuck(Duration),
    /// It speaks another major version of the ABI.
    #[error("it is built for version {0} of the driver ABI, and this host speaks {MAJOR}")]
    Version(u32),
    /// Its table or its manifest is wrong.
    #[error("its {part} is wrong: {why}")]
    Table {
        /// The table or its manifest.
        part: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// A driver in a library that was loaded. It stays loaded as long as the process lives.
#[derive(Debug)]
pub struct Plugin {
    pub(super) info: DriverInfo,
    pub(super) library: &'static Library,
}

impl Plugin {
    /// What can be shown of its driver.
    pub fn info(&self) -> &DriverInfo {
        &self.info
    }
}

/// Loads the library of a storage driver.
///
/// # Errors
/// In one line, why it is not taken. Nothing of it runs unless the file is safe, whole, and for this
/// machine.
pub fn load(path: &Path) -> Result<Plugin, LoadError> {
    load_within(path, PATIENCE)
}

pub(in crate::plugin) fn load_within(path: &Path, patience: Duration) -> Result<Plugin, LoadError> {
    // Before anything else: even a thread may wait for the loader.
    if let Some(other) = &*in_the_way() {
        return Err(LoadError::Behind(other.clone()));
    }
    let (tell, told) = mpsc::channel();
    let (step, file) = (Arc::new(Mutex::new(Step::Reading)), path.to_owned());
    let reached = step.clone();
    // A disk may never answer, and the loader runs what the library wants to run when it is loaded.
    let spawned = std::thread::Builder::new()
        .name("load-driver".to_owned())
        .spawn(move || {
            let found = file::vet(&file).and_then(|place| open(&file, place, &reached));
            // Nobody waits for it any more.
            let (Ok(()) | Err(_)) = tell.send(found);
        });
    if let Err(error) = spawned {
        return Err(LoadError::Unreadable(error));
    }
    match told.recv_timeout(patience) {
        Ok(found) => {
            let Found(table, place) = found?;
            adopt(table, DriverOrigin::File(place))
        }
        Err(_) => Err(given_up(path, &step, patience)),
    }
}

/// The file whose code the loader runs since it was given up. Until it comes back, nothing else can be
/// loaded: the loader does one thing at a time.
static IN_THE_WAY: Mutex<Option<PathBuf>> = Mutex::new(None);

fn in_the_way() -> MutexGuard<'static, Option<PathBuf>> {
    IN_THE_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is looked at.
    Reading,
    /// The loader has it.
    Loading,
    /// It is asked for its table.
    Asking,
}

fn given_up(path: &Path, step: &Mutex<Step>, patience: Duration) -> LoadError {
    // In this order, here and where the loader comes back.
    let mut in_the_way = in_the_way();
    match *step.lock().unwrap_or_else(PoisonError::into_inner) {
        Step::Reading => {
            let late = format!("not within {patience:?}");
            LoadError::Unreadable(std::io::Error::new(std::io::ErrorKind::TimedOut, late))
        }
        Step::Loading => {
            in_the_way.get_or_insert_with(|| path.to_owned());
            LoadError::Loading(patience)
        }
        Step::Asking => LoadError::Stuck(patience),
    }
}

/// A table of a library and the library's place, on their way from the thread that loaded it.
struct Found(*const DriverTable, PathBuf);

// SAFETY: the header says that the table lives as long as the process and does not change.
#[allow(unsafe_code, reason = "the header's promise")]
unsafe impl Send for Found {}

#[allow(unsafe_code, reason = "loading a library runs its code")]
fn open(file: &Path, place: PathBuf, step: &Mutex<Step>) -> Result<Found, LoadError> {
    let reach = |next| *step.lock().unwrap_or_else(PoisonError::into_inner) = next;
    let loader = |error: libloading::Error| LoadError::Loader(one_line(&error));
    reach(Step::Loading);
    // SAFETY: the operator put it there, nobody else could have, and it is whole.
    let library = unsafe { Loaded::open(Some(&place), RTLD_NOW | RTLD_LOCAL) };
    {
        let mut in_the_way = in_the_way();
        in_the_way.take_if(|other| other == file);
        reach(Step::Asking);
    }
    // Its code may have begun threads: unloading it would end the process, whatever is wrong with it.
    let library = ManuallyDrop::new(library.map_err(loader)?);
    // SAFETY: the header gives the symbol this type.
    let entry = unsafe { library.get::<Entry>(ENTRY.as_bytes()) }.map_err(loader)?;
    // SAFETY: the header: it sends nothing and does not fail.
    let table = unsafe { entry() };
    Ok(Found(table, place))
}

fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    if let Some(source) = error.source() {
        text = format!("{text}: {source}");
    }
    printable(&text)
}

/// One line, and not longer than makes sense.
fn printable(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    shortened(text, LONGEST_REASON)
}

/// Checks a table, and takes the driver.
#[allow(unsafe_code, reason = "a table of another library")]
pub(super) fn adopt(table: *const DriverTable, origin: DriverOrigin) -> Result<Plugin, LoadError> {
    let wrong = |part, why: &str| LoadError::Table {
        part,
        why: printable(why),
    };
    if table.is_null() {
        return Err(wrong("table", "there is none"));
    }
    // SAFETY: the first fields are those of every version.
    let (major, minor, size) = unsafe {
        (
            (&raw const (*table).major).read(),
            (&raw const (*table).minor).read(),
            (&raw const (*table).size).read(),
        )
    };
    if major != MAJOR {
        return Err(LoadError::Version(major));
    }
    if size < DriverTable::LEAST {
        return Err(wrong("table", "it is too short"));
    }
    // SAFETY: it says that it has so many bytes, and a function that is not there is `None`.
    let table = unsafe { abi::read(table, size) };
    // SAFETY: the header: the manifest is lent for good.
    let bytes = unsafe { table.manifest.bytes(LONGEST_MANIFEST) };
    let bytes = bytes.map_err(|_| wrong("manifest", "it is longer than 1 MiB"))?;
    let manifest: Manifest =
        serde_json::from_slice(bytes).map_err(|error| wrong("manifest", &error.to_string()))?;
    if manifest.kind != DriverKind::Storage.word() {
        let why = format!(
            "its kind is {:?}, and only `storage` can be loaded",
            manifest.kind
        );
        return Err(wrong("manifest", &why));
    }
    if !is_name(&manifest.name) {
        let why = format!(
            "its name {:?} is not made of a-z, 0-9, - and _",
            manifest.name
        );
        return Err(wrong("manifest", &why));
    }
    for (field, text, longest) in [
        ("version", &manifest.version, LONGEST_VERSION),
        ("summary", &manifest.summary, LONGEST_SUMMARY),
    ] {
        if text.len() > longest || text.chars().any(char::is_control) {
            let why = format!("its {field} is not one line of at most {longest} bytes");
            return Err(wrong("manifest", &why));
        }
    }
    let info = DriverInfo {
        kind: DriverKind::Storage,
        name: manifest.name.clone(),
        version: manifest.version,
        summary: manifest.summary,
        example: manifest.example,
        schema: manifest.schema,
        capabilities: serde_json::to_value(manifest.capabilities).unwrap_or_default(),
        origin,
        abi: Some(format!("{major}.{minor}")),
    };
    let library = Library::new(&manifest.name, manifest.capabilities, &table)
        .ok_or_else(|| wrong("table", "a function is missing"))?;
    let library: &'static Library = Box::leak(Box::new(library));
    state::note(library);
    Ok(Plugin { info, library })
}

fn is_name(name: &str) -> bool {
    let fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=64).contains(&name.len()) && name.chars().all(fit)
}
