//! What an option is, and how its text becomes a value; the rules are oslo.config's.

use std::collections::BTreeMap;

use protector_framework::{ExposeSecret as _, SecretString};

use serde_json::json;

use crate::error::Place;
use crate::policy::python::repr;

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// Any text that is never shown.
    Secret,
    /// true, 1, on, yes or false, 0, off, no, in any case.
    Flag,
    /// A whole number within limits.
    Integer(i64, i64),
    /// A number, with decimals, within limits.
    Float(f64, f64),
    /// Texts with commas between them.
    List,
    /// A text for each time the option is written.
    Texts,
    /// `name:text` pairs with commas between them.
    Pairs,
    /// One of these.
    Choice(&'static [&'static str]),
    /// One of these, in any case; kept as written.
    ChoiceAnyCase(&'static [&'static str]),
    /// An `http` or `https` URL.
    Url,
    /// A host name or an IP address.
    Host,
    /// An IP address.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a part of the grammar that no option needs")
    )]
    Address,
}

/// A registered option.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionSpec {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// As it would be written in a file.
    pub(crate) default: Option<&'static str>,
    /// Group and name of earlier names that still work; the first one wins.
    pub(crate) old_names: &'static [(&'static str, &'static str)],
    /// Whether a change is in force when the configuration is read again.
    pub(crate) mutable: bool,
    /// For people.
    pub(crate) help: &'static str,
}

/// The value of an option.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text, a choice, a URL or a host.
    Text(String),
    /// A text that is not shown.
    Secret(SecretString),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number with decimals.
    Float(f64),
    /// Several texts.
    List(Vec<String>),
    /// Texts by name.
    Pairs(BTreeMap<String, String>),
}

/// An option with its value, for `config` lists and checks.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The group.
    pub group: &'static str,
    /// The name.
    pub name: &'static str,
    /// `None`: unset.
    pub value: Option<Value>,
    /// Where it comes from.
    pub place: Place,
    /// Whether a change is in force when the configuration is read again.
    pub mutable: bool,
    /// What it is for.
    pub help: &'static str,
}

impl Setting {
    /// Whether both have the same value, from wherever.
    pub fn same_value(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Some(Value::Secret(one)), Some(Value::Secret(two))) => {
                one.expose_secret() == two.expose_secret()
            }
            (Some(one), Some(two)) => one.text() == two.text(),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Value {
    /// For people: a secret reads `****`.
    pub fn shown(&self) -> String {
        match self {
            Self::Secret(_) => "****".to_owned(),
            other => other.text(),
        }
    }

    /// As it is written in a file; a secret's text is added by the caller.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Secret(_) => String::new(),
            Self::Flag(true) => "True".to_owned(),
            Self::Flag(false) => "False".to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::List(items) => items.join(","),
            Self::Pairs(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                pairs.join(",")
            }
        }
    }

    /// As `$name` puts it into another option: of several texts it is what Python prints.
    pub(crate) fn substituted(&self) -> String {
        match self {
            Self::List(items) => repr(&json!(items)),
            Self::Pairs(pairs) => repr(&json!(pairs)),
            other => other.text(),
        }
    }
}

impl Kind {
    /// Reads one text; `None` is an option without a value, as an empty number is.
    ///
    /// # Errors
    /// What was expected. The text itself is repeated only where it is no secret.
    pub(crate) fn read(self, text: &str) -> Result<Option<Value>, String> {
        match self {
            Self::Text => Ok(Some(Value::Text(text.to_owned()))),
            Self::Secret => Ok(Some(Value::Secret(SecretString::from(text.to_owned())))),
            Self::Flag => flag(text).map(|flag| Some(Value::Flag(flag))),
            Self::Integer(least, most) => {
                integer(text, least, most).map(|number| number.map(Value::Integer))
            }
            Self::Float(least, most) => {
                float(text, least, most).map(|number| number.map(Value::Float))
            }
            Self::List => Ok(Some(Value::List(list(text)))),
            Self::Texts => Ok(Some(Value::List(vec![text.to_owned()]))),
            Self::Pairs => pairs(text).map(|pairs| Some(Value::Pairs(pairs))),
            Self::Choice(of) => {
                choice(text, of, |one| one == text).map(|text| Some(Value::Text(text)))
            }
            Self::ChoiceAnyCase(of) => choice(text, of, |one| one.eq_ignore_ascii_case(text))
                .map(|text| Some(Value::Text(text))),
            Self::Url => web_url(text).map(|text| Some(Value::Text(text))),
            Self::Host => host(text).map(|text| Some(Value::Text(text))),
            Self::Address => match text.parse::<std::net::IpAddr>() {
                Ok(_) => Ok(Some(Value::Text(text.to_owned()))),
                Err(_) => Err(format!("`{text}` is not an IP address")),
            },
        }
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err(format!(
            "`{text}` is neither yes nor no; write true or false"
        )),
    }
}

