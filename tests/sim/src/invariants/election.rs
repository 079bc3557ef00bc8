//! Election safety: a reign has one leader, and who has led never leads an older reign again, whatever it forgot.
//!
//! A reign is a term and the member that leads it: openraft orders votes by both, so that a term may see a second leader, of
//! a greater id, whom a quorum elected over the first. All that Raft promises of terms holds of reigns.

use std::collections::BTreeMap;

use super::promise::Invariant;
use crate::event::Seen;

/// The newest term that each member led.
#[derive(Debug, Default)]
pub(super) struct ElectionSafety {
    terms: BTreeMap<u64, u64>,
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
        match self.terms.insert(leader, term) {
            Some(newer) if newer > term => {
                Err(format!("member {leader} leads term {term} and has led term {newer}"))
            }
            _ => Ok(()),
        }
    }
}
