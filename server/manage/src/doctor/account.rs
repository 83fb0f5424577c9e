//! Whom the services run as, and what that user may do with a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// The user of the installation guide.
const USUAL: &str = "protector";

/// A user of this machine with its groups.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// Its name.
    pub(super) name: String,
    /// `None`: there is no such user.
    ids: Option<Ids>,
}

#[derive(Debug, Clone)]
struct Ids {
    user: u32,
    groups: Vec<u32>,
}

/// What a user wants of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Read,
    Write,
    /// To go through a directory.
    Enter,
}

impl Account {
    /// The named user; without a name the usual one, or whoever asks where there is none.
    pub(super) fn find(name: Option<&str>) -> Self {
        let name = match name {
            Some(name) => name.to_owned(),
            None if ids_of(USUAL).is_some() => USUAL.to_owned(),
            None => said(Command::new("id").arg("-un")).unwrap_or_else(|| "root".to_owned()),
        };
        Self {
            ids: ids_of(&name),
            name,
        }
    }

    /// Whether there is such a user.
    pub(super) fn exists(&self) -> bool {
        self.ids.is_some()
    }

    /// Whether the user may listen on a port. A unit may give it more; that is not seen here.
    pub(super) fn may_bind(&self, port: u16) -> bool {
        let root = self.ids.as_ref().is_some_and(|ids| ids.user == 0);
        root || !self.exists() || port == 0 || port >= first_open_port()
    }

    /// Whether a file is the user's own.
    pub(super) fn owns(&self, file: &Metadata) -> bool {
        self.ids.as_ref().is_some_and(|ids| ids.user == file.uid())
    }

    /// Whether the mode of a file lets the user do something. The superuser may do anything.
    pub(super) fn may(&self, want: Want, file: &Metadata) -> bool {
        let Some(ids) = &self.ids else { return false };
        if ids.user == 0 {
            return true;
        }
        let bits = if ids.user == file.uid() {
            file.mode() >> 6
        } else if ids.groups.contains(&file.gid()) {
            file.mode() >> 3
        } else {
            file.mode()
        };
        let wanted = match want {
            Want::Read => 4,
            Want::Write => 2,
            Want::Enter => 1,
        };
        bits & wanted == wanted
    }
}

/// The first port that not only root may listen on.
fn first_open_port() -> u16 {
    let set = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let set = set.ok().and_then(|text| text.trim().parse().ok());
    set.unwrap_or(1024)
}

/// Asks the machine, which may know users that stand in no file of it.
fn ids_of(name: &str) -> Option<Ids> {
    let user = said(Command::new("id").args(["-u", "--", name]))?;
    let groups = said(Command::new("id").args(["-G", "--", name]))?;
    Some(Ids {
        user: user.parse().ok()?,
        groups: groups.split(' ').filter_map(|id| id.parse().ok()).collect(),
    })
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}
