//! The wall clock, read here and nowhere deeper, and how long something runs, which the wall clock does not tell.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use holdfast_types::{Span, Time};

/// Now.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// What runs. Somebody may set the wall clock meanwhile; it neither runs longer nor shorter for that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    before: Span,
    from: Instant,
}

impl Running {
    /// It begins now.
    pub(crate) fn from_now() -> Self {
        Self { before: Span(0), from: Instant::now() }
    }

    /// It began under an earlier agent, which left the time of the wall clock.
    pub(crate) fn since(began: Time) -> Self {
        Self { before: now().since(began), from: Instant::now() }
    }

    /// For how long it runs by now.
    pub(crate) fn so_far(&self) -> Span {
        let here = u64::try_from(self.from.elapsed().as_millis()).unwrap_or(u64::MAX);
        Span(self.before.0.saturating_add(here))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_agent_started_has_run_before() {
        let hour = Span::from_secs(3_600);
        let adopted = Running::since(Time(now().0 - hour.0));
        assert!(adopted.so_far() >= hour && adopted.so_far() < Span::from_secs(3_660));
        assert_eq!(Running::since(now() + hour).before, Span(0), "the wall clock was set back meanwhile");
        assert!(Running::from_now().so_far() < Span::from_secs(60));
    }
}
