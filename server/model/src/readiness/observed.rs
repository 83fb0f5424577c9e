//! What was looked at, and what could not be learned.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::{
    ArrayInfo, Blueprint, CloudHealth, DriverError, ErrorKind, GroupStatus, Headroom, Link,
    MemberId, Point, Pool, Resource, ResourceKind, Server, SiteId, VolumeId, VolumeType,
};

use crate::epoch::Head;

/// Something that was to be learned.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact<T> {
    /// Nobody asked: it does not matter for what is to be decided.
    NotAsked,
    /// It is so.
    Known(T),
    /// It could not be learned.
    Unknown(Unknown),
}

/// Why a fact is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// In words.
    pub because: String,
    /// Of what kind.
    pub cause: Cause,
    /// The remote call that failed.
    pub remote_call: Option<String>,
    /// The remote side's id of it.
    pub remote_request_id: Option<String>,
}

/// What kept a fact from being learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No answer in time, or the remote side was busy: the next look may learn it.
    Silent,
    /// The account may not ask.
    Refused,
    /// The password or token is not kept here.
    NotKept,
    /// Anything else.
    Other,
}

impl<T> Fact<T> {
    /// What is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(fact) => Some(fact),
            Self::NotAsked | Self::Unknown(_) => None,
        }
    }

    /// Why it is not known, where it was asked.
    pub fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(unknown) => Some(unknown),
            Self::NotAsked | Self::Known(_) => None,
        }
    }
}

impl<T> From<Result<T, DriverError>> for Fact<T> {
    fn from(result: Result<T, DriverError>) -> Self {
        match result {
            Ok(fact) => Self::Known(fact),
            Err(error) => Self::Unknown(Unknown::from(&error)),
        }
    }
}

impl From<&DriverError> for Unknown {
    fn from(error: &DriverError) -> Self {
        Self {
            because: error.message.clone(),
            cause: match error.kind {
                ErrorKind::Unauthorized => Cause::Refused,
                _ if error.is_transient() => Cause::Silent,
                _ => Cause::Other,
            },
            remote_call: error.remote_call.clone(),
            remote_request_id: error.remote_request_id.clone(),
        }
    }
}

impl Unknown {
    /// Of a cause without a remote call.
    pub fn because(cause: Cause, because: impl Into<String>) -> Self {
        Self {
            because: because.into(),
            cause,
            remote_call: None,
            remote_request_id: None,
        }
    }
}

/// All facts of one look.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// When.
    pub at: DateTime<Utc>,
    /// The site that looked: what is kept here of secrets is its own.
    pub seen_from: SiteId,
    /// What the sites are called.
    pub names: BTreeMap<SiteId, String>,
    /// The site that the group runs on; `None`: it was not asked.
    pub source: Option<SourceFacts>,
    /// The other one.
    pub target: TargetFacts,
    /// What the other Protector holds of the group; `None`: it does not know it.
    pub peer: Fact<Option<Head>>,
}

/// What is asked of both sites.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteFacts {
    /// Whether the account is let in.
    pub login: Fact<()>,
    /// Whether it is let into the group's project.
    pub project: Fact<()>,
    /// Whether the cloud's services answer for the group's project.
    pub health: Fact<CloudHealth>,
    /// Which array is at the policy's address.
    pub array: Fact<ArrayInfo>,
    /// Why the project's trust no longer works, where it does not.
    pub broken_trust: Option<String>,
}

impl Default for SiteFacts {
    fn default() -> Self {
        Self {
            login: Fact::NotAsked,
            project: Fact::NotAsked,
            health: Fact::NotAsked,
            array: Fact::NotAsked,
            broken_trust: None,
        }
    }
}

/// What is asked of the site that the group runs on.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFacts {
    /// The site.
    pub site: SiteFacts,
    /// The members' servers as they are now; `None`: gone.
    pub servers: BTreeMap<MemberId, Fact<Option<Blueprint>>>,
    /// The way to the other array.
    pub link: Fact<Link>,
    /// The group that sends; `None`: there is none.
    pub sending: Fact<Option<GroupStatus>>,
}

/// What is asked of the site that the group would go to.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetFacts {
    /// The site.
    pub site: SiteFacts,
    /// The volume types that the project can use.
    pub volume_types: Fact<Vec<VolumeType>>,
    /// Where volumes can be adopted.
    pub pools: Fact<Vec<Pool>>,
    /// What the project may still use.
    pub headroom: Fact<Headroom>,
    /// The resources of the kinds that the members need.
    pub resources: BTreeMap<ResourceKind, Fact<Vec<Resource>>>,
    /// The recovery points.
    pub points: Fact<Vec<Point>>,
    /// What is kept of the members there.
    pub copies: BTreeMap<MemberId, Fact<CopyFacts>>,
}

impl Default for TargetFacts {
    fn default() -> Self {
        Self {
            site: SiteFacts::default(),
            volume_types: Fact::NotAsked,
            pools: Fact::NotAsked,
            headroom: Fact::NotAsked,
            resources: BTreeMap::new(),
            points: Fact::NotAsked,
            copies: BTreeMap::new(),
        }
    }
}

/// A parked copy as it is now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CopyFacts {
    /// Its server; `None`: gone.
    pub server: Option<Server>,
    /// Its volumes that are gone.
    pub gone: Vec<VolumeId>,
    /// Its volumes that a host is connected to.
    pub connected: Vec<VolumeId>,
}
