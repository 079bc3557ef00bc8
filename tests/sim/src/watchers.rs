//! Watchers: they list once, then follow the changes, now at this member and now at that one.

use crate::chance::Chance;
use crate::event::Seen;
use crate::host::{Host, Shared};
use crate::machine::item;
use crate::plant::Plant;
use crate::tally::Kind;
use crate::trace::note;

/// One watcher.
#[derive(Debug)]
pub(crate) struct Watcher {
    id: u64,
    chance: Chance,
    plant: Plant,
    member: u64,
    /// The last revision it saw; `None` before it listed.
    at: Option<u64>,
    next_ms: u64,
}

impl Watcher {
    /// A watcher that has seen nothing.
    #[must_use]
    pub(crate) fn new(id: u64, chance: Chance, plant: Plant) -> Self {
        Self { id, chance, plant, member: id, at: None, next_ms: 0 }
    }

    /// Looks for changes where it is time to.
    pub(crate) fn step(&mut self, now_ms: u64, hosts: &[Host], shared: &Shared) {
        if now_ms < self.next_ms {
            return;
        }
        self.next_ms = now_ms + self.chance.between(2, 80);
        let all = u64::try_from(hosts.len()).unwrap_or(1);
        let mut moved = false;
        if self.chance.percent(5) {
            self.member = self.chance.between(1, all);
            moved = true;
        }
        let host = hosts.iter().find(|host| host.id == self.member && !host.asleep && !host.spoiled);
        let Some(node) = host.and_then(Host::node) else {
            // The one it followed is gone: another goes on where this one left.
            self.member = 1 + self.member % all;
            return;
        };
        let seen = node.with(|machine| self.look(&machine.state, moved));
        note!(shared.trace, "watcher {} at {}: {seen:?}", self.id, self.member);
        for seen in seen {
            shared.trace.count(Kind::Watched);
            shared.witness.tell(&seen);
        }
    }

    fn look(&mut self, state: &holdfast_state::State, moved: bool) -> Vec<Seen> {
        let watcher = self.id;
        let Some(at) = self.at else { return self.list(state) };
        let Ok(changes) = state.changes_since(at) else { return self.list(state) };
        let mut items: Vec<_> = changes.map(item).collect();
        if moved && self.plant == Plant::GapWatch && items.len() > 1 {
            items.remove(0);
        }
        let Some(last) = items.last() else { return Vec::new() };
        self.at = Some(last.revision);
        vec![Seen::Watched { watcher, items }]
    }

    fn list(&mut self, state: &holdfast_state::State) -> Vec<Seen> {
        let revision = state.revision();
        if revision == 0 {
            return Vec::new();
        }
        self.at = Some(revision);
        vec![Seen::Listed { watcher: self.id, revision }]
    }
}
