//! A mock array from the outside.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use protector_framework::{
    ArrayIdentity, DriverConfig, DriverEnv, DriverError, ErrorKind, GroupRef, GroupStatus,
    LinkState, Point, Result, SecretString,
};
use serde_json::json;

use crate::array::{ArrayState, Files, Held, LinkRecord, Open, VolumeFile, identity};
use crate::fault::{self, Script};
use crate::secret::hashed;
use crate::store::{self, Lock, failed};
use crate::{place, sparse};

/// The link between two arrays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// Whether it carries data.
    pub state: LinkState,
    /// The arrays' words on the state.
    pub detail: String,
    /// Bytes per second of each transfer; `None`: as fast as it can.
    pub bytes_per_second: Option<u64>,
    /// How long a byte is on its way.
    pub lag: Duration,
}

impl LinkSettings {
    /// A link that works and costs no time.
    pub fn up() -> Self {
        Self {
            state: LinkState::Connected,
            detail: String::new(),
            bytes_per_second: None,
            lag: Duration::ZERO,
        }
    }

    /// A link that is cut.
    pub fn cut() -> Self {
        Self {
            state: LinkState::Disconnected,
            detail: "the link was cut".to_owned(),
            ..Self::up()
        }
    }

    /// The same with this many bytes per second.
    #[must_use]
    pub fn speed(mut self, bytes_per_second: u64) -> Self {
        self.bytes_per_second = Some(bytes_per_second);
        self
    }

    /// The same with this delay.
    #[must_use]
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }
}

/// A mock array: its volumes are the files of one directory, all else is in `<directory>.array`.
#[derive(Debug, Clone)]
pub struct MockArray {
    pool: PathBuf,
    env: DriverEnv,
}

impl MockArray {
    /// Makes an array over a directory, which may hold volumes already and is made where it is
    /// absent. An array that is there keeps its identity and is given the name and the token.
    ///
    /// # Errors
    /// `InvalidConfig` for a directory that is not absolute; `Unexpected` where it cannot be
    /// written.
    pub fn create(
        directory: impl AsRef<Path>,
        name: &str,
        api_token: &str,
        env: DriverEnv,
    ) -> Result<Self> {
        let pool = directory.as_ref().to_owned();
        place::url(&pool)?;
        let files = Files::of(&pool);
        for directory in [&files.pool, &files.book] {
            fs::create_dir_all(directory).map_err(|error| failed("make", directory, &error))?;
        }
        let array = Self { pool, env };
        let lock =
            Lock::take(&files.book, "lock").map_err(|error| failed("lock", &files.book, &error))?;
        let path = files.book.join("state.json");
        if !path.exists() {
            store::write(&path, &array.new_state(name))?;
        }
        drop(lock);
        let mut held = Held::take(&array.pool)?;
        let state = held.state_mut();
        state.name = name.to_owned();
        state.token = hashed(&state.id, api_token);
        held.save()?;
        Ok(array)
    }

    /// An array that was made before, by any process.
    ///
    /// # Errors
    /// `Unreachable` where there is none.
    pub fn open(directory: impl AsRef<Path>, env: DriverEnv) -> Result<Self> {
        let pool = directory.as_ref().to_owned();
        Held::take(&pool)?;
        Ok(Self { pool, env })
    }

    fn new_state(&self, name: &str) -> ArrayState {
        ArrayState {
            id: self.env.ids.uuid().to_string(),
            name: name.to_owned(),
            token: String::new(),
            capacity_bytes: 100 << 40,
            down: false,
            connections_known: false,
            connections: Default::default(),
            origins: Default::default(),
            links: Default::default(),
            groups: Default::default(),
            replicas: Default::default(),
        }
    }

    /// The directory with the volumes.
    pub fn directory(&self) -> &Path {
        &self.pool
    }

    /// What a policy names the array by.
    pub fn url(&self) -> String {
        // The directory was checked when the array was made.
        place::url(&self.pool).unwrap_or_default()
    }

    /// What the storage driver is built from.
    pub fn driver_config(&self, api_token: &str) -> DriverConfig {
        DriverConfig::new(json!({"url": self.url()}))
            .secret("api_token", SecretString::from(api_token))
    }

    /// How a partner names it.
    ///
    /// # Errors
    /// `Unreachable` where the directory is gone; so do all functions below.
    pub fn identity(&self) -> Result<ArrayIdentity> {
        Ok(identity(&self.look()?))
    }

    /// Links two arrays, or changes their link. What had arrived until now stays.
    ///
    /// # Errors
    /// `InvalidRequest` for an array and itself.
    pub fn link(&self, other: &Self, link: &LinkSettings) -> Result<()> {
        if self.pool == other.pool {
            return Err(DriverError::new(
                ErrorKind::InvalidRequest,
                "an array cannot be linked to itself",
            ));
        }
        let others = std::slice::from_ref(&other.pool);
        let mut open = Open::with(&self.pool, others, self.env.clock.now())?;
        open.interrupt_all();
        let Open { own, partners, .. } = &mut open;
        let partner = partners
            .iter_mut()
            .find(|partner| partner.files.pool == other.pool)
            .ok_or_else(|| DriverError::not_found(format!("array {}", other.url())))?;
        record(own, partner, link);
        record(partner, own, link);
        open.settle();
        open.save()
    }

    /// Switches the array off or on. A dead array refuses every verb, sends and receives nothing.
    ///
    /// # Errors
    /// As [`MockArray::identity`].
    pub fn set_down(&self, down: bool) -> Result<()> {
        self.change(|open| {
            open.interrupt_all();
            open.own.state_mut().down = down;
            open.settle();
            Ok(())
        })
    }

