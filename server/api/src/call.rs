//! Who calls, for what, and what belongs to the request: made once by the gate, handed to every
//! handler.

use std::sync::Arc;

use poem::{FromRequest, Request, RequestBody, Result};
use protector_framework::{ProjectId, SecretString, TokenInfo, TokenScope};
use protector_model::Actor;

use crate::failure::Failure;
use crate::links::BaseUrl;
use crate::microversion::Microversion;
use crate::noted::Noted;

/// The caller as the token shows it.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The token's content.
    pub(crate) token: TokenInfo,
    /// The token itself, for making trusts.
    pub(crate) secret: SecretString,
    /// The service that passes the request on for its user, where its own token counts.
    pub(crate) service: Option<TokenInfo>,
    /// Whether the rule `context_is_admin` holds.
    pub(crate) is_admin: bool,
}

impl Caller {
    /// The token's project.
    pub(crate) fn project(&self) -> Option<&ProjectId> {
        match &self.token.scope {
            TokenScope::Project { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// What a handler knows of its request. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Call(Arc<CallData>);

/// The content of a [`Call`].
#[derive(Debug)]
pub(crate) struct CallData {
    /// The `operationId`.
    pub(crate) operation: String,
    /// Who calls; `None` where everybody may.
    pub(crate) caller: Option<Caller>,
    /// The project of the path, else the token's.
    pub(crate) project: Option<ProjectId>,
    /// What travels on: the caller's own request id where one came in, else this request's.
    pub(crate) request_id: String,
    /// Whether only the head of the answer is wanted.
    pub(crate) is_head: bool,
    /// The microversion.
    pub(crate) version: Microversion,
    /// Where the caller reaches this service.
    pub(crate) base: BaseUrl,
    /// The path as the caller wrote it.
    pub(crate) path: String,
    /// The query as the caller wrote it.
    pub(crate) query: Vec<(String, String)>,
    /// The most entries of a list.
    pub(crate) max_limit: u64,
    /// What decides about further rules.
    pub(crate) judge: Option<crate::judge::Judge>,
    /// What is told of the request afterwards.
    pub(crate) noted: Noted,
}

impl std::ops::Deref for Call {
    type Target = CallData;

    fn deref(&self) -> &CallData {
        &self.0
    }
}

impl Call {
    pub(crate) fn new(data: CallData) -> Self {
        Self(Arc::new(data))
    }

    /// The project that the request is about.
    ///
    /// # Errors
    /// 403 for a token without one.
    pub(crate) fn project(&self) -> Result<&ProjectId, Failure> {
        self.project.as_ref().ok_or_else(no_project)
    }

    /// On whose behalf something is done.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            request_id: self.request_id.clone(),
            user_id: self.caller.as_ref().map(|c| c.token.user_id.clone()),
            project_id: self.caller.as_ref().and_then(Caller::project).cloned(),
        }
    }

    /// Whether the caller is an administrator.
    pub(crate) fn is_admin(&self) -> bool {
        self.caller.as_ref().is_some_and(|c| c.is_admin)
    }

    /// The caller's own token.
    ///
    /// # Errors
    /// Never behind a rule.
    pub(crate) fn token(&self) -> Result<&SecretString, Failure> {
        let caller = self.caller.as_ref().ok_or_else(Failure::internal)?;
        Ok(&caller.secret)
    }

    /// Whether a rule holds for the caller, for parts of an answer that not everybody sees.
    pub(crate) async fn allows(&self, rule: &str) -> bool {
        match (&self.judge, &self.caller) {
            (Some(judge), Some(caller)) => judge.allows(rule, caller, self.project.as_ref()).await,
            _ => false,
        }
    }

    /// The absolute URL of something below the project of this request.
    pub(crate) fn tenant_url(&self, path: &str) -> String {
        let project = self.project.as_ref().map_or("", ProjectId::as_str);
        self.base.at(&format!("/v1/{project}/{path}"))
    }
}

/// 403 for a token that is not for a project.
pub(crate) fn no_project() -> Failure {
    Failure::new(
        poem::http::StatusCode::FORBIDDEN,
        "protector.project_required",
        "This call needs a token that is scoped to a project.",
    )
}

impl<'a> FromRequest<'a> for Call {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let call = request.data::<Self>().cloned();
        call.ok_or_else(|| Failure::internal().into())
    }
}
