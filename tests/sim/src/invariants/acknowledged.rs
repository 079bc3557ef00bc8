//! Durability: what a client was told is there at the end, whatever crashed meanwhile; and what it was told was not taken
//! never takes effect.

use std::collections::{BTreeMap, BTreeSet};

use super::promise::Invariant;
use crate::event::{Answered, Ending, Seen};

/// What clients were told they made, by name: the mark and revision of the newest.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    made: BTreeMap<String, (String, u64)>,
    newest: u64,
    denied: BTreeSet<String>,
    effects: BTreeSet<String>,
}

impl Acknowledged {
    fn undenied(&self, key: &str) -> Result<(), String> {
        if self.denied.contains(key) && self.effects.contains(key) {
            return Err(format!("the write under {key} was said not to be taken, and took effect"));
        }
        Ok(())
    }
}

impl Invariant for Acknowledged {
    fn name(&self) -> &'static str {
        "acknowledged-writes"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        let Answered { made, revision, .. } = match seen {
            Seen::Answered(answered) => answered,
            Seen::Denied { key } => {
                self.denied.insert(key.clone());
                return self.undenied(key);
            }
            Seen::Applied(applied) if !applied.key.is_empty() && !applied.items.is_empty() => {
                self.effects.insert(applied.key.clone());
                return self.undenied(&applied.key);
            }
            _ => return Ok(()),
        };
        self.newest = self.newest.max(*revision);
        let Some(made) = made else { return Ok(()) };
        let newest = self.made.entry(made.name.clone()).or_default();
        if newest.1 < *revision {
            *newest = (made.mark.clone(), *revision);
        }
        Ok(())
    }

    fn end(&mut self, ending: &Ending) -> Result<(), String> {
        if ending.stuck.is_some() {
            return Ok(());
        }
        if ending.revision < self.newest {
            let (has, newest) = (ending.revision, self.newest);
            return Err(format!("the state is at revision {has}, and revision {newest} was acknowledged"));
        }
        for (name, (mark, revision)) in &self.made {
            match ending.resources.get(name) {
                None => return Err(format!("{name} of revision {revision} was acknowledged and is gone")),
                Some((found, at)) if at < revision || (at == revision && found != mark) => {
                    return Err(format!(
                        "{name} was acknowledged as {mark} at revision {revision} and is {found} at {at}"
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
