//! How much one caller may ask for, and how much all of them together, so that a controller under load refuses some
//! calls with the time to come back instead of answering all of them too late.

use std::collections::HashMap;
use std::time::Duration;

use holdfast_types::{Problem, ProblemKind};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The most callers told apart. Those beyond it share one allowance.
const MAX_CALLERS: usize = 10_000;
/// Allowances that are full again are forgotten at most this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// When to come back where all places are taken.
pub(crate) const FULL_RETRY: Duration = Duration::from_millis(250);

/// How much is answered. Calls among controllers and of agents to their own services are outside all of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Reads a second of one caller, over time.
    pub reads_per_second: u32,
    /// Reads of one caller at once, after a pause.
    pub reads_burst: u32,
    /// Writes a second of one caller, over time.
    pub writes_per_second: u32,
    /// Writes of one caller at once, after a pause.
    pub writes_burst: u32,
    /// Calls being answered at a time, of all callers. Streams count until they have begun.
    pub calls_in_flight: u32,
    /// Calls and streams open at a time on one HTTP/2 connection.
    pub streams_per_connection: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads_per_second: 1_000,
            reads_burst: 2_000,
            writes_per_second: 200,
            writes_burst: 400,
            calls_in_flight: 4_096,
            streams_per_connection: 2_048,
        }
    }
}

impl Limits {
    /// What is wrong with the limits, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        let named = [
            ("reads_per_second", self.reads_per_second),
            ("reads_burst", self.reads_burst),
            ("writes_per_second", self.writes_per_second),
            ("writes_burst", self.writes_burst),
            ("calls_in_flight", self.calls_in_flight),
            ("streams_per_connection", self.streams_per_connection),
        ];
        let zero = named.iter().find(|(_, value)| *value == 0);
        zero.map(|(name, _)| format!("limits.{name} is 0: nothing would be answered"))
    }
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It changes nothing.
    Read,
    /// It may change something.
    Write,
}

/// A call that has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    access: Access,
    per_second: u32,
    burst: u32,
    /// When it would be answered.
    pub(crate) after: Duration,
}

impl TooMany {
    /// The problem, for the caller named.
    pub(crate) fn problem(&self, caller: &str) -> Problem {
        let (what, setting) = match self.access {
            Access::Read => ("reads", "limits.reads_per_second"),
            Access::Write => ("writes", "limits.writes_per_second"),
        };
        Problem::new(1230, ProblemKind::Exhausted, format!("{caller} asks too often"))
            .because(format!(
                "{setting}: {} {what} a second are allowed, {} at once after a pause",
                self.per_second, self.burst
            ))
            .because(format!("the next is answered in {} ms", self.after.as_millis().max(1)))
            .next("repeat after the time that the answer names")
    }
}

/// The problem of a call for which no place is free.
pub(crate) fn full(limits: &Limits) -> Problem {
    Problem::new(1231, ProblemKind::Unreachable, "the controller answers as many calls as it can")
        .because(format!("limits.calls_in_flight: {} calls are being answered", limits.calls_in_flight))
        .next("repeat after the time that the answer names")
}

/// One token bucket, kept as the time at which it is full again: an untouched bucket needs no upkeep.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    full_at: Duration,
}

