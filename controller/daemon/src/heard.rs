//! When nodes were last heard from. Kept by the leader alone and never in the log. A leaf.
//!
//! Leases run by a clock that nobody sets: were it the wall clock, one that is set forward would take every node for lost
//! while its tasks run on, and one that is set back would never miss a node.

use std::collections::BTreeMap;

use holdfast_types::Span;
use tokio::time::Instant;

/// When each node was heard in one term.
#[derive(Debug)]
pub(crate) struct Heard {
    term: u64,
    since: Instant,
    last: BTreeMap<String, Instant>,
}

impl Heard {
    /// Nobody yet, in this term.
    pub(crate) fn new(term: u64) -> Self {
        Self { term, since: Instant::now(), last: BTreeMap::new() }
    }

    /// Begins anew where the term is another: what an earlier leader heard is not known.
    pub(crate) fn begin(&mut self, term: u64) {
        if self.term != term {
            *self = Self::new(term);
        }
    }

    /// A node says something.
    pub(crate) fn hear(&mut self, node: &str) {
        self.last.insert(node.to_owned(), Instant::now());
    }

    /// For how long each node has been quiet, as of now.
    pub(crate) fn quiet(&self) -> impl Fn(&str) -> Span + use<> {
        let (now, since, last) = (Instant::now(), self.since, self.last.clone());
        move |node| {
            let last = last.get(node).copied().unwrap_or(since);
            Span(u64::try_from(now.duration_since(last).as_millis()).unwrap_or(u64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_is_quiet_since_it_was_heard_or_since_the_leader_listens() {
        let mut heard = Heard::new(1);
        tokio::time::advance(Duration::from_secs(5)).await;
        heard.hear("a");
        tokio::time::advance(Duration::from_secs(2)).await;
        let quiet = heard.quiet();
        assert_eq!((quiet("a"), quiet("b")), (Span::from_secs(2), Span::from_secs(7)));
        heard.begin(1);
        assert_eq!(heard.quiet()("b"), Span::from_secs(7), "the same term goes on");
        heard.begin(2);
        assert_eq!(heard.quiet()("a"), Span(0), "what was heard in another term does not count");
    }
}
