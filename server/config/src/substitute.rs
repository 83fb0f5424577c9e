//! `$name`, `${name}`, `$group.name` and `${group.name}` inside a value; `$$` and `\$` are a `$`.

/// Replaces all references by what `look_up` says of them.
///
/// # Errors
/// Those of `look_up`.
pub(crate) fn substitute(
    text: &str,
    look_up: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let before = &rest[..at];
        let after = &rest[at + 1..];
        if let Some(escaped) = before.strip_suffix('\\') {
            out.push_str(escaped);
            out.push('$');
            rest = after;
            continue;
        }
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = reference(after) {
            out.push_str(&look_up(name)?);
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The name behind a `$`, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('{') {
        let (name, after) = name(inner)?;
        return Some((name, after.strip_prefix('}')?));
    }
    name(text)
}

/// Letters, digits, `_` and `.`, not beginning with a digit or a dot.
fn name(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        .unwrap_or(text.len());
    Some(text.split_at(end))
}
