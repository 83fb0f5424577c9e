//! The servers that a run is about, as the tenant wants them.

/// How many volumes each server has.
pub const VOLUMES_EACH: usize = 2;

/// One server.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// Last byte of its addresses and MACs.
    pub(super) number: u8,
    pub(super) networks: &'static [&'static str],
    pub(super) security_groups: &'static [&'static str],
    pub(super) shared_address: Option<&'static str>,
    /// When it starts among the others.
    pub tier: u8,
}

const DB: Plan = Plan {
    name: "db-1",
    number: 21,
    networks: &["app", "store"],
    security_groups: &["db"],
    shared_address: Some("10.77.0.100"),
    tier: 1,
};
const APP: Plan = Plan {
    name: "app-1",
    number: 31,
    networks: &["app"],
    security_groups: &["db", "web"],
    shared_address: None,
    tier: 2,
};
const WEB: Plan = Plan {
    name: "web-1",
    number: 41,
    networks: &["app"],
    security_groups: &["web"],
    shared_address: None,
    tier: 2,
};

/// The servers of one run.
#[derive(Debug, Clone, Copy)]
pub struct Cast(&'static [Plan]);

impl Cast {
    /// One server.
    pub const ONE: Self = Self(&[WEB]);
    /// The database first, then two others together.
    pub const THREE: Self = Self(&[DB, APP, WEB]);
    /// The database, then one other.
    pub const TWO: Self = Self(&[DB, WEB]);

    /// All of them.
    pub fn plans(self) -> &'static [Plan] {
        self.0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|plan| plan.name)
    }

    /// What there is of each kind when every server is there once, on the cloud and on its array.
    pub fn counts(self) -> [(&'static str, usize); 4] {
        let volumes = self.0.len() * VOLUMES_EACH;
        [
            ("server", self.0.len()),
            ("port", self.0.iter().map(|plan| plan.networks.len()).sum()),
            ("volume", volumes),
            ("array volume", volumes),
        ]
    }
}
