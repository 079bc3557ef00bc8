//! Leader completeness: an entry that was committed is in the log of every leader of a later term.

use std::collections::BTreeMap;

use super::promise::Invariant;
use crate::event::Seen;

/// A term and who leads it, see [`election`](super::election).
type Reign = (u64, u64);

/// The terms of the committed entries, and the last one.
#[derive(Debug, Default)]
pub(super) struct LeaderCompleteness {
    /// The terms of the entries of the leader whose log was read last, by index.
    logs: BTreeMap<Reign, BTreeMap<u64, u64>>,
    /// Index, then the term of the entry and the reign in which it was first known to be committed.
    committed: BTreeMap<u64, (u64, Reign)>,
}

impl LeaderCompleteness {
    fn commit(&mut self, reign: Reign, index: u64, of_term: u64) -> Result<(), String> {
        let (known, _) = *self.committed.entry(index).or_insert((of_term, reign));
        if known == of_term {
            Ok(())
        } else {
            Err(format!("entry {index} was committed in term {known} and again in term {of_term}"))
        }
    }
}

impl Invariant for LeaderCompleteness {
    fn name(&self) -> &'static str {
        "leader-completeness"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        match seen {
            Seen::Appended { call, .. } => {
                let reign = (call.term, call.leader);
                let log = self.logs.entry(reign).or_default();
                log.extend(call.entries.iter().map(|entry| (entry.place.index, entry.place.term)));
                let Some(commit) = call.commit else { return Ok(()) };
                // What lies before the commit in the log of this leader is committed with it.
                let last = self.committed.last_key_value().map_or(0, |(index, _)| *index);
                let newly = log.range(last.min(commit.index)..=commit.index);
                let newly: Vec<(u64, u64)> = newly.map(|(index, term)| (*index, *term)).collect();
                self.commit(reign, commit.index, commit.term)?;
                newly.into_iter().try_for_each(|(index, term)| self.commit(reign, index, term))
            }
            Seen::Leads { member, term, purged, log } => {
                let has: BTreeMap<u64, u64> = log.iter().copied().collect();
                let reign = (*term, *member);
                for (index, (of_term, in_reign)) in self.committed.range(purged + 1..) {
                    if *in_reign < reign && has.get(index) != Some(of_term) {
                        return Err(format!(
                            "member {member} leads term {term} without entry {index} of term {of_term}, which was \
                             committed in reign {in_reign:?}; it has {:?} there",
                            has.get(index)
                        ));
                    }
                }
                self.logs.insert(reign, has);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
