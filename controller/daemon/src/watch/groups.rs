//! The groups of watchers, found by what they ask for: a change costs as much as there are groups that want it, however
//! many names are watched one by one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::event::{Event, Kinds};
use super::group::Group;

/// What a watcher asks for. Those that ask for the same share the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) kinds: Kinds,
    /// Only the resource of this name.
    pub(crate) name: Option<String>,
}

impl Filter {
    pub(super) fn wants(&self, kind: &str, name: &str) -> bool {
        self.kinds.has(kind) && self.name.as_deref().is_none_or(|wanted| wanted == name)
    }
}

type OfKinds = BTreeMap<Kinds, Arc<Group>>;

/// Every group that has a watcher.
#[derive(Default)]
pub(super) struct Groups {
    all: OfKinds,
    named: BTreeMap<String, OfKinds>,
}

impl Groups {
    /// The group of a filter, made where it is the first.
    pub(super) fn of(&mut self, filter: &Filter) -> Arc<Group> {
        let groups = match &filter.name {
            Some(name) => self.named.entry(name.clone()).or_default(),
            None => &mut self.all,
        };
        Arc::clone(groups.entry(filter.kinds).or_default())
    }

    /// Forgets a group without watchers, unless another has taken its place.
    pub(super) fn forget(&mut self, filter: &Filter, group: &Arc<Group>) {
        let groups = match &filter.name {
            Some(name) => self.named.get_mut(name),
            None => Some(&mut self.all),
        };
        let Some(groups) = groups else { return };
        if groups.get(&filter.kinds).is_some_and(|known| Arc::ptr_eq(known, group)) {
            groups.remove(&filter.kinds);
        }
        if let Some(name) = filter.name.as_ref().filter(|_| groups.is_empty()) {
            self.named.remove(name);
        }
    }

    /// Whether anybody wants to hear of it.
    pub(super) fn want(&self, kind: &str, name: &str) -> bool {
        let wants = |groups: &OfKinds| groups.keys().any(|kinds| kinds.has(kind));
        wants(&self.all) || self.named.get(name).is_some_and(wants)
    }

    /// Hands changes to whoever wants them.
    pub(super) fn push(&self, events: &[Arc<Event>], at: Instant) {
        hand(&self.all, events, at);
        let mut by_name: BTreeMap<&str, Vec<Arc<Event>>> = BTreeMap::new();
        for event in events.iter().filter(|event| self.named.contains_key(&event.name)) {
            by_name.entry(&event.name).or_default().push(Arc::clone(event));
        }
        for (name, events) in by_name {
            if let Some(groups) = self.named.get(name) {
                hand(groups, &events, at);
            }
        }
    }

    /// Ends every group.
    pub(super) fn end(&self) {
        for group in self.all.values().chain(self.named.values().flat_map(BTreeMap::values)) {
            group.end();
        }
    }
}

fn hand(groups: &OfKinds, events: &[Arc<Event>], at: Instant) {
    for (kinds, group) in groups {
        let own: Vec<_> = events.iter().filter(|event| kinds.has(event.kind)).cloned().collect();
        if !own.is_empty() {
            group.push(own, at);
        }
    }
}
