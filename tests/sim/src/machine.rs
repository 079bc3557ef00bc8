//! The real state machine, with an observer at its side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_api::store::Command;
use holdfast_raft::{Applied, Frozen, Machine, Record};
use holdfast_state::{State, WatchItem};
use holdfast_types::Time;
use prost::Message as _;

use crate::commands::put_queue;
use crate::event::{self, Item, Seen};
use crate::plant::Plant;
use crate::tally::Kind;
use crate::trace::Trace;
use crate::witness::Witness;

/// How often [`Plant::Dropper`] drops.
const DROP_EVERY: u64 = 37;

/// What a member's machine is made with.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The member.
    pub(crate) member: u64,
    /// The bug, if any.
    pub(crate) plant: Plant,
    /// The observers.
    pub(crate) witness: Witness,
    /// Where what happens is counted.
    pub(crate) trace: Trace,
    /// Set once: the next command is to go wrong in this member's memory.
    pub(crate) spoil: Arc<AtomicBool>,
}

/// The state of one member.
#[derive(Debug)]
pub(crate) struct SimMachine {
    /// The state itself.
    pub(crate) state: State,
    setting: Setting,
    index: u64,
    nth: u64,
    /// Whether it has not applied anything since it began or was restored.
    fresh: bool,
}

/// A change of a watch, as the witness compares it.
#[must_use]
pub(crate) fn item(change: &WatchItem) -> Item {
    let crc = crc32c::crc32c(format!("{:?}", change.resource).as_bytes());
    Item { revision: change.revision, name: format!("{}/{}", change.kind, change.name), crc }
}

impl SimMachine {
    /// An empty one.
    #[must_use]
    pub(crate) fn new(setting: Setting) -> Self {
        Self { state: State::default(), setting, index: 0, nth: 0, fresh: true }
    }

    fn spoil(&self, command: &[u8]) -> Option<Vec<u8>> {
        let mut command = Command::decode(command).ok()?;
        match self.setting.plant {
            Plant::Dropper if self.setting.member == 2 && self.index % DROP_EVERY == DROP_EVERY - 1 => {
                command.body = None;
            }
            Plant::Keyless => command.idempotency_key.clear(),
            _ => return None,
        }
        Some(command.encode_to_vec())
    }

    /// Takes in what no entry says.
    fn go_wrong(&mut self, time_ms: u64) {
        let before = self.state.revision();
        let rogue = put_queue("rogue", "rogue", "rogue", 0);
        drop(self.state.apply(Time(time_ms), &rogue.bytes));
        if self.state.revision() > before {
            self.setting.spoil.store(false, Ordering::Relaxed);
            self.setting.trace.count(Kind::Spoiled);
            self.setting.witness.ignore(self.setting.member);
        }
    }

    fn tell(&self, command: &[u8], time_ms: u64, before: u64, answer: &[u8]) {
        let key = Command::decode(command).map(|command| (command.actor, command.idempotency_key));
        let key = key.ok().filter(|(_, key)| !key.is_empty());
        let after = if self.setting.plant == Plant::Rewind && self.index.is_multiple_of(DROP_EVERY) {
            before.saturating_sub(1)
        } else {
            self.state.revision()
        };
        let items = self.state.changes_since(before).map(|items| items.map(item).collect());
        self.setting.witness.tell(&Seen::Applied(event::Applied {
            member: self.setting.member,
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
        if self.setting.spoil.load(Ordering::Relaxed) {
            self.go_wrong(time_ms);
        }
        self.tell(command, time_ms, before, &response);
        self.fresh = false;
        Applied { response, changes: applied.changes }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        self.setting.trace.count(Kind::SnapshotTaken);
        Box::new(FrozenState(self.state.clone()))
    }

    fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
        let state = State::restore(records)?;
        if self.index > 0 {
            self.setting.trace.count(Kind::SnapshotInstalled);
        }
        Ok(Self { state, setting: self.setting.clone(), index: 0, nth: 0, fresh: true })
    }
}

/// The state at one moment.
struct FrozenState(State);

impl Frozen for FrozenState {
    fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send> {
        Box::new(self.0.into_records())
    }
}
