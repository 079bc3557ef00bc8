//! The replicated state as raft sees it.

use holdfast_raft::{Applied, Frozen, Machine, Record, in_order};
use holdfast_state::{Part, Restoring, State};
use holdfast_types::Time;
use prost::Message as _;

/// The state that controllers agree on.
#[derive(Debug, Default)]
pub(super) struct Replicated(pub(super) State);

struct Still(State);

impl Frozen for Still {
    fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send> {
        Box::new(self.0.into_records())
    }
}

impl Machine for Replicated {
    fn apply(&mut self, _index: u64, time_ms: u64, command: &[u8]) -> Applied {
        let applied = self.0.apply(Time(time_ms), command);
        Applied { response: applied.outcome.encode_to_vec(), changes: applied.changes }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        Box::new(Still(self.0.clone()))
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        let mut restoring = Restoring::default();
        in_order(records, Part::of, |part| restoring.add(part?))?;
        restoring.end().map(Self)
    }
}
