//! Keeps this site and the other one together: changes that are on their way, documents, the
//! operations that the other site only mirrors, and what this site has lost to the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use protector_daemon::Observer;
use protector_db::{Db, DbError, Page};
use protector_framework::{Clock, Ids, OperationId, SecretString, SiteId};
use protector_model::Site;
use protector_model::site::SiteStatus;
use protector_peer::{Event, PeerError, PeerLink, Remote};
use protector_reach::{Reach, peer_sites};
use tokio::sync::Notify;

use crate::silence::Heard;

/// The newest operations whose state the other site is told.
const MIRRORED: u64 = 100;
/// The time between two looks at a site's services.
const LOOK: Duration = Duration::from_secs(60);

/// Keeps a site together with the other one.
#[derive(Debug)]
pub struct Peers {
    /// The site's database.
    pub db: Db,
    /// The ways to both sites.
    pub reach: Reach,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// The name under which this process holds things.
    pub owner: String,
    /// The time between two rounds.
    pub interval: Duration,
    /// Begins a round at once.
    pub nudge: Arc<Notify>,
    /// Ends the loops when they wake.
    pub stopping: Arc<AtomicBool>,
    /// Wakes the loops.
    pub wake: Arc<Notify>,
    /// Set when the first round has ended.
    pub met: Arc<AtomicBool>,
    /// Who tells of operations that an engine begins by itself.
    pub observer: Observer,
}

/// What the other site was last told of an operation.
type Told = HashMap<OperationId, (u32, DateTime<Utc>)>;

/// What the loop remembers from round to round. Losing it costs time and nothing else.
#[derive(Debug, Default)]
pub struct Memory {
    told: Told,
    /// What was heard of the operations that the other site executes.
    pub(crate) heard: Heard,
    /// Operations that gave way to others and of which nothing is left.
    settled: HashSet<OperationId>,
}

impl Peers {
    /// Meets the other site round by round, and looks after the sites beside that: a look at a cloud
    /// or array that takes its time delays neither news nor a quarantine.
    pub(crate) async fn run(self) {
        tokio::join!(self.meet_on(), self.look_on());
    }

    async fn meet_on(&self) {
        let mut memory = Memory::default();
        while !self.stopping.load(Ordering::Relaxed) {
            if let Err(error) = self.round(&mut memory).await {
                tracing::warn!(%error, "the other site could not be brought up to date");
            }
            self.met.store(true, Ordering::Relaxed);
            tokio::select! {
                () = self.clock.sleep(self.interval) => {}
                () = self.nudge.notified() => {}
                () = self.wake.notified() => {}
            }
        }
    }

