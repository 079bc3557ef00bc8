//! Ends the program where an input never ends; nothing else could name it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// One input may take this long on a busy machine; a loop without end takes longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);
/// The targets of one program together may take this much memory.
pub(crate) const MOST_KIB: u64 = 2 << 20;
/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(100);

/// The most memory this process ever had.
pub(crate) fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Watches one target while it lives.
pub(crate) struct Watch {
    at: Arc<AtomicU64>,
    /// Closed when the watch is over.
    _over: Sender<()>,
}

impl Watch {
    pub(crate) fn start(name: &str, seed: u64) -> Self {
        let (sender, over) = channel();
        let watch = Self { at: Arc::default(), _over: sender };
        let (at, name) = (Arc::clone(&watch.at), name.to_owned());
        std::thread::spawn(move || {
            let mut seen = (u64::MAX, Instant::now());
            while over.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let now = at.load(Ordering::Relaxed);
                if now != seen.0 {
                    seen = (now, Instant::now());
                } else if seen.1.elapsed() > LONGEST * 2 {
                    eprintln!("target `{name}` hangs at input {now} of seed {seed}");
                    std::process::exit(1);
                }
            }
        });
        watch
    }

    /// The target takes this input now.
    pub(crate) fn at(&self, number: u64) {
        self.at.store(number, Ordering::Relaxed);
    }
}
