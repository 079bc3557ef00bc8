//! How far a transfer is: one line that is written over on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_types::Bytes;

const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(5);
const TALLY: Duration = Duration::from_secs(1);
const BAR: u64 = 24;

/// When something is to be shown again.
#[derive(Debug)]
struct Pace {
    began: Instant,
    /// When it was last shown, in milliseconds after it began; 0 before the first time.
    shown: AtomicU64,
    interval: Duration,
}

impl Pace {
    fn new(interval: Duration) -> Self {
        Self { began: Instant::now(), shown: AtomicU64::new(0), interval }
    }

    /// Whether it is time, which is then taken for done.
    fn due(&self) -> bool {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due =
            |last: u64| (u128::from(now.saturating_sub(last)) >= self.interval.as_millis()).then_some(now);
        self.shown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }

    fn was_shown(&self) -> bool {
        self.shown.load(Ordering::Relaxed) > 0
    }
}

/// A count on stderr of what has no end that is known: a line every second, from the first second on.
#[derive(Debug)]
pub(crate) struct Tally {
    what: &'static str,
    done: AtomicU64,
    pace: Pace,
}

impl Tally {
    /// A count of nothing yet.
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, done: AtomicU64::new(0), pace: Pace::new(TALLY) }
    }

    /// Counts, and says how much it is where it is time to.
    pub(crate) fn add(&self, count: u64) {
        let done = self.done.fetch_add(count, Ordering::Relaxed) + count;
        if self.pace.due() {
            // Where stderr is closed there is nobody left to tell.
            let _ = writeln!(io::stderr(), "{done} {}", self.what);
        }
    }
}

/// A meter on stderr; shared by everything that moves bytes.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    of: u64,
    done: AtomicU64,
    pace: Pace,
    is_terminal: bool,
}

impl Progress {
    /// A meter of `of` bytes.
    pub(crate) fn new(what: &'static str, of: u64) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let pace = Pace::new(if is_terminal { ON_TERMINAL } else { ELSEWHERE });
        Self { what, of, done: AtomicU64::new(0), pace, is_terminal }
    }

    /// Counts bytes, and shows the meter where it is time to.
    pub(crate) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        if self.pace.due() {
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

    /// Shows the meter for the last time, if it was shown at all.
    pub(crate) fn end(&self) {
        if self.pace.was_shown() {
            self.finish();
        }
    }

    fn write(&self, before: &str, after: &str) {
        let line = line(self.what, self.done.load(Ordering::Relaxed), self.of, self.pace.began.elapsed());
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
    fn nothing_is_said_of_what_is_quick() {
        let (quick, slow) = (Pace::new(Duration::from_secs(3_600)), Pace::new(Duration::ZERO));
        assert_eq!((quick.due(), quick.was_shown()), (false, false));
        std::thread::park_timeout(Duration::from_millis(5));
        assert_eq!((slow.due(), slow.was_shown()), (true, true));
    }

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
