//! An idempotency key has one winner: however often and wherever it is sent, one command takes effect, and whoever is
//! told that it did is told the same.

use std::collections::BTreeMap;

use super::promise::Invariant;
use crate::event::Seen;

/// The entry that took effect under each key, and what was answered.
#[derive(Debug, Default)]
pub(super) struct OneWinner {
    effects: BTreeMap<String, (u64, u64)>,
    answers: BTreeMap<String, u32>,
}

impl Invariant for OneWinner {
    fn name(&self) -> &'static str {
        "one-winner"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        match seen {
            Seen::Applied(applied) if !applied.key.is_empty() && !applied.items.is_empty() => {
                let place = (applied.index, applied.nth);
                let first = *self.effects.entry(applied.key.clone()).or_insert(place);
                if first == place {
                    return Ok(());
                }
                Err(format!("key {} took effect at entry {first:?} and again at {place:?}", applied.key))
            }
            Seen::Answered(answered) if answered.made.is_some() => {
                let first = *self.answers.entry(answered.key.clone()).or_insert(answered.answer);
                if first == answered.answer {
                    return Ok(());
                }
                Err(format!("key {} was answered in two ways", answered.key))
            }
            _ => Ok(()),
        }
    }
}
