//! What every test begins with.

use protector_tests::sites::{Group, Logs, NewGroup, Pair, Server};
use tempfile::TempDir;

/// Two sites in a directory that goes with them.
pub(crate) struct World {
    pub(crate) pair: Pair,
    pub(crate) logs: Logs,
    _directory: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let logs = Logs::of_process();
        let directory = TempDir::new().unwrap();
        let pair = Pair::ready(directory.path()).await.unwrap();
        Self {
            pair,
            logs,
            _directory: directory,
        }
    }

    /// Servers in a group, the first in tier 1, the second in tier 2, and so on.
    pub(crate) async fn protected(&self, names: &[&str]) -> (Group, Vec<Server>) {
        let servers = self.pair.make_servers(names).await.unwrap();
        self.pair
            .write(protector_tests::sites::Side::A, &servers, "first")
            .unwrap();
        let members: Vec<(&Server, u8)> = servers.iter().zip(1..).collect();
        let new = NewGroup {
            name: "shop",
            members: &members,
        };
        let group = self.pair.protect(new).await.unwrap();
        self.pair.settled(&group).await.unwrap();
        (group, servers)
    }
}

/// A test that fails leaves what was logged, by all tests of this run.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/it.log");
            std::fs::write(path, self.logs.text()).unwrap_or_default();
            eprintln!("what was logged is in {path}");
        }
    }
}
