//! What arrays tell each other of their groups. It takes its time, and waits for a link.

use super::array::Millis;
use super::fabric::{At, Fabric};
use super::group::Group;

/// What one array tells another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewsKind {
    /// A group with its name and retention, from its source.
    Group,
    /// Whether a group is let in, from its target.
    Allowed(bool),
}

/// A message that arrives when its time has come and the link is up.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub from: At,
    pub to: At,
    /// The group's id on its source.
    pub group: String,
    pub kind: NewsKind,
    pub due: Millis,
}

impl Fabric {
    pub(super) fn send_news(&mut self, from: At, to: At, group: &str, kind: NewsKind) {
        let delay = self.switches.propagation_delay.as_millis();
        self.news.push(News {
            from,
            to,
            group: group.to_owned(),
            kind,
            due: self.now + Millis::try_from(delay).unwrap_or(Millis::MAX / 2),
        });
    }

    /// Delivers what has come. True when something has.
    pub(super) fn hear_news(&mut self) -> bool {
        let (arrived, waiting): (Vec<News>, Vec<News>) = std::mem::take(&mut self.news)
            .into_iter()
            .partition(|news| news.due <= self.now && self.reaches(news.from, news.to));
        self.news = waiting;
        for news in &arrived {
            match news.kind {
                NewsKind::Group => self.hear_of_group(news),
                NewsKind::Allowed(allowed) => self.hear_of_permission(news, allowed),
            }
        }
        !arrived.is_empty()
    }

    fn hear_of_group(&mut self, news: &News) {
        let Some(source) = self.group(news.from, &news.group).cloned() else {
            return;
        };
        let origin = Some((news.from, source.id.clone()));
        let inbound = self.inbound_id(news.to, news.from, &source.id).or_else(|| {
            // A group of the same name that is gone at its source is taken over.
            let gone = |group: &&Group| {
                let from_there = group.origin.as_ref().filter(|(from, _)| *from == news.from);
                let id = from_there.map(|(_, id)| id.as_str());
                id.is_some_and(|id| self.group(news.from, id).is_none())
                    && group.name == source.name
            };
            self.arrays[news.to]
                .groups
                .values()
                .find(gone)
                .map(|group| group.id.clone())
        });
        let (id, now) = (self.new_id(), self.now);
        let id = inbound.unwrap_or(id);
        let groups = &mut self.arrays[news.to].groups;
        let held = groups
            .entry(id.clone())
            .or_insert_with(|| Group::new(id, source.name.clone(), origin.clone(), now));
        if held.origin != origin {
            held.origin = origin;
            held.allowed = false;
        }
        held.name = source.name;
        held.target_retention = source.target_retention;
        let allowed = held.allowed;
        self.send_news(news.to, news.from, &news.group, NewsKind::Allowed(allowed));
    }

    fn hear_of_permission(&mut self, news: &News, allowed: bool) {
        let Some(group) = self.arrays[news.to].groups.get_mut(&news.group) else {
            return;
        };
        for target in &mut group.targets {
            if target.array == news.from {
                target.allowed = allowed;
            }
        }
    }

    /// What a group of another array is called here.
    pub(crate) fn inbound_id(&self, at: At, from: At, group: &str) -> Option<String> {
        let is_it = |held: &&Group| {
            held.origin
                .as_ref()
                .is_some_and(|(array, id)| *array == from && id == group)
        };
        self.arrays[at]
            .groups
            .values()
            .find(is_it)
            .map(|group| group.id.clone())
    }
}
