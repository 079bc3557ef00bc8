//! Lease safety: a read through the barrier sees every write that was acknowledged to anybody before it began.

use std::collections::BTreeMap;

use super::promise::Invariant;
use crate::event::Seen;

/// The newest acknowledged revision, and what each read under way must see.
#[derive(Debug, Default)]
pub(super) struct LeaseSafety {
    newest: u64,
    reads: BTreeMap<(u64, u64), u64>,
}

impl Invariant for LeaseSafety {
    fn name(&self) -> &'static str {
        "lease-safety"
    }

    fn see(&mut self, seen: &Seen) -> Result<(), String> {
        match seen {
            Seen::Answered(answered) => {
                self.newest = self.newest.max(answered.revision);
                Ok(())
            }
            Seen::Looks { client, read } => {
                self.reads.insert((*client, *read), self.newest);
                Ok(())
            }
            Seen::Looked(looked) => {
                let due = self.reads.remove(&(looked.client, looked.read)).unwrap_or(0);
                // What was read is out in the world too: no later read may be older.
                self.newest = self.newest.max(looked.revision);
                if looked.revision >= due {
                    return Ok(());
                }
                Err(format!(
                    "client {} read revision {} where {due} was known before it asked",
                    looked.client, looked.revision
                ))
            }
            _ => Ok(()),
        }
    }
}
