//! What an array answers when it refuses. The texts are those that clients match.

use std::io;

use crate::spec::PendingNameText;

/// A refusal, as the array's error body tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub status: u16,
    pub context: Option<String>,
    pub message: String,
}

/// The answer of one call.
pub(crate) type Outcome<T> = Result<T, ApiError>;

/// Kinds of objects, for the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Volume,
    Snapshot,
    Host,
    Pod,
    Group,
    GroupSnapshot,
    VolumeGroup,
    Connection,
    ArrayConnection,
    ReplicaLink,
    Controller,
    Port,
    NetworkInterface,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Volume => "Volume",
            Self::Snapshot => "Volume snapshot",
            Self::Host => "Host",
            Self::Pod => "Pod",
            Self::Group => "Protection group",
            Self::GroupSnapshot => "Protection group snapshot",
            Self::VolumeGroup => "Volume group",
            Self::Connection => "Connection",
            Self::ArrayConnection => "Array connection",
            Self::ReplicaLink => "Pod replica link",
            Self::Controller => "Controller",
            Self::Port => "Port",
            Self::NetworkInterface => "Network interface",
        }
    }
}

impl ApiError {
    /// Any semantic refusal: status 400.
    pub(crate) fn refused(context: &str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            context: Some(context.to_owned()),
            message: message.into(),
        }
    }

    pub(crate) fn missing(kind: Kind, name: &str) -> Self {
        match kind {
            Kind::Snapshot => Self::refused(name, "No such volume or snapshot."),
            kind => Self::refused(name, format!("{} does not exist.", kind.label())),
        }
    }

    /// A new name that another object has, which may be destroyed.
    pub(crate) fn taken(kind: Kind, name: &str, destroyed: bool, text: PendingNameText) -> Self {
        match (destroyed, text) {
            (true, PendingNameText::Destroyed) => Self::destroyed(kind, name),
            _ => Self::exists(kind, name),
        }
    }

    pub(crate) fn exists(kind: Kind, name: &str) -> Self {
        Self::refused(name, format!("{} already exists.", kind.label()))
    }

    /// Use of something that waits for its eradication.
    pub(crate) fn destroyed(kind: Kind, name: &str) -> Self {
        let more = match kind {
            Kind::Snapshot => {
                " It can be recovered by purevol recover and eradicated by purevol eradicate."
            }
            _ => "",
        };
        Self::refused(name, format!("{} has been destroyed.{more}", kind.label()))
    }

    /// Destroying a second time. Cinder takes a snapshot for gone only when it is told that it "has
    /// been destroyed".
    pub(crate) fn destroyed_already(kind: Kind, name: &str) -> Self {
        match kind {
            Kind::Snapshot => Self::destroyed(kind, name),
            kind => Self::refused(name, format!("{} has been deleted.", kind.label())),
        }
    }

    /// Eradicating or recovering what is not destroyed.
    pub(crate) fn not_destroyed(kind: Kind, name: &str) -> Self {
        Self::refused(name, format!("{} is not destroyed.", kind.label()))
    }

    pub(crate) fn limit(kind: Kind, name: &str) -> Self {
        Self::refused(name, format!("{} limit reached.", kind.label()))
    }

    pub(crate) fn no_attribute() -> Self {
        Self {
            status: 400,
            context: None,
            message: "No attribute specified.".to_owned(),
        }
    }

    pub(crate) fn eradication_disabled() -> Self {
        Self {
            status: 400,
            context: None,
            message: "Eradication is disabled.".to_owned(),
        }
    }

    /// A request that makes no sense whatever the state.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            context: None,
            message: message.into(),
        }
    }

    /// No such path under this version.
    pub(crate) fn no_path() -> Self {
        Self {
            status: 404,
            context: None,
            message: "Not found.".to_owned(),
        }
    }

    pub(crate) fn unauthorized() -> Self {
        Self {
            status: 401,
            context: None,
            message: "Unauthorized.".to_owned(),
        }
    }
}

impl From<io::Error> for ApiError {
    /// The array's own fault; the reason is in the simulator's log.
    fn from(error: io::Error) -> Self {
        tracing::warn!(%error, "the simulator could not keep a content");
        Self {
            status: 500,
            context: None,
            message: "Unidentified internal error.".to_owned(),
        }
    }
}
