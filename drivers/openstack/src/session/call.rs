//! One call to one service, as plain data.

use protector_framework::{DriverError, Result, SecretString};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::version::Version;

/// The services that the drivers talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Identity,
    Compute,
    Volume,
    Network,
}

impl Service {
    /// The service's name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Identity => "identity service",
            Self::Compute => "compute service",
            Self::Volume => "block storage service",
            Self::Network => "network service",
        }
    }

    /// The types under which catalogs list it, best first.
    pub(crate) fn types(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["identity"],
            Self::Compute => &["compute"],
            Self::Volume => &["block-storage", "volumev3", "volume", "block-store"],
            Self::Network => &["network"],
        }
    }
}

/// A call that has not been sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) method: Method,
    segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) wants: Option<Version>,
    pub(crate) needs: Option<Version>,
    /// Whether sending it twice does no harm.
    pub(crate) repeatable: bool,
    /// A token other than the session's own.
    pub(crate) token: Option<SecretString>,
    /// The token that the call is about.
    pub(crate) subject: Option<SecretString>,
    /// Whether the path ends in a secret, such as a trust's id.
    secret_end: bool,
}

impl Call {
    fn new<'a>(
        service: Service,
        method: Method,
        path: impl IntoIterator<Item = &'a str>,
        repeatable: bool,
    ) -> Self {
        Self {
            service,
            method,
            segments: path.into_iter().map(str::to_owned).collect(),
            query: Vec::new(),
            body: None,
            wants: None,
            needs: None,
            repeatable,
            token: None,
            subject: None,
            secret_end: false,
        }
    }

    pub(crate) fn get<'a>(service: Service, path: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(service, Method::GET, path, true)
    }

    pub(crate) fn delete<'a>(service: Service, path: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(service, Method::DELETE, path, true)
    }

    pub(crate) fn post<'a>(
        service: Service,
        path: impl IntoIterator<Item = &'a str>,
        body: Value,
    ) -> Self {
        let mut call = Self::new(service, Method::POST, path, false);
        call.body = Some(body);
        call
    }

    pub(crate) fn put<'a>(
        service: Service,
        path: impl IntoIterator<Item = &'a str>,
        body: Value,
    ) -> Self {
        let mut call = Self::new(service, Method::PUT, path, false);
        call.body = Some(body);
        call
    }

    pub(crate) fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Asks for this microversion, or the highest that the endpoint has below it.
    pub(crate) fn at(mut self, major: u16, minor: u16) -> Self {
        self.wants = Some(Version(major, minor));
        self
    }

    /// Fails with `Unsupported` where the endpoint does not reach this microversion.
    pub(crate) fn needs(mut self, major: u16, minor: u16) -> Self {
        self.needs = Some(Version(major, minor));
        if self.wants.is_none() {
            self.wants = self.needs;
        }
        self
    }

    /// Marks a call whose repetition has no further effect.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Sends somebody else's token, which is not renewed.
    pub(crate) fn with_token(mut self, token: &SecretString) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Names the token that the call is about.
    pub(crate) fn about_token(mut self, token: &SecretString) -> Self {
        self.subject = Some(token.clone());
        self
    }

    /// Keeps the last part of the path out of errors and logs.
    pub(crate) fn hiding_the_last_part(mut self) -> Self {
        self.secret_end = true;
        self
    }

    /// The last part of the path, where it is a secret.
    pub(crate) fn hidden(&self) -> Option<&str> {
        self.segments
            .last()
            .filter(|_| self.secret_end)
            .map(String::as_str)
    }

    /// `POST /servers/<id>/action`, with the action's name where there is one. No query.
    pub(crate) fn name(&self) -> String {
        let mut path = format!("{} /{}", self.method, self.segments.join("/"));
        if let Some(hidden) = self.hidden() {
            path = path.replace(hidden, "********");
        }
        let action = self
            .body
            .as_ref()
            .filter(|_| self.segments.last().is_some_and(|last| last == "action"))
            .and_then(Value::as_object)
            .and_then(|body| body.keys().next());
        match action {
            Some(action) => format!("{path} {action}"),
            None => path,
        }
    }

    /// The URL under this endpoint.
    pub(crate) fn url(&self, endpoint: &Url) -> Result<Url> {
        let mut url = endpoint.clone();
        // Version documents lie at the endpoint itself, and without its last slash some services
        // answer with a redirect.
        if !self.segments.is_empty() {
            url.path_segments_mut()
                .map_err(|()| {
                    DriverError::invalid_config(format!(
                        "the endpoint {endpoint} cannot hold a path"
                    ))
                })?
                .pop_if_empty()
                .extend(&self.segments);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

/// An answer that the service meant as a success.
pub(crate) struct Reply {
    pub(crate) call: String,
    pub(crate) body: Vec<u8>,
    pub(crate) request_id: Option<String>,
    pub(crate) subject: Option<SecretString>,
}

impl Reply {
    /// Reads the body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| self.not_understood(error))
    }

    /// Reads what the body holds under one key.
    pub(crate) fn at<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        let mut body: Value = self.json()?;
        T::deserialize(body[key].take()).map_err(|error| self.not_understood(error))
    }

    fn not_understood(&self, error: impl std::fmt::Display) -> DriverError {
        let error = DriverError::new(
            protector_framework::ErrorKind::Unexpected,
            format!("the answer to `{}` is not understood: {error}", self.call),
        )
        .with_call(&self.call);
        match &self.request_id {
            Some(id) => error.with_request_id(id),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_path_segment() {
        let endpoint = Url::parse("http://n/v2.1/").unwrap();
        let call = Call::get(Service::Compute, ["servers", "../os-keypairs?x=1"]);
        assert_eq!(
            call.url(&endpoint).unwrap().as_str(),
            "http://n/v2.1/servers/..%2Fos-keypairs%3Fx=1"
        );
    }

    #[test]
    fn a_version_document_keeps_its_slash() {
        let document = Url::parse("http://c/v3/").unwrap();
        let url = Call::get(Service::Volume, []).url(&document).unwrap();
        assert_eq!(url.as_str(), "http://c/v3/");
    }
}
