//! Whether those who must take part answer, let Protector in, and are the ones they should be.

use protector_framework::{CloudHealth, LinkState, SiteId};

use super::Purpose;
use super::finding::{FindingCode, Object};
use super::judge::{ALL, AT_LEISURE, Judge, NONE, PLANNED};
use super::observed::{Cause, Fact, SiteFacts, SourceFacts, Unknown};
use crate::epoch::{Relation, relate};

/// The services of a cloud that do not answer, each with what it said.
pub(super) fn silent(health: &CloudHealth) -> Vec<String> {
    [
        ("keystone", &health.keystone),
        ("nova", &health.nova),
        ("cinder", &health.cinder),
        ("neutron", &health.neutron),
    ]
    .into_iter()
    .filter(|(_, service)| !service.reachable)
    .map(|(name, service)| format!("{name}: {}", service.detail))
    .collect()
}

impl Judge<'_> {
    pub(super) fn sites(&mut self) {
        let observed = self.observed;
        let target = &observed.target;
        // The rest of a cloud may answer and still not let the project's trust in.
        let resources = target.resources.values().map(Fact::unknown);
        let refused = first_refused(let_in(&target.site).chain(resources));
        self.cloud(self.target, &target.site, refused, ALL);
        self.array(self.target, &target.site, ALL);
        if let Some(source) = &observed.source {
            let servers = source.servers.values().map(Fact::unknown);
            let refused = first_refused(let_in(&source.site).chain(servers));
            self.cloud(self.source, &source.site, refused, PLANNED);
            self.array(self.source, &source.site, PLANNED);
            self.link(source);
        }
        self.peer();
    }

    fn cloud(
        &mut self,
        site: SiteId,
        facts: &SiteFacts,
        refused: Option<&Unknown>,
        blocks: &[Purpose],
    ) {
        let name = self.name(site);
        let object = Object::new("site").id(site).name(&*name).on(site);
        match &facts.health {
            Fact::NotAsked => {}
            Fact::Unknown(unknown) if unknown.cause == Cause::NotKept => {
                self.not_kept(object.clone(), blocks, unknown);
            }
            Fact::Unknown(unknown) => self.unreachable(object.clone(), &name, blocks, unknown),
            Fact::Known(health) => {
                let silent = silent(health);
                if !silent.is_empty() {
                    let unknown = Unknown::because(Cause::Silent, silent.join("; "));
                    self.unreachable(object.clone(), &name, blocks, &unknown);
                }
            }
        }
        if let Some(unknown) = refused {
            self.found(
                blocks,
                FindingCode::CredentialsRefused,
                object.clone(),
                format!("site `{name}` refuses Protector: {}", unknown.because),
                "correct the site's account and its roles in the project, or enrol the project \
                 again (`trusts`) with a token of that site",
            )
            .by(unknown);
        }
        if let Some(why) = &facts.broken_trust {
            self.found(
                NONE,
                FindingCode::TrustBroken,
                object,
                format!("the project's trust on site `{name}` no longer works: {why}"),
                "enrol the project again (`trusts`); until then the site's account serves instead",
            );
        }
    }

    fn unreachable(&mut self, site: Object, name: &str, blocks: &[Purpose], unknown: &Unknown) {
        self.found(
            blocks,
            FindingCode::SiteUnreachable,
            site,
            format!("site `{name}` does not answer: {}", unknown.because),
            "repair it and ask again; where the group's present site is lost, start an unplanned \
             failover",
        )
        .by(unknown)
        .passes(true);
    }

    fn not_kept(&mut self, object: Object, blocks: &[Purpose], unknown: &Unknown) {
        let here = self.name(self.observed.seen_from);
        self.found(
            blocks,
            FindingCode::SecretsMissingHere,
            object,
            format!("site `{here}` lacks a secret: {}", unknown.because),
            "set the site's account or the policy's tokens again while both sites answer",
        );
    }

    /// The array must be the one that the policy was made for: at another one's address nothing of
    /// the group is found, and "not there" would be taken for "done".
    fn array(&mut self, site: SiteId, facts: &SiteFacts, blocks: &[Purpose]) {
        let policy = self.document.policy.as_ref();
        let Some(array) = policy.and_then(|policy| policy.arrays.get(&site)) else {
            return;
        };
        let known = &array.identity;
        let object = Object::new("array")
            .id(&known.id)
            .name(&*known.name)
            .on(site);
        let at = self.name(site);
        match &facts.array {
            Fact::NotAsked => {}
            Fact::Known(found) if found.identity.id == known.id => {}
            Fact::Known(found) => {
                let found = &found.identity;
                self.found(
                    blocks,
                    FindingCode::ArrayReplaced,
                    object,
                    format!(
                        "another array answers at the policy's address on site `{at}`: `{}` ({}) \
                         instead of `{}` ({})",
                        found.name, found.id, known.name, known.id
                    ),
                    "correct the address, or put the policy again if the array was replaced",
                );
            }
            Fact::Unknown(unknown) if unknown.cause == Cause::NotKept => {
                self.not_kept(object, blocks, unknown);
            }
            Fact::Unknown(unknown) if unknown.cause == Cause::Refused => {
                let message = format!("the array of site `{at}` refuses: {}", unknown.because);
                let code = FindingCode::ArrayRefused;
                self.found(
                    blocks,
                    code,
                    object,
                    message,
                    "put the policy with a valid token",
                )
                .by(unknown);
            }
            Fact::Unknown(unknown) => {
                self.found(
                    blocks,
                    FindingCode::ArrayUnreachable,
                    object,
                    format!(
                        "the array of site `{at}` cannot be asked: {}",
                        unknown.because
                    ),
                    "make the array's API reachable from here",
                )
                .by(unknown);
            }
        }
    }

    /// The link must carry data from the site the group runs on to the other one.
    fn link(&mut self, source: &SourceFacts) {
        let object = Object::new("link").on(self.source);
        match &source.link {
            Fact::NotAsked => {}
            // Its array's own finding says it.
            Fact::Unknown(_) if source.site.array.unknown().is_some() => {}
            Fact::Unknown(unknown) => {
                self.found(
                    PLANNED,
                    FindingCode::LinkDown,
                    object,
                    format!(
                        "the link between the arrays cannot be seen: {}",
                        unknown.because
                    ),
                    "make the source's array answer",
                )
                .by(unknown);
            }
            Fact::Known(link) => match link.state {
                LinkState::Connected => {}
                LinkState::Partial => {
                    self.found(
                        NONE,
                        FindingCode::LinkDegraded,
                        object,
                        format!("some paths between the arrays are down: {}", link.detail),
                        "repair them; data may be slow until then",
                    );
                }
                _ => {
                    self.found(
                        PLANNED,
                        FindingCode::LinkDown,
                        object,
                        format!("the link between the arrays is down: {}", link.detail),
                        "repair the arrays' replication link",
                    )
                    .passes(true);
                }
            },
        }
    }

    fn peer(&mut self) {
        let other = self.document.other_site(self.observed.seen_from);
        let name = self.name(other);
        let object = Object::new("protector").name(&*name).on(other);
        match &self.observed.peer {
            Fact::NotAsked => {}
            Fact::Unknown(unknown) => {
                self.found(
                    AT_LEISURE,
                    FindingCode::PeerUnreachable,
                    object,
                    format!(
                        "the Protector of site `{name}` does not answer: {}",
                        unknown.because
                    ),
                    "start protector-api on that site, or correct its `protector` endpoint in the \
                     catalog",
                )
                .by(unknown);
            }
            Fact::Known(theirs) => {
                let Some(standing) = self.question.standing else {
                    return;
                };
                let relation = theirs.as_ref().map(|theirs| relate(&standing.head, theirs));
                let (blocks, how) = match relation {
                    Some(Relation::Same) => return,
                    Some(Relation::Conflict) => (ALL, "contradicts this one"),
                    Some(Relation::PeerBehind) => (NONE, "is older than this one"),
                    Some(Relation::PeerAhead) => (NONE, "is newer than this one"),
                    None => (AT_LEISURE, "is not there"),
                };
                self.found(
                    blocks,
                    FindingCode::PeerOutOfSync,
                    object,
                    format!("the group's document on site `{name}` {how}"),
                    "it is brought up to date by itself; see `sync-status`, and `sync-force` where \
                     it stays so",
                )
                .passes(true);
            }
        }
    }
}

fn let_in(facts: &SiteFacts) -> impl Iterator<Item = Option<&Unknown>> {
    [facts.login.unknown(), facts.project.unknown()].into_iter()
}

fn first_refused<'a>(facts: impl Iterator<Item = Option<&'a Unknown>>) -> Option<&'a Unknown> {
    facts.flatten().find(|fact| fact.cause == Cause::Refused)
}
