//! Small types that several bodies share.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use protector_framework::SecretString;
use protector_model::operation::StepStatus;
use protector_model::plan::Phase;
use protector_model::readiness::{FindingCode, LinkHealth, Severity, SyncHealth};
use protector_model::{
    FailoverType, GroupStatus, InstanceState, MemberStatus, OperationKind, OperationStatus,
    SiteStatus,
};
use serde_json::Value;

/// How a stored secret is shown. The same text as input keeps the secret.
pub(crate) const MASK: &str = "********";

/// Gives a type of another crate its place in the document and in JSON.
macro_rules! scalar {
    ($name:ident, $title:literal, $schema:expr, $read:expr, $write:expr) => {
        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $title.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self::RawValueType> {
                Some(self)
            }

            fn raw_element_iter<'a>(
                &'a self,
            ) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                let value = value.unwrap_or_default();
                let text = match value.as_str() {
                    Some(text) => text,
                    None => return Err(ParseError::expected_type(value)),
                };
                #[allow(clippy::redundant_closure_call, reason = "one shape for all types")]
                ($read)(text).ok_or_else(|| ParseError::custom("it cannot be read"))
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                #[allow(clippy::redundant_closure_call, reason = "one shape for all types")]
                Some(Value::String(($write)(self)))
            }
        }
    };
}

/// A moment, UTC, as `2026-11-23T15:04:05Z`; to the microsecond, as databases keep it, so that it is the
/// same in the answer to what made it and in every later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp(pub(crate) DateTime<Utc>);

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at)
    }
}

scalar!(
    Timestamp,
    "timestamp",
    MetaSchema::new_with_format("string", "date-time"),
    |text: &str| DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|at| Timestamp(at.with_timezone(&Utc))),
    |at: &Timestamp| at.text()
);

impl Timestamp {
    fn text(self) -> String {
        let at = self.0.trunc_subsecs(6);
        at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text())
    }
}

/// An absolute URL without a password in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebUrl(pub(crate) String);

scalar!(
    WebUrl,
    "url",
    MetaSchema {
        max_length: Some(1024),
        ..MetaSchema::new_with_format("string", "uri")
    },
    |text: &str| Some(WebUrl(text.to_owned())),
    |url: &WebUrl| url.0.clone()
);

/// A secret on its way in; it is shown as asterisks.
#[derive(Debug, Clone)]
pub(crate) struct Secret(pub(crate) SecretString);

scalar!(
    Secret,
    "secret",
    MetaSchema {
        write_only: true,
        max_length: Some(4096),
        ..MetaSchema::new_with_format("string", "password")
    },
    |text: &str| Some(Secret(SecretString::from(text))),
    |_: &Secret| MASK.to_owned()
);

/// States of the model as words of the API.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident($state:ty, $title:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) $state);

        impl From<$state> for $name {
            fn from(state: $state) -> Self {
                Self(state)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.0.as_str())
            }
        }

        scalar!(
            $name,
            $title,
            MetaSchema {
                enum_items: <$state>::ALL.iter().map(|s| Value::from(s.as_str())).collect(),
                ..MetaSchema::new("string")
            },
            |text: &str| text.parse().ok().map($name),
            |word: &$name| word.0.as_str().to_owned()
        );
    )*};
}

words! {
    /// How much a finding weighs.
    SeverityWord(Severity, "Severity");
    /// What was found.
    FindingCodeWord(FindingCode, "FindingCode");
    /// The link from array to array.
    LinkHealthWord(LinkHealth, "LinkHealth");
    /// The two copies of a group's document.
    SyncHealthWord(SyncHealth, "SyncHealth");
    /// The status of a group.
    GroupStatusWord(GroupStatus, "group_status");
    /// The status of a member.
    MemberStatusWord(MemberStatus, "member_status");
    /// The status of an operation.
    OperationStatusWord(OperationStatus, "operation_status");
    /// What an operation does.
    OperationKindWord(OperationKind, "operation_type");
    /// Planned or unplanned.
    FailoverTypeWord(FailoverType, "failover_type");
    /// The status of a site.
    SiteStatusWord(SiteStatus, "site_status");
    /// The status of a step.
    StepStatusWord(StepStatus, "step_status");
    /// The phase of a step.
    PhaseWord(Phase, "phase");
}

/// Which role a site's copy of a member plays.
pub(crate) fn instance_state(state: InstanceState) -> String {
    match state {
        InstanceState::Production => "production",
        InstanceState::Parked => "parked",
        InstanceState::Quarantined => "quarantined",
        InstanceState::Incomplete => "incomplete",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_it_is_kept() {
        for (moment, shown) in [
            ("2026-11-23T15:04:05Z", "2026-11-23T15:04:05Z"),
            ("2026-11-23T15:04:05.123Z", "2026-11-23T15:04:05.123Z"),
            (
                "2026-11-23T15:04:05.123456789Z",
                "2026-11-23T15:04:05.123456Z",
            ),
            ("2026-11-23T15:04:05.000000999Z", "2026-11-23T15:04:05Z"),
        ] {
            let at = Timestamp::parse_from_json(Some(Value::from(moment))).unwrap();
            assert_eq!(at.to_json(), Some(Value::from(shown)));
            assert_eq!(serde_json::to_value(at).unwrap(), Value::from(shown));
        }
    }
}
