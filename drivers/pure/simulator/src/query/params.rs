//! Query strings. Most clients encode each element of a list and join the elements with commas that
//! stay literal; the vendor's older Python client encodes the commas too. No element of a list ever
//! holds a comma, so both are lists.

use percent_encoding::percent_decode_str;

use super::QueryError;

/// The parameters of one request, as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads the part of a URL behind the question mark. Nothing in it is an error: what is not
    /// UTF-8 after decoding is replaced.
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key), value.to_owned())
            })
            .collect();
        Self { pairs }
    }

    /// Whether the parameter was sent at all, with a value or without.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).next().is_some()
    }

    /// The first value of a parameter that is one text. Sent without a value, it is as if it had
    /// not been sent.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.texts(name).into_iter().next()
    }

    /// Every value of a parameter that may be repeated.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.raw(name)
            .filter(|value| !value.is_empty())
            .map(decode)
            .collect()
    }

    /// The elements of a parameter that is a list. `None` when it was not sent; no elements when
    /// it was sent empty. A repeated parameter is one list.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        self.has(name).then(|| {
            self.raw(name)
                .flat_map(|value| {
                    let decoded = decode(value);
                    let elements = decoded.split(',').filter(|element| !element.is_empty());
                    elements.map(str::to_owned).collect::<Vec<_>>()
                })
                .collect()
        })
    }

    /// A parameter that is `true` or `false`, in any case of letters; `None` when not sent.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, QueryError> {
        match self.text(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(QueryError::new(
                name,
                format!("'{text}' is neither true nor false"),
            )),
        }
    }

    /// A parameter that counts something; `None` when not sent.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, QueryError> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| QueryError::new(name, format!("'{text}' is not a whole number")))
            })
            .transpose()
    }

    fn raw<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Decodes `%41` and, as forms have it, `+` for a space.
fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
