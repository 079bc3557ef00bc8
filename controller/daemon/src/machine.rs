//! The replicated state as the log drives it.

use holdfast_raft::{Applied, Machine};
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

    fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.state.records()
    }

    fn restore(&mut self, records: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), String> {
        self.state = State::restore(&records)?;
        Ok(())
    }
}
