//! What stands before every handler, in this order: is there such a path, who calls, is the method
//! possible, is the project the caller's, does the policy allow it, and is the request what the
//! document says.

use std::sync::Arc;
use std::time::Duration;

use poem::http::header::{ALLOW, CONTENT_TYPE};
use poem::http::{HeaderValue, Method, StatusCode, Uri};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use protector_framework::{Clock, ProjectId, SecretString, TokenInfo};
use serde_json::Value;

use crate::access_rules;
use crate::call::{Call, CallData, Caller, no_project};
use crate::contract::{Contract, Found, Operation, method_not_allowed};
use crate::edge::{RequestIds, Unread};
use crate::failure::Failure;
use crate::judge::Judge;
use crate::links::{BaseUrl, Proxies};
use crate::microversion::Microversion;
use crate::noted::{Noted, log_caller};
use crate::paths::{Canonical, PROJECT, canonical, is_project};
use crate::tokens::{TokenError, Tokens};

/// What a document of the other site may take; it grows with the members of a group.
const PEER_BODY: usize = 16 * 1024 * 1024;

/// What the gate decides by.
#[derive(Debug)]
pub(crate) struct GateOptions {
    pub(crate) contract: Contract,
    pub(crate) tokens: Tokens,
    pub(crate) services: ServiceTokens,
    /// What access rules call this service.
    pub(crate) service_type: String,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long a client may take for a body.
    pub(crate) body_time: Duration,
    /// Whose word counts for where the caller reaches this service.
    pub(crate) proxies: Proxies,
    pub(crate) judge: Judge,
    /// For `WWW-Authenticate`.
    pub(crate) identity_url: String,
    /// The configured URL for links.
    pub(crate) public_endpoint: Option<String>,
    pub(crate) max_limit: u64,
    /// The largest body of a client.
    pub(crate) max_body: usize,
}

/// Which service tokens count.
#[derive(Debug)]
pub(crate) struct ServiceTokens {
    /// It needs one of these roles.
    pub(crate) roles: Vec<String>,
    /// Whether one without is refused; else it only has no effect.
    pub(crate) required: bool,
}

/// The gate before `inner`.
pub(crate) struct Gate<E> {
    pub(crate) options: Arc<GateOptions>,
    pub(crate) inner: E,
}

impl<E: Endpoint> Endpoint for Gate<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let options = &*self.options;
        let written = request.uri().path().to_owned();
        let mut place = canonical(&written);
        let method = request.method().clone();
        let found = options.contract.find(&method, &place.path);
        let public = matches!(&found, Found::Operation(operation) if operation.rule.is_none());
        if method == Method::OPTIONS
            && let Found::OtherMethods(allow) = &found
        {
            return Ok(options_answer(allow));
        }
        let inside = place.path.starts_with("/v1/");
        let caller = match public || !inside {
            true => None,
            false => Some(options.authenticate(&request).await?),
        };
        let operation = match found {
            Found::Operation(operation) => operation,
            Found::OtherMethods(allow) => return Err(method_not_allowed(&method, &allow).into()),
            Found::Nothing => return Err(no_such_path(&written).into()),
        };
        let version = match request.data::<Asked>() {
            Some(Asked(Err(failure))) if !public => return Err(failure.clone().into()),
            Some(Asked(Ok(version))) => *version,
            _ => Microversion::MIN,
        };
        let noted = Noted::of(&request);
        noted.operation(&operation.id);
        if let Some(caller) = &caller {
            let request_id = RequestIds::of(&request).travels().to_owned();
            let address = options.proxies.client(&request);
            noted.acts(&method, caller, &request_id, address, &place.path);
        }
        let project = options.project(&mut place, caller.as_ref(), &written)?;
        let rule = operation.rule.as_deref();
        let judged = async |rule: &str| match &caller {
            Some(caller) => options.judge.require(rule, caller, project.as_ref()).await,
            None => Ok(()),
        };
        let actions = rule.and_then(|rule| rule.strip_suffix('*'));
        if let (Some(rule), None) = (rule, actions) {
            judged(rule).await?;
        }
        let query = query(&request);
        let body = options.check(operation, &query, &mut request).await?;
        noted.body(&body);
        if let Some(prefix) = actions {
            let action = action(&body)?;
            noted.action(action);
            judged(&format!("{prefix}{action}")).await?;
        }
        set_body(&mut request, &body);
        request.set_data(Call::new(CallData {
            operation: operation.id.clone(),
            caller,
            project,
            request_id: RequestIds::of(&request).travels().to_owned(),
            is_head: method == Method::HEAD,
            version,
            base: options.base(&request),
            path: written,
            query,
            max_limit: options.max_limit,
            judge: Some(options.judge.clone()),
            noted,
        }));
        rewrite(&mut request, &place.path)?;
        if method == Method::HEAD {
            request.set_method(Method::GET);
        }
        self.inner
            .call(request)
            .await
            .map(IntoResponse::into_response)
    }
}

