//! The present state for a watch that begins from nothing: a copy of one revision, encoded piece by piece as it is taken,
//! so that neither the state is held up nor all of it encoded at once.

use std::sync::Arc;

use holdfast_api::v1::Metadata;
use holdfast_state::State;
use prost::Message as _;

use super::event::{Event, Frame, KINDS};
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
            looked = each(&self.state, kind, self.seen, |name, encoded| {
                if filter.wants(kind, name) {
                    let event = Arc::new(Event::present(revision, kind, name, &encoded()));
                    out.push(Frame::Change { event, partial: true });
                }
            });
        }
        self.seen += looked;
        if looked < PIECE {
            self.kind += 1;
            self.seen = 0;
        }
        Some(out)
    }
}

/// Looks at the resources of a kind after so many, no more than make a piece; how many there were.
fn each(state: &State, kind: &str, seen: usize, mut look: impl FnMut(&str, &dyn Fn() -> Vec<u8>)) -> usize {
    fn name(metadata: &Option<Metadata>) -> &str {
        metadata.as_ref().map_or("", |m| m.name.as_str())
    }
    let mut looked = 0;
    match kind {
        "Queue" => {
            for queue in state.queues().skip(seen).take(PIECE) {
                look(name(&queue.metadata), &|| queue.encode_to_vec());
                looked += 1;
            }
        }
        "Reservation" => {
            for reservation in state.reservations().skip(seen).take(PIECE) {
                look(name(&reservation.metadata), &|| reservation.encode_to_vec());
                looked += 1;
            }
        }
        "Node" => {
            for node in state.nodes().filter_map(|r| r.node.as_ref()).skip(seen).take(PIECE) {
                look(name(&node.metadata), &|| node.encode_to_vec());
                looked += 1;
            }
        }
        "Artifact" => {
            for artifact in
                state.artifacts_after(seen).take(PIECE).map(|row| row.artifact.unwrap_or_default())
            {
                look(name(&artifact.metadata), &|| artifact.encode_to_vec());
                looked += 1;
            }
        }
        _ => {
            for job in state.jobs().skip(seen).take(PIECE) {
                look(name(&job.metadata), &|| job.encode_to_vec());
                looked += 1;
            }
        }
    }
    looked
}
