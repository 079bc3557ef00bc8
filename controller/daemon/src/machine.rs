//! The replicated state as the log drives it.

use holdfast_raft::{Applied, Frozen, Machine, Record};
use holdfast_state::State;
use holdfast_types::Time;
use prost::Message as _;

/// The state machine behind the log.
#[derive(Debug, Default)]
pub(crate) struct StateMachine {
    pub(crate) state: State,
}

impl Machine for StateMachine {
    fn apply(&mut self, _index: u64, time_ms: u64, command: &[u8]) -> Applied {
        let applied = self.state.apply(Time(time_ms), command);
        Applied { response: applied.outcome.encode_to_vec(), changes: applied.changes }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        Box::new(FrozenState(self.state.clone()))
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        Ok(Self { state: State::restore(records)? })
    }
}

/// The state at one moment; its rows are shared with the one that goes on.
struct FrozenState(State);

impl Frozen for FrozenState {
    fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send> {
        Box::new(self.0.into_records())
    }
}
