//! One array's port: reads a request, lets faults strike, runs it as one transaction, answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use protector_framework::{Clock, Ids};
use serde_json::{Value, json};

use super::answer::Answer;
use super::listener::{Answers, Dropped};
use crate::api;
use crate::call::{RecordedCall, without_secrets};
use crate::fault::Effect;
use crate::query::Params;
use crate::state::{ApiError, At};
use crate::world::{Shared, World};

/// The longest body that is read.
const MAX_BODY: usize = 16 << 20;

/// The name of the one user.
const USER: &str = "pureuser";

/// The most calls of one array that are remembered; of more, the newest.
const MAX_CALLS: usize = 200_000;

/// One array's side of HTTP.
#[derive(Debug)]
pub(crate) struct ArrayService {
    pub at: At,
    pub shared: Shared,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// A request whose parts are read.
#[derive(Debug, Clone)]
struct Received {
    method: String,
    path: String,
    query: String,
    api_token: Option<String>,
    session: Option<String>,
    body: Option<Value>,
}

impl Answers for ArrayService {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
        let request_id = header(request.headers(), "x-request-id");
        let request_id = request_id.unwrap_or_else(|| self.ids.uuid().to_string());
        let call = read(request).await?;
        let answer = self.run(call).await?;
        Ok(render(answer, &request_id))
    }
}

impl ArrayService {
    async fn run(&self, call: Received) -> Result<Answer, Dropped> {
        let effect = self.strike(&call)?;
        match &effect {
            Some(Effect::DropBefore) => {
                self.record(&call, None);
                return Err(Dropped);
            }
            Some(Effect::Status {
                code,
                body,
                headers,
            }) => {
                let mut answer = Answer::of_status(*code);
                answer.body = body.clone().or(answer.body);
                answer.headers.extend(headers.clone());
                self.record(&call, Some(*code));
                return Ok(answer);
            }
            Some(Effect::Delay { milliseconds }) => {
                self.clock.sleep(Duration::from_millis(*milliseconds)).await;
            }
            Some(Effect::DropAfter) | None => {}
        }
        let answer = self.transact(call).await?;
        match effect {
            Some(Effect::DropAfter) => Err(Dropped),
            _ => Ok(answer),
        }
    }

    /// What is to happen to this call. An array without power answers nobody.
    fn strike(&self, call: &Received) -> Result<Option<Effect>, Dropped> {
        let mut world = self.shared.lock();
        let array = &world.fabric.arrays[self.at];
        if !array.powered {
            return Err(Dropped);
        }
        let name = array.name.clone();
        let endpoint = endpoint(&call.path);
        Ok(world.faults.strike(&name, &call.method, endpoint))
    }

    fn record(&self, call: &Received, status: Option<u16>) {
        record(&mut self.shared.lock(), self.at, call, status);
    }

    /// Files are copied in here: not on a thread that serves others.
    async fn transact(&self, call: Received) -> Result<Answer, Dropped> {
        let (at, shared, ids) = (self.at, self.shared.clone(), self.ids.clone());
        let work = tokio::task::spawn_blocking(move || {
            let mut world = shared.lock();
            let answer = dispatch(&mut world, at, ids.as_ref(), &call);
            record(&mut world, at, &call, Some(answer.status));
            answer
        });
        work.await.map_err(|error| {
            tracing::error!(%error, "a call failed inside the simulator");
            Dropped
        })
    }
}

fn endpoint(path: &str) -> &str {
    let rest = path.strip_prefix("/api/").unwrap_or(path);
    rest.split_once('/').map_or(rest, |(_, endpoint)| endpoint)
}

fn record(world: &mut World, at: At, call: &Received, status: Option<u16>) {
    let body = without_secrets(endpoint(&call.path), call.body.clone().unwrap_or_default());
    tracing::debug!(
        array = world.fabric.arrays[at].name,
        method = call.method,
        path = call.path,
        status,
        "call"
    );
    let calls = &mut world.calls[at];
    if calls.len() >= MAX_CALLS {
        calls.drain(..MAX_CALLS / 2);
    }
    calls.push(RecordedCall {
        method: call.method.clone(),
        path: call.path.clone(),
        query: call.query.clone(),
        body,
        status,
    });
}

