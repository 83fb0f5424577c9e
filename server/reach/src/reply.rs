//! What an HTTP answer of the other Protector means.

use protector_peer::PeerError;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer that is complete.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) call: String,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The body of a success, as `T`.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, PeerError> {
        self.accept()?;
        self.parse()
    }

    /// The body of a success, or `None` where the other side says that it has no such object.
    pub(crate) fn read_if_there<T: DeserializeOwned>(&self) -> Result<Option<T>, PeerError> {
        match self.accept() {
            Ok(()) => self.parse().map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The body whatever the status, where it is a `T`.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, PeerError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            PeerError::Failed(format!("{}: the answer makes no sense: {error}", self.call))
        })
    }

    /// Whether the other side did what was asked.
    pub(crate) fn accept(&self) -> Result<(), PeerError> {
        if (200..300).contains(&self.status) {
            return Ok(());
        }
        let words = Words::read(&self.body);
        let message = words.as_ref().map_or_else(
            || format!("{}: HTTP {}", self.call, self.status),
            |words| words.message.clone(),
        );
        match (self.status, words) {
            // A proxy, or a Protector whose database is away: nobody knows what took effect.
            (502..=504, _) => Err(PeerError::Unreachable(message)),
            (401, _) => Err(PeerError::Unauthorized(message)),
            (403, Some(words)) if words.code == "protector.forbidden" => {
                Err(PeerError::Unauthorized(message))
            }
            (400..500, Some(words)) => Err(PeerError::Refused {
                status: self.status,
                code: words.code,
                message: words.message,
            }),
            _ => Err(PeerError::Failed(message)),
        }
    }
}

/// Whether the other Protector itself says that it has no such object. A 404 in other words comes
/// from a proxy, another service or a path that is not its own.
pub(crate) fn is_absent(error: &PeerError) -> bool {
    matches!(
        error,
        PeerError::Refused { status: 404, code, .. } if code == "protector.not_found"
    )
}

/// The error body of the API: `{"error": {..}, "errors": [{..}]}`.
struct Words {
    code: String,
    message: String,
}

impl Words {
    fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let (error, first) = (&body["error"], &body["errors"][0]);
        let word = |places: [&Value; 2]| {
            places
                .into_iter()
                .find_map(|place| place.as_str())
                .map(ToOwned::to_owned)
        };
        Some(Self {
            code: word([&error["code"], &first["code"]])?,
            message: word([&error["message"], &first["detail"]]).unwrap_or_default(),
        })
    }
}
