//! Which web pages may call the API from a browser, as oslo.middleware decides it. Without
//! `[cors] allowed_origin` there is nothing of it.

use poem::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method};
use poem::{Request, Response};
use protector_config::CorsSection;

/// Headers that a page may always send.
const SIMPLE: &[&str] = &[
    "Accept",
    "Accept-Language",
    "Content-Type",
    "Cache-Control",
    "Content-Language",
    "Expires",
    "Last-Modified",
    "Pragma",
];

/// The rules of `[cors]`.
#[derive(Debug)]
pub(crate) struct Cors(CorsSection);

impl Cors {
    pub(crate) fn new(section: CorsSection) -> Self {
        Self(section)
    }

    /// The answer to a browser that asks, before it sends a request, whether it may. It tells nothing of
    /// the path and needs no token, which a browser does not send here. `None` for anything else.
    pub(crate) fn preflight(&self, request: &Request) -> Option<Response> {
        if self.0.allowed_origin.is_empty() || *request.method() != Method::OPTIONS {
            return None;
        }
        let asked = request.headers();
        let (origin, method) = (
            asked.get(ORIGIN)?,
            asked.get(ACCESS_CONTROL_REQUEST_METHOD)?,
        );
        let mut response = Response::default();
        if let Some(origin) = self.allowed(origin)
            && self.may_send(method, asked)
        {
            let headers = response.headers_mut();
            self.let_in(origin, headers);
            if self.0.max_age > 0 {
                put(headers, ACCESS_CONTROL_MAX_AGE, &self.0.max_age.to_string());
            }
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
            let names = named(asked).join(",");
            if !names.is_empty() {
                put(headers, ACCESS_CONTROL_ALLOW_HEADERS, &names);
            }
        }
        Some(response)
    }

    /// What the page of this origin may see of any other answer.
    pub(crate) fn decorate(&self, origin: &HeaderValue, headers: &mut HeaderMap) {
        let Some(origin) = self.allowed(origin) else {
            return;
        };
        self.let_in(origin, headers);
        if !self.0.expose_headers.is_empty() {
            let exposed = self.0.expose_headers.join(",");
            put(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &exposed);
        }
    }

    /// The origin as the answer names it.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let listed = |text: &str| self.0.allowed_origin.iter().any(|one| one == text);
        if origin.to_str().is_ok_and(listed) {
            return Some(origin.clone());
        }
        listed("*").then(|| HeaderValue::from_static("*"))
    }

    fn may_send(&self, method: &HeaderValue, asked: &HeaderMap) -> bool {
        let method = method.to_str().unwrap_or_default();
        let mut methods = self.0.allow_methods.iter();
        let known = |name: &&str| {
            let mut own = self.0.allow_headers.iter().map(String::as_str);
            own.any(|one| one.eq_ignore_ascii_case(name))
                || SIMPLE.iter().any(|one| one.eq_ignore_ascii_case(name))
        };
        methods.any(|one| one == method) && named(asked).iter().all(known)
    }

    fn let_in(&self, origin: HeaderValue, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.0.allow_credentials {
            put(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

/// The headers that a browser wants to send.
fn named(asked: &HeaderMap) -> Vec<&str> {
    let lines = asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = lines.flat_map(|line| line.to_str().unwrap_or("?").split(','));
    names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
