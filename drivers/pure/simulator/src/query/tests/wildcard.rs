//! Wildcards, against the obvious definition.

use proptest::prelude::*;

use super::super::matches_wildcard;

/// The definition: a star stands for any characters or none.
fn by_definition(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(('*', pattern)), None) => by_definition(pattern, text),
        (Some(('*', rest)), Some((_, shorter))) => {
            by_definition(rest, text) || by_definition(pattern, shorter)
        }
        (Some((p, pattern)), Some((t, text))) => p == t && by_definition(pattern, text),
        (Some(_), None) => false,
    }
}

#[test]
fn the_ends_are_bound_and_do_not_overlap() {
    assert!(matches_wildcard("CT0.*", "CT0.ETH4"));
    assert!(!matches_wildcard("CT0.*", "XCT0.ETH4"));
    assert!(!matches_wildcard("a*a", "a"));
    assert!(matches_wildcard("a*a", "aa"));
    assert!(matches_wildcard("*", ""));
    assert!(matches_wildcard("*volume-1-cinder", "vg/volume-1-cinder"));
}

#[test]
fn case_does_not_matter() {
    assert!(matches_wildcard("VOL*x", "volume-X"));
}

proptest! {
    #[test]
    fn as_defined(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(
            matches_wildcard(&pattern, &text),
            by_definition(&chars(&pattern), &chars(&text))
        );
    }
}
