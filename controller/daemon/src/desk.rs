//! What every agent is to be told, and whose that has changed: an agent that waits is woken by what concerns it and by
//! nothing else, and one that asks again costs a look at what was found the last time.

use std::collections::BTreeMap;

use holdfast_api::internal::Desired;
use holdfast_reconcile::{Concerns, Name, Recheck, Touched};
use holdfast_state::State;
use parking_lot::Mutex;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

/// Where the state is to be had as it is now. Cloning it costs little, and those who apply commands do not wait for who
/// reads.
type Newest<'a> = &'a dyn Fn() -> State;

/// What is known of one agent.
struct Place {
    /// How often what it is to be told may have changed.
    touched: watch::Sender<u64>,
    /// The hash of what it was to be told at one of those times.
    hash: Option<(u64, String)>,
}

impl Default for Place {
    fn default() -> Self {
        Self { touched: watch::Sender::new(0), hash: None }
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

fn touch(place: &Place) {
    place.touched.send_modify(|times| *times = times.wrapping_add(1));
}

fn hash(desired: &Desired) -> String {
    hex::encode(Sha256::digest(desired.encode_to_vec()))
}

impl Desk {
    /// Reads what is to be told, at the newest state.
    fn with<R>(&self, newest: Newest<'_>, read: impl FnOnce(&mut Inner, &State) -> R) -> R {
        let mut inner = self.0.lock();
        // Within the lock: it may not be older than what is known already.
        let state = newest();
        inner.follow(&state);
        read(&mut inner, &state)
    }

    /// Wakes whoever waits for what has changed.
    pub(crate) fn follow(&self, newest: Newest<'_>) {
        self.with(newest, |_, _| ());
    }

    /// What tells that a node may have something else to do.
    pub(crate) fn touched(&self, newest: Newest<'_>, node: &str) -> watch::Receiver<u64> {
        self.with(newest, |inner, _| inner.places.entry(node.into()).or_default().touched.subscribe())
    }

    /// The hash of what a node should do.
    pub(crate) fn hash(&self, newest: Newest<'_>, node: &str) -> String {
        self.with(newest, |inner, state| {
            let place = inner.places.entry(node.into()).or_default();
            let times = *place.touched.borrow();
            match &place.hash {
                Some((at, hash)) if *at == times => hash.clone(),
                _ => {
                    let hash = hash(&inner.concerns.desired(state, node));
                    place.hash = Some((times, hash.clone()));
                    hash
                }
            }
        })
    }

    /// What a node should do, with its hash.
    pub(crate) fn desired(&self, newest: Newest<'_>, node: &str) -> (Desired, String) {
        let desired = self.with(newest, |inner, state| inner.concerns.desired(state, node));
        let hash = hash(&desired);
        (desired, hash)
    }

    /// The jobs that have a task on a node and hold places.
    pub(crate) fn jobs_of(&self, newest: Newest<'_>, node: &str) -> Vec<String> {
        self.with(newest, |inner, _| inner.concerns.jobs_of(node).map(str::to_owned).collect())
    }

    /// Asks about the artifacts of which there may be too few copies since this was asked last; all of them where `all`.
    pub(crate) fn recheck<R>(
        &self,
        newest: Newest<'_>,
        all: bool,
        ask: impl FnOnce(&State, &Concerns, &Recheck) -> R,
    ) -> Option<R> {
        self.with(newest, |inner, state| {
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
