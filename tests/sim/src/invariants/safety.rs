//! State machine safety: at one index every member applied the same commands with the same answers, and has the same state.

use std::collections::BTreeMap;

use super::promise::Invariant;
use crate::event::{Applied, Hash, Seen};

/// What the first member did, by index and command, and the state it had, by index.
#[derive(Debug, Default)]
pub(super) struct StateMachineSafety {
    applied: BTreeMap<(u64, u64), Applied>,
    states: BTreeMap<u64, (u64, Hash)>,
}

impl Invariant for StateMachineSafety {
    fn name(&self) -> &'static str {
        "state-machine-safety"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        match seen {
            Seen::Applied(applied) => {
                let place = (applied.index, applied.nth);
                let first = self.applied.entry(place).or_insert_with(|| applied.clone());
                let same = Applied { member: first.member, fresh: first.fresh, ..applied.clone() };
                if *first == same {
                    return Ok(());
                }
                Err(format!("entry {}.{} was applied as {first:?} and as {applied:?}", place.0, place.1))
            }
            Seen::Stands { member, index, hash } => {
                let (first, known) = *self.states.entry(*index).or_insert((*member, *hash));
                if known == *hash {
                    return Ok(());
                }
                Err(format!("members {first} and {member} differ in their state at entry {index}"))
            }
            _ => Ok(()),
        }
    }
}
