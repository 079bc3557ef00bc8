//! The present state for a watch that begins from nothing: a copy of one revision, encoded piece by piece as it is taken,
//! so that neither the state is held up nor all of it encoded at once.

use std::sync::Arc;

use holdfast_api::v1::Metadata;
use holdfast_state::State;

use super::event::{Borrowed, Event, Frame, KINDS};
use super::groups::Filter;

/// How many resources are looked at for one piece.
const PIECE: usize = 512;

/// A copy of the state, and how much of it was taken.
pub(super) struct Listing {
    state: Box<State>,
    kind: usize,
    seen: usize,
}

impl Listing {
    pub(super) fn new(state: State) -> Self {
        Self { state: Box::new(state), kind: 0, seen: 0 }
    }

    /// The revision of all of it.
    pub(super) fn revision(&self) -> u64 {
        self.state.revision()
    }

    /// The next piece, which may be empty; nothing after the last. Every change says that more of its revision follow:
    /// the bookmark after the last piece ends it.
    pub(super) fn next(&mut self, filter: &Filter) -> Option<Vec<Frame>> {
        let kind = KINDS.get(self.kind).copied()?;
        let mut looked = 0;
        let mut out = Vec::new();
        if filter.kinds.has(kind) {
            let revision = self.revision();
            for (name, resource) in resources(&self.state, kind).skip(self.seen).take(PIECE) {
                looked += 1;
                if filter.wants(kind, name) {
                    let event = Arc::new(Event::present(revision, kind, name, resource));
                    out.push(Frame::Change { event, partial: true });
                }
            }
        }
        self.seen += looked;
        if looked < PIECE {
            self.kind += 1;
            self.seen = 0;
        }
        Some(out)
    }
}

fn resources<'a>(state: &'a State, kind: &str) -> Box<dyn Iterator<Item = (&'a str, Borrowed<'a>)> + 'a> {
    fn name(metadata: &Option<Metadata>) -> &str {
        metadata.as_ref().map_or("", |m| m.name.as_str())
    }
    match kind {
        "Queue" => Box::new(state.queues().map(|q| (name(&q.metadata), Borrowed::Queue(q)))),
        "Node" => {
            let nodes = state.nodes().filter_map(|r| r.node.as_ref());
            Box::new(nodes.map(|n| (name(&n.metadata), Borrowed::Node(n))))
        }
        "Artifact" => {
            let artifacts = state.artifacts().filter_map(|r| r.artifact.as_ref());
            Box::new(artifacts.map(|a| (name(&a.metadata), Borrowed::Artifact(a))))
        }
        _ => Box::new(state.jobs().map(|j| (name(&j.metadata), Borrowed::Job(j)))),
    }
}
