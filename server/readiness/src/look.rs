//! One look at both sites.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::join;
use protector_db::{Db, DbError, GroupRecord, Page};
use protector_framework::{
    ArrayGroupName, ArrayInfo, CallCtx, Clock, ComputeDriver, GetGroup, GetLink, GroupId, GroupRef,
    GroupStatus, Link, ListPoints, Point, SiteId, VolumeType,
};
use protector_model::readiness::{
    Cause, Fact, History, Observed, Purpose, Question, Readiness, SiteFacts, SourceFacts, Standing,
    TargetFacts, Unknown, assess,
};
use protector_model::{GroupDocument, Head, OperationStatus};
use protector_reach::Reach;

use crate::ask::{Ask, unreached};
use crate::clouds::{self, found};

/// How many of a group's operations are read to learn how long steps take.
const REMEMBERED: u64 = 10;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Both sites.
    Both,
    /// The site that the group would go to, and nobody else: the other one may be lost.
    Target,
}

/// The documents that the other Protector holds.
pub type Heads = BTreeMap<GroupId, Head>;

/// A look from one site. Nothing is changed by it, and nobody is waited for longer than the
/// deadline of `ctx` for one question.
#[derive(Debug, Clone)]
pub struct Look {
    /// The site's database.
    pub db: Db,
    /// The ways to both sites.
    pub reach: Reach,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The site that looks.
    pub site: SiteId,
    /// What each question carries, with its deadline.
    pub ctx: CallCtx,
}

