//! Where the caller reaches this service: behind a proxy that is not where it listens.

use std::net::IpAddr;

use ipnet::IpNet;
use poem::Request;
use poem::http::HeaderMap;
use protector_config::Config;

/// The proxies that are believed. A header of anybody else says what a client likes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those of the configuration; none where their headers are not asked for.
    pub(crate) fn of(config: &Config) -> Self {
        match config.middleware.enable_proxy_headers_parsing {
            true => Self(config.api.trusted_proxies.clone()),
            false => Self::default(),
        }
    }

    /// Where the caller is: behind a proxy, what that proxy has seen, which it writes last.
    pub(crate) fn client(&self, request: &Request) -> Option<String> {
        let forwarded = self.sent(request).then(|| {
            let seen = request.header("x-forwarded-for")?.rsplit(',').next()?;
            seen.trim().parse::<IpAddr>().ok()
        });
        let peer = || Some(request.remote_addr().as_socket_addr()?.ip().to_canonical());
        forwarded.flatten().or_else(peer).map(|ip| ip.to_string())
    }

    fn sent(&self, request: &Request) -> bool {
        let Some(peer) = request.remote_addr().as_socket_addr() else {
            return false;
        };
        // A socket for both kinds of addresses shows the old ones in the form of the new.
        let peer: IpAddr = peer.ip().to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

/// Scheme, host and the proxy's path prefix, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl(String);

impl BaseUrl {
    /// From `Forwarded`, else `X-Forwarded-Proto` and `-Host`, and `X-Forwarded-Prefix`, where a trusted
    /// proxy sent the request; else from the request itself.
    pub(crate) fn of(request: &Request, proxies: &Proxies) -> Self {
        let headers = request.headers();
        let believed = proxies.sent(request);
        let told = |name: &str| believed.then(|| first(headers, name)).flatten();
        let forwarded = told("forwarded");
        let element = |name| {
            forwarded
                .as_deref()
                .and_then(|element| parameter(element, name))
        };
        let scheme = element("proto")
            .or_else(|| told("x-forwarded-proto"))
            .filter(|scheme| matches!(scheme.as_str(), "http" | "https"))
            .unwrap_or_else(|| request.scheme().to_string());
        let host = element("host")
            .or_else(|| told("x-forwarded-host"))
            .or_else(|| first(headers, "host"))
            .or_else(|| request.uri().authority().map(ToString::to_string))
            .filter(|host| is_host(host))
            .unwrap_or_else(|| "localhost".to_owned());
        let prefix = told("x-forwarded-prefix")
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

/// A parameter of an element of `Forwarded`, such as `proto=https;host="cloud.example"`.
fn parameter(element: &str, name: &str) -> Option<String> {
    let mut parameters = element.split(';').filter_map(|one| one.split_once('='));
    let (_, value) = parameters.find(|(one, _)| one.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn is_host(host: &str) -> bool {
    host.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
}

fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-_.~%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use poem::http::uri::Scheme;
    use poem::web::{LocalAddr, RemoteAddr};
    use poem::{Addr, RequestParts};

    use super::*;

    fn base(trusted: &[&str], peer: &str, headers: &[(&str, &str)]) -> String {
        let mut request = poem::http::Request::builder().uri("/v1/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        let (local, remote) = (LocalAddr(Addr::from(peer)), RemoteAddr(Addr::from(peer)));
        let parts = RequestParts::from((parts, local, remote, Scheme::HTTP));
        let request = Request::from_parts(parts, poem::Body::empty());
        let networks = trusted.iter().map(|network| network.parse().unwrap());
        BaseUrl::of(&request, &Proxies(networks.collect())).at("/v1")
    }

    const HEADERS: &[(&str, &str)] = &[
        ("Host", "inner:1"),
        ("X-Forwarded-Proto", "https, http"),
        ("X-Forwarded-Host", "cloud.example, inner"),
        ("X-Forwarded-Prefix", "/dr/"),
    ];

    #[test]
    fn a_trusted_proxy_is_believed_and_nobody_else() {
        let outside = "https://cloud.example/dr/v1";
        for (trusted, peer, expected) in [
            (&["192.0.2.0/24"][..], "192.0.2.7:5", outside),
            (&["192.0.2.0/24"], "[::ffff:192.0.2.7]:5", outside),
            (&["2001:db8::/32"], "[2001:db8::1]:5", outside),
            (&["10.0.0.0/8", "192.0.2.7/32"], "192.0.2.7:5", outside),
            (&["192.0.2.0/24"], "192.0.3.7:5", "http://inner:1/v1"),
            (&[], "127.0.0.1:5", "http://inner:1/v1"),
        ] {
            assert_eq!(base(trusted, peer, HEADERS), expected, "{trusted:?} {peer}");
        }
    }

    #[test]
    fn the_standard_header_wins_over_those_before_it() {
        let mut headers = HEADERS.to_vec();
        headers.push((
            "Forwarded",
            "for=192.0.2.1;Proto=http;host=\"a.example:8\", proto=https",
        ));
        let found = base(&["127.0.0.0/8"], "127.0.0.1:5", &headers);
        assert_eq!(found, "http://a.example:8/dr/v1");
    }

    #[test]
    fn what_is_no_host_no_scheme_and_no_path_is_not_repeated() {
        let headers = [
            ("Host", "h"),
            ("X-Forwarded-Proto", "javascript"),
            ("X-Forwarded-Host", "evil\"<x>"),
            ("X-Forwarded-Prefix", "//evil\"<x>"),
        ];
        let found = base(&["127.0.0.0/8"], "127.0.0.1:5", &headers);
        assert_eq!(found, "http://localhost/v1");
    }
}
