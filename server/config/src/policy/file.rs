//! `policy.yaml`: a mapping of names to rules, as text or as lists.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use crate::error::{ConfigError, Place, Problem};

use super::parse::{self, Parsed};

/// A rule of a file and where it is.
#[derive(Debug, Clone)]
pub(crate) struct FileRule {
    pub(crate) parsed: Parsed,
    pub(crate) place: Place,
}

/// Reads the text of a file.
///
/// # Errors
/// Text that is not YAML, and every value that is not a rule. Python's policy takes several such
/// values (nothing, `false`, an unquoted `!`) for "everybody may"; they are refused here.
pub(crate) fn read(file: &Path, text: &str) -> Result<BTreeMap<String, FileRule>, ConfigError> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    let rules: Option<BTreeMap<String, Spanned<Raw>>> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let line = error.location().map_or(1, |at| line(at.line()));
            let place = Place::Line(file.to_owned(), line);
            let reason = format!("the policy file cannot be read: {error}");
            ConfigError::from(Problem::at(place, reason))
        })?;
    let mut read = BTreeMap::new();
    let mut problems = Vec::new();
    for (index, written) in text.lines().enumerate() {
        let indent = &written[..written.len() - written.trim_start().len()];
        if indent.contains('\t') && !written.trim().is_empty() {
            let place = Place::Line(file.to_owned(), index + 1);
            let reason = "a tab cannot indent YAML; write blanks";
            problems.push(Problem::at(place, reason));
        }
    }
    for (name, raw) in rules.unwrap_or_default() {
        let place = Place::Line(file.to_owned(), line(raw.referenced.line()));
        match rule(&raw, text) {
            Ok(parsed) => {
                read.insert(name, FileRule { parsed, place });
            }
            Err(reason) => problems.push(Problem::at(place, reason).about(name)),
        }
    }
    if problems.is_empty() {
        Ok(read)
    } else {
        Err(ConfigError { problems })
    }
}

fn line(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn rule(raw: &Spanned<Raw>, text: &str) -> Result<Parsed, String> {
    if let Some(tag) = tag(raw, text) {
        return Err(format!(
            "the tag `{tag}` is no rule; write the rule with quotes"
        ));
    }
    match &raw.value {
        Raw::Text(rule) if rule.is_empty() && !has_quotes(raw, text) => Err(
            "there is no rule behind this name; write \"@\" for everybody, \"!\" for nobody, with \
             quotes"
                .to_owned(),
        ),
        Raw::Text(rule) => Ok(parse::text(rule)),
        Raw::List(list) => Ok(parse::list(list)),
        Raw::Other(what) => Err(format!(
            "{what} is no rule; write a text or a list, \"@\" for everybody, \"!\" for nobody"
        )),
    }
}

/// What YAML takes for the kind of a value, such as `!mine` in `name: !mine role:x`. Of a text only
/// `!!str` is one.
fn tag<'a>(raw: &Spanned<Raw>, text: &'a str) -> Option<&'a str> {
    let written = text
        .lines()
        .nth(line(raw.defined.line()).saturating_sub(1))?;
    let value = written
        .split_once(':')
        .filter(|(name, _)| !name.starts_with(['"', '\'', '{']));
    let (_, mut value) = value?;
    // A name with colons in it ends before the first blank.
    while !value.starts_with([' ', '\t']) {
        (_, value) = value.split_once(':')?;
    }
    let word = value.split_whitespace().next()?;
    let is_tag = word.len() > 1 && word.starts_with('!') && word != "!!str";
    is_tag.then_some(word)
}

/// An empty text allows everybody, so it counts only where it was written as one.
fn has_quotes(raw: &Spanned<Raw>, text: &str) -> bool {
    let number = line(raw.defined.line()).saturating_sub(1);
    let written = text.lines().nth(number).unwrap_or_default();
    written.contains("\"\"") || written.contains("''")
}

/// What stands behind a name.
#[derive(Debug)]
enum Raw {
    Text(String),
    List(Vec<Vec<String>>),
    /// Something that is no rule, in words.
    Other(&'static str),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy rule")
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Other("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Other("a number"))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Other("nothing"))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Other("nothing"))
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Raw, D::Error> {
        Raw::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        let mut wrong = false;
        while let Some(item) = items.next_element::<Raw>()? {
            match item {
                // An empty text is no alternative, as an empty list is none.
                Raw::Text(text) if text.is_empty() => list.push(Vec::new()),
                Raw::Text(text) => list.push(vec![text]),
                Raw::List(inner) if inner.iter().all(|one| one.len() == 1) => {
                    list.push(inner.into_iter().flatten().collect());
                }
                _ => wrong = true,
            }
        }
        Ok(if wrong {
            Raw::Other("a list with more in it than texts and lists of texts")
        } else {
            Raw::List(list)
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        while entries
            .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
            .is_some()
        {}
        Ok(Raw::Other("a mapping"))
    }
}
