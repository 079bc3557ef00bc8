//! The real state machine, with an observer at its side.

use holdfast_api::store::Command;
use holdfast_raft::{Applied, Frozen, Machine, Record};
use holdfast_state::{State, WatchItem};
use holdfast_types::Time;
use prost::Message as _;

use crate::event::{self, Item, Seen};
use crate::plant::Plant;
use crate::witness::Witness;

/// How often [`Plant::Dropper`] drops.
const DROP_EVERY: u64 = 37;

/// The state of one member.
#[derive(Debug)]
pub struct SimMachine {
    /// The state itself.
    pub state: State,
    member: u64,
    plant: Plant,
    witness: Witness,
    index: u64,
    nth: u64,
    /// Whether it has not applied anything since it began or was restored.
    fresh: bool,
}

/// A change of a watch, as the witness compares it.
#[must_use]
pub fn item(change: &WatchItem) -> Item {
    let crc = crc32c::crc32c(format!("{:?}", change.resource).as_bytes());
    Item { revision: change.revision, name: format!("{}/{}", change.kind, change.name), crc }
}

impl SimMachine {
    /// An empty one.
    #[must_use]
    pub fn new(member: u64, plant: Plant, witness: Witness) -> Self {
        Self { state: State::default(), member, plant, witness, index: 0, nth: 0, fresh: true }
    }

    fn spoil(&self, command: &[u8]) -> Option<Vec<u8>> {
        let mut command = Command::decode(command).ok()?;
        match self.plant {
            Plant::Dropper if self.member == 2 && self.index % DROP_EVERY == DROP_EVERY - 1 => {
                command.body = None
            }
            Plant::Keyless => command.idempotency_key.clear(),
            _ => return None,
        }
        Some(command.encode_to_vec())
    }

    fn tell(&self, command: &[u8], time_ms: u64, before: u64, answer: &[u8]) {
        let key = Command::decode(command).map(|command| (command.actor, command.idempotency_key));
        let key = key.ok().filter(|(_, key)| !key.is_empty());
        let after = if self.plant == Plant::Rewind && self.index % DROP_EVERY == 0 {
            before.saturating_sub(1)
        } else {
            self.state.revision()
        };
        let items = self.state.changes_since(before).map(|items| items.map(item).collect());
        self.witness.tell(&Seen::Applied(event::Applied {
            member: self.member,
            index: self.index,
            nth: self.nth,
            time_ms,
            command: crc32c::crc32c(command),
            answer: crc32c::crc32c(answer),
            key: key.map_or_else(String::new, |(actor, key)| format!("{actor}|{key}")),
            before,
            after,
            items: items.unwrap_or_default(),
            fresh: self.fresh,
        }));
    }
}

impl Machine for SimMachine {
    fn apply(&mut self, index: u64, time_ms: u64, command: &[u8]) -> Applied {
        self.nth = if self.index == index { self.nth + 1 } else { 0 };
        self.index = index;
        let before = self.state.revision();
        let spoiled = self.spoil(command);
        let applied = self.state.apply(Time(time_ms), spoiled.as_deref().unwrap_or(command));
        let response = applied.outcome.encode_to_vec();
        self.tell(command, time_ms, before, &response);
        self.fresh = false;
        Applied { response, changes: applied.changes }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        Box::new(FrozenState(self.state.clone()))
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        let state = State::restore(records)?;
        Ok(Self { state, witness: self.witness.clone(), index: 0, nth: 0, fresh: true, ..*self })
    }
}

/// The state at one moment.
struct FrozenState(State);

impl Frozen for FrozenState {
    fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send> {
        Box::new(self.0.into_records())
    }
}
