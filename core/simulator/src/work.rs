//! How long a job holds its places, and what is saved of its work when it is stopped. It must not know places.

use holdfast_types::Span;

use crate::cluster::Checkpoints;

/// The work that a job has left, and how it goes about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// What is left to do.
    pub(crate) left: Span,
    /// How long it takes before it gets on: the way back to where it was.
    before: Span,
}

impl Work {
    /// All of the work of a job.
    pub(crate) fn new(left: Span) -> Self {
        Self { left, before: Span(0) }
    }

    /// How long it takes where nothing stops it: the way back, and a checkpoint after each interval but the last.
    pub(crate) fn wall(&self, checkpoints: Option<Checkpoints>) -> Span {
        let pauses = checkpoints.map_or(0, |checkpoints| {
            (self.left.0.saturating_sub(1) / checkpoints.interval.0).saturating_mul(checkpoints.cost.0)
        });
        Span(self.left.0.saturating_add(pauses).saturating_add(self.before.0))
    }

    /// What it has left after a failure stopped it when it had run for `ran`, and how long it ran for nothing.
    pub(crate) fn stopped(&self, ran: Span, checkpoints: Option<Checkpoints>) -> (Self, Span) {
        let Some(checkpoints) = checkpoints else { return (*self, ran) };
        let saved = self.cycles(ran, checkpoints).0 * checkpoints.interval.0;
        self.less(saved, ran, checkpoints.restart)
    }

    /// The same where it was preempted: it writes a checkpoint before it stops, which it pays for when it goes on.
    pub(crate) fn preempted(&self, ran: Span, checkpoints: Option<Checkpoints>) -> (Self, Span) {
        let Some(checkpoints) = checkpoints else { return (*self, ran) };
        let (cycles, since) = self.cycles(ran, checkpoints);
        let saved = cycles * checkpoints.interval.0 + since.min(checkpoints.interval.0);
        self.less(saved, ran, Span(checkpoints.restart.0.saturating_add(checkpoints.cost.0)))
    }

    /// How many checkpoints it has written, and how long ago it ended the last one.
    fn cycles(&self, ran: Span, checkpoints: Checkpoints) -> (u64, u64) {
        let cycle = checkpoints.interval.0.saturating_add(checkpoints.cost.0);
        let on = ran.0.saturating_sub(self.before.0);
        (on / cycle, on % cycle)
    }

    fn less(&self, saved: u64, ran: Span, before: Span) -> (Self, Span) {
        (Self { left: Span(self.left.0.saturating_sub(saved)), before }, Span(ran.0.saturating_sub(saved)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_not_done_again() {
        let seconds = Span::from_secs;
        let checkpoints =
            Some(Checkpoints { interval: seconds(100), cost: seconds(10), restart: seconds(5) });
        let work = Work::new(seconds(300));
        assert_eq!(work.wall(checkpoints), seconds(320), "none at the end");
        let (rest, lost) = work.stopped(seconds(230), checkpoints);
        assert_eq!((rest.left, lost), (seconds(100), seconds(30)));
        assert_eq!(rest.wall(checkpoints), seconds(105));
        let (rest, lost) = rest.stopped(seconds(50), checkpoints);
        assert_eq!((rest.left, lost), (seconds(100), seconds(50)));
        let (rest, lost) = work.preempted(seconds(230), checkpoints);
        assert_eq!((rest.left, lost), (seconds(90), seconds(20)), "all but the two pauses");
        assert_eq!(rest.wall(checkpoints), seconds(105), "and the pause of its last checkpoint");
        let (rest, lost) = work.preempted(seconds(299), None);
        assert_eq!((rest.left, lost), (seconds(300), seconds(299)), "nothing was ever written");
        let (rest, lost) = work.stopped(seconds(299), None);
        assert_eq!((rest.left, rest.wall(None), lost), (seconds(300), seconds(300), seconds(299)));
    }
}