impl Look {
    fn ask(&self) -> Ask<'_> {
        Ask {
            clock: &*self.clock,
            ctx: &self.ctx,
        }
    }

    /// Asks the Protector of another site what it holds.
    pub async fn peer(&self, site: SiteId) -> Fact<Heads> {
        let told = async {
            let remote = self.reach.remote(site).await.map_err(unreached)?;
            let silent = |error: protector_peer::PeerError| peer_failed(&error);
            remote.identity().await.map_err(silent)?;
            remote.heads().await.map_err(silent)
        };
        match self.ask().answer(told).await {
            Fact::NotAsked => Fact::NotAsked,
            Fact::Unknown(unknown) | Fact::Known(Err(unknown)) => Fact::Unknown(unknown),
            Fact::Known(Ok(heads)) => {
                Fact::Known(heads.into_iter().map(|h| (h.group_id, h.head)).collect())
            }
        }
    }

    /// Looks at a group for every purpose. `peer`: what the other Protector has told; `None`: it is
    /// asked meanwhile.
    ///
    /// # Errors
    /// Where this site's own database does not answer.
    pub async fn readiness(
        &self,
        record: &GroupRecord,
        peer: Option<Fact<Heads>>,
    ) -> Result<Readiness, DbError> {
        let document = &record.document;
        let standing = standing(&self.db, record).await?;
        let history = history(&self.db, document.id).await?;
        let heads = async {
            match peer {
                Some(peer) => peer,
                None => self.peer(document.other_site(self.site)).await,
            }
        };
        let (heads, observed) = join!(heads, self.observe(document, Scope::Both, Fact::NotAsked));
        let observed = Observed {
            peer: match heads {
                Fact::NotAsked => Fact::NotAsked,
                Fact::Known(mut heads) => Fact::Known(heads.remove(&document.id)),
                Fact::Unknown(unknown) => Fact::Unknown(unknown),
            },
            ..observed?
        };
        let answer = |purpose: &Purpose| {
            let question = Question {
                document,
                purpose: *purpose,
                standing: Some(&standing),
                plan: None,
                history: &history,
            };
            assess(&question, &observed)
        };
        Ok(Readiness {
            seen_from: self.site,
            as_of: observed.at,
            reports: Purpose::ALL.iter().map(answer).collect(),
        })
    }

    /// Gathers the facts.
    ///
    /// # Errors
    /// Where this site's own database does not answer.
    pub async fn observe(
        &self,
        document: &GroupDocument,
        scope: Scope,
        peer: Fact<Option<Head>>,
    ) -> Result<Observed, DbError> {
        let (source, target) = (document.current_primary_site_id, document.standby_site());
        let asked_source = async {
            match scope {
                Scope::Both => self.source(document, source).await.map(Some),
                Scope::Target => Ok(None),
            }
        };
        let (source, target) = join!(asked_source, self.target(document, target));
        let sites = self.db.list_sites().await?;
        Ok(Observed {
            at: self.clock.now(),
            seen_from: self.site,
            names: sites.into_iter().map(|site| (site.id, site.name)).collect(),
            source: source?,
            target: target?,
            peer,
        })
    }

    async fn source(&self, document: &GroupDocument, site: SiteId) -> Result<SourceFacts, DbError> {
        let (cloud, array) = join!(
            self.source_cloud(document, site),
            self.source_array(document, site)
        );
        let (site_facts, servers) = cloud?;
        let (array, link, sending) = array;
        Ok(SourceFacts {
            site: SiteFacts {
                array,
                ..site_facts
            },
            servers,
            link,
            sending,
        })
    }

    async fn source_cloud(
        &self,
        document: &GroupDocument,
        site: SiteId,
    ) -> Result<(SiteFacts, clouds::Servers), DbError> {
        let (facts, cloud, _) = self.cloud(document, site).await?;
        let servers = match cloud {
            Ok(cloud) => clouds::servers(self.ask(), &*cloud, document, site).await,
            Err(why) => clouds::no_servers(document, site, &why),
        };
        Ok((facts, servers))
    }

    async fn target(&self, document: &GroupDocument, site: SiteId) -> Result<TargetFacts, DbError> {
        let (cloud, array) = join!(
            self.target_cloud(document, site),
            self.target_array(document, site)
        );
        let mut facts = cloud?;
        (facts.site.array, facts.points) = array;
        Ok(facts)
    }

    async fn target_cloud(
        &self,
        document: &GroupDocument,
        site: SiteId,
    ) -> Result<TargetFacts, DbError> {
        let (facts, cloud, volume_types) = self.cloud(document, site).await?;
        let needs = match cloud {
            Ok(cloud) => clouds::needs(self.ask(), &*cloud, document, site, self.site).await,
            Err(why) => clouds::no_needs(document, site, self.site, &why),
        };
        Ok(TargetFacts {
            site: facts,
            volume_types,
            ..needs
        })
    }

    /// What is asked of each cloud first, and the cloud where more can be asked of it.
    async fn cloud(&self, document: &GroupDocument, site: SiteId) -> Result<FirstWords, DbError> {
        let mut facts = SiteFacts::default();
        let reached = match document.projects.get(&site) {
            Some(project) => {
                let trust = self.db.get_trust(site, project).await?;
                facts.broken_trust = trust
                    .filter(|trust| trust.state == "broken")
                    .map(|trust| trust.last_error.unwrap_or(trust.state));
                self.reach.compute(site, project).await.map_err(unreached)
            }
            None => Err(Unknown::because(
                Cause::Other,
                "the group has no project there",
            )),
        };
        let cloud = match reached {
            Ok(cloud) => cloud,
            Err(why) => {
                facts.health = Fact::Unknown(why.clone());
                let nothing = Fact::Unknown(why.clone());
                return Ok((facts, Err(why), nothing));
            }
        };
        let (login, (health, types)) = join!(self.login(site), clouds::first(self.ask(), &*cloud));
        facts.project = match &types {
            Fact::Unknown(unknown) => Fact::Unknown(unknown.clone()),
            _ => Fact::Known(()),
        };
        let dark = clouds::is_dark(&health);
        facts.login = login;
        facts.health = health;
        let cloud = match dark {
            Some(why) => Err(why),
            None => Ok(cloud),
        };
        Ok((facts, cloud, types))
    }

    /// Whether the site's account is let in.
    async fn login(&self, site: SiteId) -> Fact<()> {
        match self.reach.identity(site).await {
            Ok(identity) => self.ask().fact(identity.check(&self.ctx)).await,
            Err(error) => Fact::Unknown(unreached(error)),
        }
    }

    async fn source_array(
        &self,
        document: &GroupDocument,
        site: SiteId,
    ) -> (Fact<ArrayInfo>, Fact<Link>, Fact<Option<GroupStatus>>) {
        let Some(remote) = identity_of(document, document.other_site(site)) else {
            return (Fact::NotAsked, Fact::NotAsked, Fact::NotAsked);
        };
        let array = match self.reach.storage(document, site).await {
            Ok(array) => array,
            Err(error) => {
                let why = unreached(error);
                let (link, sending) = (Fact::Unknown(why.clone()), Fact::Unknown(why.clone()));
                return (Fact::Unknown(why), link, sending);
            }
        };
        let (ask, ctx) = (self.ask(), &self.ctx);
        let name = ArrayGroupName::from(document.remote_name());
        let sending = array.get_group(ctx, GetGroup::new(name));
        join!(
            ask.fact(array.describe(ctx)),
            ask.fact(array.get_link(ctx, GetLink::new(remote))),
            ask.fact(async { found(sending.await) }),
        )
    }

    async fn target_array(
        &self,
        document: &GroupDocument,
        site: SiteId,
    ) -> (Fact<ArrayInfo>, Fact<Vec<Point>>) {
        let Some(replica) = replica_of(document, site) else {
            return (Fact::NotAsked, Fact::NotAsked);
        };
        let array = match self.reach.storage(document, site).await {
            Ok(array) => array,
            Err(error) => {
                let why = unreached(error);
                return (Fact::Unknown(why.clone()), Fact::Unknown(why));
            }
        };
        let (ask, ctx) = (self.ask(), &self.ctx);
        join!(
            ask.fact(array.describe(ctx)),
            ask.fact(array.list_points(ctx, ListPoints::new(replica))),
        )
    }

    /// Asks the array that the group would go to which recovery points it holds: one question, and no
    /// other.
    pub async fn points(&self, document: &GroupDocument) -> Fact<Vec<Point>> {
        let site = document.standby_site();
        let Some(replica) = replica_of(document, site) else {
            return Fact::NotAsked;
        };
        match self.reach.storage(document, site).await {
            Ok(array) => {
                let request = ListPoints::new(replica);
                self.ask().fact(array.list_points(&self.ctx, request)).await
            }
            Err(error) => Fact::Unknown(unreached(error)),
        }
    }
}

