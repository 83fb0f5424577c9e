//! What an operator asks a Keystone before anything else: whether there is one, and whether it is the
//! password that it refuses or the role. A login in a project is refused for both in the same words.

use std::sync::Arc;

use protector_framework::{Clock, DriverConfig, DriverError, ExposeSecret as _};
use serde_json::{Value, json};
use url::Url;

use crate::probe::{Answer, Probe};

/// The Keystone of some settings of the drivers `openstack`.
#[derive(Debug)]
pub struct Keystone {
    url: String,
    probe: Probe,
    login: Option<Value>,
}

/// What is at an address that should be a Keystone's.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A Keystone of version 3.
    Keystone(Answer),
    /// Something else.
    Other(Answer),
    /// Nothing answers, for this reason.
    Nothing(String),
}

impl Keystone {
    /// # Errors
    /// `InvalidConfig` where the address is no URL or certificates cannot be read.
    pub fn new(config: &DriverConfig, clock: Arc<dyn Clock>) -> Result<Self, DriverError> {
        let settings = &config.settings;
        let text = |name: &str| settings[name].as_str();
        let insecure = settings["insecure"].as_bool().unwrap_or(false);
        Ok(Self {
            url: v3(text("auth_url").unwrap_or_default())?,
            probe: Probe::new(text("cafile"), insecure, clock)?,
            login: login(config),
        })
    }

    /// Where its version 3 is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Looks what answers.
    pub async fn look(&self) -> Found {
        match self.probe.get(&self.url).await {
            Err(reason) => Found::Nothing(reason),
            Ok(answer) => {
                let version = answer.body["version"]["id"].as_str();
                match version.is_some_and(|id| id.starts_with("v3")) {
                    true => Found::Keystone(answer),
                    false => Found::Other(answer),
                }
            }
        }
    }

    /// Whether user and password are right, apart from any project; `None`: that cannot be told.
    pub async fn knows_account(&self) -> Option<bool> {
        let body = self.login.as_ref()?;
        let url = format!("{}/auth/tokens", self.url);
        match self.probe.post(&url, body).await.ok()?.status {
            200..300 => Some(true),
            401 => Some(false),
            _ => None,
        }
    }
}

/// A login without a scope. An application credential has one of its own.
fn login(config: &DriverConfig) -> Option<Value> {
    let text = |name: &str| {
        config.settings[name]
            .as_str()
            .filter(|text| !text.is_empty())
    };
    let password = config.secrets.get("password")?;
    if text("auth_type").is_some_and(|kind| kind.eq_ignore_ascii_case("v3applicationcredential")) {
        return None;
    }
    let mut user = match (text("user_id"), text("username")) {
        (Some(id), _) => json!({"id": id}),
        (None, Some(name)) => {
            let domain = match (text("user_domain_id"), text("user_domain_name")) {
                (Some(id), _) => json!({"id": id}),
                (None, Some(name)) => json!({"name": name}),
                (None, None) => json!({"id": "default"}),
            };
            json!({"name": name, "domain": domain})
        }
        (None, None) => return None,
    };
    user["password"] = json!(password.expose_secret());
    let identity = json!({"methods": ["password"], "password": {"user": user}});
    Some(json!({"auth": {"identity": identity, "scope": "unscoped"}}))
}

/// Version 3 of the Keystone at an address, which operators write with and without it.
fn v3(text: &str) -> Result<String, DriverError> {
    let wrong = |why: &dyn std::fmt::Display| {
        DriverError::invalid_config(format!("auth_url `{text}`: {why}"))
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&error))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&"it must begin with http:// or https://"));
    }
    let path = url.path().trim_end_matches('/');
    let root = path.strip_suffix("/v3").or(path.strip_suffix("/v2.0"));
    let path = format!("{}/v3", root.unwrap_or(path));
    url.set_path(&path);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use protector_framework::SystemClock;
    use wiremock::matchers::{body_partial_json, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn keystone(server: &MockServer) -> Keystone {
        let settings = json!({"auth_url": server.uri(), "username": "protector"});
        let config = DriverConfig::new(settings).secret("password", "pw".into());
        Keystone::new(&config, Arc::new(SystemClock::new())).unwrap()
    }

    #[tokio::test]
    async fn a_keystone_is_told_from_what_else_answers_and_so_is_its_clock() {
        let server = MockServer::start().await;
        assert!(
            matches!(keystone(&server).look().await, Found::Other(answer) if answer.status == 404)
        );
        let late = (SystemClock::new().now() + TimeDelta::hours(1)).to_rfc2822();
        let answer = ResponseTemplate::new(200)
            .insert_header("Date", late.as_str())
            .set_body_json(json!({"version": {"id": "v3.14"}}));
        Mock::given(path("/v3"))
            .respond_with(answer)
            .mount(&server)
            .await;
        let Found::Keystone(answer) = keystone(&server).look().await else {
            panic!("no Keystone");
        };
        let ahead = answer.ahead.unwrap().num_seconds();
        assert!((3590..3610).contains(&ahead), "{ahead}");
        let uri = server.uri();
        let settings = json!({"auth_url": uri.replace(&server.address().port().to_string(), "1")});
        let nobody = Keystone::new(&DriverConfig::new(settings), Arc::new(SystemClock::new()));
        let Found::Nothing(why) = nobody.unwrap().look().await else {
            panic!("something answers");
        };
        assert!(why.contains("refused"), "{why}");
    }

    #[tokio::test]
    async fn a_password_is_tried_without_a_project() {
        let server = MockServer::start().await;
        let keystone = keystone(&server);
        assert_eq!(keystone.knows_account().await, None);
        for (status, known) in [(201, true), (401, false)] {
            server.reset().await;
            Mock::given(method("POST"))
                .and(path("/v3/auth/tokens"))
                .and(body_partial_json(json!({"auth": {"scope": "unscoped"}})))
                .respond_with(ResponseTemplate::new(status))
                .mount(&server)
                .await;
            assert_eq!(keystone.knows_account().await, Some(known));
        }
    }

    #[test]
    fn version_3_is_found_with_or_without_its_path() {
        for text in ["http://k:5000", "http://k:5000/v3/", "http://k:5000/v2.0"] {
            assert_eq!(v3(text).unwrap(), "http://k:5000/v3");
        }
        assert!(v3("mock:///cloud").is_err());
    }
}
