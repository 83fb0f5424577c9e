//! The docs page and the published document, which everybody may read; the rest goes on.

use std::sync::Arc;

use poem::http::Method;
use poem::http::header::CONTENT_SECURITY_POLICY;
use poem::web::Html;
use poem::{Body, Endpoint, IntoResponse, Request, Response, Result};

use crate::contract::method_not_allowed;

/// All that the page needs is in it; a browser is told to take nothing from anywhere else. What is
/// tried out on the page goes to this service.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; \
    style-src 'unsafe-inline'; img-src data:; font-src data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What stands beside the API.
#[derive(Debug)]
pub(crate) struct Pages {
    /// The docs page; all that it needs is in it, so that it works without the internet.
    pub(crate) docs: String,
    /// The document.
    pub(crate) document: String,
}

/// The pages before `inner`.
pub(crate) struct Front<E> {
    pub(crate) pages: Arc<Pages>,
    pub(crate) inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for Front<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let page = match request.uri().path() {
            "/docs" | "/docs/" => Html(self.pages.docs.clone())
                .with_header(CONTENT_SECURITY_POLICY, POLICY)
                .into_response(),
            "/openapi.json" => Response::builder()
                .content_type("application/json")
                .body(Body::from_string(self.pages.document.clone())),
            _ => return self.inner.call(request).await,
        };
        match *request.method() {
            Method::GET | Method::HEAD => Ok(page),
            ref other => Err(method_not_allowed(other, "GET, HEAD").into()),
        }
    }
}