    async fn look_on(&self) {
        while !self.stopping.load(Ordering::Relaxed) {
            if let Err(error) = self.look_at_sites().await {
                tracing::warn!(%error, "the sites' state could not be written");
            }
            if let Err(error) = self.clean_what_is_due().await {
                tracing::warn!(%error, "no clean-up could be started");
            }
            if let Err(error) = self.account_losses().await {
                tracing::warn!(%error, "what was lost could not be accounted for");
            }
            tokio::select! {
                () = self.clock.sleep(LOOK) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Everything that keeps the sites together, once. What fails keeps nothing after it: what was
    /// lost to the other site is put out of use whatever else there is.
    ///
    /// # Errors
    /// The first failure of this site's own database.
    pub async fn round(&self, memory: &mut Memory) -> Result<(), DbError> {
        let Some(local) = self.db.local_site().await? else {
            return Ok(());
        };
        let mut first = Ok(());
        for peer in peer_sites(&self.db).await? {
            first = first.and(self.meet(&local, &peer, &mut memory.told).await);
        }
        first
            .and(self.quarantine(&local).await)
            .and(self.follow_others(&local, &mut memory.heard).await)
            .and(self.clean_what_is_left(&local, &mut memory.settled).await)
            .and(self.write_what_is_unwritten(&local).await)
            .and(self.forget_deleted().await)
    }

    /// Brings one peer up to date as far as it answers.
    async fn meet(&self, local: &Site, peer: &Site, told: &mut Told) -> Result<(), DbError> {
        let remote = match self.reach.remote(peer.id).await {
            Ok(remote) => remote,
            Err(error) => {
                tracing::debug!(peer = %peer.name, %error, "the other site is not reached");
                return Ok(());
            }
        };
        let link = PeerLink::new(
            self.db.clone(),
            self.clock.clone(),
            self.ids.clone(),
            local.id,
            remote.clone(),
            self.owner.clone(),
        );
        link.settle_stages().await?;
        match link.reconcile().await {
            Ok(events) => {
                for event in events {
                    match event {
                        Event::Failed { group, reason } => {
                            tracing::warn!(peer = %peer.name, %group, reason, "not brought up to date");
                        }
                        event => tracing::info!(peer = %peer.name, ?event, "met the other site"),
                    }
                }
            }
            Err(protector_peer::ReconcileError::Db(error)) => return Err(error),
            Err(protector_peer::ReconcileError::Peer(error)) => {
                tracing::debug!(peer = %peer.name, %error, "the other site does not answer");
                return Ok(());
            }
        }
        self.tell_operations(local.id, &*remote, told).await
    }

    /// Tells the peer how the operations stand that this site executes.
    async fn tell_operations(
        &self,
        local: SiteId,
        remote: &dyn Remote,
        told: &mut Told,
    ) -> Result<(), DbError> {
        let newest = Page {
            limit: Some(MIRRORED),
            sort: vec![("updated_at".to_owned(), true)],
            filters: vec![("executor_site_id".to_owned(), local.to_string())],
            ..Page::default()
        };
        let operations = self.db.page_operations(None, None, &newest).await?;
        told.retain(|id, _| operations.iter().any(|o| o.id == *id));
        for operation in operations.iter().filter(|o| o.executor_site_id == local) {
            let state = (operation.attempt, operation.updated_at);
            if told.get(&operation.id) == Some(&state) {
                continue;
            }
            match remote.put_mirror(operation).await {
                Ok(()) => {
                    told.insert(operation.id, state);
                }
                // It will say the same next time.
                Err(error @ PeerError::Refused { .. }) => {
                    tracing::warn!(operation = %operation.id, %error, "a mirror was refused");
                    told.insert(operation.id, state);
                }
                Err(error) => {
                    tracing::debug!(%error, "the other site does not answer");
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A deleted group that the peer knows to be deleted needs no array tokens any more.
    async fn forget_deleted(&self) -> Result<(), DbError> {
        for record in self.db.all_groups().await? {
            if record.document.deleted && !record.peer.pending {
                let owner = protector_reach::policy_owner(record.document.id);
                let secrets: std::collections::BTreeMap<String, SecretString> =
                    self.db.secrets_of(&owner).await?;
                if !secrets.is_empty() {
                    self.db.delete_secrets(&owner).await?;
                }
            }
        }
        Ok(())
    }

    /// Asks the services of every site whether they answer, and notes it. What a site is reached by
    /// does not change with it: its sessions stay.
    ///
    /// # Errors
    /// Where this site's own database does not answer.
    pub async fn look_at_sites(&self) -> Result<(), DbError> {
        for site in self.db.list_sites().await? {
            if site.status == SiteStatus::Registered {
                continue;
            }
            let request = self.ids.request_id();
            let examined = match self.reach.examine(&site, &request).await {
                Ok(examined) => examined,
                Err(error) => {
                    tracing::warn!(site = %site.name, %error, "the site could not be looked at");
                    continue;
                }
            };
            // Read anew: the look may have taken its time.
            let Some(mut site) = self.db.get_site(site.id).await? else {
                continue;
            };
            // Which site is this one's is decided when sites are registered, never by a look.
            let is_local = site.is_local;
            examined.note(&mut site);
            site.is_local = is_local;
            self.db.update_site(&site).await?;
        }
        Ok(())
    }
}
