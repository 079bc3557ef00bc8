//! Hears everything and lets every invariant judge it. The first breach is kept, the rest follows from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::event::{Applied, Ending, Seen};
use crate::invariants::{Invariant, all};
use crate::trace::{Trace, note};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub invariant: &'static str,
    /// How.
    pub text: String,
}

/// The observers of one schedule; cheap to clone.
#[derive(Clone)]
pub(crate) struct Witness {
    inner: Arc<Mutex<Inner>>,
    trace: Trace,
}

struct Inner {
    invariants: Vec<Box<dyn Invariant>>,
    breach: Option<Breach>,
    ignored: BTreeSet<u64>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("breach", &self.inner.lock().breach).finish_non_exhaustive()
    }
}

impl Witness {
    /// With every invariant.
    #[must_use]
    pub(crate) fn new(trace: Trace) -> Self {
        let inner = Inner { invariants: all(), breach: None, ignored: BTreeSet::new() };
        Self { inner: Arc::new(Mutex::new(inner)), trace }
    }

    /// Tells what happened.
    pub(crate) fn tell(&self, seen: &Seen) {
        if let Seen::Applied(Applied { member, .. }) | Seen::Stands { member, .. } = seen
            && self.inner.lock().ignored.contains(member)
        {
            return;
        }
        self.judge(|invariant| invariant.see(seen));
    }

    /// The state of a member was spoiled on purpose: what it holds counts for nothing from here on.
    pub(crate) fn ignore(&self, member: u64) {
        self.inner.lock().ignored.insert(member);
    }

    /// Tells how it ended.
    pub(crate) fn end(&self, ending: &Ending) {
        self.judge(|invariant| invariant.end(ending));
    }

    fn judge(&self, mut judge: impl FnMut(&mut dyn Invariant) -> Result<(), String>) {
        let mut inner = self.inner.lock();
        if inner.breach.is_some() {
            return;
        }
        let mut found = None;
        for invariant in &mut inner.invariants {
            if let Err(text) = judge(invariant.as_mut()) {
                found = Some(Breach { invariant: invariant.name(), text });
                break;
            }
        }
        if let Some(breach) = found {
            note!(self.trace, "BREACH of {}: {}", breach.invariant, breach.text);
            inner.breach = Some(breach);
        }
    }

    /// The first breach.
    #[must_use]
    pub(crate) fn breach(&self) -> Option<Breach> {
        self.inner.lock().breach.clone()
    }
}
