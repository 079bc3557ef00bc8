//! When something holds: always, from a moment on, for a while, or again and again. It must not know what.

use crate::time::{Span, Time};

/// When something holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// From when on; the epoch for ever since.
    pub starts_at: Time,
    /// For how long at a time; `None` for good.
    pub duration: Option<Span>,
    /// Again after so long, from one start to the next.
    pub every: Option<Span>,
    /// Never again from then on, where it holds again and again.
    pub until: Option<Time>,
}

/// Why something cannot hold then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum WindowError {
    #[error("duration: must be longer than 0s; leave it out for what does not end")]
    Duration,
    #[error("duration: nothing says from when: name `startsAt`")]
    NoStart,
    #[error("every: nothing says for how long at a time: name `duration`")]
    NoDuration,
    #[error(
        "every: {every} is not longer than `duration: {duration}`: leave `every` and `duration` out for what does not end"
    )]
    Every { every: Span, duration: Span },
    #[error("until: it is held once: say with `duration` how long, or with `every` how often")]
    Once,
    #[error("until: {until} is not after `startsAt: {starts_at}`")]
    Until { until: Time, starts_at: Time },
}

impl Window {
    /// Whether there is such a window.
    pub(crate) fn check(&self) -> Result<(), WindowError> {
        if self.duration == Some(Span(0)) {
            return Err(WindowError::Duration);
        }
        if self.duration.is_some() && self.starts_at == Time(0) {
            return Err(WindowError::NoStart);
        }
        match (self.every, self.duration) {
            (Some(_), None) => return Err(WindowError::NoDuration),
            (Some(every), Some(duration)) if every <= duration => {
                return Err(WindowError::Every { every, duration });
            }
            _ => {}
        }
        match self.until {
            Some(_) if self.every.is_none() => Err(WindowError::Once),
            Some(until) if until <= self.starts_at => {
                Err(WindowError::Until { until, starts_at: self.starts_at })
            }
            _ => Ok(()),
        }
    }

    /// The first time after a moment that it holds, or holds still: from when and to when, where the end is the first moment at which
    /// it does not. `None` where it never does again.
    #[must_use]
    pub fn next(&self, now: Time) -> Option<(Time, Time)> {
        let Some(duration) = self.duration else { return Some((self.starts_at, Time(u64::MAX))) };
        let start = match self.every.filter(|every| every.0 > 0) {
            None => self.starts_at,
            Some(every) => {
                let last = self.starts_at + Span(now.since(self.starts_at).0 / every.0 * every.0);
                if last + duration > now { last } else { last + every }
            }
        };
        let until = self.until.unwrap_or(Time(u64::MAX));
        let end = (start + duration).min(until);
        (start < until && end > now).then_some((start, end))
    }

    /// Whether it holds at a moment.
    #[must_use]
    pub fn holds(&self, now: Time) -> bool {
        self.next(now).is_some_and(|(start, _)| start <= now)
    }

    /// Whether what begins now and takes so long, or for ever, meets it; and when that is first otherwise for what begins then.
    #[must_use]
    pub fn meets(&self, now: Time, takes: Option<Span>) -> (bool, Option<Time>) {
        let Some((start, end)) = self.next(now) else { return (false, None) };
        let last = takes.map(|takes| start - takes);
        match last {
            // What ends when it starts does not meet it.
            Some(last) if now < start && now <= last => (false, Some((last + Span(1)).min(start))),
            _ => (true, Some(end).filter(|end| *end < Time(u64::MAX))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 1_000;

    fn daily() -> Window {
        let (duration, every) = (Some(Span(100)), Some(Span(DAY)));
        Window { starts_at: Time(10_000), duration, every, until: Some(Time(12_050)) }
    }

    #[test]
    fn what_comes_again_holds_again_until_it_does_not() {
        let next = |now| daily().next(Time(now)).map(|(start, end)| (start.0, end.0));
        assert_eq!(next(0), Some((10_000, 10_100)));
        assert_eq!(next(10_000), Some((10_000, 10_100)));
        assert_eq!(next(10_099), Some((10_000, 10_100)));
        assert_eq!(next(10_100), Some((11_000, 11_100)));
        assert_eq!(next(11_999), Some((12_000, 12_050)), "`until` cuts the last one short");
        assert_eq!(next(12_050), None);
        assert!(daily().holds(Time(11_050)) && !daily().holds(Time(11_100)));
    }

    #[test]
    fn what_says_nothing_holds_always() {
        assert_eq!(Window::default().next(Time(7)), Some((Time(0), Time(u64::MAX))));
        assert_eq!(Window::default().meets(Time(7), Some(Span(1))), (true, None));
        let later = Window { starts_at: Time(50), ..Window::default() };
        assert_eq!(later.meets(Time(7), None), (true, None));
        assert_eq!(later.meets(Time(7), Some(Span(43))), (false, Some(Time(8))));
    }

    #[test]
    fn what_ends_before_it_starts_does_not_meet_it() {
        let meets = |now, takes: Option<u64>| {
            let (meets, until) = daily().meets(Time(now), takes.map(Span));
            (meets, until.map(|until| until.0))
        };
        assert_eq!(meets(9_000, Some(1_000)), (false, Some(9_001)));
        assert_eq!(meets(9_001, Some(1_000)), (true, Some(10_100)));
        assert_eq!(meets(9_000, None), (true, Some(10_100)), "what never ends meets it");
        assert_eq!(meets(9_000, Some(0)), (false, Some(10_000)), "what makes way may come close");
        assert_eq!(meets(10_050, Some(0)), (true, Some(10_100)));
        assert_eq!(meets(10_100, Some(900)), (false, Some(10_101)));
        assert_eq!(meets(12_050, None), (false, None));
    }

    #[test]
    fn windows_that_cannot_be_are_refused_with_what_to_do() {
        let refused = |edit: fn(&mut Window)| {
            let mut window = daily();
            edit(&mut window);
            window.check().unwrap_err().to_string()
        };
        assert_eq!(daily().check(), Ok(()));
        assert_eq!(Window::default().check(), Ok(()));
        assert!(refused(|window| window.duration = Some(Span(0))).contains("longer than 0s"));
        assert!(refused(|window| window.starts_at = Time(0)).contains("`startsAt`"));
        assert!(refused(|window| window.duration = None).contains("name `duration`"));
        assert!(refused(|window| window.every = Some(Span(100))).contains("not longer than"));
        assert!(refused(|window| window.every = None).contains("held once"));
        assert!(refused(|window| window.until = Some(Time(10_000))).contains("is not after"));
    }
}
