//! Controllers that are members no more. Their certificates are good until they end, so it is the members that are asked who
//! may call; and a controller that is told it was removed says so instead of trying for ever. A leaf.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_types::{NodeName, Problem, ProblemKind};

/// What a controller is told that is no member.
const CODE: u16 = 1242;

/// Why a controller that is no member is not answered.
pub(crate) fn refused(name: &NodeName) -> Problem {
    let summary = format!("controller `{name}` is no member of the cluster");
    Problem::new(CODE, ProblemKind::Unauthorised, summary)
        .because("it was removed, or never let in; its certificate alone opens nothing")
        .next("holdfast controller list")
}

/// Whether the others said that this controller was removed; shared by who calls them and who speaks for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcast(Arc<AtomicBool>);

impl Outcast {
    /// One of the others refused a call of raft.
    pub(crate) fn refused(&self, problem: &Problem) {
        if problem.code.0 == CODE && !self.0.swap(true, Ordering::Relaxed) {
            tracing::error!(%problem, "the others know this controller no more: stop it");
        }
    }

    /// One of the others answered.
    pub(crate) fn answered(&self) {
        if self.0.load(Ordering::Relaxed) {
            self.0.store(false, Ordering::Relaxed);
        }
    }

    /// Why this controller takes no part, if so.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.0.load(Ordering::Relaxed).then_some("the others say that this controller was removed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_refusal_makes_an_outcast_and_an_answer_ends_it() {
        let outcast = Outcast::default();
        let shared = outcast.clone();
        outcast.refused(&Problem::new(1202, ProblemKind::Unauthorised, "may not do this"));
        assert_eq!(shared.reason(), None);
        outcast.refused(&refused(&"c-3".parse().unwrap()));
        assert!(shared.reason().is_some_and(|reason| reason.contains("removed")));
        outcast.answered();
        assert_eq!(shared.reason(), None);
    }
}
