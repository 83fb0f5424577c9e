//! A user of the REST API.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protector_framework::{Clock, ExposeSecret, SecretString, SystemClock};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::reply::{GroupView, MemberView, OperationView, Plan, SiteView, StepView, SyncStatus};
use crate::clouds::failure::{During, Outcome, fail};

/// How long an operation may take.
const OPERATION: Duration = Duration::from_secs(90);
/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(60);

/// All replies, with their headers.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<String>>);

impl Seen {
    fn add(&self, text: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_str(text);
        all.push('\n');
    }

    /// All of them.
    pub fn text(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }
}

/// A reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body, `Null` where it is not JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// `Location`.
    pub location: Option<String>,
    what: String,
}

/// The body of a refusal.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The code, such as `protector.peer_unreachable`.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// The whole body.
    pub body: Value,
}

impl Reply {
    /// The part of this name of a reply that must have this status.
    ///
    /// # Errors
    /// Another status or another body.
    pub fn read<T: DeserializeOwned>(mut self, status: u16, part: &str) -> Outcome<T> {
        if self.status != status {
            return fail(format!("{}; expected {status}", self.describe()));
        }
        serde_json::from_value(self.body[part].take()).during(|| self.describe())
    }

    /// Checks the status.
    ///
    /// # Errors
    /// Another status.
    pub fn expect(self, status: u16) -> Outcome<Value> {
        if self.status == status {
            return Ok(self.body);
        }
        fail(format!("{}; expected {status}", self.describe()))
    }

    /// The refusal that must have this status.
    ///
    /// # Errors
    /// Another status, or a body that is not the one of refusals.
    pub fn refused(self, status: u16) -> Outcome<Refused> {
        if self.status != status {
            return fail(format!("{}; expected {status}", self.describe()));
        }
        let body = &self.body;
        let code = body.pointer("/errors/0/code").and_then(Value::as_str);
        let message = body.pointer("/error/message").and_then(Value::as_str);
        match (code, message) {
            (Some(code), Some(message)) if body["error"]["code"] == status => Ok(Refused {
                code: code.to_owned(),
                message: message.to_owned(),
                body: body.clone(),
            }),
            _ => fail(format!("{}: not the body of a refusal", self.describe())),
        }
    }

    /// The call, the status and the body.
    pub fn describe(&self) -> String {
        let text: String = self.text.chars().take(1500).collect();
        format!("{}: {} {text}", self.what, self.status)
    }
}

/// One site's API with one token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: SecretString,
    seen: Seen,
    clock: Arc<SystemClock>,
}

