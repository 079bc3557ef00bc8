//! Log matching: an entry of one term at one index is the same entry everywhere, and so is the one before it.

use std::collections::BTreeMap;

use super::promise::Invariant;
use crate::event::Seen;
use crate::wire::Place;

/// What every entry that travelled carries and follows, by reign and index.
#[derive(Debug, Default)]
pub(super) struct LogMatching {
    entries: BTreeMap<(u64, u64, u64), (u32, Option<Place>)>,
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log-matching"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        let Seen::Appended { call, .. } = seen else { return Ok(()) };
        for entry in &call.entries {
            let (term, node, index) = (entry.place.term, entry.place.node, entry.place.index);
            let found = (entry.crc, entry.previous);
            let known = *self.entries.entry((term, node, index)).or_insert(found);
            if known != found {
                return Err(format!("entry {index} of term {term} is both {known:?} and {found:?}"));
            }
        }
        Ok(())
    }
}
