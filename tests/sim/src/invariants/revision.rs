//! The revision only grows: from command to command on every member, and by at most one for each command.

use std::collections::BTreeMap;

use super::promise::Invariant;
use crate::event::Seen;

/// Where each member stands: entry and revision.
#[derive(Debug, Default)]
pub(super) struct RevisionMonotone {
    members: BTreeMap<u64, (u64, u64)>,
}

impl Invariant for RevisionMonotone {
    fn name(&self) -> &'static str {
        "revision-monotone"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        let Seen::Applied(applied) = seen else { return Ok(()) };
        let (member, index, before, after) = (applied.member, applied.index, applied.before, applied.after);
        let known = self.members.insert(member, (index, after));
        // A member that begins again, or takes a snapshot over, begins where that says.
        let (last, known) = known.filter(|_| !applied.fresh).unwrap_or((0, before));
        if known != before || after < before || after > before + 1 {
            return Err(format!(
                "member {member} goes from revision {known} over {before} to {after} at entry {index}"
            ));
        }
        if last > index {
            return Err(format!("member {member} applies entry {index} after {last}"));
        }
        Ok(())
    }
}
