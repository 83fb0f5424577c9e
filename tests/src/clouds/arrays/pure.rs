//! Two simulated FlashArrays, which both clouds' Cinder works on with its own Pure driver, and
//! Protector with its own.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protector_framework::{Ids, RandomIds, SystemClock};
use protector_pure_simulator::{
    ArraySpec, Control, FabricSpec, LinkState, Profile, Simulator, Switches,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Access, Arrays};
use crate::clouds::failure::{Outcome, fail};
use crate::clouds::testbed::{Api, Side, Testbed};
use crate::clouds::world::Secrets;

/// Bytes a second over the link: what is written here takes a moment, as it does in life.
const LINK: u64 = 16 * 1024 * 1024;
/// How long the arrays take to tell each other of a change of a group.
const PROPAGATION: std::time::Duration = std::time::Duration::from_millis(500);
/// How every random secret of the arrays begins.
const SESSION: [u8; 8] = *b"SESSION!";

/// Both arrays; they stop when this is dropped.
#[derive(Debug)]
pub struct PureArrays {
    simulator: Simulator,
    access: [Access; 2],
    directory: PathBuf,
}

impl PureArrays {
    /// Starts both at the ports of their sites, with tokens of this run, and links them. The bytes
    /// of their volumes are sparse files below `directory`.
    ///
    /// # Errors
    /// Where a port or the directory cannot be used.
    pub async fn start(testbed: &Testbed, secrets: &Secrets, directory: &Path) -> Outcome<Self> {
        let token = |side: Side| secrets.of(&format!("array-{}", side.name()));
        let array = |side: Side| ArraySpec {
            name: name(side).to_owned(),
            profile: Profile::default(),
            api_token: token(side).into(),
            listen: SocketAddr::from(([127, 0, 0, 1], testbed.port(side, Api::Array))),
            pool: Some(directory.join(name(side))),
        };
        std::fs::create_dir_all(directory)?;
        let simulator = Simulator::start(FabricSpec {
            arrays: Side::BOTH.map(array).into(),
            connected: true,
            control: None,
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(MarkedIds),
            switches: Switches {
                propagation_delay: PROPAGATION,
                ..Switches::default()
            },
        })
        .await?;
        let (a, b) = (name(Side::A), name(Side::B));
        simulator
            .control()
            .set_link(a, b, LinkState::Up, Some(LINK))?;
        let certificates: String = simulator
            .arrays()
            .iter()
            .map(|array| array.certificate_pem())
            .collect();
        std::fs::write(directory.join(CERTIFICATES), certificates)?;
        let access = Side::BOTH.map(|side| Access {
            url: simulator.arrays()[side.index()].url(),
            token: token(side),
        });
        Ok(Self {
            simulator,
            access,
            directory: directory.to_owned(),
        })
    }

    fn control(&self) -> &Control {
        self.simulator.control()
    }

    /// What the array holds by the names of its volumes.
    fn held(&self, side: Side) -> serde_json::Map<String, Value> {
        let dump = self.control().dump();
        let volumes = &dump["arrays"][name(side)]["volumes"];
        volumes.as_object().cloned().unwrap_or_default()
    }

    fn number(&self, side: Side, volume: &str, field: &str) -> Outcome<u64> {
        let held = self.held(side);
        match held.get(volume).and_then(|one| one[field].as_u64()) {
            Some(number) => Ok(number),
            None => fail(format!("{} has no volume {volume}", name(side))),
        }
    }

    fn power(&self, side: Side, on: bool) {
        // The array is there, so its switch is.
        self.control().set_power(name(side), on).unwrap_or_default();
    }
}

const CERTIFICATES: &str = "certificates.pem";

fn name(side: Side) -> &'static str {
    match side {
        Side::A => "flasharray-a",
        Side::B => "flasharray-b",
    }
}

impl Arrays for PureArrays {
    fn driver(&self) -> &'static str {
        "pure"
    }

    fn backend(&self) -> &'static str {
        "pure1"
    }

    fn access(&self, side: Side) -> Access {
        self.access[side.index()].clone()
    }

    /// site-a knows the arrays' certificates by their fingerprints, site-b has them in a file.
    fn trust(&self, side: Side) -> String {
        if side == Side::B {
            let file = self.directory.join(CERTIFICATES);
            return format!("cafile = {}", file.display());
        }
        let pin = |of: Side| {
            let array = &self.simulator.arrays()[of.index()];
            format!("{}={}", array.url(), array.certificate_sha256())
        };
        format!("certificate_sha256 = {}", Side::BOTH.map(pin).join(","))
    }

    fn volumes(&self, side: Side) -> Outcome<BTreeSet<String>> {
        let live = self.held(side).into_iter();
        let live = live.filter(|(_, volume)| volume["destroyed"] == false);
        Ok(live.map(|(name, _)| name).collect())
    }

    /// The driver writes on the tags of a tiny volume what it has to remember.
    fn is_note(&self, volume: &str) -> bool {
        volume.starts_with("drb-")
    }

    fn size(&self, side: Side, volume: &str) -> Outcome<u64> {
        self.number(side, volume, "provisioned")
    }

    fn read(&self, side: Side, volume: &str, offset: u64, length: usize) -> Outcome<Vec<u8>> {
        let read = self
            .control()
            .read_volume(name(side), volume, offset, length);
        Ok(read?)
    }

    fn write(&self, side: Side, volume: &str, offset: u64, bytes: &[u8]) -> Outcome {
        let written = self
            .control()
            .write_volume(name(side), volume, offset, bytes);
        Ok(written?)
    }

    fn hash(&self, side: Side, volume: &str) -> Outcome<String> {
        Ok(self.control().content_id(name(side), volume)?)
    }

    fn connections(&self, side: Side, volume: &str) -> Outcome<usize> {
        let connections = self.number(side, volume, "connections")?;
        Ok(usize::try_from(connections)?)
    }

    /// The array goes with its site.
    fn lose(&self, side: Side) {
        self.power(side, false);
    }

    fn return_again(&self, side: Side) {
        self.power(side, true);
    }

    fn session_mark(&self) -> Option<String> {
        Some(SESSION.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Random ids; but long secrets, which sessions are, all begin alike, so that they can be found
/// wherever they should not be.
#[derive(Debug)]
struct MarkedIds;

impl Ids for MarkedIds {
    fn uuid(&self) -> Uuid {
        RandomIds.uuid()
    }

    fn bytes(&self, into: &mut [u8]) {
        RandomIds.bytes(into);
        if into.len() >= 32 {
            into[..SESSION.len()].copy_from_slice(&SESSION);
        }
    }
}
