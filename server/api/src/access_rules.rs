//! What an application credential limits its tokens to, as keystonemiddleware decides it.

use protector_framework::AccessRule;

/// Whether one of the rules lets this call of this service pass. The path is the one that the caller
/// wrote, another spelling of it included.
pub(crate) fn allow(rules: &[AccessRule], service: &str, method: &str, path: &str) -> bool {
    rules
        .iter()
        .any(|rule| rule.service == service && rule.method == method && matches(&rule.path, path))
}

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Char(char),
    /// One character other than a slash.
    Inside,
    /// Any number of those.
    MoreInside,
    /// Any number of characters.
    Anything,
}

/// `**` stands for anything, `*` and `{name}` for what has no slash in it and is not empty; the rest is
/// meant literally. Looks at each character once: both texts are the caller's.
fn matches(pattern: &str, path: &str) -> bool {
    let parts = parts(pattern);
    // Whether the path so far is what the first `n` parts stand for, for each `n`.
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    skip(&parts, &mut reached);
    for c in path.chars() {
        let mut next = vec![false; parts.len() + 1];
        for (n, part) in parts.iter().enumerate().filter(|(n, _)| reached[*n]) {
            match part {
                Part::Char(expected) => next[n + 1] |= *expected == c,
                Part::Inside => next[n + 1] |= c != '/',
                Part::MoreInside => next[n] |= c != '/',
                Part::Anything => next[n] = true,
            }
        }
        skip(&parts, &mut next);
        reached = next;
    }
    reached[parts.len()]
}

/// What may stand for nothing may be left out.
fn skip(parts: &[Part], reached: &mut [bool]) {
    for (n, part) in parts.iter().enumerate() {
        if reached[n] && matches!(part, Part::MoreInside | Part::Anything) {
            reached[n + 1] = true;
        }
    }
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let named = || {
            rest.strip_prefix('{')?
                .split_once('}')
                .map(|(_, rest)| rest)
        };
        if let Some(after) = rest.strip_prefix("**") {
            parts.push(Part::Anything);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('*').or_else(named) {
            parts.extend([Part::Inside, Part::MoreInside]);
            rest = after;
        } else {
            parts.push(Part::Char(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn paths_are_matched_as_keystonemiddleware_does() {
        for (pattern, path, expected) in [
            ("/v1/{tenant_id}/sites/**", "/v1/P/sites/a/b", true),
            ("/v1/{tenant_id}/sites/**", "/v1/P/policies", false),
            ("/v1/*/operations", "/v1/P/operations", true),
            ("/v1/*/operations", "/v1/P/operations/1", false),
            ("/v1/*/operations", "/v1/P/Q/operations", false),
            ("/v1/*/operations", "/v1//operations", false),
            ("/v1/**", "/v1/P/operations", true),
            ("**", "/", true),
            ("/v1/**/steps", "/v1/P/operations/1/steps", true),
            ("/v1/**/steps", "/v1/P/operations/1", false),
            ("/v1/a.c", "/v1/abc", false),
            ("/v1/{x", "/v1/{x", true),
            ("/v1/{x", "/v1/y", false),
            ("/v1", "/v1/", false),
            ("", "/v1", false),
            ("/v1/ä*", "/v1/äö", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let (pattern, path) = ("**a".repeat(40) + "b", "/".to_owned() + &"a".repeat(8000));
        assert!(!matches(&pattern, &path));
    }
}