impl Bucket {
    fn take(&mut self, now: Duration, rate: u32, burst: u32) -> Result<(), Duration> {
        let token = Duration::from_secs(1) / rate.max(1);
        let full_at = self.full_at.max(now) + token;
        let deepest = now + token * burst.max(1);
        if full_at > deepest {
            return Err(full_at - deepest);
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Allowance {
    reads: Bucket,
    writes: Bucket,
}

impl Allowance {
    fn take(&mut self, limits: &Limits, access: Access, now: Duration) -> Result<(), TooMany> {
        let (bucket, per_second, burst) = match access {
            Access::Read => (&mut self.reads, limits.reads_per_second, limits.reads_burst),
            Access::Write => (&mut self.writes, limits.writes_per_second, limits.writes_burst),
        };
        bucket.take(now, per_second, burst).map_err(|after| TooMany { access, per_second, burst, after })
    }

    fn is_full(&self, now: Duration) -> bool {
        self.reads.full_at <= now && self.writes.full_at <= now
    }
}

#[derive(Debug, Default)]
struct Callers {
    known: HashMap<String, Allowance>,
    /// Of everybody for whom there was no room.
    others: Allowance,
    swept: Duration,
}

impl Callers {
    fn of(&mut self, caller: &str, now: Duration) -> &mut Allowance {
        if self.known.len() >= MAX_CALLERS && !self.known.contains_key(caller) {
            if now >= self.swept + SWEEP_EVERY {
                self.swept = now;
                self.known.retain(|_, allowance| !allowance.is_full(now));
            }
            if self.known.len() >= MAX_CALLERS {
                return &mut self.others;
            }
        }
        self.known.entry(caller.to_owned()).or_default()
    }
}

/// The allowances of all callers.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    callers: Mutex<Callers>,
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, callers: Mutex::default() }
    }

    /// Takes one call from the allowance of a caller; `now` is the time since some fixed moment.
    pub(crate) fn take(&self, caller: &str, access: Access, now: Duration) -> Result<(), TooMany> {
        self.callers.lock().of(caller, now).take(&self.limits, access, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn limiter() -> Limiter {
        let limits = Limits { writes_per_second: 10, writes_burst: 3, ..Limits::default() };
        Limiter::new(limits)
    }

    #[test]
    fn a_burst_is_answered_then_the_rate_holds_and_the_wait_is_told() {
        let limiter = limiter();
        let write = |at: u32| limiter.take("a", Access::Write, MS * at);
        for _ in 0..3 {
            write(1_000).unwrap();
        }
        let refused = write(1_000).unwrap_err();
        assert_eq!(refused.after, MS * 100);
        let text = refused.problem("operator/a").to_string();
        assert!(text.contains("limits.writes_per_second: 10 writes a second"), "{text}");
        // Refused calls take nothing, and the time that was told is enough.
        assert_eq!(write(1_099).unwrap_err().after, MS);
        write(1_100).unwrap();
        write(1_100).unwrap_err();
        // Over ten seconds of asking every millisecond the rate is what was set.
        let answered = (1_101..=11_100).filter(|at| write(*at).is_ok()).count();
        assert_eq!(answered, 100);
    }

    #[test]
    fn reads_writes_and_callers_have_allowances_of_their_own() {
        let limiter = limiter();
        for _ in 0..3 {
            limiter.take("a", Access::Write, MS).unwrap();
        }
        limiter.take("a", Access::Write, MS).unwrap_err();
        limiter.take("a", Access::Read, MS).unwrap();
        limiter.take("b", Access::Write, MS).unwrap();
    }

    #[test]
    fn callers_beyond_the_bound_share_one_allowance_until_others_are_forgotten() {
        let limiter = limiter();
        for caller in 0..MAX_CALLERS {
            limiter.take(&caller.to_string(), Access::Write, Duration::from_secs(9)).unwrap();
        }
        let late = |caller: &str, at: Duration| limiter.take(caller, Access::Write, at);
        for caller in ["x", "y", "z"] {
            late(caller, Duration::from_secs(9)).unwrap();
        }
        late("w", Duration::from_secs(9)).unwrap_err();
        assert_eq!(limiter.callers.lock().known.len(), MAX_CALLERS);
        // A second later all of them are full again, so they say nothing and make room.
        late("w", Duration::from_secs(11)).unwrap();
        assert_eq!(limiter.callers.lock().known.len(), 1);
    }

    #[test]
    fn a_limit_of_nothing_is_named() {
        assert_eq!(Limits::default().fault(), None);
        let none = Limits { reads_burst: 0, ..Limits::default() };
        assert!(none.fault().unwrap().contains("limits.reads_burst"));
    }
}
