//! Names: what an array accepts, what the driver makes up, and how they are taken apart.

use protector_framework::{ArrayGroupName, ArrayVolumeName, DriverError, ErrorKind, Result};
use sha2::{Digest, Sha256};

/// The longest name of a group, a volume or a snapshot's suffix.
const LONGEST: usize = 63;
/// What a suffix begins with when it stands for a point's name that no suffix may have.
const ESCAPED: &str = "enc-";
/// The beginning of the suffixes of seeds.
pub(crate) const SEED_SUFFIX: &str = "seed-";

/// A group's name, checked.
///
/// # Errors
/// `InvalidRequest` where no array would accept it, or none for the group's seeds.
pub(crate) fn group(name: &ArrayGroupName) -> Result<&str> {
    let text = name.as_str();
    if is_legal(text, false) && side(text).len() <= LONGEST {
        return Ok(text);
    }
    Err(invalid(format!(
        "`{text}` cannot be the name of an array group: at most {} letters, digits and `-`, \
         first and last no `-`",
        LONGEST - 5
    )))
}

/// The group in which new members of a group are seeded.
pub(crate) fn side(group: &str) -> String {
    format!("{group}-seed")
}

/// A volume's name, checked. It may lie in a pod or in a volume group.
///
/// # Errors
/// `InvalidRequest` where no array would accept it.
pub(crate) fn volume(name: &ArrayVolumeName) -> Result<&str> {
    let text = name.as_str();
    if is_legal(base(text), true) && container(text).chars().all(is_name_or_separator) {
        return Ok(text);
    }
    Err(invalid(format!(
        "`{text}` cannot be the name of an array volume: at most {LONGEST} letters, digits, `-` \
         and `_`"
    )))
}

fn is_name_or_separator(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | ':' | '/')
}

fn invalid(message: String) -> DriverError {
    DriverError::new(ErrorKind::InvalidRequest, message)
}

fn is_legal(text: &str, underscore: bool) -> bool {
    let edge = |letter: Option<char>| letter.is_some_and(|l| l.is_ascii_alphanumeric());
    (1..=LONGEST).contains(&text.len())
        && edge(text.chars().next())
        && edge(text.chars().next_back())
        && text
            .chars()
            .all(|l| l.is_ascii_alphanumeric() || l == '-' || (underscore && l == '_'))
        && text.chars().any(|l| l.is_ascii_alphabetic() || l == '-')
}

/// The name without pod and volume group.
pub(crate) fn base(volume: &str) -> &str {
    volume
        .rfind([':', '/'])
        .and_then(|at| volume.get(at + 1..))
        .unwrap_or(volume)
}

/// The pod or volume group of a name, with its separator.
pub(crate) fn container(volume: &str) -> &str {
    &volume[..volume.len() - base(volume).len()]
}

/// Whether Cinder gives such names, without pod and volume group, to volumes that it manages.
pub(crate) fn is_cinders(base: &str) -> bool {
    let base = base.to_ascii_lowercase();
    base.starts_with("volume-") && base.ends_with("-cinder")
}

/// Whether two names mean the same object: arrays keep the case and do not tell by it.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// What follows `head` and a dot in `name`.
pub(crate) fn after<'a>(name: &'a str, head: &str) -> Option<&'a str> {
    let tail = name.get(head.len()..)?;
    name.get(..head.len())
        .filter(|start| same(start, head))
        .and(tail.strip_prefix('.'))
}

/// The suffix that a point of this name has on the array. [`point`] takes it back.
///
/// # Errors
/// `InvalidRequest` where the name is too long, or is one that the array gives by itself.
pub(crate) fn suffix(point: &str) -> Result<String> {
    let numbered = !point.is_empty() && point.chars().all(|l| l.is_ascii_digit());
    if numbered || point.starts_with(SEED_SUFFIX) {
        return Err(invalid(format!(
            "`{point}` cannot be asked for: the array itself names points so"
        )));
    }
    let plain = is_legal(point, false)
        && !point.starts_with(ESCAPED)
        && !point.chars().any(|l| l.is_ascii_uppercase());
    let suffix = match plain {
        true => point.to_owned(),
        false => escape(point),
    };
    if point.is_empty() || suffix.len() > LONGEST {
        return Err(invalid(format!(
            "`{point}` cannot be a point's name on this array: at most {LONGEST} small letters, \
             digits and `-`; any other letter counts as three"
        )));
    }
    Ok(suffix)
}

/// The suffix of a point that may be there: one that was asked for, or one that the array numbered.
///
/// # Errors
/// `NotFound` where no point can have this name.
pub(crate) fn known_suffix(point: &str) -> Result<String> {
    if !point.is_empty() && is_scheduled(point) {
        return Ok(point.to_owned());
    }
    suffix(point).map_err(|_| DriverError::not_found(format!("point `{point}`")))
}