/// The microversion that was asked for, as the edge has read it.
#[derive(Debug, Clone)]
pub(crate) struct Asked(pub(crate) std::result::Result<Microversion, Failure>);

impl GateOptions {
    /// Who calls. Only tokens say so: no other header of a client does.
    async fn authenticate(&self, request: &Request) -> std::result::Result<Caller, Failure> {
        let Some(secret) = token(request, &["x-auth-token", "x-storage-token"]) else {
            return Err(Failure::unauthorized(&self.identity_url));
        };
        let request_id = RequestIds::of(request).travels().to_owned();
        let service = match token(request, &["x-service-token"]) {
            Some(token) => self.service(&request_id, &token).await?,
            None => None,
        };
        // A service that works for longer than its user's token lives may finish what it began.
        let found = match service.is_some() {
            true => self.tokens.validate_expired(&request_id, &secret).await,
            false => self.tokens.validate(&request_id, &secret).await,
        };
        let found = found.map_err(|error| self.refused(&error))?;
        // What a service passes on is not the user's own call.
        if let (Some(rules), None) = (&found.access_rules, &service) {
            let (method, path) = (request.method().as_str(), request.uri().path());
            if !access_rules::allow(rules, &self.service_type, method, path) {
                tracing::info!(user = %found.user_id, "the application credential does not allow this call");
                return Err(Failure::unauthorized(&self.identity_url));
            }
        }
        let caller = self.judge.caller(found, secret, service).await;
        log_caller(&caller);
        Ok(caller)
    }

    /// Whose service token came along, where it counts.
    async fn service(
        &self,
        request_id: &str,
        token: &SecretString,
    ) -> std::result::Result<Option<TokenInfo>, Failure> {
        let found = self.tokens.validate(request_id, token).await;
        let found = found.map_err(|error| self.refused(&error))?;
        let counts = found
            .roles
            .iter()
            .any(|role| self.services.roles.contains(role));
        match (counts, self.services.required) {
            (true, _) => Ok(Some(found)),
            (false, false) => Ok(None),
            (false, true) => {
                tracing::warn!(
                    user = %found.user_id,
                    needed = self.services.roles.join(", "),
                    "a service token has none of the roles of a service"
                );
                Err(Failure::unauthorized(&self.identity_url))
            }
        }
    }

    fn refused(&self, error: &TokenError) -> Failure {
        match error {
            TokenError::Invalid => Failure::unauthorized(&self.identity_url),
            TokenError::Unavailable => {
                Failure::unavailable("The Keystone service is temporarily unavailable.")
            }
        }
    }

