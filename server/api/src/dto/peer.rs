//! What travels between two sites is defined beside the protocol; here it only gets its place in
//! the document.

use std::borrow::Cow;

use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A value of the peer protocol.
#[derive(Debug, Clone)]
pub(crate) struct Wire<T>(pub(crate) T);

impl<T: Send + Sync> Type for Wire<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "wire".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some("A value of the protocol between two sites of one version."),
            ..MetaSchema::ANY
        }))
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

impl<T: DeserializeOwned + Send + Sync> ParseFromJSON for Wire<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default())
            .map(Self)
            .map_err(ParseError::custom)
    }
}

impl<T: Serialize + Send + Sync> ToJSON for Wire<T> {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(&self.0).ok()
    }
}

/// To whom secrets are sealed.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct ReadDocumentBody {
    /// X25519, lower-case hex.
    #[oai(validator(min_length = 64, max_length = 64))]
    pub(crate) public_key: String,
}
