//! What `up` tells: lines with the time since it began; on a terminal the line of a step that takes long is alive.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use parking_lot::Mutex;

use super::layout::Layout;

/// The voice of `up`. Everything goes to standard error: standard output is for data.
#[derive(Debug)]
pub(super) struct Say {
    since: Instant,
    alive: bool,
    /// Whether an unfinished line stands on the terminal.
    open: Mutex<bool>,
}

impl Say {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), alive: std::io::stderr().is_terminal(), open: Mutex::new(false) }
    }

    /// Says something.
    pub(super) fn line(&self, text: &str) {
        let mut open = self.open.lock();
        let clear = if std::mem::take(&mut *open) { "\r\x1b[K" } else { "" };
        // A closed standard error takes the voice, not the cluster.
        let _ = writeln!(std::io::stderr(), "{clear}[{:6.1}s] {text}", self.since.elapsed().as_secs_f64());
    }

    /// Says how a step is getting on; elsewhere than on a terminal this is silence.
    pub(super) fn progress(&self, text: &str) {
        if !self.alive {
            return;
        }
        *self.open.lock() = true;
        let mut err = std::io::stderr();
        let _ = write!(err, "\r\x1b[K[{:6.1}s] {text}", self.since.elapsed().as_secs_f64());
        let _ = err.flush();
    }

    /// What to type next.
    pub(super) fn next_steps(&self, layout: &Layout) {
        self.line("the cluster runs; ctrl-C stops it and keeps everything");
        self.line(&format!("  export HOLDFAST_CONTEXT={}", layout.context()));
        self.line("  holdfast cluster status");
        self.line("  holdfast dataset import demo-corpus DIR --label personal --residency DE --purpose research --tenant lab");
        self.line("  holdfast job submit -f examples/train.yaml");
    }
}
