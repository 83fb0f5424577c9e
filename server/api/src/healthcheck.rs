//! What a load balancer is told, in the forms of oslo.middleware.

use poem::http::StatusCode;
use poem::{Body, IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON as _, Type};
use poem_openapi::{ApiResponse, Object};

const TEXT: &str = "text/plain";
const JSON: &str = "application/json";

/// What programs are told that read JSON.
#[derive(Debug, Object)]
pub(crate) struct HealthcheckReport {
    /// Whether `reasons` tell of the inside; never.
    detailed: bool,
    /// What each part that was looked at says.
    reasons: Vec<String>,
}

/// That all is well, in the form that the caller reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Text,
    Json,
    /// For whoever looks at the status alone.
    Nothing,
}

impl Sign {
    /// The form for a caller who accepts this.
    pub(crate) fn accepted_by(accept: &str) -> Self {
        match quality(accept, JSON) > quality(accept, TEXT) {
            true => Self::Json,
            false => Self::Text,
        }
    }
}

/// How much a caller wants a type, in thousandths.
fn quality(accept: &str, kind: &str) -> u16 {
    let group = kind.split('/').next().unwrap_or_default();
    let mut best = (0, 0);
    for part in accept.split(',') {
        let mut words = part.split(';').map(str::trim);
        let fits = match words.next().unwrap_or_default() {
            name if name.eq_ignore_ascii_case(kind) => 3,
            name if name.strip_suffix("/*") == Some(group) => 2,
            "*/*" => 1,
            _ => continue,
        };
        let told = words.find_map(|word| word.strip_prefix("q="));
        let share = told.map_or(Some(1.0), |told| told.parse::<f32>().ok());
        // Nothing is wanted more than wholly.
        let share = (share.unwrap_or_default().clamp(0.0, 1.0) * 1000.0) as u16;
        best = best.max((fits, share));
    }
    best.1
}

impl IntoResponse for Sign {
    fn into_response(self) -> Response {
        let report = HealthcheckReport {
            detailed: false,
            reasons: vec!["OK".to_owned()],
        };
        let answer = Response::builder();
        match self {
            Self::Text => answer.content_type(TEXT).body("OK"),
            Self::Json => {
                let body = report.to_json().unwrap_or_default().to_string();
                answer.content_type(JSON).body(Body::from_string(body))
            }
            Self::Nothing => answer.status(StatusCode::NO_CONTENT).finish(),
        }
    }
}

impl ApiResponse for Sign {
    fn meta() -> MetaResponses {
        let media = |content_type, schema| MetaMediaType {
            content_type,
            schema,
        };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "It is well.",
                status: Some(200),
                status_range: None,
                content: vec![
                    media(TEXT, String::schema_ref()),
                    media(JSON, HealthcheckReport::schema_ref()),
                ],
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        HealthcheckReport::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::Sign;

    #[test]
    fn json_is_for_those_who_want_it_more_than_text() {
        for (accept, sign) in [
            ("", Sign::Text),
            ("*/*", Sign::Text),
            ("application/json", Sign::Json),
            ("application/json, */*", Sign::Text),
            ("application/json, */*;q=0.5", Sign::Json),
            ("application/*", Sign::Json),
            ("text/plain;q=0.3, application/json;q=0.2", Sign::Text),
            ("text/plain;q=x, application/json;q=0.2", Sign::Json),
            ("image/png", Sign::Text),
        ] {
            assert_eq!(Sign::accepted_by(accept), sign, "{accept}");
        }
    }
}
