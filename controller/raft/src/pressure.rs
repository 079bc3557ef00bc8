//! How long a command that arrives now would wait, told by what waits and what is on its way. Where that comes near the time
//! after which nobody knows any more what became of it, it is better to say so at once.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Nobody is told to come back sooner.
const SOONEST: Duration = Duration::from_millis(50);
/// Nor later: a disk that hangs may go on at any time.
const LATEST: Duration = Duration::from_secs(5);

/// What waits before a command.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ahead {
    /// How often batches have to be sent before it is its turn.
    pub(crate) rounds: u32,
}

/// What is on its way, and how long that takes as a rule.
#[derive(Debug, Default)]
pub(crate) struct Pressure(Mutex<Way>);

#[derive(Debug, Default)]
struct Way {
    /// When each batch began that has not ended, oldest first.
    began: Vec<Instant>,
    usual: Duration,
}

impl Pressure {
    /// A batch is handed to raft.
    pub(crate) fn begin(&self, at: Instant) {
        self.0.lock().began.push(at);
    }

    /// A batch that began then has ended, however it did.
    pub(crate) fn end(&self, began: Instant, at: Instant) {
        let mut way = self.0.lock();
        if let Some(place) = way.began.iter().position(|other| *other == began) {
            way.began.remove(place);
        }
        // A quarter of it is the newest: one slow sync is not a slow disk, and a few quick ones are a quick disk.
        way.usual = (way.usual * 3 + at.duration_since(began)) / 4;
    }

    /// How long a command would wait. Nothing where nothing is on its way: then only an attempt can tell.
    fn wait(&self, ahead: Ahead, now: Instant) -> Duration {
        let way = self.0.lock();
        let Some(oldest) = way.began.first() else { return Duration::ZERO };
        way.usual.max(now.duration_since(*oldest)).saturating_mul(ahead.rounds.saturating_add(1))
    }

    /// Whether a command is taken that may wait for `most`; otherwise when it should come back.
    pub(crate) fn admit(&self, ahead: Ahead, most: Duration, now: Instant) -> Result<(), Duration> {
        let wait = self.wait(ahead, now);
        if wait <= most { Ok(()) } else { Err((wait / 2).clamp(SOONEST, LATEST)) }
    }

    /// When to come back where there is no room for another command.
    pub(crate) fn room(&self, ahead: Ahead, now: Instant) -> Duration {
        (self.wait(ahead, now) / 2).clamp(SOONEST, LATEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(5);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn commands_are_taken_while_they_would_be_answered_in_time() {
        let (pressure, start) = (Pressure::default(), Instant::now());
        let ahead = |rounds| Ahead { rounds };
        assert_eq!(pressure.admit(ahead(1_000), MOST, start), Ok(()), "nothing is known yet");
        for _ in 0..20 {
            pressure.begin(start);
            pressure.end(start, start + ms(400));
        }
        assert_eq!(pressure.admit(ahead(1_000), MOST, start), Ok(()), "an attempt can do no harm");
        pressure.begin(start);
        assert_eq!(pressure.admit(ahead(8), MOST, start), Ok(()));
        let back = pressure.admit(ahead(40), MOST, start).unwrap_err();
        assert!((ms(4_900)..=LATEST).contains(&back), "{back:?}");
        assert_eq!(pressure.room(ahead(0), start), SOONEST.max(pressure.wait(ahead(0), start) / 2));
    }

    #[test]
    fn a_disk_that_hangs_takes_no_more_commands_and_one_that_goes_on_does() {
        let (pressure, start) = (Pressure::default(), Instant::now());
        let none = Ahead::default();
        pressure.begin(start);
        assert_eq!(pressure.admit(none, MOST, start + ms(5_000)), Ok(()));
        assert_eq!(pressure.admit(none, MOST, start + ms(5_001)), Err(ms(5_001) / 2));
        assert_eq!(pressure.admit(none, MOST, start + ms(60_000)), Err(LATEST));
        pressure.end(start, start + ms(60_000));
        // What was learnt of it does not keep the next away.
        assert_eq!(pressure.admit(none, MOST, start + ms(60_000)), Ok(()));
        for _ in 0..10 {
            pressure.begin(start);
            pressure.end(start, start + ms(5));
        }
        pressure.begin(start);
        assert_eq!(pressure.admit(Ahead { rounds: 3 }, MOST, start), Ok(()));
    }
}
