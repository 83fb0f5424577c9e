//! The arrays of both sites, whoever makes them: what the story asks of them past Protector.

mod mock;
mod pure;

use std::collections::BTreeSet;
use std::fmt::Debug;

pub use mock::MockArrays;
pub use pure::PureArrays;

use super::bytes;
use super::failure::Outcome;
use super::testbed::Side;

/// How Protector reaches an array.
#[derive(Debug, Clone)]
pub struct Access {
    /// Its address.
    pub url: String,
    /// Its token, one of the run's secrets.
    pub token: String,
}

/// Two linked arrays that hold the clouds' volumes. Volumes are named as the arrays name them.
pub trait Arrays: Debug + Send + Sync {
    /// Protector's storage driver for them.
    fn driver(&self) -> &'static str;

    /// The `volume_backend_name` under which the clouds' block storage offers them.
    fn backend(&self) -> &'static str;

    /// How Protector reaches one.
    fn access(&self, side: Side) -> Access;

    /// Lines of `[storage]` by which the Protector of a site trusts both.
    fn trust(&self, _side: Side) -> String {
        String::new()
    }

    /// The names of all volumes that are not destroyed.
    ///
    /// # Errors
    /// Where they cannot be listed.
    fn volumes(&self, side: Side) -> Outcome<BTreeSet<String>>;

    /// Whether a volume is a note of Protector's driver on a group, which is there as long as the
    /// group.
    fn is_note(&self, _volume: &str) -> bool {
        false
    }

    /// How large a volume is.
    ///
    /// # Errors
    /// Where there is none.
    fn size(&self, side: Side, volume: &str) -> Outcome<u64>;

    /// Reads bytes as a server that has the volume does.
    ///
    /// # Errors
    /// Where there is no such volume.
    fn read(&self, side: Side, volume: &str, offset: u64, length: usize) -> Outcome<Vec<u8>>;

    /// Writes bytes as a server that has the volume does.
    ///
    /// # Errors
    /// Where there is no such volume.
    fn write(&self, side: Side, volume: &str, offset: u64, bytes: &[u8]) -> Outcome;

    /// A hash of all bytes of a volume.
    ///
    /// # Errors
    /// Where there is no such volume.
    fn hash(&self, side: Side, volume: &str) -> Outcome<String>;

    /// To how many hosts a volume is connected.
    ///
    /// # Errors
    /// Where they cannot be listed.
    fn connections(&self, side: Side, volume: &str) -> Outcome<usize>;

    /// Nothing reaches the array of a site any more, as after the loss of the site.
    fn lose(&self, side: Side);

    /// It is back.
    fn return_again(&self, side: Side);

    /// How every session id begins that the arrays give to whoever logs in.
    fn session_mark(&self) -> Option<String> {
        None
    }
}

/// How both arrays' drivers in Cinder name the volume with an id.
pub fn name_of(volume: &str) -> String {
    format!("volume-{volume}-cinder")
}

/// Writes a pattern at places from the first to the last byte of a volume.
///
/// # Errors
/// Where there is no such volume.
pub fn write_pattern(arrays: &dyn Arrays, side: Side, volume: &str, seed: &str) -> Outcome {
    for (place, offset) in bytes::places(arrays.size(side, volume)?) {
        arrays.write(side, volume, offset, &bytes::pattern(seed, place))?;
    }
    Ok(())
}

/// Checks that a volume bears the pattern.
///
/// # Errors
/// Where it does not.
pub fn check_pattern(arrays: &dyn Arrays, side: Side, volume: &str, seed: &str) -> Outcome {
    for (place, offset) in bytes::places(arrays.size(side, volume)?) {
        let found = arrays.read(side, volume, offset, bytes::BLOCK)?;
        super::failure::ensure(found == bytes::pattern(seed, place), || {
            format!("{volume} does not bear the data `{seed}` at byte {offset}")
        })?;
    }
    Ok(())
}
