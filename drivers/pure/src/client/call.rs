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
        let elements: Vec<String> = values
            .into_iter()
            .filter(|value| !value.as_ref().is_empty())
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
}
