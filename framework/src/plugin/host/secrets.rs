//! What a library was given and must not say again (INV8).

use std::sync::{Arc, Mutex, PoisonError, Weak};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// Shorter secrets are parts of too many words, and stay in what a library says.
const SHORTEST: usize = 6;
/// The lines of a secret that has several are looked for one by one, where they are this long.
const SHORTEST_LINE: usize = 16;

/// Those of every instance that lives: a library's log does not say which of them speaks.
static LIVING: Mutex<Vec<Weak<Secrets>>> = Mutex::new(Vec::new());

/// The secrets of one instance, as they are and as they look within quotes; the longest first, because one
/// may be a part of another.
#[derive(Debug)]
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    /// Keeps secrets out of what their instance says, and out of every library's log as long as somebody
    /// has them.
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a SecretString>) -> Arc<Self> {
        let mut forms: Vec<String> = secrets.flat_map(|s| forms(s.expose_secret())).collect();
        longest_first(&mut forms, String::as_str);
        forms.dedup();
        let secrets = Arc::new(Self(forms.into_iter().map(SecretString::from).collect()));
        let mut living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        living.retain(|secrets| secrets.strong_count() > 0);
        living.push(Arc::downgrade(&secrets));
        secrets
    }

    /// The text without the secrets, and not longer than makes sense.
    pub(super) fn clean(&self, text: &str, longest: usize) -> String {
        let forms = self.0.iter().map(|form| form.expose_secret());
        shortened(without(text, forms), longest)
    }
}

/// The text of a log line without the secrets of any instance. Of JSON, the texts in it are looked at.
pub(super) fn clean_line(text: &str) -> String {
    let living: Vec<Arc<Secrets>> = {
        let living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        living.iter().filter_map(Weak::upgrade).collect()
    };
    let forms = living.iter().flat_map(|secrets| &secrets.0);
    let mut forms: Vec<&str> = forms.map(|form| form.expose_secret()).collect();
    longest_first(&mut forms, |form| form);
    match serde_json::from_str(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => within(value, &forms).to_string(),
        _ => without(text, forms.iter().copied()),
    }
}

fn within(value: Value, forms: &[&str]) -> Value {
    let text = |text: &str| without(text, forms.iter().copied());
    match value {
        Value::String(string) => Value::String(text(&string)),
        Value::Array(values) => values.into_iter().map(|v| within(v, forms)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let fields = fields.map(|(name, value)| (text(&name), within(value, forms)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}

fn without<'a>(text: &str, forms: impl Iterator<Item = &'a str>) -> String {
    let mut clean = text.to_owned();
    for form in forms {
        if clean.contains(form) {
            clean = clean.replace(form, "***");
        }
    }
    clean
}

/// Cuts a text that is too long.
pub(super) fn shortened(mut text: String, longest: usize) -> String {
    let end = text.floor_char_boundary(longest);
    if end < text.len() {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Sorts texts by length, and equal ones side by side.
fn longest_first<T>(texts: &mut [T], text: impl Fn(&T) -> &str) {
    texts.sort_by(|a, b| {
        let (a, b) = (text(a), text(b));
        b.len().cmp(&a.len()).then_with(|| a.cmp(b))
    });
}

/// A secret as it may be said: plain, as Rust and JSON quote it, and line by line.
fn forms(secret: &str) -> Vec<String> {
    let lines = secret.lines().map(str::trim);
    let lines = lines.filter(|line| line.len() >= SHORTEST_LINE);
    let plain = std::iter::once(secret).chain(lines);
    let plain = plain.filter(|plain| plain.len() >= SHORTEST);
    plain
        .flat_map(|plain| {
            let quoted = inner(&format!("{plain:?}"));
            let (json, both) = (in_json(plain), in_json(&quoted));
            [plain.to_owned(), quoted, json, both]
        })
        .collect()
}

fn in_json(text: &str) -> String {
    inner(&Value::from(text).to_string())
}

/// Without the quotes around it.
fn inner(quoted: &str) -> String {
    let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"'));
    inner.unwrap_or(quoted).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "-----BEGIN KEY-----\nab\"cd\\ef0123456789\n-----END KEY-----\n";

    fn secrets(secrets: &[&str]) -> Arc<Secrets> {
        let secrets: Vec<SecretString> = secrets.iter().copied().map(Into::into).collect();
        Secrets::new(secrets.iter())
    }

    #[test]
    fn a_secret_is_found_however_it_is_quoted() {
        let kept = secrets(&[KEY]);
        for said in [
            KEY.to_owned(),
            format!("{KEY:?}"),
            json!({ "key": KEY }).to_string(),
            json!({ "key": format!("{KEY:?}") }).to_string(),
            KEY.lines().nth(1).unwrap().to_owned(),
        ] {
            for clean in [kept.clean(&said, 1000), clean_line(&said)] {
                assert!(clean.contains("***"), "{clean}");
                assert!(!clean.contains("0123456789"), "{clean}");
            }
        }
        // As another writer of JSON may put it.
        let said = r#"{"a": ["ab\u0022cd\u005cef0123456789"]}"#;
        assert_eq!(clean_line(said), r#"{"a":["***"]}"#);
    }

    #[test]
    fn a_secret_that_begins_like_another_leaves_nothing_of_it() {
        let kept = secrets(&["array-token", "array-token-of-the-partner"]);
        assert_eq!(kept.clean("array-token-of-the-partner", 100), "***");
        let _other = secrets(&["array-token-of-the-partner-too"]);
        assert_eq!(clean_line("array-token-of-the-partner-too"), "***");
    }

    #[test]
    fn one_instance_s_secret_is_an_ordinary_word_of_another_s_and_is_forgotten_with_it() {
        let (odd, good) = (secrets(&["the very array"]), secrets(&["another-token"]));
        assert_eq!(good.clean("the very array", 100), "the very array");
        assert_eq!(clean_line("the very array"), "***");
        drop(odd);
        assert_eq!(clean_line("the very array"), "the very array");
    }
}