fn dispatch(world: &mut World, at: At, ids: &dyn Ids, call: &Received) -> Answer {
    let answer = route(world, at, ids, call);
    answer.unwrap_or_else(|error| Answer::error(&error))
}

fn route(world: &mut World, at: At, ids: &dyn Ids, call: &Received) -> Result<Answer, ApiError> {
    world.settle();
    let path = call.path.trim_end_matches('/');
    let profile = world.fabric.arrays[at].profile;
    if path == "/api/api_version" {
        return match call.method.as_str() {
            "GET" => Ok(Answer::ok(Some(json!({ "version": profile.versions() })))),
            _ => Err(ApiError::no_path()),
        };
    }
    let rest = path.strip_prefix("/api/2.").ok_or_else(ApiError::no_path)?;
    let (minor, endpoint) = rest.split_once('/').ok_or_else(ApiError::no_path)?;
    let minor = minor.parse().ok().filter(|minor| profile.serves(*minor));
    let minor = minor.ok_or_else(ApiError::no_path)?;
    match (call.method.as_str(), endpoint) {
        ("POST", "login") => login(world, at, ids, minor, call),
        ("POST", "logout") => {
            if let Some(session) = &call.session {
                world.access[at].end(session);
            }
            Ok(Answer::ok(None))
        }
        _ => {
            check_session(world, at, call)?;
            let body = call
                .body
                .clone()
                .ok_or_else(|| ApiError::bad_request("The request body is not valid JSON."))?;
            let request = api::Request {
                method: call.method.clone(),
                minor,
                path: endpoint.to_owned(),
                params: Params::parse(&call.query),
                body,
            };
            let body = world.change(at, |fabric| api::handle(fabric, at, &request))?;
            Ok(Answer::ok(body))
        }
    }
}

/// What the user of every array logs in with in a body, from 2.47 on: the token is the password.
fn password(minor: u16, call: &Received) -> Option<&str> {
    let body = call.body.as_ref().filter(|_| minor >= 47)?;
    body["username"].as_str().filter(|name| *name == USER)?;
    body["password"].as_str()
}

fn login(
    world: &mut World,
    at: At,
    ids: &dyn Ids,
    minor: u16,
    call: &Received,
) -> Result<Answer, ApiError> {
    let secret = call.api_token.as_deref().or_else(|| password(minor, call));
    if !secret.is_some_and(|secret| world.access[at].knows(secret)) {
        return Err(ApiError {
            status: world.fabric.switches.bad_login_status,
            context: None,
            message: match call.api_token {
                Some(_) => "Invalid API token.".to_owned(),
                None => "Invalid username or password.".to_owned(),
            },
        });
    }
    let mut secret = [0; 32];
    ids.bytes(&mut secret);
    let session = hex::encode(secret);
    let now = world.fabric.now;
    world.access[at].begin(session.clone(), now);
    let mut answer = Answer::ok(Some(json!({ "items": [{ "username": USER }] })));
    answer.headers.push(("x-auth-token".to_owned(), session));
    Ok(answer)
}

fn check_session(world: &mut World, at: At, call: &Received) -> Result<(), ApiError> {
    let fabric = &world.fabric;
    let idle = match fabric.switches.sessions_end {
        true => fabric.arrays[at].idle_timeout,
        false => 0,
    };
    let now = fabric.now;
    let session = call.session.as_deref().unwrap_or_default();
    match world.access[at].touch(session, now, idle) {
        true => Ok(()),
        false => Err(ApiError::unauthorized()),
    }
}

async fn read(request: Request<Incoming>) -> Result<Received, Dropped> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|_| Dropped)?;
    let bytes = body.to_bytes();
    let body = match bytes.is_empty() {
        true => Some(Value::Null),
        false => serde_json::from_slice(&bytes).ok(),
    };
    Ok(Received {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        api_token: header(&head.headers, "api-token"),
        session: header(&head.headers, "x-auth-token"),
        body,
    })
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn render(answer: Answer, request_id: &str) -> Response<Full<Bytes>> {
    let body = answer.body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let more = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in more.chain([("x-request-id", request_id)]) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    response
}