    /// Writes the fault script; counting starts anew.
    ///
    /// # Errors
    /// `Unexpected` where it cannot be written.
    pub fn set_faults(&self, script: &Script) -> Result<()> {
        fault::write(&Files::of(&self.pool).book, script)
    }

    /// The volumes with their serials and sizes, by name.
    ///
    /// # Errors
    /// As [`MockArray::identity`].
    pub fn volumes(&self) -> Result<Vec<protector_framework::ArrayVolume>> {
        let open = self.look()?;
        let files = open.own.files.volumes()?;
        Ok(files.iter().map(|file| open.shown(file)).collect())
    }

    /// The groups that send.
    ///
    /// # Errors
    /// As [`MockArray::identity`].
    pub fn groups(&self) -> Result<Vec<GroupStatus>> {
        let open = self.look()?;
        let names: Vec<_> = open.own.state().groups.keys().cloned().collect();
        names.iter().map(|name| open.group_status(name)).collect()
    }

    /// What was received: one entry for each source group.
    ///
    /// # Errors
    /// As [`MockArray::identity`].
    pub fn replicas(&self) -> Result<Vec<GroupRef>> {
        let open = self.look()?;
        let state = open.own.state();
        let source_name = |id: &String| state.links.get(id).map(|link| link.name.clone());
        let mut found = Vec::new();
        for (id, groups) in &state.replicas {
            let source = ArrayIdentity {
                id: id.as_str().into(),
                name: source_name(id).unwrap_or_default(),
            };
            found.extend(groups.keys().map(|name| GroupRef::Replica {
                name: name.as_str().into(),
                source: source.clone(),
            }));
        }
        Ok(found)
    }

    /// The points of a group on this array, oldest first.
    ///
    /// # Errors
    /// As [`MockArray::identity`].
    pub fn points(&self, group: &GroupRef) -> Result<Vec<Point>> {
        self.look()?.list_points(group)
    }

    /// When a volume's snapshots were taken is not kept; their names are.
    ///
    /// # Errors
    /// `NotFound` for the volume.
    pub fn snapshots(&self, volume: &str) -> Result<Vec<String>> {
        let open = self.look()?;
        let file = open.own.files.require(volume)?;
        open.own.files.snapshots_of(&file.serial)
    }

    /// Makes an empty volume, as an array's own administrator would.
    ///
    /// # Errors
    /// `AlreadyExists`.
    pub fn create_volume(&self, name: &str, size_bytes: u64) -> Result<()> {
        self.change(|open| {
            if open.own.files.find(name)?.is_some() {
                return Err(DriverError::new(
                    ErrorKind::AlreadyExists,
                    format!("array volume `{name}` exists"),
                ));
            }
            let path = open.own.files.volume(name);
            File::create(&path)
                .and_then(|file| file.set_len(size_bytes))
                .map_err(|error| failed("make", &path, &error))
        })
    }

    /// Writes into a volume, as a guest does.
    ///
    /// # Errors
    /// `NotFound`; `InvalidRequest` beyond its end.
    pub fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        self.change(|open| {
            let (file, path) = inside(open, name, offset, bytes.len())?;
            file.write_all_at(bytes, offset)
                .map_err(|error| failed("write", &path, &error))
        })
    }

    /// Reads from a volume.
    ///
    /// # Errors
    /// `NotFound`; `InvalidRequest` beyond its end.
    pub fn read(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let open = self.look()?;
        let (file, path) = inside(&open, name, offset, length)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset)
            .map_err(|error| failed("read", &path, &error))?;
        Ok(bytes)
    }

    /// A hash of a volume's size and content; holes read as zeros.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn hash(&self, name: &str) -> Result<String> {
        let open = self.look()?;
        let volume = open.own.files.require(name)?;
        let path = open.own.files.volume(&volume.name);
        File::open(&path)
            .and_then(|file| sparse::hash(&file))
            .map_err(|error| failed("read", &path, &error))
    }

    /// When the array is looked at, it is brought to this time first.
    fn now(&self) -> DateTime<Utc> {
        self.env.clock.now()
    }

    pub(super) fn look(&self) -> Result<Open> {
        Open::at(&self.pool, self.now())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Open) -> Result<T>) -> Result<T> {
        let mut open = self.look()?;
        let reply = change(&mut open)?;
        open.save()?;
        Ok(reply)
    }

    /// From now on somebody records the servers that connect.
    pub(super) fn know_connections(&self) -> Result<()> {
        self.change(|open| {
            open.own.state_mut().connections_known = true;
            Ok(())
        })
    }
}

fn record(here: &mut Held, there: &Held, link: &LinkSettings) {
    let entry = LinkRecord {
        name: there.state().name.clone(),
        directory: there.files.pool.clone(),
        state: link.state,
        detail: link.detail.clone(),
        bytes_per_second: link.bytes_per_second,
        lag_milliseconds: u64::try_from(link.lag.as_millis()).unwrap_or(u64::MAX),
    };
    let id = there.state().id.clone();
    here.state_mut().links.insert(id, entry);
}

/// A volume's file, for an access that ends within it.
fn inside(open: &Open, name: &str, offset: u64, length: usize) -> Result<(File, PathBuf)> {
    let volume: VolumeFile = open.own.files.require(name)?;
    let end = offset.saturating_add(length as u64);
    if end > volume.size {
        return Err(DriverError::new(
            ErrorKind::InvalidRequest,
            format!("array volume `{name}` ends at {}", volume.size),
        ));
    }
    let path = open.own.files.volume(name);
    let file = File::options().read(true).write(true).open(&path);
    let file = file.map_err(|error| failed("open", &path, &error))?;
    Ok((file, path))
}