impl Client {
    /// A user of the API below `base`.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(
        base: String,
        token: SecretString,
        seen: Seen,
        clock: Arc<SystemClock>,
    ) -> Outcome<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self {
            http,
            base,
            token,
            seen,
            clock,
        })
    }

    /// Where its paths begin.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its token.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// Sends one call.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Reply> {
        self.send_with(method, path, body, &[]).await
    }

    /// Sends one call with further headers.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Outcome<Reply> {
        let url = format!("{}{path}", self.base);
        let what = format!("{method} {url}");
        let mut request = self
            .http
            .request(method, &url)
            .header("X-Auth-Token", self.token.expose_secret())
            .header("OpenStack-API-Version", "protector latest");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request.send().await.during(|| what.clone())?;
        let status = reply.status().as_u16();
        let shown = format!("{what} {status} {:?}", reply.headers());
        let location = reply.headers().get("Location");
        let location = location.and_then(|value| Some(value.to_str().ok()?.to_owned()));
        let text = reply.text().await.during(|| what.clone())?;
        self.seen.add(&format!("{shown} {text}"));
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Reply {
            status,
            body,
            text,
            location,
            what,
        })
    }

    /// GET.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn get(&self, path: &str) -> Outcome<Reply> {
        self.send(Method::GET, path, None).await
    }

    /// POST.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Reply> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// PUT.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn put(&self, path: &str, body: &Value) -> Outcome<Reply> {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn delete(&self, path: &str) -> Outcome<Reply> {
        self.send(Method::DELETE, path, None).await
    }

    /// Asks for an action on a group.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn act(&self, group: &str, action: &str, options: Value) -> Outcome<Reply> {
        let path = format!("/protection-groups/{group}/action");
        self.post(&path, &json!({action: options})).await
    }

    /// Starts an action on a group.
    ///
    /// # Errors
    /// Where it is not accepted.
    pub async fn start(&self, group: &str, action: &str, options: Value) -> Outcome<OperationView> {
        self.act(group, action, options)
            .await?
            .read(202, "operation")
    }

    /// Starts an action on a group and waits until it has completed.
    ///
    /// # Errors
    /// Where it is not accepted or ends otherwise.
    pub async fn perform(
        &self,
        group: &str,
        action: &str,
        options: Value,
    ) -> Outcome<OperationView> {
        let started = self.start(group, action, options).await?;
        self.completed(&started.id).await
    }

    /// Waits until an operation has completed.
    ///
    /// # Errors
    /// Where it ends otherwise.
    pub async fn completed(&self, operation: &str) -> Outcome<OperationView> {
        let ended = self.ended(operation).await?;
        if ended.status == "completed" {
            return Ok(ended);
        }
        fail(self.explain(&ended).await)
    }

    /// Waits until an operation is over, however it ends.
    ///
    /// # Errors
    /// Where it takes too long.
    pub async fn ended(&self, operation: &str) -> Outcome<OperationView> {
        let deadline = self.clock.monotonic() + OPERATION;
        loop {
            let now = self.operation(operation).await?;
            if now.is_over() {
                return Ok(now);
            }
            self.pause(deadline, &now).await?;
        }
    }

    /// Waits until an operation is over, and shows it with its steps each time it is looked at.
    ///
    /// # Errors
    /// Where it takes too long.
    pub async fn watch(
        &self,
        operation: &str,
        mut show: impl FnMut(&OperationView, &[StepView]),
    ) -> Outcome<OperationView> {
        let deadline = self.clock.monotonic() + OPERATION;
        loop {
            let now = self.operation(operation).await?;
            let steps = self.steps(operation).await?;
            show(&now, &steps);
            if now.is_over() {
                return Ok(now);
            }
            self.pause(deadline, &now).await?;
        }
    }

    /// Waits before the next look at an operation, unless its time is over.
    async fn pause(&self, deadline: Duration, now: &OperationView) -> Outcome {
        if self.clock.monotonic() > deadline {
            return fail(format!(
                "after {} s: {}",
                OPERATION.as_secs(),
                self.explain(now).await
            ));
        }
        self.clock.sleep(PAUSE).await;
        Ok(())
    }

    /// How an operation stands, for messages.
    pub async fn explain(&self, operation: &OperationView) -> String {
        let steps = self.steps(&operation.id).await.unwrap_or_default();
        let open: Vec<String> = steps
            .iter()
            .filter(|step| !matches!(step.status.as_str(), "done" | "pending"))
            .map(|step| {
                let error = step.error.as_ref().map(|error| error.message.as_str());
                format!("{} {} {}", step.key, step.status, error.unwrap_or_default())
            })
            .collect();
        let error = operation.error.as_ref();
        let error = error.map(|error| {
            format!(
                "{} ({})",
                error.message,
                error.what_to_do.as_deref().unwrap_or("no advice")
            )
        });
        format!(
            "{} {} is {}, {} %: {}; steps: {}",
            operation.kind,
            operation.id,
            operation.status,
            operation.progress,
            error.unwrap_or_default(),
            open.join("; ")
        )
    }

    /// An operation.
    ///
    /// # Errors
    /// What the API says.
    pub async fn operation(&self, id: &str) -> Outcome<OperationView> {
        let path = format!("/operations/{id}");
        self.get(&path).await?.read(200, "operation")
    }

    /// The journal of an operation; empty while the site that runs it cannot be asked.
    ///
    /// # Errors
    /// What the API says.
    pub async fn steps(&self, id: &str) -> Outcome<Vec<StepView>> {
        let reply = self.get(&format!("/operations/{id}/steps")).await?;
        if reply.status == 409 {
            return Ok(Vec::new());
        }
        reply.read(200, "steps")
    }

    /// A group.
    ///
    /// # Errors
    /// What the API says.
    pub async fn group(&self, group: &str) -> Outcome<GroupView> {
        let path = format!("/protection-groups/{group}");
        self.get(&path).await?.read(200, "protection_group")
    }

    /// The members of a group.
    ///
    /// # Errors
    /// What the API says.
    pub async fn members(&self, group: &str) -> Outcome<Vec<MemberView>> {
        let path = format!("/protection-groups/{group}/members");
        self.get(&path).await?.read(200, "members")
    }

    /// The plan of an action.
    ///
    /// # Errors
    /// What the API says.
    pub async fn plan(&self, group: &str, action: &str, mut options: Value) -> Outcome<Plan> {
        options["dry_run"] = json!(true);
        self.act(group, action, options).await?.read(200, "plan")
    }

    /// How a group's document is on both sites.
    ///
    /// # Errors
    /// What the API says.
    pub async fn sync_status(&self, group: &str) -> Outcome<SyncStatus> {
        let path = format!("/protection-groups/{group}/sync-status");
        self.get(&path).await?.read(200, "sync_status")
    }

    /// The sites, as an administrator.
    ///
    /// # Errors
    /// What the API says.
    pub async fn sites(&self) -> Outcome<Vec<SiteView>> {
        self.get("/admin/sites").await?.read(200, "sites")
    }
}
