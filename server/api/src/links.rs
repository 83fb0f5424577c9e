//! Where the caller reaches this service: behind a proxy that is not where it listens.

use poem::Request;
use poem::http::HeaderMap;

/// Scheme, host and the proxy's path prefix, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl(String);

impl BaseUrl {
    /// From `X-Forwarded-Proto`, `-Host` and `-Prefix`, else from the request itself.
    pub(crate) fn of(request: &Request) -> Self {
        let headers = request.headers();
        let scheme = first(headers, "x-forwarded-proto")
            .filter(|scheme| matches!(scheme.as_str(), "http" | "https"))
            .unwrap_or_else(|| request.scheme().to_string());
        let host = first(headers, "x-forwarded-host")
            .or_else(|| first(headers, "host"))
            .or_else(|| request.uri().authority().map(ToString::to_string))
            .filter(|host| is_host(host))
            .unwrap_or_else(|| "localhost".to_owned());
        let prefix = first(headers, "x-forwarded-prefix")
            .filter(|prefix| prefix.starts_with('/') && prefix.bytes().all(is_path))
            .unwrap_or_default();
        Self(format!("{scheme}://{host}{}", prefix.trim_end_matches('/')))
    }

    /// The configured URL, whatever the request says.
    pub(crate) fn configured(url: &str) -> Self {
        Self(url.trim_end_matches('/').to_owned())
    }

    /// An absolute URL for a path of this service.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

/// The first of a comma-separated list, which is what the outermost proxy saw.
fn first(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    let first = value.split(',').next().unwrap_or_default().trim();
    (!first.is_empty()).then(|| first.to_owned())
}

fn is_host(host: &str) -> bool {
    host.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
}

fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-_.~%".contains(&byte)
}
