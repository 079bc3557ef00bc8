//! What happened, as one line each. The lines of a schedule have a hash, so that two runs can be compared without keeping
//! either.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::tally::Kind;

/// How many of the last lines are kept for whoever reads about a failure.
const KEPT: usize = 60;
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The lines of one schedule; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    now_ms: u64,
    hash: u64,
    lines: u64,
    last: VecDeque<String>,
    counts: BTreeMap<Kind, u64>,
    print: bool,
}

impl Trace {
    /// An empty trace; with `print` every line also goes to the standard output.
    #[must_use]
    pub(crate) fn new(print: bool) -> Self {
        let inner = Inner {
            now_ms: 0,
            hash: FNV_OFFSET,
            lines: 0,
            last: VecDeque::new(),
            counts: BTreeMap::new(),
            print,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Moves the time that lines are stamped with.
    pub(crate) fn at(&self, now_ms: u64) {
        self.inner.lock().now_ms = now_ms;
    }

    /// Adds a line.
    pub(crate) fn note(&self, text: fmt::Arguments<'_>) {
        let mut inner = self.inner.lock();
        let line = format!("{:>7} {text}", inner.now_ms);
        for byte in line.bytes() {
            inner.hash = (inner.hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        inner.lines += 1;
        if inner.print {
            println!("{line}");
        }
        if inner.last.len() == KEPT {
            inner.last.pop_front();
        }
        inner.last.push_back(line);
    }

    /// Counts something that happened.
    pub(crate) fn count(&self, kind: Kind) {
        *self.inner.lock().counts.entry(kind).or_default() += 1;
    }

    /// How often each kind of thing happened.
    #[must_use]
    pub(crate) fn counts(&self) -> BTreeMap<Kind, u64> {
        self.inner.lock().counts.clone()
    }

    /// The hash of all lines, and how many there are.
    #[must_use]
    pub(crate) fn digest(&self) -> (u64, u64) {
        let inner = self.inner.lock();
        (inner.hash, inner.lines)
    }

    /// The last lines.
    #[must_use]
    pub(crate) fn last(&self) -> Vec<String> {
        self.inner.lock().last.iter().cloned().collect()
    }
}

/// Adds a formatted line to a [`Trace`].
macro_rules! note {
    ($trace:expr, $($text:tt)*) => { $trace.note(format_args!($($text)*)) };
}
pub(crate) use note;