    /// The project that the request is about: that of the path, which must be the token's unless
    /// an administrator calls; else the token's.
    fn project(
        &self,
        place: &mut Canonical,
        caller: Option<&Caller>,
        written: &str,
    ) -> std::result::Result<Option<ProjectId>, Failure> {
        let own = caller.and_then(Caller::project);
        if place.needs_project {
            let own = own.ok_or_else(no_project)?;
            place.path = place.path.replacen(PROJECT, own.as_str(), 1);
            return Ok(Some(own.clone()));
        }
        let Some(asked) = &place.project else {
            return Ok(own.cloned());
        };
        if !is_project(asked) {
            return Err(no_such_path(written));
        }
        let Some(caller) = caller else {
            return Ok(None);
        };
        if own.map(ProjectId::as_str) == Some(asked) || caller.is_admin {
            return Ok(Some(asked.as_str().into()));
        }
        Err(Failure::new(
            StatusCode::FORBIDDEN,
            "protector.project_mismatch",
            format!("The token is not for project {asked}, which the path names."),
        ))
    }

    async fn check(
        &self,
        operation: &Operation,
        query: &[(String, String)],
        request: &mut Request,
    ) -> std::result::Result<Value, Failure> {
        let limit = match operation.id.starts_with("peer_") {
            true => PEER_BODY.max(self.max_body),
            false => self.max_body,
        };
        let mut wrong = self.contract.check_query(operation, query);
        let bytes = tokio::select! {
            bytes = read_body(request, limit) => bytes?,
            () = self.clock.sleep(self.body_time) => return Err(too_slow()),
        };
        Unread::read(request);
        match self.contract.check_body(operation, &bytes) {
            Ok(body) if wrong.is_empty() => Ok(body),
            Ok(_) => Err(Failure::invalid(wrong)),
            Err(more) => {
                wrong.extend(more);
                Err(Failure::invalid(wrong))
            }
        }
    }

    fn base(&self, request: &Request) -> BaseUrl {
        match &self.public_endpoint {
            Some(url) => BaseUrl::configured(url),
            None => BaseUrl::of(request, &self.proxies),
        }
    }
}

/// The token in the first of these headers that has one; blanks around it do not count.
fn token(request: &Request, headers: &[&str]) -> Option<SecretString> {
    let mut found = headers.iter().filter_map(|name| request.header(name));
    found
        .find(|token| !token.trim().is_empty())
        .map(|token| SecretString::from(token.trim()))
}

/// The connection cannot be used for anything else: the rest of the body may still come.
fn too_slow() -> Failure {
    Failure::new(
        StatusCode::REQUEST_TIMEOUT,
        "protector.request_timeout",
        "The body of the request did not come in time.",
    )
}

async fn read_body(request: &mut Request, limit: usize) -> std::result::Result<Vec<u8>, Failure> {
    let too_large = || {
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "protector.body_too_large",
            format!("The body is larger than {limit} bytes."),
        )
    };
    let announced = request
        .header("content-length")
        .and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match request.take_body().into_bytes_limit(limit).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(poem::error::ReadBodyError::PayloadTooLarge) => Err(too_large()),
        Err(error) => Err(Failure::bad(format!("body: cannot be read: {error}"))),
    }
}

/// The one action that a body names.
fn action(body: &Value) -> std::result::Result<&str, Failure> {
    let names: Vec<&String> = body
        .as_object()
        .map(|fields| fields.keys().collect())
        .unwrap_or_default();
    match names.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::bad("body: must name one action; it names none")),
        _ => Err(Failure::bad(format!(
            "body: must name one action; it names {}",
            names.len()
        ))),
    }
}

fn set_body(request: &mut Request, body: &Value) {
    let bytes = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    request.set_body(bytes);
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
}

fn query(request: &Request) -> Vec<(String, String)> {
    let text = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

fn rewrite(request: &mut Request, path: &str) -> std::result::Result<(), Failure> {
    let query = request.uri().query().map(|q| format!("?{q}"));
    let target = format!("{path}{}", query.unwrap_or_default());
    let uri: Uri = target
        .parse()
        .map_err(|_| Failure::bad("the path is not a URL path"))?;
    *request.uri_mut() = uri;
    Ok(())
}

fn no_such_path(path: &str) -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        "protector.no_such_path",
        format!("{path} is not a path of this service."),
    )
}

fn options_answer(allow: &str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}
