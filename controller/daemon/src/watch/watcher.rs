//! One watch from its beginning to its end: the present state or what it missed, then what happens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast_state::{Compacted, State};
use holdfast_types::{AsProblem, Problem, ProblemKind};
use tokio::time::Instant;

use super::event::{Event, Frame, frames};
use super::hub::{Full, MAX_WATCHERS, MAX_WATCHERS_EACH, Seat, Source};
use super::list::Listing;

/// A watcher that hears nothing else hears where the cluster is.
pub(crate) const BOOKMARK_EVERY: Duration = Duration::from_secs(10);
/// How many changes are taken at once.
const BATCH: usize = 128;
/// How many bytes of changes are read from the history at once.
const BATCH_BYTES: usize = 4 << 20;
/// After so many bookmarks without a leader a watch ends: another controller may know one.
const LEADERLESS: u32 = 2;

/// Why a watch ends or cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WatchError {
    /// Changes that are asked for are gone.
    #[error("the watch cannot be resumed")]
    Compacted { after: u64, oldest: u64 },
    /// The watcher did not keep up.
    #[error("the watch was cut off: its reader did not keep up")]
    Slow { revision: u64 },
    /// No more watchers are taken.
    #[error("the watch cannot begin: there are too many")]
    Full { all: bool },
    /// The revision asked for has not been applied here in time.
    #[error("the watch cannot begin: this controller does not have its revision yet")]
    Ahead { asked: u64, applied: u64 },
    /// The controller stops, or knows no leader.
    #[error("the watch ends at this controller")]
    Gone { stops: bool, revision: u64 },
}

impl From<Full> for WatchError {
    fn from(full: Full) -> Self {
        match full {
            Full::All => Self::Full { all: true },
            Full::Principal => Self::Full { all: false },
            Full::Closed => Self::Gone { stops: true, revision: 0 },
        }
    }
}

impl AsProblem for WatchError {
    fn problem(&self) -> Problem {
        let problem = |code, kind| Problem::new(code, kind, self.to_string());
        let resume = |revision: &u64| format!("watch again from revision {revision}");
        match self {
            Self::Compacted { after, oldest } => problem(1213, ProblemKind::Conflict)
                .because(format!(
                    "changes after revision {after} are asked for, kept are those after {oldest}"
                ))
                .next(format!("list again, then watch from the revision of that list, {oldest} or later")),
            Self::Slow { revision } => problem(1260, ProblemKind::Exhausted)
                .because("changes came faster than they were read for too long")
                .next(resume(revision)),
            Self::Full { all: true } => problem(1261, ProblemKind::Exhausted)
                .because(format!("{MAX_WATCHERS} watch this controller already"))
                .next("watch at another controller, or watch fewer things"),
            Self::Full { all: false } => problem(1261, ProblemKind::Exhausted)
                .because(format!("one principal may have {MAX_WATCHERS_EACH} watches and has them already"))
                .next("end watches that nobody reads"),
            Self::Ahead { asked, applied } => problem(1262, ProblemKind::Unreachable)
                .because(format!("revision {asked} is asked for, {applied} is the newest here"))
                .next("watch at another controller, or try again"),
            Self::Gone { stops, revision } => problem(1263, ProblemKind::Unreachable)
                .because(if *stops { "the controller stops" } else { "it knows no leader" })
                .next(resume(revision) + " at another controller"),
        }
    }
}

enum Stage {
    /// The present state is sent.
    List(Listing),
    /// What was missed is sent, up to where the seat takes over.
    History,
    /// What happens is sent.
    Live,
    /// The end was said.
    Over,
}

/// One watch.
pub(crate) struct Watcher<S> {
    source: Arc<S>,
    seat: Seat,
    stage: Stage,
    /// Everything up to here has been queued or sent.
    revision: u64,
    queue: VecDeque<Frame>,
    said: Instant,
    leaderless: u32,
}

impl<S: Source> Watcher<S> {
    /// A watch of what comes after a revision; of the present state first where that is 0.
    pub(crate) fn new(source: Arc<S>, seat: Seat, from_revision: u64) -> Result<Self, WatchError> {
        let mut watcher = Self {
            source,
            seat,
            stage: Stage::History,
            revision: from_revision,
            queue: VecDeque::new(),
            said: Instant::now(),
            leaderless: 0,
        };
        if from_revision == 0 {
            let listing = Listing::new(watcher.source.read(State::clone));
            watcher.revision = listing.revision();
            watcher.stage = Stage::List(listing);
        } else {
            // What is gone is said now, as the answer to the call.
            watcher.fill()?;
        }
        Ok(watcher)
    }

