//! What was tried in vain, so that it is not tried again before something has changed. It follows from no snapshot, and must not change
//! what is decided.

use std::collections::BTreeMap;

use crate::log::Moment;

/// What was tried in vain.
#[derive(Debug, Default)]
pub(crate) struct Vain {
    /// Since when a class is known to find no room.
    parked: Vec<Option<Moment>>,
    /// The classes that found no room even when nothing ran, with how often such room had come by then.
    never: BTreeMap<usize, u64>,
    room_came: u64,
}

impl Vain {
    /// Since when a class is known to find no room.
    pub(crate) fn parked(&self, class: usize) -> Option<Moment> {
        self.parked.get(class).copied().flatten()
    }

    /// A class finds no room, or may find some.
    pub(crate) fn park(&mut self, class: usize, since: Option<Moment>) {
        self.parked.resize(self.parked.len().max(class + 1), None);
        if let Some(slot) = self.parked.get_mut(class) {
            *slot = since;
        }
    }

    /// A class finds no room even when nothing runs.
    pub(crate) fn give_up(&mut self, class: usize) {
        self.never.insert(class, self.room_came);
    }

    /// Whether a class found no room even when nothing ran, and none has come since.
    pub(crate) fn is_never(&self, class: usize) -> bool {
        self.never.get(&class) == Some(&self.room_came)
    }

    /// There may be more room when nothing runs: a node takes work again, or places are held no more.
    pub(crate) fn room_came(&mut self) {
        self.room_came += 1;
    }
}
