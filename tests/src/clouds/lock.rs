//! One `cargo clouds` at a time: two would change each other's accounts and arrays, and the one that ends
//! first would take the clouds from under the other.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::failure::{During as _, Outcome, fail};

/// The clouds are this process's until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl Lock {
    /// Takes the clouds whose directory this is.
    ///
    /// # Errors
    /// Where another process has them, which is named.
    pub fn take(home: &Path) -> Outcome<Self> {
        let path = home.join("cargo-clouds.lock");
        let what = || format!("{}", path.display());
        std::fs::create_dir_all(home).during(what)?;
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .during(what)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(error).during(what),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).during(what)?;
                return fail(format!(
                    "another `cargo clouds` is at work on these clouds (process {}): wait for it, or end it",
                    holder.trim()
                ));
            }
        }
        file.set_len(0).during(what)?;
        file.rewind().during(what)?;
        writeln!(file, "{}", std::process::id()).during(what)?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn the_clouds_are_of_one_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let first = Lock::take(home.path()).unwrap();
        let refused = Lock::take(home.path()).unwrap_err().to_string();
        assert!(
            refused.contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(first);
        Lock::take(home.path()).unwrap();
    }
}
