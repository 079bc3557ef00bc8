//! What every agent is to be told, and whose that has changed: an agent that waits is woken by what concerns it and by
//! nothing else, and one that asks again costs a look at what was found the last time.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_api::internal::SyncRequest;
use holdfast_reconcile::{Concerns, Loads, Name, OfNode, Recheck, Touched};
use holdfast_state::State;
use parking_lot::Mutex;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tonic::Status;

use crate::apart::Apart;

/// Where the state is to be had as it is now.
pub(crate) trait Newest: Sync {
    fn revision(&self) -> u64;

    /// Whether everything is known that has changed since a revision.
    fn knows_since(&self, revision: u64) -> bool;

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

    /// As agents name it.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        name.try_into().ok().map(Self)
    }

    /// For agents to name it.
    pub(crate) fn name(self) -> Vec<u8> {
        self.0.to_vec()
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
pub(crate) struct Desk {
    inner: Mutex<Inner>,
    /// Held by the one that reads the whole state.
    reading: tokio::sync::Mutex<()>,
    /// Its own threads: however many agents are to be told something, nobody else waits for them.
    apart: Apart,
}

impl Inner {
    fn place(&mut self, node: &str) -> &mut Place {
        self.places.entry(node.into()).or_default()
    }

    fn follow(&mut self, state: &State) {
        match self.concerns.follow(state) {
            Touched::All => self.all_touched(state),
            Touched::Nodes(nodes) => nodes.iter().filter_map(|node| self.places.get(node)).for_each(touch),
        }
    }
}

impl Inner {
    fn all_touched(&mut self, state: &State) {
        self.places.retain(|node, _| state.node(node).is_some());
        self.places.values().for_each(touch);
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

fn hash(told: &[u8]) -> String {
    hex::encode(Sha256::digest(told))
}

impl Desk {
    /// Takes in the whole state where that has to be, which takes long where it is large. Whoever asks without this waits for it
    /// with the lock, and everybody else for the lock.
    pub(crate) async fn ready(&self, newest: &dyn Newest) -> Result<(), Status> {
        if self.is_ready(newest) {
            return Ok(());
        }
        let _reading = self.reading.lock().await;
        if self.is_ready(newest) {
            return Ok(());
        }
        let state = newest.state();
        let (concerns, state) = self.apart.run(move || (Concerns::of(&state), state)).await?;
        let mut inner = self.inner.lock();
        inner.concerns = concerns;
        inner.all_touched(&state);
        Ok(())
    }

    fn is_ready(&self, newest: &dyn Newest) -> bool {
        let known = self.inner.lock().concerns.revision();
        known.is_some_and(|revision| newest.knows_since(revision))
    }

    /// Reads what is to be told, as of the newest state.
    fn with<R>(&self, newest: &dyn Newest, read: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.inner.lock();
        // Within the lock: it may not be older than what is known already.
        if inner.concerns.revision() != Some(newest.revision()) {
            inner.follow(&newest.state());
        }
        read(&mut inner)
    }

    /// Reads what is to be told, and the newest state with it.
    fn with_state<R>(&self, newest: &dyn Newest, read: impl FnOnce(&mut Inner) -> R) -> (State, R) {
        let mut inner = self.inner.lock();
        let state = newest.state();
        inner.follow(&state);
        (state, read(&mut inner))
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
        if let Some(place) = self.inner.lock().places.get_mut(node) {
            place.known = Some((times, said));
        }
    }

    /// What a node should do, encoded, with its hash, where it is not what it knows.
    pub(crate) async fn newer(
        &self,
        newest: &dyn Newest,
        node: &str,
        known: &str,
    ) -> Result<Option<(Vec<u8>, String)>, Status> {
        if self.with(newest, |inner| inner.place(node).is_hash(known)) {
            return Ok(None);
        }
        let turn = self.apart.turn().await?;
        let (state, (times, of_node)) = self.with_state(newest, |inner| {
            let times = *inner.place(node).touched.borrow();
            (times, inner.concerns.of_node(node))
        });
        let name = node.to_owned();
        let found = turn.run(move || {
            let told = of_node.told(&state, &name);
            let hash = hash(&told);
            (told, hash)
        });
        let (told, hash) = found.await?;
        if let Some(place) = self.inner.lock().places.get_mut(node) {
            place.hash = Some((times, hash.clone()));
        }
        Ok((hash != known).then_some((told, hash)))
    }

    /// What a node has to do with, and the newest state.
    pub(crate) fn of_node(&self, newest: &dyn Newest, node: &str) -> (State, Arc<OfNode>) {
        self.with_state(newest, |inner| inner.concerns.of_node(node))
    }

    /// The newest state, and how much each node has.
    pub(crate) fn loads(&self, newest: &dyn Newest) -> (State, Loads) {
        self.with_state(newest, |inner| inner.concerns.loads())
    }

    /// The artifacts of which there may be too few copies since this was asked last, and others that are to be looked at; with
    /// the newest state, and how much each node has.
    pub(crate) fn recheck(&self, newest: &dyn Newest, others: Recheck) -> Option<(State, Loads, Recheck)> {
        if others.is_empty() && self.with(newest, |inner| !inner.concerns.has_recheck()) {
            return None;
        }
        let (state, (loads, changed)) =
            self.with_state(newest, |inner| (inner.concerns.loads(), inner.concerns.take_recheck()));
        let which = changed.and(others);
        (!which.is_empty()).then_some((state, loads, which))
    }

    /// Forgets everything, where it does not know nothing already.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner.lock();
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

        fn knows_since(&self, _: u64) -> bool {
            true
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
        desk.inner.lock().places.values().for_each(touch);
        assert!(desk.unheard(&newest, "a", said("one")).is_some(), "what concerns it has changed");
        desk.heard("a", times, said("one"));
        assert!(desk.unheard(&newest, "a", said("one")).is_some(), "it was looked at before that");
    }

    #[tokio::test]
    async fn a_node_is_told_what_it_does_not_know() {
        let (desk, newest) = (Desk::default(), Empty);
        desk.ready(&newest).await.unwrap();
        desk.touched(&newest, "a");
        let (told, hash) = desk.newer(&newest, "a", "").await.unwrap().unwrap();
        assert_eq!(told, Vec::<u8>::new(), "nothing");
        assert_eq!(desk.newer(&newest, "a", &hash).await.unwrap(), None);
        assert_eq!(desk.newer(&newest, "a", "another").await.unwrap(), Some((told, hash)));
    }
}