    /// The next of the watch; after an error nothing comes.
    pub(crate) async fn next(&mut self) -> Option<Result<Frame, WatchError>> {
        loop {
            if let Some(frame) = self.queue.pop_front() {
                self.said = Instant::now();
                if matches!(frame, Frame::Change { .. }) {
                    self.seat.hub().counts.sent.fetch_add(1, Ordering::Relaxed);
                }
                return Some(Ok(frame));
            }
            if matches!(self.stage, Stage::Over) {
                return None;
            }
            let filled = self.fill();
            if let Err(error) = filled.and_then(|()| self.check_end()) {
                self.stage = Stage::Over;
                if matches!(error, WatchError::Slow { .. }) {
                    self.seat.hub().counts.cut.fetch_add(1, Ordering::Relaxed);
                }
                return Some(Err(error));
            }
            if self.queue.is_empty() && matches!(self.stage, Stage::Live) {
                self.wait().await;
            }
        }
    }

    /// Queues what there is.
    fn fill(&mut self) -> Result<(), WatchError> {
        match &mut self.stage {
            Stage::List(listing) => match listing.next(self.seat.filter()) {
                Some(piece) => self.queue.extend(piece),
                None => self.go_live(),
            },
            Stage::History => self.history()?,
            Stage::Live => self.live()?,
            Stage::Over => {}
        }
        Ok(())
    }

    fn go_live(&mut self) {
        self.stage = Stage::Live;
        self.queue.push_back(Frame::Bookmark(self.revision));
    }

    fn history(&mut self) -> Result<(), WatchError> {
        let (after, through) = (self.revision, self.seat.through());
        let filter = self.seat.filter();
        let read = self.source.read(|state| {
            let mut events: Vec<Arc<Event>> = Vec::new();
            let (mut last, mut bytes) = (after, 0);
            for item in state.changes_since(after)?.take_while(|item| item.revision <= through) {
                // A revision is never cut in two: what was sent of it could not be told from what was not.
                if (events.len() >= BATCH || bytes >= BATCH_BYTES) && item.revision > last {
                    return Ok((events, Some(last)));
                }
                last = item.revision;
                if filter.wants(item.kind, &item.name) {
                    let event = Event::of(item);
                    bytes += event.bytes.len();
                    events.push(Arc::new(event));
                }
            }
            Ok((events, None))
        });
        let (events, reached) =
            read.map_err(|Compacted { oldest }| WatchError::Compacted { after, oldest })?;
        self.queue.extend(frames(events));
        if let Some(reached) = reached {
            self.revision = reached;
        } else {
            self.revision = self.revision.max(through);
            self.go_live();
        }
        Ok(())
    }

    fn live(&mut self) -> Result<(), WatchError> {
        let Ok(taken) = self.seat.take(BATCH) else {
            return Err(WatchError::Slow { revision: self.revision });
        };
        for frame in taken {
            if let Frame::Change { event, partial } = &frame {
                // It may have been in the list or the history already.
                if event.revision <= self.revision {
                    continue;
                }
                if !partial {
                    self.revision = event.revision;
                }
            }
            self.queue.push_back(frame);
        }
        Ok(())
    }

    /// Once all that came has been taken, sees whether more will come.
    fn check_end(&mut self) -> Result<(), WatchError> {
        if !self.queue.is_empty() {
            return Ok(());
        }
        let gone = |stops| WatchError::Gone { stops, revision: self.revision };
        if self.leaderless >= LEADERLESS {
            return Err(gone(false));
        }
        if !self.seat.is_ended() {
            return Ok(());
        }
        if self.seat.hub().is_closed() {
            return Err(gone(true));
        }
        self.seat = self.seat.again(&*self.source)?;
        if matches!(self.stage, Stage::Live) {
            self.stage = Stage::History;
        }
        Ok(())
    }

    /// Waits for a change, or until it is time to say where the cluster is.
    async fn wait(&mut self) {
        // What is said is read before it is known that nothing is left to take.
        let handed_on = self.seat.hub().revision();
        if self.live().is_err() || !self.queue.is_empty() || self.seat.is_ended() {
            return;
        }
        if tokio::time::timeout_at(self.said + BOOKMARK_EVERY, self.seat.more()).await.is_ok() {
            return;
        }
        self.revision = self.revision.max(handed_on);
        self.leaderless = if self.source.is_led() { 0 } else { self.leaderless + 1 };
        self.queue.push_back(Frame::Bookmark(self.revision));
    }
}
