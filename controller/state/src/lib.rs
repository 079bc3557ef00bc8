//! The replicated state machine: apply(&mut State, Command, Time) -> Outcome, snapshots and the watch index.
