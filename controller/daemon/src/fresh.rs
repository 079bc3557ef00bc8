//! How old the state of a controller that does not lead may be, so that a stale read has a bound. A leaf.
//!
//! A leader that a quorum follows says which entry it has applied; everything acknowledged before it was asked is in there.
//! Once this controller has applied that entry, its state is at most as old as the question. Only clocks that nobody sets
//! take part, and a pause of this process makes the question older.

use std::collections::VecDeque;
use std::time::Duration;

use holdfast_types::{Problem, ProblemKind, Span};
use parking_lot::Mutex;
use tokio::time::Instant;

/// A stale read is refused where the state may be older. Three rounds of questions.
const BOUND: Span = Span::from_secs(15);
/// The most answers that wait for their entry to be applied.
const MOST: usize = 16;

/// What leaders said of late.
#[derive(Debug, Default)]
pub(crate) struct Fresh(Mutex<Points>);

#[derive(Debug, Default)]
struct Points {
    /// Everything acknowledged until then is in the state.
    whole: Option<Instant>,
    /// When a leader was asked, and what it had applied.
    told: VecDeque<(Instant, u64)>,
}

impl Fresh {
    /// A leader was asked at `asked`, not before it had a quorum for `margin`, and had applied `index`.
    pub(crate) fn told(&self, asked: Instant, margin: Duration, index: u64) {
        let Some(at) = asked.checked_sub(margin) else { return };
        let mut points = self.0.lock();
        if points.told.len() < MOST {
            points.told.push_back((at, index));
        } else if let Some(last) = points.told.back_mut() {
            // The oldest are reached first.
            *last = (at, index);
        }
    }

    /// Refuses a stale read where this controller has applied `applied` and that may be older than [`BOUND`].
    pub(crate) fn check(&self, applied: u64) -> Result<(), Problem> {
        let age = self.age(applied);
        if age.is_some_and(|age| age <= BOUND) {
            return Ok(());
        }
        let how_old = age.map_or_else(|| "nobody knows how old".to_owned(), |age| format!("up to {age} old"));
        let summary = "the state of this controller is too old to read";
        Err(Problem::new(1280, ProblemKind::Unreachable, summary)
            .because(format!("it is {how_old}, a stale read gives what is at most {BOUND} old"))
            .next("holdfast cluster status"))
    }

    /// How old the state is at most, where this controller has applied `applied`; none where nobody knows.
    fn age(&self, applied: u64) -> Option<Span> {
        let mut points = self.0.lock();
        while let Some((at, _)) = points.told.front().copied().filter(|(_, index)| *index <= applied) {
            points.told.pop_front();
            points.whole = points.whole.max(Some(at));
        }
        points.whole.map(|at| Span(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_state_is_as_old_as_the_last_question_whose_answer_it_has() {
        let fresh = Fresh::default();
        assert_eq!(fresh.age(u64::MAX), None, "nobody was asked");
        tokio::time::advance(10 * SECOND).await;
        fresh.told(Instant::now(), SECOND, 5);
        assert_eq!(fresh.age(4), None, "what was acknowledged is not all here");
        assert_eq!(fresh.age(5), Some(Span(1_000)));
        tokio::time::advance(2 * SECOND).await;
        fresh.told(Instant::now(), SECOND, 9);
        assert_eq!(fresh.age(8), Some(Span(3_000)), "it is behind again");
        assert_eq!(fresh.age(9), Some(Span(1_000)));
        tokio::time::advance(20 * SECOND).await;
        assert_eq!(fresh.age(9), Some(Span(21_000)), "cut off");
        assert!(fresh.check(9).unwrap_err().to_string().contains("up to 21s old"), "{:?}", fresh.check(9));
        fresh.told(Instant::now(), SECOND, 9);
        assert!(fresh.check(9).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_controller_that_never_catches_up_keeps_few_answers() {
        tokio::time::advance(SECOND).await;
        let fresh = Fresh::default();
        (0..100).for_each(|index| fresh.told(Instant::now(), SECOND, index));
        assert_eq!(fresh.0.lock().told.len(), MOST);
        assert_eq!(fresh.age(14), Some(Span(1_000)));
        assert_eq!(fresh.0.lock().told.len(), 1, "the last one is the newest");
        fresh.age(99);
        assert!(fresh.0.lock().told.is_empty());
    }
}
