//! How far a transfer is: one line that is written over on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_types::Bytes;

const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(5);
const BAR: u64 = 24;

/// A meter on stderr; shared by everything that moves bytes.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    of: u64,
    done: AtomicU64,
    began: Instant,
    /// When it was last shown, in milliseconds after it began.
    shown: AtomicU64,
    is_terminal: bool,
}

impl Progress {
    /// A meter of `of` bytes.
    pub(crate) fn new(what: &'static str, of: u64) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self {
            what,
            of,
            done: AtomicU64::new(0),
            began: Instant::now(),
            shown: AtomicU64::new(0),
            is_terminal,
        }
    }

    /// Counts bytes, and shows the meter where it is time to.
    pub(crate) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        let interval = if self.is_terminal { ON_TERMINAL } else { ELSEWHERE };
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = |last: u64| (u128::from(now.saturating_sub(last)) >= interval.as_millis()).then_some(now);
        if self.shown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
            let (before, after) = if self.is_terminal { ("\r", "\u{1b}[K") } else { ("", "\n") };
            self.write(before, after);
        }
    }

    /// Shows the meter for the last time.
    pub(crate) fn finish(&self) {
        self.write(
            if self.is_terminal { "\r" } else { "" },
            if self.is_terminal { "\u{1b}[K\n" } else { "\n" },
        );
    }

    fn write(&self, before: &str, after: &str) {
        let line = line(self.what, self.done.load(Ordering::Relaxed), self.of, self.began.elapsed());
        // Where stderr is closed there is nobody left to tell.
        let _ = write!(io::stderr(), "{before}{line}{after}");
    }
}

fn line(what: &str, done: u64, of: u64, elapsed: Duration) -> String {
    let part = |whole: u64| u128::from(done.min(of)) * u128::from(whole) / u128::from(of.max(1));
    let filled = usize::try_from(part(BAR)).unwrap_or(0);
    let empty = usize::try_from(BAR).unwrap_or(0).saturating_sub(filled);
    let rate = u128::from(done) * 1_000 / elapsed.as_millis().max(1);
    format!(
        "{what} [{}{}] {:>3}% {} of {}, {}/s",
        "#".repeat(filled),
        ".".repeat(empty),
        part(100),
        Bytes(done),
        Bytes(of),
        Bytes(u64::try_from(rate).unwrap_or(u64::MAX))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_and_how_fast() {
        assert_eq!(
            line("send", 3 << 20, 4 << 20, Duration::from_secs(2)),
            "send [##################......]  75% 3 MiB of 4 MiB, 1.5 MiB/s"
        );
        assert!(line("send", 0, 0, Duration::ZERO).contains("  0% 0 B of 0 B, 0 B/s"));
        // Sending again after a break counts some bytes twice; the bar does not run over.
        assert!(line("send", 9, 4, Duration::from_secs(1)).contains("] 100% "));
    }
}
