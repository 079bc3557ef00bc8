//! Watchers that run beside the load, and what has to hold of what they saw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_api::v1::WatchRequest;
use holdfast_api::v1::watch_event::Resource;
use holdfast_client::Watch;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::controllers::{Controllers, PATIENCE};
use crate::history::{Answer, Call, Operation};
use crate::load::is_register;

/// How long a watcher looks for a controller before it has failed.
const SEARCH: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// A register that was seen to change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// At which revision.
    pub revision: u64,
    /// The register.
    pub key: String,
    /// To which value.
    pub value: u32,
}

#[derive(Debug, Default)]
struct Seen {
    changes: Vec<Change>,
    failure: Option<String>,
}

/// The watchers at work.
#[derive(Debug)]
pub struct Watchers {
    seen: Vec<Arc<Mutex<Seen>>>,
    tasks: JoinSet<()>,
}

impl Watchers {
    /// Starts one watcher for each controller, which begins at that one and from the first revision.
    #[must_use]
    pub fn start(controllers: &Controllers, from_revision: u64) -> Self {
        let (mut seen, mut tasks) = (Vec::new(), JoinSet::new());
        for index in 0..controllers.count() {
            let request =
                WatchRequest { from_revision, kinds: vec!["Queue".to_owned()], ..WatchRequest::default() };
            let watch = Watch::new(controllers.client(index, SEARCH), request);
            let place = Arc::new(Mutex::new(Seen::default()));
            tasks.spawn(follow(watch, Arc::clone(&place)));
            seen.push(place);
        }
        Self { seen, tasks }
    }

    /// Waits until every watcher has seen everything that was acknowledged, and checks all that they saw.
    ///
    /// # Errors
    ///
    /// What one of them missed, saw twice or out of order.
    pub async fn finish(mut self, history: &[Operation]) -> Result<usize> {
        let newest = history.iter().filter_map(Operation::revision).max().unwrap_or(0);
        let deadline = Instant::now() + PATIENCE;
        for (index, place) in self.seen.iter().enumerate() {
            while place.lock().changes.last().is_none_or(|change| change.revision < newest) {
                let failure = place.lock().failure.clone();
                if let Some(failure) = failure {
                    bail!("watcher {index} ended: {failure}");
                }
                let last = place.lock().changes.last().map(|change| change.revision);
                ensure!(Instant::now() < deadline, "watcher {index} is at {last:?}, the cluster at {newest}");
                sleep(LOOK).await;
            }
        }
        self.tasks.shutdown().await;
        let mut count = 0;
        for (index, place) in self.seen.iter().enumerate() {
            let mut changes = std::mem::take(&mut place.lock().changes);
            changes.retain(|change| change.revision <= newest);
            check(&changes, history).with_context(|| format!("watcher {index}"))?;
            count += changes.len();
        }
        Ok(count)
    }
}

async fn follow(mut watch: Watch, place: Arc<Mutex<Seen>>) {
    loop {
        match watch.next().await {
            Ok(event) => {
                let Some(Resource::Queue(queue)) = event.resource else { continue };
                let (Some(metadata), Some(spec)) = (queue.metadata, queue.spec) else { continue };
                // The cluster has a queue of its own.
                if !is_register(&metadata.name) {
                    continue;
                }
                let change = Change { revision: event.revision, key: metadata.name, value: spec.max_devices };
                place.lock().changes.push(change);
            }
            Err(problem) => {
                place.lock().failure = Some(problem.to_string());
                return;
            }
        }
    }
}

/// What one watcher saw: in order, everything that was acknowledged, nothing twice, nothing that nobody wrote.
///
/// # Errors
///
/// What is wrong with it.
pub fn check(changes: &[Change], history: &[Operation]) -> Result<()> {
    for pair in changes.windows(2) {
        let [earlier, later] = pair else { continue };
        ensure!(earlier.revision < later.revision, "{later:?} came after {earlier:?}");
    }
    let mut values = BTreeSet::new();
    for change in changes {
        ensure!(
            values.insert(change.value),
            "{change:?}: this value has come before, so it was put there twice"
        );
    }
    let at: BTreeMap<u64, &Change> = changes.iter().map(|change| (change.revision, change)).collect();
    let mut asked = BTreeSet::new();
    for operation in history {
        let value = match operation.call {
            Call::Write(value) | Call::Exchange { value, .. } => value,
            Call::Read => continue,
        };
        asked.insert(value);
        match operation.answer {
            Answer::Done(revision) => {
                let seen = at.get(&revision);
                let is_it = seen.is_some_and(|c| c.key == operation.key && c.value == value);
                ensure!(is_it, "{operation:?} was acknowledged, and seen was {seen:?}");
            }
            Answer::Conflict => {
                ensure!(!values.contains(&value), "{operation:?} was refused, and seen all the same");
            }
            Answer::Is(_) | Answer::Unknown => {}
        }
    }
    if let Some(stray) = changes.iter().find(|change| !asked.contains(&change.value)) {
        bail!("{stray:?} was asked for by nobody");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(revision: u64, value: u32) -> Change {
        Change { revision, key: "k".to_owned(), value }
    }

    fn write(value: u32, answer: Answer) -> Operation {
        let call = Call::Write(value);
        Operation { client: 1, key: "k".to_owned(), call, answer, begun: 1, ended: 2 }
    }

    #[test]
    fn a_watcher_sees_everything_once_and_in_order() {
        let history = [write(7, Answer::Done(10)), write(8, Answer::Done(11)), write(9, Answer::Unknown)];
        let seen = |changes: &[Change]| check(changes, &history).map_err(|error| error.to_string());
        assert_eq!(seen(&[change(10, 7), change(11, 8)]), Ok(()));
        assert_eq!(seen(&[change(10, 7), change(11, 8), change(12, 9)]), Ok(()));
        for (what, changes, expected) in [
            ("one is missing", vec![change(10, 7)], "was acknowledged"),
            ("order", vec![change(11, 8), change(10, 7)], "came after"),
            ("twice", vec![change(10, 7), change(10, 7), change(11, 8)], "came after"),
            ("applied twice", vec![change(10, 7), change(11, 8), change(12, 7)], "put there twice"),
            ("another value", vec![change(10, 8), change(11, 7)], "was acknowledged"),
            ("a stranger", vec![change(10, 7), change(11, 8), change(12, 99)], "by nobody"),
        ] {
            let said = seen(&changes).unwrap_err();
            assert!(said.contains(expected), "{what}: {said}");
        }
        let refused = [write(7, Answer::Conflict)];
        assert!(check(&[change(10, 7)], &refused).is_err());
    }
}
