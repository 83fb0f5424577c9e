use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A log file that can be opened anew while others write to it.
#[derive(Debug, Clone)]
pub(crate) struct LogFile {
    path: PathBuf,
    open: Arc<Mutex<Lines<File>>>,
}

impl LogFile {
    /// Opens the file at its end.
    ///
    /// # Errors
    /// With the file's name.
    pub(crate) fn open(path: PathBuf) -> Result<Self, String> {
        match append(&path) {
            Ok(file) => Ok(Self {
                path,
                open: Arc::new(Mutex::new(Lines::of(file))),
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
            Ok(file) => *self.lines() = Lines::of(file),
            Err(error) => {
                let path = self.path.display();
                tracing::error!(%error, %path, "a log file cannot be opened anew; the old one is written on");
            }
        }
    }

    /// Writes a line that is on the disk when this returns.
    ///
    /// # Errors
    /// Where it may not be there, or not whole.
    pub(crate) fn write_line(&self, line: &str) -> std::io::Result<()> {
        let mut lines = self.lines();
        lines.write_line(line)?;
        match lines.to.sync_data() {
            // What is no file has no disk.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }

    /// Its name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn lines(&self) -> MutexGuard<'_, Lines<File>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lines().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.lines().flush()
    }
}

/// What is written line by line, and where it stands.
#[derive(Debug)]
struct Lines<W> {
    to: W,
    /// The last line lacks its end: the disk was full in its midst.
    broken: bool,
}

impl<W: Write> Lines<W> {
    fn of(to: W) -> Self {
        Self { to, broken: false }
    }

    /// One that follows the beginning of another is no part of it.
    fn write_line(&mut self, line: &str) -> std::io::Result<()> {
        let before = if self.broken { "\n" } else { "" };
        self.write_all(format!("{before}{line}\n").as_bytes())?;
        self.flush()
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        if let Some(last) = bytes.get(..written).and_then(<[u8]>::last) {
            self.broken = *last != b'\n';
        }
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with so much room.
    struct Disk {
        holds: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.holds.extend_from_slice(&bytes[..fits]);
            self.room -= fits;
            Ok(fits)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_did_not_fit_is_told_and_spoils_no_other() {
        let mut lines = Lines::of(Disk {
            holds: Vec::new(),
            room: 10,
        });
        lines.write_line("first").unwrap();
        for _ in 0..2 {
            let error = lines.write_line("second").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull);
        }
        lines.to.room = 100;
        lines.write_line("second").unwrap();
        lines.write_line("third").unwrap();
        let held = String::from_utf8(lines.to.holds).unwrap();
        assert_eq!(held, "first\nseco\nsecond\nthird\n");
    }

    #[test]
    fn a_full_disk_is_told() {
        let full = LogFile::open("/dev/full".into()).unwrap();
        let error = full.write_line("a line").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        let none = LogFile::open("/dev/null".into()).unwrap();
        none.write_line("a line").unwrap();
    }
}
