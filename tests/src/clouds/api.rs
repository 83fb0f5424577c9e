//! Protector's public API as its users call it.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::failure::{During, Outcome, fail};
use super::http::{Reply, Seen, Service, list, text};
use super::identity::Token;
use super::report::{Report, Wait};
use super::testbed::{Api, Testbed};
use super::world::Site;

/// One site's API, as the cloud's admin and as the tenant.
#[derive(Debug, Clone)]
pub struct Protector {
    /// Below `/v1`, with the admin's token.
    pub admin: Service,
    /// Below `/v1/{project}`, with the tenant's token.
    pub tenant: Service,
    report: Report,
}

/// How long an operation may take.
const OPERATION: Duration = Duration::from_secs(300);

impl Protector {
    /// The API of a site; what it replies is kept.
    ///
    /// # Errors
    /// Where the client cannot be made.
    pub fn of(report: &Report, testbed: &Testbed, site: &Site, seen: &Seen) -> Outcome<Self> {
        let base = format!("{}/v1", testbed.url(site.side, Api::Protector));
        let project = format!("{base}/{}", site.tenant.token.project_id);
        let service = |base: &str, token: &str| {
            Service::new(base).map(|s| {
                s.token(token)
                    .version("OpenStack-API-Version", "protector latest")
                    .watched(seen)
            })
        };
        Ok(Self {
            admin: service(&base, &site.admin.token.id)?,
            tenant: service(&project, &site.tenant.token.id)?,
            report: report.clone(),
        })
    }

    /// The same project as another user sees it.
    #[must_use]
    pub fn tenant_as(&self, token: &Token) -> Service {
        self.tenant.clone().token(&token.id)
    }

    /// Asks for something that is done by an operation; returns the operation's id.
    ///
    /// # Errors
    /// Where it is not accepted with 202.
    pub async fn start(&self, method: Method, path: &str, body: &Value) -> Outcome<String> {
        let body = match method {
            Method::DELETE => None,
            _ => Some(body),
        };
        let reply = self.tenant.send(method, path, body).await?;
        operation_id(reply)
    }

    /// Starts an action on a group.
    ///
    /// # Errors
    /// Where it is not accepted with 202.
    pub async fn act(&self, group: &str, action: &str, options: Value) -> Outcome<String> {
        let path = format!("/protection-groups/{group}/action");
        self.start(Method::POST, &path, &json!({action: options}))
            .await
    }

    /// Starts an action on a group and waits for its end.
    ///
    /// # Errors
    /// Where it is not accepted, or does not end well.
    pub async fn perform(&self, group: &str, action: &str, options: Value) -> Outcome<Value> {
        let id = self.act(group, action, options).await?;
        self.finished(&id).await
    }

    /// Waits until an operation has completed, and prints its steps as they end.
    ///
    /// # Errors
    /// Where it ends in any other way, with the operation and its failed steps.
    pub async fn finished(&self, id: &str) -> Outcome<Value> {
        let mut told = BTreeSet::new();
        let what = format!("operation {id}");
        let ended = self
            .report
            .until(&what, OPERATION, async || {
                let steps = self.steps(id).await?;
                self.tell(&steps, &mut told);
                let operation = self.operation(id).await?;
                let status = text(&operation, "/status")?;
                Ok(match status.as_str() {
                    "queued" | "running" => Wait::NotYet(format!(
                        "{status}, {}, {} %",
                        operation["phase"], operation["progress"]
                    )),
                    _ => Wait::Done(operation),
                })
            })
            .await;
        let operation = match ended {
            Ok(operation) => operation,
            Err(failure) => return fail(format!("{failure}; steps: {}", self.open(id).await?)),
        };
        self.tell(&self.steps(id).await?, &mut told);
        if operation["status"] == "completed" {
            return Ok(operation);
        }
        fail(format!("{operation}; steps: {}", self.open(id).await?))
    }

    /// An operation.
    ///
    /// # Errors
    /// What the API says.
    pub async fn operation(&self, id: &str) -> Outcome<Value> {
        let mut body = self.tenant.get(&format!("/operations/{id}")).await?;
        Ok(body["operation"].take())
    }

    /// The journal of an operation.
    ///
    /// # Errors
    /// What the API says.
    pub async fn steps(&self, id: &str) -> Outcome<Vec<Value>> {
        let body = self.tenant.get(&format!("/operations/{id}/steps")).await?;
        Ok(list(&body, "/steps").to_vec())
    }

    /// Waits until a step whose key begins so runs or is done; returns its key and status.
    ///
    /// # Errors
    /// Where that does not come.
    pub async fn reached(&self, operation: &str, key: &str) -> Outcome<String> {
        let what = format!("step {key} of operation {operation}");
        let limit = Duration::from_secs(150);
        let begun = async || {
            let steps = self.steps(operation).await?;
            let step = steps.iter().find(|step| {
                let begins = step["key"].as_str().unwrap_or_default().starts_with(key);
                begins && matches!(step["status"].as_str(), Some("running" | "done"))
            });
            Ok(match step {
                Some(step) => Wait::Done(format!("{} {}", step["key"], step["status"])),
                None => Wait::NotYet(format!("{} steps, not begun", steps.len())),
            })
        };
        self.report
            .until_often(&what, limit, Duration::from_millis(100), begun)
            .await
    }

    /// A group.
    ///
    /// # Errors
    /// What the API says.
    pub async fn group(&self, group: &str) -> Outcome<Value> {
        let path = format!("/protection-groups/{group}");
        let mut body = self.tenant.get(&path).await?;
        Ok(body["protection_group"].take())
    }

    /// The members of a group.
    ///
    /// # Errors
    /// What the API says.
    pub async fn members(&self, group: &str) -> Outcome<Vec<Value>> {
        let path = format!("/protection-groups/{group}/members");
        Ok(list(&self.tenant.get(&path).await?, "/members").to_vec())
    }

    /// Steps that neither wait nor are done, in short.
    async fn open(&self, id: &str) -> Outcome<String> {
        let steps = self.steps(id).await.during(|| "its steps".to_owned())?;
        Ok(steps
            .iter()
            .filter(|step| !matches!(step["status"].as_str(), Some("done" | "pending")))
            .map(|step| format!("{} {} {}", step["key"], step["status"], step["error"]))
            .collect::<Vec<_>>()
            .join("; "))
    }

    fn tell(&self, steps: &[Value], told: &mut BTreeSet<String>) {
        for step in steps {
            let key = step["key"].as_str().unwrap_or_default();
            let status = step["status"].as_str().unwrap_or_default();
            if matches!(status, "pending" | "running") || !told.insert(format!("{key} {status}")) {
                continue;
            }
            let took = match (moment(&step["started_at"]), moment(&step["finished_at"])) {
                (Some(began), Some(ended)) => format!("{:6.1} s", ended - began),
                _ => String::new(),
            };
            let attempt = match step["attempt"].as_u64() {
                Some(n) if n > 1 => format!(", begun {n} times"),
                _ => String::new(),
            };
            self.report
                .say(&format!("  {took:>8} {key}: {status}{attempt}"));
        }
    }
}

fn operation_id(reply: Reply) -> Outcome<String> {
    let body = reply.expect(202)?;
    match body["operation"]["id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => fail(format!("no operation in {body}")),
    }
}

/// An RFC 3339 time as seconds of its day; good enough for the length of a step.
fn moment(value: &Value) -> Option<f64> {
    let time = value.as_str()?.split('T').nth(1)?;
    let time = time.trim_end_matches('Z').split('+').next()?;
    let mut parts = time.split(':').map(|part| part.parse::<f64>().ok());
    Some(parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next()??)
}
