//! Which array endpoints a tenant may make the service call.

use url::Url;

/// Whether an endpoint is one of those that the administrator allows. An entry is an endpoint, a
/// host, a `host:port`, or `*`.
pub(crate) fn is_allowed(endpoint: &str, allowed: &[String]) -> bool {
    let endpoint = endpoint.trim_end_matches('/');
    let parsed = Url::parse(endpoint).ok();
    let host = parsed.as_ref().and_then(|url| url.host_str());
    let port = parsed.as_ref().and_then(Url::port_or_known_default);
    allowed.iter().any(|entry| {
        let entry = entry.trim().trim_end_matches('/');
        if entry == "*" || entry == endpoint {
            return true;
        }
        let (Some(host), false) = (host, entry.contains("://")) else {
            return false;
        };
        entry.eq_ignore_ascii_case(host)
            || port.is_some_and(|port| entry.eq_ignore_ascii_case(&format!("{host}:{port}")))
    })
}

/// Why an endpoint cannot be called at all.
pub(crate) fn fault(endpoint: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(endpoint) else {
        return Some("is not a URL");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must not hold a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Some("must not hold a query or a fragment");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_administrator_names_is_allowed() {
        let allowed = ["https://fa1.example/", "10.0.0.5", "fa2.example:8443"].map(str::to_owned);
        for (endpoint, expected) in [
            ("https://fa1.example", true),
            ("https://fa1.example.evil", false),
            ("http://fa1.example", false),
            ("https://10.0.0.5", true),
            ("https://10.0.0.5:9000/api", true),
            ("https://10.0.0.50", false),
            ("https://fa2.example:8443", true),
            ("https://fa2.example", false),
            ("https://169.254.169.254", false),
        ] {
            assert_eq!(is_allowed(endpoint, &allowed), expected, "{endpoint}");
        }
        assert!(is_allowed("mock:///x", &["*".to_owned()]));
        assert!(!is_allowed("mock:///x", &[]));
        assert!(fault("https://u:p@fa1.example").is_some());
        assert!(fault("no url").is_some());
        assert!(fault("https://fa1.example").is_none());
    }
}
