use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A log file that can be opened anew while others write to it.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    path: PathBuf,
    open: Arc<Mutex<File>>,
}

impl LogFile {
    /// Opens the file at its end.
    ///
    /// # Errors
    /// With the file's name.
    pub(super) fn open(path: PathBuf) -> Result<Self, String> {
        match append(&path) {
            Ok(file) => Ok(Self {
                path,
                open: Arc::new(Mutex::new(file)),
            }),
            Err(error) => Err(format!(
                "the log file {} cannot be written: {error}",
                path.display()
            )),
        }
    }

    /// Writes to the file of that name from now on; the one that was open may have been moved away.
    pub(super) fn reopen(&self) {
        match append(&self.path) {
            Ok(file) => *self.open.lock().unwrap_or_else(PoisonError::into_inner) = file,
            Err(error) => {
                let path = self.path.display();
                tracing::error!(%error, %path, "a log file cannot be opened anew; the old one is written on");
            }
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut file = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut file = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
