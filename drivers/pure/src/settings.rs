//! The driver's settings.

use protector_framework::{DriverConfig, DriverError, Result, SecretString};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

/// The secrets that the driver takes.
const SECRETS: [&str; 2] = ["api_token", "partner_api_token"];

/// The settings. The secrets are `api_token`, and `partner_api_token` beside `partner`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// `https://host[:port]` of the array.
    pub(crate) url: String,
    /// Whose certificate the array may show.
    #[serde(default)]
    pub(crate) verify: Verify,
    /// The array that this one sends to. Only a sender needs it: whether a point has arrived is
    /// known to the receiver alone, and only the receiver can permit the sending.
    #[serde(default)]
    pub(crate) partner: Option<PartnerSettings>,
}

/// The other array of the pair.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartnerSettings {
    /// `https://host[:port]` of that array.
    pub(crate) url: String,
    /// Whose certificate it may show.
    #[serde(default)]
    pub(crate) verify: Verify,
}

/// Whose certificate is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verify {
    /// Certificates that the machine trusts, `SSL_CERT_FILE` included.
    #[default]
    System,
    /// Certificates signed by one of those in this PEM file.
    CaFile(String),
    /// The one certificate with this SHA-256, whoever signed it.
    Sha256(String),
    /// Any. Whoever stands between can then read the token.
    Insecure,
}

/// One array's address with what opens it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) url: Url,
    pub(crate) verify: Verify,
    pub(crate) token: SecretString,
}

/// The array, and the partner where one is named.
///
/// # Errors
/// `InvalidConfig` with the field that is missing or wrong.
pub(crate) fn read(config: &DriverConfig) -> Result<(Place, Option<Place>)> {
    if let Some(unknown) = config
        .secrets
        .keys()
        .find(|name| !SECRETS.contains(&name.as_str()))
    {
        return Err(DriverError::invalid_config(format!(
            "driver settings: unknown secret `{unknown}`, expected {}",
            SECRETS.join(" or ")
        )));
    }
    let settings: Settings = config.read()?;
    let own = Place {
        url: base("url", &settings.url)?,
        verify: settings.verify,
        token: config.require_secret(SECRETS[0])?,
    };
    let partner = match settings.partner {
        Some(partner) => Some(Place {
            url: base("partner.url", &partner.url)?,
            verify: partner.verify,
            token: config.require_secret(SECRETS[1])?,
        }),
        None => None,
    };
    Ok((own, partner))
}

fn base(field: &str, text: &str) -> Result<Url> {
    let wrong =
        |why: &str| DriverError::invalid_config(format!("driver settings: `{field}` {why}"));
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if url.scheme() != "https" || url.host_str().is_none() {
        return Err(wrong("must be `https://host[:port]`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a user or a password"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must be `https://host[:port]` and nothing more"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: protector_framework::serde_json::Value) -> DriverConfig {
        DriverConfig::new(settings).secret("api_token", "t".into())
    }

    #[test]
    fn every_way_to_trust_an_array_can_be_said() {
        use serde_json::json;
        for (verify, expected) in [
            (json!("system"), Verify::System),
            (
                json!({"ca_file": "/ca.pem"}),
                Verify::CaFile("/ca.pem".to_owned()),
            ),
            (json!({"sha256": "ab"}), Verify::Sha256("ab".to_owned())),
            (json!("insecure"), Verify::Insecure),
        ] {
            let settings = json!({"url": "https://fa.example:8443", "verify": verify});
            let (own, partner) = read(&config(settings)).unwrap();
            assert_eq!(own.verify, expected);
            assert!(partner.is_none());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        use serde_json::json;
        for (settings, part) in [
            (json!({}), "url"),
            (json!({"url": "http://fa.example"}), "https://host"),
            (json!({"url": "https://u:p@fa.example"}), "password"),
            (json!({"url": "https://fa.example/api"}), "nothing more"),
            (json!({"url": "https://fa.example", "token": "x"}), "token"),
            (
                json!({"url": "https://a.example", "partner": {"url": "https://b.example"}}),
                "partner_api_token",
            ),
        ] {
            let error = read(&config(settings)).unwrap_err();
            assert!(error.message.contains(part), "{error}");
        }
    }
}
