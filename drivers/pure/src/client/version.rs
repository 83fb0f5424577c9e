//! REST versions, and what an array can do from which one on.

use std::fmt;

/// A version of the REST API, such as 2.36.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u16, pub(crate) u16);

/// The oldest version that has all the driver needs (Purity 6.1.0).
pub(crate) const OLDEST: Version = Version(2, 4);
/// The newest version that the driver was tested with.
pub(crate) const NEWEST: Version = Version(2, 50);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What differs between the versions in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// New volumes join the array's default groups unless the call says otherwise (2.16).
    pub(crate) default_protection: bool,
    /// A point can be sent once more (2.25).
    pub(crate) resend: bool,
    /// `arrays` tells the array's own clock (2.26).
    pub(crate) clock: bool,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }

    /// What an array of this version can do.
    pub(crate) fn abilities(self) -> Abilities {
        Abilities {
            default_protection: self >= Self(2, 16),
            resend: self >= Self(2, 25),
            clock: self >= Self(2, 26),
        }
    }
}

/// The version to speak with an array that serves these: the highest that was tested.
pub(crate) fn choose(served: &[String]) -> Option<Version> {
    served
        .iter()
        .filter_map(|text| Version::parse(text))
        .filter(|version| (OLDEST..=NEWEST).contains(version))
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(served: &[&str]) -> Option<Version> {
        let served: Vec<String> = served.iter().map(|text| (*text).to_owned()).collect();
        choose(&served)
    }

    #[test]
    fn the_highest_tested_version_is_spoken_in_whatever_order_they_come() {
        assert_eq!(
            chosen(&["1.19", "2.4", "2.16", "2.36"]),
            Some(Version(2, 36))
        );
        assert_eq!(chosen(&["2.36", "2.4", "1.0"]), Some(Version(2, 36)));
        assert_eq!(
            chosen(&["2.50", "2.51", "3.0", "next"]),
            Some(Version(2, 50))
        );
        assert_eq!(chosen(&["2.9", "2.10"]), Some(Version(2, 10)));
    }

    #[test]
    fn an_array_that_is_too_old_is_refused() {
        assert_eq!(chosen(&["1.0", "1.19", "2.0", "2.3"]), None);
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn abilities_come_with_their_versions() {
        let old = OLDEST.abilities();
        assert!(!old.default_protection && !old.resend && !old.clock);
        let new = Version(2, 26).abilities();
        assert!(new.default_protection && new.resend && new.clock);
    }
}
