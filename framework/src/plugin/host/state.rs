//! What the libraries of this process have done that they should not.

use std::sync::{Mutex, PoisonError};

use super::library::Library;

static LIBRARIES: Mutex<Vec<&'static Library>> = Mutex::new(Vec::new());

/// How a library behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LibraryState {
    /// Its driver.
    pub driver: String,
    /// Threads that are in it for calls that were given up, at present.
    pub lost_threads: usize,
    /// Completions that came twice, too late, or of no call.
    pub stray_completions: u64,
    /// Lines that were left out of the log, because it wrote too many.
    pub lines_left_out: u64,
}

/// The libraries that are loaded, in that order.
pub fn library_states() -> Vec<LibraryState> {
    let libraries = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner);
    libraries.iter().map(|library| library.state()).collect()
}

pub(super) fn note(library: &'static Library) {
    let mut libraries = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner);
    libraries.push(library);
}
