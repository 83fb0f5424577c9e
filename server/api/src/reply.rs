//! Successful answers with their status, body and `Location`.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

const JSON: &str = "application/json";

/// A JSON body under a status.
#[derive(Debug)]
pub(crate) struct Reply<const STATUS: u16, T> {
    body: T,
    location: Option<String>,
}

/// 200.
pub(crate) type Shown<T> = Reply<200, T>;
/// 201.
pub(crate) type Created<T> = Reply<201, T>;
/// 202.
pub(crate) type Accepted<T> = Reply<202, T>;

impl<const STATUS: u16, T> Reply<STATUS, T> {
    pub(crate) fn new(body: T) -> Self {
        Self {
            body,
            location: None,
        }
    }

    /// With the absolute URL of what was made or started.
    pub(crate) fn at(body: T, location: String) -> Self {
        Self {
            body,
            location: Some(location),
        }
    }
}

impl<const STATUS: u16, T: ToJSON> IntoResponse for Reply<STATUS, T> {
    fn into_response(self) -> Response {
        let body = self.body.to_json().unwrap_or_default();
        let mut response = Response::builder()
            .status(StatusCode::from_u16(STATUS).unwrap_or_default())
            .content_type(JSON)
            .body(Body::from_string(body.to_string()));
        if let Some(Ok(location)) = self.location.map(|l| HeaderValue::from_str(&l)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl<const STATUS: u16, T: Type> ApiResponse for Reply<STATUS, T> {
    fn meta() -> MetaResponses {
        let (description, located) = match STATUS {
            201 => ("It was made.", true),
            202 => ("It has begun; `Location` says where to look.", true),
            409 => ("It was not accepted.", false),
            _ => ("It was done.", false),
        };
        let location = located.then(|| MetaHeader {
            name: "Location".to_owned(),
            description: Some("The absolute URL of what was made or started.".to_owned()),
            required: false,
            deprecated: false,
            schema: String::schema_ref(),
        });
        MetaResponses {
            responses: vec![MetaResponse {
                description,
                status: Some(STATUS),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: JSON,
                    schema: T::schema_ref(),
                }],
                headers: location.into_iter().collect(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 200 with a list that can be long: it is written out once, and no tree is made of it before.
#[derive(Debug)]
pub(crate) struct ShownList<T>(pub(crate) T);

impl<T: Serialize + Send + Sync> IntoResponse for ShownList<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => Response::builder()
                .content_type(JSON)
                .body(Body::from_vec(body)),
            Err(error) => {
                poem::Error::new(error, StatusCode::INTERNAL_SERVER_ERROR).into_response()
            }
        }
    }
}

impl<T: Type> ApiResponse for ShownList<T> {
    fn meta() -> MetaResponses {
        Shown::<T>::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204.
#[derive(Debug)]
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for Done {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "It was done.",
                status: Some(204),
                status_range: None,
                content: Vec::new(),
                headers: Vec::new(),
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}

/// One of two answers.
#[derive(Debug)]
pub(crate) enum OneOf<A, B> {
    /// The first.
    First(A),
    /// The second.
    Second(B),
}

impl<A: IntoResponse, B: IntoResponse> IntoResponse for OneOf<A, B> {
    fn into_response(self) -> Response {
        match self {
            Self::First(answer) => answer.into_response(),
            Self::Second(answer) => answer.into_response(),
        }
    }
}

impl<A: ApiResponse, B: ApiResponse> ApiResponse for OneOf<A, B> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        meta.responses.extend(B::meta().responses);
        meta
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
        B::register(registry);
    }
}
