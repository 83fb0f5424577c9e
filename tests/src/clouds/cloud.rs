//! One cloud as one account sees it, called directly: never through a proxy that loses replies.

use std::time::Duration;

use serde_json::Value;

use super::failure::{Outcome, fail};
use super::http::{Service, list, text};
use super::identity::{Login, Token};
use super::report::{Report, Wait};
use super::testbed::{Api, PASSWORD, Side, Testbed};

/// The services of a cloud with one token.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// Which cloud.
    pub side: Side,
    /// The token.
    pub token: Token,
    /// Compute, at microversion 2.87.
    pub nova: Service,
    /// Block storage, at microversion 3.62.
    pub cinder: Service,
    /// Network.
    pub neutron: Service,
}

impl Cloud {
    /// Logs in.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn open(testbed: &Testbed, side: Side, login: &Login) -> Outcome<Self> {
        let token = login.token().await?;
        let at = |api| Service::new(testbed.url(side, api)).map(|s| s.token(&token.id));
        let based = |api, path: &str| {
            Service::new(format!("{}{path}", testbed.url(side, api))).map(|s| s.token(&token.id))
        };
        let _: Service = at(Api::Keystone)?;
        Ok(Self {
            side,
            nova: based(Api::Nova, "/v2.1")?.version("OpenStack-API-Version", "compute 2.87"),
            cinder: based(Api::Cinder, "/v3")?.version("OpenStack-API-Version", "volume 3.62"),
            neutron: based(Api::Neutron, "/v2.0")?,
            token,
        })
    }

    /// Logs in as the cloud's admin, in the project `admin`.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn admin(testbed: &Testbed, side: Side) -> Outcome<Self> {
        let login = Login {
            auth_url: testbed.auth_url(side),
            user: "admin".to_owned(),
            password: PASSWORD.to_owned(),
            project: "admin".to_owned(),
        };
        Self::open(testbed, side, &login).await
    }

    /// All servers of this project, in full.
    ///
    /// # Errors
    /// What Nova says.
    pub async fn servers(&self) -> Outcome<Vec<Value>> {
        let body = self.nova.get("/servers/detail").await?;
        Ok(list(&body, "/servers").to_vec())
    }

    /// The one server of this project with a name.
    ///
    /// # Errors
    /// Where there is none or more than one.
    pub async fn server(&self, name: &str) -> Outcome<Value> {
        let mut found = self.servers().await?;
        found.retain(|server| server["name"] == name);
        match found.as_slice() {
            [one] => Ok(one.clone()),
            _ => fail(format!(
                "{} has {} servers named {name}, not one",
                self.side.name(),
                found.len()
            )),
        }
    }

    /// Waits until a volume has a status.
    ///
    /// # Errors
    /// Where it ends in an error or does not get there within a minute.
    pub async fn volume_becomes(&self, report: &Report, id: &str, wanted: &str) -> Outcome {
        let limit = Duration::from_secs(60);
        let what = format!("volume {id} {wanted}");
        report
            .until(&what, limit, async || {
                let volume = self.cinder.get(&format!("/volumes/{id}")).await?;
                let status = text(&volume, "/volume/status")?;
                if status == wanted {
                    return Ok(Wait::Done(()));
                }
                if status.starts_with("error") {
                    return fail(format!("volume {id} is `{status}`"));
                }
                Ok(Wait::NotYet(status))
            })
            .await
    }
}
