//! Election safety: a term has at most one leader.

use std::collections::BTreeMap;

use super::Invariant;
use crate::event::Seen;

/// The leader of every term.
#[derive(Debug, Default)]
pub(super) struct ElectionSafety {
    leaders: BTreeMap<u64, u64>,
}

impl Invariant for ElectionSafety {
    fn name(&self) -> &'static str {
        "election-safety"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        let (term, leader) = match seen {
            Seen::Appended { from, call } if *from != call.leader => {
                return Err(format!("member {from} sends entries in the name of member {}", call.leader));
            }
            Seen::Appended { call, .. } => (call.term, call.leader),
            Seen::Leads { member, term, .. } => (*term, *member),
            _ => return Ok(()),
        };
        match self.leaders.insert(term, leader) {
            Some(other) if other != leader => {
                Err(format!("term {term} has two leaders, members {other} and {leader}"))
            }
            _ => Ok(()),
        }
    }
}
