//! Keystone: tokens, and what an admin of a cloud sets up for Protector and a tenant.

use reqwest::Method;
use serde_json::{Value, json};

use super::failure::Outcome;
use super::http::{Service, list, text};
use super::testbed::REGION;

/// Somebody who logs in.
#[derive(Debug, Clone)]
pub struct Login {
    /// `http://host:port/v3`.
    pub auth_url: String,
    /// The user, of domain `default`.
    pub user: String,
    /// The password.
    pub password: String,
    /// The project, of domain `default`.
    pub project: String,
}

/// A token and what it is for.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself.
    pub id: String,
    /// Its project.
    pub project_id: String,
    /// Its user.
    pub user_id: String,
}

impl Login {
    /// A new token.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn token(&self) -> Outcome<Token> {
        let domain = json!({"id": "default"});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": self.user, "domain": domain, "password": self.password}}},
            "scope": {"project": {"name": self.project, "domain": domain}}}});
        let reply = Service::new(&self.auth_url)?
            .send(Method::POST, "/auth/tokens", Some(&body))
            .await?;
        let id = reply.subject_token.clone().unwrap_or_default();
        let body = reply.ok()?;
        Ok(Token {
            id,
            project_id: text(&body, "/token/project/id")?,
            user_id: text(&body, "/token/user/id")?,
        })
    }
}

/// Keystone as its admin sees it.
#[derive(Debug, Clone)]
pub struct Admin(Service);

impl Admin {
    /// With an admin's token.
    ///
    /// # Errors
    /// Where the client cannot be made.
    pub fn new(auth_url: &str, token: &Token) -> Outcome<Self> {
        Ok(Self(Service::new(auth_url)?.token(&token.id)))
    }

    /// The id of what has this name.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn find(&self, kind: &str, name: &str) -> Outcome<Option<String>> {
        let found = self.0.get(&format!("/{kind}?name={name}")).await?;
        Ok(list(&found, &format!("/{kind}"))
            .first()
            .and_then(|one| one["id"].as_str())
            .map(str::to_owned))
    }

    async fn ensure(&self, kind: &str, one: &str, name: &str, mut body: Value) -> Outcome<String> {
        if let Some(id) = self.find(kind, name).await? {
            return Ok(id);
        }
        body["name"] = json!(name);
        let made = self
            .0
            .post(&format!("/{kind}"), &json!({one: body}))
            .await?;
        text(&made, &format!("/{one}/id"))
    }

    /// A project of the default domain.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn project(&self, name: &str) -> Outcome<String> {
        self.ensure("projects", "project", name, json!({"domain_id": "default"}))
            .await
    }

    /// A user of the default domain with exactly this password. Where it had another one, tokens of
    /// this very second are refused by Keystone afterwards.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn user(&self, name: &str, password: &str) -> Outcome<String> {
        if let Some(id) = self.find("users", name).await? {
            let body = json!({"user": {"password": password}});
            self.0.patch(&format!("/users/{id}"), &body).await?;
            return Ok(id);
        }
        let body = json!({"domain_id": "default", "password": password});
        self.ensure("users", "user", name, body).await
    }

    /// Deletes something.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn delete(&self, kind: &str, id: &str) -> Outcome {
        self.0.delete(&format!("/{kind}/{id}")).await
    }

    /// Gives a user a role in a project.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn grant(&self, user: &str, project: &str, role: &str) -> Outcome {
        let role = self.ensure("roles", "role", role, json!({})).await?;
        let path = format!("/projects/{project}/users/{user}/roles/{role}");
        self.0.put(&path, None).await.map(|_| ())
    }

    /// A service with one address for all interfaces.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn service(&self, name: &str, kind: &str, url: &str) -> Outcome {
        let service = self
            .ensure("services", "service", name, json!({"type": kind}))
            .await?;
        let have = self
            .0
            .get(&format!("/endpoints?service_id={service}"))
            .await?;
        for interface in ["public", "internal", "admin"] {
            let old = list(&have, "/endpoints")
                .iter()
                .find(|e| e["interface"] == interface)
                .and_then(|e| e["id"].as_str());
            let body = json!({"endpoint": {"service_id": service, "interface": interface,
                "url": url, "region_id": REGION}});
            match old {
                Some(id) => self.0.patch(&format!("/endpoints/{id}"), &body).await?,
                None => self.0.post("/endpoints", &body).await?,
            };
        }
        Ok(())
    }

    /// Sends the public callers of a service, given by its type, to another host and port.
    ///
    /// # Errors
    /// What Keystone says.
    pub async fn repoint(&self, kind: &str, origin: &str) -> Outcome {
        let services = self.0.get(&format!("/services?type={kind}")).await?;
        for service in list(&services, "/services") {
            let id = text(service, "/id")?;
            let endpoints = self
                .0
                .get(&format!("/endpoints?service_id={id}&interface=public"))
                .await?;
            for endpoint in list(&endpoints, "/endpoints") {
                let old = text(endpoint, "/url")?;
                let url = format!("{origin}{}", path_of(&old));
                if url == old {
                    continue;
                }
                let path = format!("/endpoints/{}", text(endpoint, "/id")?);
                self.0
                    .patch(&path, &json!({"endpoint": {"url": url}}))
                    .await?;
            }
        }
        Ok(())
    }
}

/// What follows the host and port of a URL.
fn path_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or("", |at| &url[host + at..])
}
