//! What is given away in parts of the accelerators of one node. It must not know which of them are sound, or taken whole.

use crate::need::WHOLE;
use crate::nodes::DeviceSet;

/// The accelerators of which parts are given away. Most nodes have none, and then it is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parts(Option<Box<Table>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Table {
    set: DeviceSet,
    /// In the order of their bits.
    list: Vec<Part>,
}

/// Thousandths of one accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    bit: DeviceSet,
    taken: u32,
    held: u32,
}

impl Part {
    fn free(self) -> u32 {
        WHOLE.saturating_sub(self.taken.saturating_add(self.held))
    }
}

impl Parts {
    /// The accelerators of which any part is taken or held.
    pub(crate) fn set(&self) -> DeviceSet {
        self.0.as_ref().map_or(0, |table| table.set)
    }

    /// Those, each as a set of one, with the thousandths that are free.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DeviceSet, u32)> {
        self.0.iter().flat_map(|table| &table.list).map(|part| (part.bit, part.free()))
    }

    /// The thousandths that are free of an accelerator.
    pub(crate) fn free(&self, bit: DeviceSet) -> u32 {
        self.iter().find(|(other, _)| *other == bit).map_or(WHOLE, |(_, free)| free)
    }

    /// Takes so many thousandths of each of some accelerators.
    pub(crate) fn take(&mut self, set: DeviceSet, thousandths: u32) {
        self.change(set, |part| part.taken = part.taken.saturating_add(thousandths));
    }

    /// Undoes [`Parts::take`].
    pub(crate) fn give_back(&mut self, set: DeviceSet, thousandths: u32) {
        self.change(set, |part| part.taken = part.taken.saturating_sub(thousandths));
    }

    /// Holds so many thousandths of each of some accelerators.
    pub(crate) fn hold(&mut self, set: DeviceSet, thousandths: u32) {
        self.change(set, |part| part.held = part.held.saturating_add(thousandths));
    }

    /// Undoes [`Parts::hold`].
    pub(crate) fn release(&mut self, set: DeviceSet, thousandths: u32) {
        self.change(set, |part| part.held = part.held.saturating_sub(thousandths));
    }

    fn change(&mut self, set: DeviceSet, with: impl Fn(&mut Part)) {
        let table = self.0.get_or_insert_default();
        for bit in bits(set) {
            let at = table.list.partition_point(|part| part.bit < bit);
            let mut part = match table.list.get(at) {
                Some(part) if part.bit == bit => table.list.remove(at),
                Some(_) | None => Part { bit, taken: 0, held: 0 },
            };
            with(&mut part);
            table.set &= !bit;
            if part.taken > 0 || part.held > 0 {
                table.set |= bit;
                table.list.insert(at, part);
            }
        }
        if table.set == 0 {
            self.0 = None;
        }
    }
}

/// Each of a set, as a set of one, the lowest first.
pub(crate) fn bits(mut set: DeviceSet) -> impl Iterator<Item = DeviceSet> {
    std::iter::from_fn(move || {
        let bit = set & set.wrapping_neg();
        set ^= bit;
        (bit != 0).then_some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undone_leaves_nothing() {
        let mut parts = Parts::default();
        parts.take(0b100, 400);
        parts.hold(0b100, 500);
        parts.take(0b001, 999);
        assert_eq!(parts.set(), 0b101);
        assert_eq!(parts.iter().collect::<Vec<_>>(), [(0b001, 1), (0b100, 100)]);
        assert_eq!((parts.free(0b010), parts.free(0b100)), (WHOLE, 100));
        parts.release(0b100, 500);
        parts.give_back(0b101, 400);
        assert_eq!(parts.iter().collect::<Vec<_>>(), [(0b001, 401)]);
        parts.give_back(0b001, 599);
        assert_eq!(parts, Parts::default());
        // More than all may be held while others leave.
        parts.take(0b1, 800);
        parts.hold(0b1, 400);
        assert_eq!(parts.free(0b1), 0);
    }
}