/// What a cloud said first: its facts, whether more can be asked of it, and its volume types.
type FirstWords = (
    SiteFacts,
    Result<Arc<dyn ComputeDriver>, Unknown>,
    Fact<Vec<VolumeType>>,
);

fn identity_of(
    document: &GroupDocument,
    site: SiteId,
) -> Option<protector_framework::ArrayIdentity> {
    let policy = document.policy.as_ref()?;
    Some(policy.arrays.get(&site)?.identity.clone())
}

/// What the array of a site holds of the group as it is replicated there.
fn replica_of(document: &GroupDocument, site: SiteId) -> Option<GroupRef> {
    Some(GroupRef::Replica {
        name: ArrayGroupName::from(document.remote_name()),
        source: identity_of(document, document.other_site(site))?,
    })
}

fn peer_failed(error: &protector_peer::PeerError) -> Unknown {
    let cause = match error {
        protector_peer::PeerError::Untrusted(_) => Cause::Other,
        _ => Cause::Silent,
    };
    Unknown::because(cause, error.to_string())
}

/// How a group stands in this site's database.
///
/// # Errors
/// Where the database does not answer.
pub async fn standing(db: &Db, record: &GroupRecord) -> Result<Standing, DbError> {
    let running = match record.active_operation {
        Some(id) => db.get_operation(id).await?.map(|o| (o.id, o.kind)),
        None => None,
    };
    Ok(Standing {
        head: record.head.clone(),
        conflict: record.conflict_with.is_some(),
        running,
        test: record.test_operation,
        quarantine_due: record.quarantine_due,
    })
}

/// How long the steps of a group's last operations took, of those that went through by themselves.
///
/// # Errors
/// Where the database does not answer.
pub async fn history(db: &Db, group: GroupId) -> Result<History, DbError> {
    let newest = Page {
        limit: Some(REMEMBERED),
        sort: vec![("created_at".to_owned(), true)],
        filters: vec![("status".to_owned(), OperationStatus::Completed.to_string())],
        ..Page::default()
    };
    let mut history = History::default();
    for operation in db.page_operations(None, Some(group), &newest).await? {
        if operation.attempt > 1 {
            continue;
        }
        if let Some(plan) = db.plan(operation.id).await? {
            history.learn(&plan, &db.steps(operation.id).await?);
        }
    }
    Ok(history)
}
