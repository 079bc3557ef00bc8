//! The replicated state as the log drives it.

use holdfast_raft::{Applied, Frozen, Machine, Record, in_order};
use holdfast_state::{Part, Restoring, State};
use holdfast_types::Time;
use prost::Message as _;

/// The state machine behind the log.
#[derive(Debug)]
pub(crate) struct StateMachine {
    pub(crate) state: State,
    newest_level: u32,
}

impl StateMachine {
    /// An empty one, of a release that knows levels up to this.
    pub(crate) fn new(newest_level: u32) -> Self {
        Self { state: State::default(), newest_level }
    }

    fn beyond(&self, state: &State) -> Option<String> {
        let (level, knows) = (state.feature_level(), self.newest_level);
        (level > knows)
            .then(|| format!("the cluster is at feature level {level}, this release knows up to {knows}"))
    }
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
        let mut restoring = Restoring::default();
        in_order(records, Part::of, |part| restoring.add(part?))?;
        let state = restoring.end()?;
        match self.beyond(&state) {
            Some(reason) => Err(reason),
            None => Ok(Self { state, newest_level: self.newest_level }),
        }
    }

    fn outgrown(&self) -> Option<String> {
        self.beyond(&self.state)
    }
}

/// The state at one moment; its rows are shared with the one that goes on.
struct FrozenState(State);

impl Frozen for FrozenState {
    fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send> {
        Box::new(self.0.into_records())
    }
}
