//! What every agent is to be told, and whose that has changed: an agent that waits is woken by what concerns it and by
//! nothing else, and one that asks again costs a look at what was found the last time.

use std::collections::BTreeMap;

use holdfast_api::internal::{Desired, SyncRequest};
use holdfast_reconcile::{Concerns, Name, Recheck, Touched};
use holdfast_state::State;
use parking_lot::Mutex;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

/// Where the state is to be had as it is now.
pub(crate) trait Newest {
    fn revision(&self) -> u64;

    /// All of it. Those who apply commands do not wait for who reads, but of a large state a copy is not for nothing.
    fn state(&self) -> State;
}

/// What is known of one agent.
struct Place {
    /// How often what it is to be told may have changed.
    touched: watch::Sender<u64>,
    /// The hash of what it was to be told at one of those times.
    hash: Option<(u64, String)>,
    /// What it said at one of those times when there was nothing new in it.
    known: Option<(u64, Said)>,
}

/// Stands for all that an agent says at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said([u8; 32]);

impl Said {
    pub(crate) fn of(request: &SyncRequest) -> Self {
        Self(Sha256::digest(request.encode_to_vec()).into())
    }
}

impl Default for Place {
    fn default() -> Self {
        Self { touched: watch::Sender::new(0), hash: None, known: None }
    }
}

#[derive(Default)]
struct Inner {
    concerns: Concerns,
    places: BTreeMap<Name, Place>,
}

/// What all agents are to be told. Empty on a controller that does not lead.
#[derive(Default)]
pub(crate) struct Desk(Mutex<Inner>);

impl Inner {
    fn place(&mut self, node: &str) -> &mut Place {
        self.places.entry(node.into()).or_default()
    }

    fn follow(&mut self, state: &State) {
        match self.concerns.follow(state) {
            Touched::All => {
                self.places.retain(|node, _| state.node(node).is_some());
                self.places.values().for_each(touch);
            }
            Touched::Nodes(nodes) => nodes.iter().filter_map(|node| self.places.get(node)).for_each(touch),
        }
    }
}

impl Place {
    /// Whether this is the hash of what the node is to be told.
    fn is_hash(&self, known: &str) -> bool {
        self.hash.as_ref().is_some_and(|(at, hash)| *at == *self.touched.borrow() && hash == known)
    }
}

fn touch(place: &Place) {
    place.touched.send_modify(|times| *times = times.wrapping_add(1));
}

fn hash(desired: &Desired) -> String {
    hex::encode(Sha256::digest(desired.encode_to_vec()))
}

impl Desk {
    /// Reads what is to be told, as of the newest state.
    fn with<R>(&self, newest: &dyn Newest, read: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.0.lock();
        // Within the lock: it may not be older than what is known already.
        if inner.concerns.revision() != Some(newest.revision()) {
            inner.follow(&newest.state());
        }
        read(&mut inner)
    }

    /// Reads what is to be told, and the newest state beside it.
    fn with_state<R>(&self, newest: &dyn Newest, read: impl FnOnce(&mut Inner, &State) -> R) -> R {
        let mut inner = self.0.lock();
        let state = newest.state();
        inner.follow(&state);
        read(&mut inner, &state)
    }

    /// Wakes whoever waits for what has changed.
    pub(crate) fn follow(&self, newest: &dyn Newest) {
        self.with(newest, |_| ());
    }

    /// What tells that a node may have something else to do.
    pub(crate) fn touched(&self, newest: &dyn Newest, node: &str) -> watch::Receiver<u64> {
        self.with(newest, |inner| inner.place(node).touched.subscribe())
    }

    /// How often what concerns a node has changed, unless it said the same before and it was known already.
    pub(crate) fn unheard(&self, newest: &dyn Newest, node: &str, said: Said) -> Option<u64> {
        self.with(newest, |inner| {
            let place = inner.place(node);
            let times = *place.touched.borrow();
            (place.known != Some((times, said))).then_some(times)
        })
    }

    /// There was nothing new in what a node said, as things stood then.
    pub(crate) fn heard(&self, node: &str, times: u64, said: Said) {
        if let Some(place) = self.0.lock().places.get_mut(node) {
            place.known = Some((times, said));
        }
    }

