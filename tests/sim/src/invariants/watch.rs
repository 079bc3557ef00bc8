//! Watches are complete: every change once, in order, also over a change of the member that answers.

use std::collections::BTreeMap;

use super::promise::Invariant;
use crate::event::{Item, Seen};

/// The changes as they were first applied, and how far each watcher has come.
#[derive(Debug, Default)]
pub(super) struct WatchComplete {
    changes: Vec<Item>,
    /// How many of the changes each watcher has seen or listed.
    watchers: BTreeMap<u64, usize>,
}

impl WatchComplete {
    fn upto(&self, revision: u64) -> usize {
        self.changes.partition_point(|item| item.revision <= revision)
    }
}

impl Invariant for WatchComplete {
    fn name(&self) -> &'static str {
        "watch-complete"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        match seen {
            Seen::Applied(applied) => {
                let newest = self.changes.last().map_or(0, |item| item.revision);
                if applied.after > newest {
                    self.changes.extend(applied.items.iter().cloned());
                }
                Ok(())
            }
            Seen::Listed { watcher, revision } => {
                let at = self.upto(*revision);
                self.watchers.insert(*watcher, at);
                Ok(())
            }
            Seen::Watched { watcher, items } => {
                let mut at = self.watchers.get(watcher).copied().unwrap_or(0);
                for item in items {
                    if self.changes.get(at) != Some(item) {
                        let due = self.changes.get(at);
                        return Err(format!("watcher {watcher} got {item:?} where {due:?} is due"));
                    }
                    at += 1;
                }
                self.watchers.insert(*watcher, at);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