/// Digits may be grouped by single underscores and follow a sign.
fn integer(text: &str, least: i64, most: i64) -> Result<Option<i64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = ungrouped(text)
        .and_then(|digits| digits.parse::<i64>().ok())
        .ok_or_else(|| format!("`{text}` is not a whole number"))?;
    if (least..=most).contains(&number) {
        return Ok(Some(number));
    }
    Err(match most {
        i64::MAX => format!("{number} is too small; the least is {least}"),
        _ => format!("{number} is not between {least} and {most}"),
    })
}

/// Single underscores between digits are taken out.
fn ungrouped(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_digit);
    let well = bytes.iter().enumerate().all(|(at, byte)| {
        *byte != b'_' || (at > 0 && is_digit(bytes.get(at - 1)) && is_digit(bytes.get(at + 1)))
    });
    well.then(|| text.replace('_', ""))
}

fn float(text: &str, least: f64, most: f64) -> Result<Option<f64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = ungrouped(text)
        .and_then(|digits| digits.parse::<f64>().ok())
        .ok_or_else(|| format!("`{text}` is not a number"))?;
    if (least..=most).contains(&number) {
        return Ok(Some(number));
    }
    Err(format!("{number} is not between {least} and {most}"))
}

/// A piece without a colon begins a name that has commas in it.
fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut pairs = BTreeMap::new();
    let mut pieces = text.trim().split(',').filter(|_| !text.trim().is_empty());
    while let Some(piece) = pieces.next() {
        let mut pair = piece.to_owned();
        let (name, value) = loop {
            if let Some((name, value)) = pair.split_once(':') {
                break (name.trim().to_owned(), value.trim().to_owned());
            }
            let more = pieces.next();
            let more = more.ok_or_else(|| format!("`{pair}` is not of the form name:text"))?;
            pair = format!("{pair},{more}");
        };
        if name.is_empty() {
            return Err(format!("`{pair}` has no name before its colon"));
        }
        if pairs.insert(name.clone(), value).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
    Ok(pairs)
}

/// Quotes and brackets do not group; commas at the end do not count.
fn list(text: &str) -> Vec<String> {
    match text.trim().trim_end_matches(',') {
        "" => Vec::new(),
        text => text.split(',').map(|item| item.trim().to_owned()).collect(),
    }
}

fn choice(text: &str, of: &[&str], is: impl Fn(&str) -> bool) -> Result<String, String> {
    if of.iter().any(|one| is(one)) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not one of {}", of.join(", ")))
    }
}

fn web_url(text: &str) -> Result<String, String> {
    // What was written may hold a password, so it is not repeated.
    let url = url::Url::parse(text).map_err(|error| format!("this is not a URL: {error}"))?;
    // The mock drivers, which the lab runs on, live in a directory instead of on a host.
    let is_mock = url.scheme() == "mock" && url.path().len() > 1;
    // The library mends what a client would stumble over: a missing `//`, letters of other alphabets.
    let is_plain = text.is_ascii() && text.contains("://");
    let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    if is_mock || (is_plain && is_web) {
        Ok(text.to_owned())
    } else {
        Err("this is not a URL that begins with http:// or https://".to_owned())
    }
}

/// A name's dot at its end is taken away. The last part of a name has a letter in it, which tells a
/// name from a mistyped address.
fn host(text: &str) -> Result<String, String> {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let has_letter = last.contains(|c: char| c.is_ascii_alphabetic() || c == '-');
    if text.len() <= 253 && has_letter && name.split('.').all(is_label) {
        Ok(name.to_owned())
    } else {
        Err(format!("`{text}` is neither a host name nor an IP address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_python_reads_them() {
        assert_eq!(integer("+42", 0, 100), Ok(Some(42)));
        assert_eq!(integer("4_2", 0, 100), Ok(Some(42)));
        for wrong in ["0x10", "4.0", "_4", "4_", "4__2", "+-4", "four"] {
            assert!(integer(wrong, 0, 100).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_are_told() {
        let error = integer("65536", 0, 65535).unwrap_err();
        assert_eq!(error, "65536 is not between 0 and 65535");
        let error = float("61", 1.0, 60.0).unwrap_err();
        assert_eq!(error, "61 is not between 1 and 60");
        assert!(float("NaN", 1.0, 60.0).is_err());
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for right in ["0.0.0.0", "::", "controller", "a-1.example.com"] {
            assert!(host(right).is_ok(), "{right}");
        }
        for wrong in ["300.1.1.1", "", "a b", "-a", "a..b"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }
}