    /// Whether this is the hash of what a node should do.
    pub(crate) fn is_current(&self, newest: &dyn Newest, node: &str, known: &str) -> bool {
        self.newer(newest, node, known).is_none()
    }

    /// What a node should do, with its hash, where it is not what it knows.
    pub(crate) fn newer(&self, newest: &dyn Newest, node: &str, known: &str) -> Option<(Desired, String)> {
        if self.with(newest, |inner| inner.place(node).is_hash(known)) {
            return None;
        }
        self.with_state(newest, |inner, state| {
            let desired = inner.concerns.desired(state, node);
            let hash = hash(&desired);
            let place = inner.place(node);
            place.hash = Some((*place.touched.borrow(), hash.clone()));
            (hash != known).then_some((desired, hash))
        })
    }

    /// What a node should do, with its hash.
    pub(crate) fn desired(&self, newest: &dyn Newest, node: &str) -> (Desired, String) {
        let desired = self.with_state(newest, |inner, state| inner.concerns.desired(state, node));
        let hash = hash(&desired);
        (desired, hash)
    }

    /// Asks what is where.
    pub(crate) fn placed<R>(&self, newest: &dyn Newest, ask: impl FnOnce(&State, &Concerns) -> R) -> R {
        self.with_state(newest, |inner, state| ask(state, &inner.concerns))
    }

    /// The jobs that have a task on a node and hold places.
    pub(crate) fn jobs_of(&self, newest: &dyn Newest, node: &str) -> Vec<String> {
        self.with(newest, |inner| inner.concerns.jobs_of(node).map(str::to_owned).collect())
    }

    /// Asks about the artifacts of which there may be too few copies since this was asked last; all of them where `all`.
    pub(crate) fn recheck<R>(
        &self,
        newest: &dyn Newest,
        all: bool,
        ask: impl FnOnce(&State, &Concerns, &Recheck) -> R,
    ) -> Option<R> {
        if !all && self.with(newest, |inner| !inner.concerns.has_recheck()) {
            return None;
        }
        self.with_state(newest, |inner, state| {
            let changed = inner.concerns.take_recheck();
            let which = if all { Recheck::All } else { changed };
            (!which.is_empty()).then(|| ask(state, &inner.concerns, &which))
        })
    }

    /// Forgets everything, where it does not know nothing already.
    pub(crate) fn clear(&self) {
        let mut inner = self.0.lock();
        if inner.concerns.revision().is_some() {
            *inner = Inner::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster in which nothing is.
    struct Empty;

    impl Newest for Empty {
        fn revision(&self) -> u64 {
            0
        }

        fn state(&self) -> State {
            State::default()
        }
    }

    #[test]
    fn what_a_node_says_again_is_not_looked_at_again() {
        let (desk, newest) = (Desk::default(), Empty);
        let said =
            |bundle: &str| Said::of(&SyncRequest { bundle: bundle.to_owned(), ..SyncRequest::default() });
        let times = desk.unheard(&newest, "a", said("one")).unwrap();
        assert!(desk.unheard(&newest, "a", said("one")).is_some(), "there may have been something new in it");
        desk.heard("a", times, said("one"));
        assert_eq!(desk.unheard(&newest, "a", said("one")), None);
        assert!(desk.unheard(&newest, "a", said("two")).is_some());
        assert!(desk.unheard(&newest, "b", said("one")).is_some());
        desk.0.lock().places.values().for_each(touch);
        assert!(desk.unheard(&newest, "a", said("one")).is_some(), "what concerns it has changed");
        desk.heard("a", times, said("one"));
        assert!(desk.unheard(&newest, "a", said("one")).is_some(), "it was looked at before that");
    }

    #[test]
    fn a_node_is_told_what_it_does_not_know() {
        let (desk, newest) = (Desk::default(), Empty);
        let (desired, hash) = desk.newer(&newest, "a", "").unwrap();
        assert_eq!(desired, Desired::default());
        assert!(desk.is_current(&newest, "a", &hash));
        assert!(!desk.is_current(&newest, "a", "another"));
        assert_eq!(desk.newer(&newest, "a", "another"), Some((desired, hash)));
    }
}
