//! A call before it is sent: method, path, query and body.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

/// What is escaped in an element of a list. The array splits on literal commas before it decodes,
/// and leaves `/` as it is.
const ELEMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// A call of the REST API, below `/api/2.X`.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    query: Vec<String>,
    pub(crate) body: Option<Value>,
    /// A parameter whose value was empty.
    empty: Option<String>,
}

impl Call {
    pub(crate) fn get(path: &'static str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &'static str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn patch(path: &'static str) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub(crate) fn put(path: &'static str) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(crate) fn delete(path: &'static str) -> Self {
        Self::new(Method::DELETE, path)
    }

    fn new(method: Method, path: &'static str) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            empty: None,
        }
    }

    /// Adds a parameter. An empty value is left out: some versions answer it with an error.
    #[must_use]
    pub(crate) fn with(self, key: &str, value: impl AsRef<str>) -> Self {
        self.list(key, [value])
    }

    /// Adds a parameter with several elements; none at all leaves it out.
    #[must_use]
    pub(crate) fn list<T: AsRef<str>>(
        mut self,
        key: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let (full, empty): (Vec<T>, Vec<T>) = values
            .into_iter()
            .partition(|value| !value.as_ref().is_empty());
        if !empty.is_empty() {
            self.empty = Some(key.to_owned());
        }
        let elements: Vec<String> = full
            .iter()
            .map(|value| utf8_percent_encode(value.as_ref(), ELEMENT).to_string())
            .collect();
        if !elements.is_empty() {
            self.query.push(format!("{key}={}", elements.join(",")));
        }
        self
    }

    /// Adds a switch that is on.
    #[must_use]
    pub(crate) fn flag(self, key: &str) -> Self {
        self.with(key, "true")
    }

    /// Sets the body.
    #[must_use]
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The call as errors and logs name it. Names of objects are no secrets, but long.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The query, encoded.
    pub(crate) fn query(&self) -> Option<String> {
        (!self.query.is_empty()).then(|| self.query.join("&"))
    }

    /// The parameter without which a call would change more than what was meant, or something else.
    pub(crate) fn lacks(&self) -> Option<&str> {
        match self.is_read() {
            true => None,
            false => self.empty.as_deref(),
        }
    }

    /// Whether it changes nothing.
    pub(crate) fn is_read(&self) -> bool {
        self.method == Method::GET
    }
}

/// A text inside a filter.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_is_encoded_by_itself_and_commas_between_them_stay() {
        let call = Call::get("volumes").list("names", ["pod::v 1", "vg/v,2", "*'"]);
        assert_eq!(
            call.query().unwrap(),
            "names=pod%3A%3Av%201,vg/v%2C2,%2A%27"
        );
    }

    #[test]
    fn what_is_empty_is_not_sent() {
        let call = Call::get("volumes")
            .with("context_names", "")
            .list("names", Vec::<String>::new());
        assert_eq!(call.query(), None);
        let call = call.flag("destroyed").with("filter", "name='a.*'");
        assert_eq!(
            call.query().unwrap(),
            "destroyed=true&filter=name%3D%27a.%2A%27"
        );
    }

    #[test]
    fn a_change_lacks_what_was_empty() {
        let lacks = |call: Call| call.lacks().map(str::to_owned);
        let change = Call::patch("volumes").with("ids", "");
        assert_eq!(lacks(change).as_deref(), Some("ids"));
        let half = Call::delete("pods/arrays").list("member_names", ["a", ""]);
        assert_eq!(lacks(half).as_deref(), Some("member_names"));
        assert_eq!(lacks(Call::get("volumes").with("names", "")), None);
        assert_eq!(lacks(Call::patch("volumes").with("ids", "1")), None);
    }
}
