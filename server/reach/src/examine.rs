//! Whether a site's services answer, and whose Protector it is.

use std::collections::BTreeMap;
use std::time::Duration;

use protector_framework::{CallCtx, CloudHealth, DriverError, ErrorKind};
use protector_model::site::{Reach as SiteReach, Site, SiteStatus};
use protector_peer::{PeerError, PeerIdentity};

use crate::error::ReachError;
use crate::reach::Reach;
use crate::trust::{Meeting, Whose, judge};
use crate::within::within;

/// How long a service may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a site said when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The status that follows.
    pub status: SiteStatus,
    /// Why it is not `active`.
    pub reason: Option<String>,
    /// Which services answered.
    pub reach: SiteReach,
    /// Whether the site's Protector is this one; `None`: that is not known.
    pub is_local: Option<bool>,
}

impl Examined {
    /// Writes it into the site's row. What the row is built from does not change, so its sessions
    /// stay.
    pub fn note(&self, site: &mut Site) {
        site.status = self.status;
        site.status_reason.clone_from(&self.reason);
        site.reach = self.reach.clone();
        site.is_local = self.is_local.unwrap_or(site.is_local);
    }
}

impl Reach {
    /// Asks the services of a stored site with its account in its own project, and its Protector.
    /// What does not answer is part of the reply. Nothing is learned of whose site it is.
    ///
    /// # Errors
    /// Where this site's own database does not answer.
    pub async fn examine(&self, site: &Site, request_id: &str) -> Result<Examined, ReachError> {
        self.ask(site, request_id, Meeting::Watched).await
    }

    /// The same by a person who has just registered, changed or validated the site: the key that
    /// its Protector shows is kept where none is known, and so is that it is this one.
    ///
    /// # Errors
    /// As [`Reach::examine`].
    pub async fn introduce(&self, site: &Site, request_id: &str) -> Result<Examined, ReachError> {
        self.ask(site, request_id, Meeting::Introduced).await
    }

    async fn ask(
        &self,
        site: &Site,
        request_id: &str,
        meeting: Meeting,
    ) -> Result<Examined, ReachError> {
        let ctx = CallCtx::new(request_id, DEADLINE);
        let (cloud, protector) =
            futures::future::join(self.ask_cloud(site, &ctx), self.is_this_one(site, meeting))
                .await;
        let Asked { is_local, amiss } = protector?;
        let mut reach = SiteReach {
            checked_at: Some(self.clock().now()),
            protector: amiss.is_none(),
            ..SiteReach::default()
        };
        let mut details = BTreeMap::new();
        details.extend(amiss.map(|amiss| ("protector".to_owned(), amiss)));
        let (status, reason) = match cloud {
            Ok(health) => weigh(&health, &mut reach, &mut details),
            Err(Unusable::Db(error)) => return Err(error),
            Err(Unusable::NoAccount(reason)) => (SiteStatus::Registered, Some(reason)),
            Err(Unusable::Refused(reason)) => {
                details.insert("keystone".to_owned(), reason.clone());
                (SiteStatus::Error, Some(reason))
            }
        };
        reach.details = details;
        Ok(Examined {
            status,
            reason,
            reach,
            is_local,
        })
    }

    async fn ask_cloud(&self, site: &Site, ctx: &CallCtx) -> Result<CloudHealth, Unusable> {
        let identity = self.identity(site.id).await?;
        let login = within(self.clock(), DEADLINE, identity.check(ctx)).await;
        if let Some(Err(error)) = login
            && is_refusal(&error)
        {
            return Err(Unusable::Refused(error.to_string()));
        }
        let compute = self.own_compute(site.id).await?;
        let health = within(self.clock(), DEADLINE, compute.health(ctx)).await;
        Ok(health.unwrap_or_else(silent))
    }

    /// Whether the site's Protector is this deployment, or why it cannot be used.
    async fn is_this_one(&self, site: &Site, meeting: Meeting) -> Result<Asked, ReachError> {
        let identity = match within(self.clock(), DEADLINE, self.who_is(site)).await {
            Some(Ok(identity)) => identity.map_err(|error| error.to_string()),
            Some(Err(ReachError::Db(error))) => return Err(error.into()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("no answer in time".to_owned()),
        };
        let known = match identity {
            Ok(identity) => judge(self.db(), site, &identity, meeting)
                .await?
                .map_err(|error| error.to_string()),
            Err(amiss) => Err(amiss),
        };
        Ok(match known {
            Ok(whose) => Asked {
                is_local: Some(whose == Whose::Own),
                amiss: None,
            },
            Err(amiss) => Asked {
                is_local: None,
                amiss: Some(amiss),
            },
        })
    }

    /// Who answers at a site, whether or not it is to be trusted.
    async fn who_is(&self, site: &Site) -> Result<Result<PeerIdentity, PeerError>, ReachError> {
        Ok(self.stranger(site.id).await?.identity().await)
    }
}

/// What a site's Protector said.
struct Asked {
    /// Whether it is this one; `None`: that is not known.
    is_local: Option<bool>,
    /// Why it cannot be used.
    amiss: Option<String>,
}

/// Why a cloud was not asked.
enum Unusable {
    Db(ReachError),
    NoAccount(String),
    Refused(String),
}

impl From<ReachError> for Unusable {
    fn from(error: ReachError) -> Self {
        match &error {
            ReachError::Db(_) => Self::Db(error),
            ReachError::SecretMissing { .. } => Self::NoAccount(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

fn is_refusal(error: &DriverError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Unauthorized | ErrorKind::InvalidConfig
    )
}

/// The health of a cloud that answered nothing within the time.
fn silent() -> CloudHealth {
    let none =
        || protector_framework::Reachability::new(false).detail("no answer in time".to_owned());
    CloudHealth::new(none(), none(), none(), none())
}

fn weigh(
    health: &CloudHealth,
    reach: &mut SiteReach,
    details: &mut BTreeMap<String, String>,
) -> (SiteStatus, Option<String>) {
    let services = [
        ("keystone", &health.keystone, &mut reach.keystone),
        ("nova", &health.nova, &mut reach.nova),
        ("cinder", &health.cinder, &mut reach.cinder),
        ("neutron", &health.neutron, &mut reach.neutron),
    ];
    let mut silent = Vec::new();
    for (name, answer, reachable) in services {
        *reachable = answer.reachable;
        if !answer.reachable {
            silent.push(format!("{name}: {}", answer.detail));
            details.insert(name.to_owned(), answer.detail.clone());
        }
    }
    if silent.is_empty() {
        (SiteStatus::Active, None)
    } else {
        (SiteStatus::Unreachable, Some(silent.join("; ")))
    }
}
