//! The two mock arrays, which keep their volumes where the clouds' file driver keeps its.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protector_driver_mock::world::{LinkSettings, MockArray};
use protector_framework::{DriverEnv, RandomIds, SystemClock};

use super::{Access, Arrays};
use crate::clouds::failure::{During, Outcome};
use crate::clouds::testbed::{Side, Testbed};
use crate::clouds::world::Secrets;

/// Both arrays.
#[derive(Debug)]
pub struct MockArrays {
    arrays: [MockArray; 2],
    pools: [PathBuf; 2],
    tokens: [String; 2],
}

impl MockArrays {
    /// Makes the arrays of both pools, each with a token of this run, and links them.
    ///
    /// # Errors
    /// What the driver says.
    pub fn link(testbed: &Testbed, secrets: &Secrets) -> Outcome<Self> {
        let tokens = Side::BOTH.map(|side| secrets.of(&format!("array-{}", side.name())));
        let pools = Side::BOTH.map(|side| testbed.pool(side));
        let array = |side: Side| {
            let env = DriverEnv {
                clock: Arc::new(SystemClock::new()),
                ids: Arc::new(RandomIds),
            };
            let name = format!("array-{}", side.name());
            MockArray::create(&pools[side.index()], &name, &tokens[side.index()], env)
        };
        let (a, b) = (array(Side::A)?, array(Side::B)?);
        a.link(&b, &LinkSettings::up())?;
        Ok(Self {
            arrays: [a, b],
            pools,
            tokens,
        })
    }

    fn file(&self, side: Side, volume: &str) -> PathBuf {
        self.pools[side.index()].join(volume)
    }

    fn open(&self, side: Side, volume: &str, options: &std::fs::OpenOptions) -> Outcome<File> {
        let path = self.file(side, volume);
        options.open(&path).during(|| path.display().to_string())
    }
}

impl Arrays for MockArrays {
    fn driver(&self) -> &'static str {
        "mock"
    }

    fn backend(&self) -> &'static str {
        "file1"
    }

    fn access(&self, side: Side) -> Access {
        Access {
            url: self.arrays[side.index()].url(),
            token: self.tokens[side.index()].clone(),
        }
    }

    fn volumes(&self, side: Side) -> Outcome<BTreeSet<String>> {
        names_in(&self.pools[side.index()])
    }

    fn size(&self, side: Side, volume: &str) -> Outcome<u64> {
        let path = self.file(side, volume);
        Ok(path.metadata().during(|| path.display().to_string())?.len())
    }

    fn read(&self, side: Side, volume: &str, offset: u64, length: usize) -> Outcome<Vec<u8>> {
        let mut bytes = vec![0; length];
        let file = self.open(side, volume, File::options().read(true))?;
        file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn write(&self, side: Side, volume: &str, offset: u64, bytes: &[u8]) -> Outcome {
        let file = self.open(side, volume, File::options().write(true))?;
        file.write_all_at(bytes, offset)?;
        file.sync_data()?;
        Ok(())
    }

    fn hash(&self, side: Side, volume: &str) -> Outcome<String> {
        Ok(self.arrays[side.index()].hash(volume)?)
    }

    /// The file driver writes connections down beside the pool.
    fn connections(&self, side: Side, volume: &str) -> Outcome<usize> {
        let mut book = self.pools[side.index()].clone().into_os_string();
        book.push(".array/connections");
        let hosts = Path::new(&book).join(volume);
        if !hosts.exists() {
            return Ok(0);
        }
        Ok(names_in(&hosts)?.len())
    }

    /// The mock arrays are files: the loss of a site's cloud and Protector is all there is.
    fn lose(&self, _side: Side) {}

    fn return_again(&self, _side: Side) {}
}

/// What is in a directory, but for names that begin with a dot.
fn names_in(directory: &Path) -> Outcome<BTreeSet<String>> {
    let entries = std::fs::read_dir(directory).during(|| directory.display().to_string())?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: BTreeSet<String> = names.collect::<Outcome<_>>()?;
    Ok(names.into_iter().filter(|n| !n.starts_with('.')).collect())
}
