//! What a storage driver is built from: the array's address and token, whose certificate it may
//! show, and the array that it sends to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use protector_framework::{DriverConfig, SecretString};
use serde_json::{Map, Value, json};

/// Whose certificates arrays may show, as the operator says: `[storage]` of `protector.conf`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArrayTrust {
    /// PEM file of certificates to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The SHA-256 of the one certificate that is trusted of an array, in hexadecimal digits, by
    /// the array's URL without a slash at its end.
    pub pins: BTreeMap<String, String>,
    /// Whether any certificate of an array that no pin names is good enough.
    pub insecure: bool,
}

impl ArrayTrust {
    /// The setting for an array; `None` leaves it to what the system trusts.
    fn verify(&self, url: &str) -> Option<Value> {
        let pinned = self.pins.iter().find(|(known, _)| is_same(known, url));
        if let Some((_, sha256)) = pinned {
            return Some(json!({"sha256": sha256}));
        }
        if self.insecure {
            return Some(json!("insecure"));
        }
        let file = self.ca_file.as_ref()?;
        Some(json!({"ca_file": file}))
    }
}

/// Whether two addresses lead to the same server, however they are written.
fn is_same(one: &str, other: &str) -> bool {
    let place = |url: &str| {
        let url = reqwest::Url::parse(url).ok()?;
        let port = url.port_or_known_default();
        Some((url.host_str()?.trim_end_matches('.').to_owned(), port))
    };
    match (place(one), place(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.trim_end_matches('/') == other.trim_end_matches('/'),
    }
}

/// An array with what opens it.
#[derive(Debug, Clone)]
pub(crate) struct Opened<'a> {
    pub(crate) url: &'a str,
    pub(crate) token: SecretString,
}

/// The settings of a driver for an array. A driver is told only what its settings' schema has:
/// `verify`, and `partner` for the array that this one sends to.
pub(crate) fn config(
    schema: &Value,
    trust: &ArrayTrust,
    array: Opened<'_>,
    partner: Option<Opened<'_>>,
) -> DriverConfig {
    let takes = |name: &str| schema["properties"].get(name).is_some();
    let place = |url: &str| {
        let mut place = Map::new();
        place.insert("url".to_owned(), url.into());
        if let Some(verify) = trust.verify(url).filter(|_| takes("verify")) {
            place.insert("verify".to_owned(), verify);
        }
        place
    };
    let mut settings = place(array.url);
    let partner = partner.filter(|_| takes("partner"));
    if let Some(partner) = &partner {
        settings.insert("partner".to_owned(), place(partner.url).into());
    }
    let config = DriverConfig::new(settings.into()).secret("api_token", array.token);
    match partner {
        Some(partner) => config.secret("partner_api_token", partner.token),
        None => config,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "https://fa-a.example";
    const B: &str = "https://fa-b.example";

    fn built(schema: &Value, trust: &ArrayTrust) -> DriverConfig {
        let open = |url| Opened {
            url,
            token: "t".into(),
        };
        config(schema, trust, open(A), Some(open(B)))
    }

    #[test]
    fn a_driver_is_told_what_it_takes() {
        let trust = ArrayTrust {
            insecure: true,
            ..ArrayTrust::default()
        };
        let plain = built(&json!({"properties": {"url": {}}}), &trust);
        assert_eq!(plain.settings, json!({"url": A}));
        assert_eq!(plain.secrets.len(), 1);
        let full = json!({"properties": {"url": {}, "verify": {}, "partner": {}}});
        let full = built(&full, &trust);
        let partner = json!({"url": B, "verify": "insecure"});
        assert_eq!(
            full.settings,
            json!({"url": A, "verify": "insecure", "partner": partner})
        );
        assert!(full.secrets.contains_key("partner_api_token"));
    }

    #[test]
    fn a_pin_comes_before_all_else() {
        let mut trust = ArrayTrust::default();
        assert_eq!(trust.verify(A), None);
        trust.ca_file = Some("/ca.pem".into());
        assert_eq!(trust.verify(A), Some(json!({"ca_file": "/ca.pem"})));
        trust.insecure = true;
        trust.pins.insert(A.to_owned(), "ab".to_owned());
        assert_eq!(
            trust.verify(&format!("{A}/")),
            Some(json!({"sha256": "ab"}))
        );
        assert_eq!(trust.verify(B), Some(json!("insecure")));
    }
}
