//! `*` in names and filters: any characters, or none.

/// Whether the text holds a wildcard.
pub(crate) fn has_wildcard(text: &str) -> bool {
    text.contains('*')
}

/// Whether the whole text fits the pattern, without regard to the case of letters, as names are
/// compared.
pub(crate) fn matches_wildcard(pattern: &str, text: &str) -> bool {
    matches_exactly(&pattern.to_lowercase(), &text.to_lowercase())
}

/// Whether the whole text fits the pattern, letter by letter.
///
/// The pieces between wildcards are taken as far left as they are found; only the first and last
/// are bound to the ends. So the work is bounded by the lengths, whatever the pattern.
pub(super) fn matches_exactly(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(inner) = text
        .strip_prefix(first)
        .and_then(|text| text.strip_suffix(last))
    else {
        return false;
    };
    let mut left = inner;
    for piece in middle.split('*') {
        match left.find(piece) {
            Some(found) => left = &left[found + piece.len()..],
            None => return false,
        }
    }
    true
}