fn escape(point: &str) -> String {
    let mut text = ESCAPED.to_owned();
    for byte in point.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' => text.push(char::from(byte)),
            other => text.push_str(&format!("-{other:02x}")),
        }
    }
    text
}

/// The name of the point with this suffix.
pub(crate) fn point(suffix: &str) -> String {
    suffix
        .strip_prefix(ESCAPED)
        .and_then(unescape)
        .unwrap_or_else(|| suffix.to_owned())
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'-' {
            bytes.push(*first);
            continue;
        }
        let code = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

/// Whether retention of the array itself takes points of this suffix away: it numbers them.
pub(crate) fn is_scheduled(suffix: &str) -> bool {
    suffix.chars().all(|letter| letter.is_ascii_digit())
}

/// A short text that stands for these parts and for nothing else.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..12])
}

/// What a volume is called while it is overwritten: in the same place, so that only its last name
/// changes.
pub(crate) fn overwriting(volume: &str, serial: &str) -> String {
    const TAIL: &str = "-overwriting";
    let base = base(volume);
    if base.len() + TAIL.len() <= LONGEST {
        format!("{volume}{TAIL}")
    } else {
        format!("{}dro-{}", container(volume), plain(serial))
    }
}

/// What a volume is called once it is destroyed, so that its name is free.
pub(crate) fn discarded(volume: &str, serial: &str) -> String {
    format!("{}drd-{}", container(volume), plain(serial))
}

fn plain(serial: &str) -> String {
    serial
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .take(LONGEST - 4)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_suffixes_are_taken_back_into_each_other() {
        for name in [
            "protector-0f1e2d3c4b5a-replicate-final-1",
            "a",
            "-",
            "enc-x",
            "Final",
            "final",
            "pünktchen",
            "with space/and.dot",
            "ends-",
        ] {
            let suffix = suffix(name).unwrap();
            assert!(is_legal(&suffix, false), "{name}: {suffix}");
            assert_eq!(point(&suffix), name);
        }
        assert_ne!(suffix("Final").unwrap(), suffix("final").unwrap());
        assert_eq!(suffix("p-1").unwrap(), "p-1");
    }

    #[test]
    fn what_the_array_names_by_itself_cannot_be_asked_for() {
        assert!(suffix("17").is_err());
        assert!(suffix("seed-1").is_err());
        assert!(suffix("").is_err());
        assert!(suffix(&"x".repeat(64)).is_err());
        assert_eq!(point("17"), "17");
        assert!(is_scheduled("17") && !is_scheduled("p17"));
    }

    #[test]
    fn a_suffix_that_only_looks_escaped_is_kept() {
        for suffix in ["enc-a-zz", "enc-a-", "enc-a-2", "enc--ff"] {
            assert_eq!(point(suffix), suffix);
        }
    }

    #[test]
    fn names_are_taken_apart_from_the_right() {
        for (name, place, last) in [
            ("vol", "", "vol"),
            ("pod::vol", "pod::", "vol"),
            ("vg/vol", "vg/", "vol"),
            ("realm::pod::vol", "realm::pod::", "vol"),
        ] {
            assert_eq!((container(name), base(name)), (place, last));
        }
        assert_eq!(after("fa-a:pg.s1.vg/v", "FA-A:pg"), Some("s1.vg/v"));
        assert_eq!(after("fa-a:pg2.s1", "fa-a:pg"), None);
        assert_eq!(after("fa", "fa-a:pg"), None);
    }

    #[test]
    fn names_of_groups_and_volumes_are_checked() {
        assert!(group(&"protector-5b9d0c2e-0000-4000-8000-000000000001".into()).is_ok());
        for bad in ["", "-a", "a-", "a.b", "a b", "1", "a::b"] {
            assert!(group(&bad.into()).is_err(), "{bad}");
        }
        assert!(group(&"x".repeat(59).as_str().into()).is_err());
        for good in ["volume-1_a", "cinder-pod::volume-1", "vg/v"] {
            assert!(volume(&good.into()).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a'b", "pod::", "x/../y z"] {
            assert!(volume(&bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_volume_under_overwriting_keeps_its_place_and_a_legal_name() {
        let cinder = "volume-5b9d0c2e-0000-4000-8000-000000000001-cinder";
        assert_eq!(
            overwriting(&format!("vg/{cinder}"), "6C1B"),
            format!("vg/{cinder}-overwriting")
        );
        let long = "x".repeat(60);
        assert_eq!(overwriting(&long, "6C1B"), "dro-6c1b");
        assert_eq!(discarded("pod::v", "6C1B"), "pod::drd-6c1b");
    }

    #[test]
    fn a_digest_tells_its_parts_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["ab", "c"]).len(), 24);
    }
}
