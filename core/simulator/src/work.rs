//! How long a job holds its places, and what is saved of its work when it is stopped. It must not know places.

use holdfast_types::Span;

use crate::cluster::Checkpoints;

/// The work that a job has left, and how it goes about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// What is left to do.
    pub(crate) left: Span,
    /// Whether it was stopped before, and has to go on from what was saved.
    pub(crate) again: bool,
}

impl Work {
    /// How long it takes where nothing stops it: a checkpoint after each interval but the last, and the way back to where it was.
    pub(crate) fn wall(&self, checkpoints: Option<Checkpoints>) -> Span {
        let Some(checkpoints) = checkpoints else { return self.left };
        let pauses = self.left.0.saturating_sub(1) / checkpoints.interval.0;
        let restart = if self.again { checkpoints.restart.0 } else { 0 };
        Span(self.left.0.saturating_add(pauses.saturating_mul(checkpoints.cost.0)).saturating_add(restart))
    }

    /// What it has left after it was stopped when it had run for `ran`, and how long it ran for nothing.
    pub(crate) fn stopped(&self, ran: Span, checkpoints: Option<Checkpoints>) -> (Self, Span) {
        let Some(checkpoints) = checkpoints else { return (Self { again: true, ..*self }, ran) };
        let restart = if self.again { checkpoints.restart.0 } else { 0 };
        let cycle = checkpoints.interval.0.saturating_add(checkpoints.cost.0);
        let saved = ran.0.saturating_sub(restart) / cycle * checkpoints.interval.0;
        let left = Span(self.left.0.saturating_sub(saved));
        (Self { left, again: true }, Span(ran.0.saturating_sub(saved)))
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
        let work = Work { left: seconds(300), again: false };
        assert_eq!(work.wall(checkpoints), seconds(320), "none at the end");
        let (rest, lost) = work.stopped(seconds(230), checkpoints);
        assert_eq!((rest.left, lost), (seconds(100), seconds(30)));
        assert_eq!(rest.wall(checkpoints), seconds(105));
        let (rest, lost) = rest.stopped(seconds(50), checkpoints);
        assert_eq!((rest.left, lost), (seconds(100), seconds(50)));
        let (rest, lost) = work.stopped(seconds(299), None);
        assert_eq!((rest.left, rest.wall(None), lost), (seconds(300), seconds(300), seconds(299)));
    }
}
