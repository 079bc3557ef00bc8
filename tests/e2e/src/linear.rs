//! Is a history linearizable? The search of Wing and Gong, with the memory of Lowe, one register at a time.
//!
//! A history is linearizable where every operation can be given one moment between its call and its answer so that, in
//! the order of those moments, a single register would have given the same answers. Registers are independent of each
//! other, so each is searched alone; the cluster's revisions, which they share, are checked across them by [`revisions`].

use std::collections::{BTreeMap, HashSet};

use crate::history::{Answer, Call, Held, NEVER, Operation};

/// A register: what it holds, nothing where it does not exist, and the newest revision that anybody saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct State {
    held: Option<Held>,
    newest: u64,
}

/// Why a history is not linearizable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The register.
    pub key: String,
    /// As many operations as could be put in order at most, in that order.
    pub prefix: Vec<Operation>,
    /// Those one of which had to follow and could not.
    pub stuck: Vec<Operation>,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "`{}` is not linearizable: {} operations fit, then none of",
            self.key,
            self.prefix.len()
        )?;
        for operation in &self.stuck {
            writeln!(f, "  {operation:?}")?;
        }
        writeln!(f, "the last that fit:")?;
        for operation in self.prefix.iter().rev().take(12) {
            writeln!(f, "  {operation:?}")?;
        }
        Ok(())
    }
}

/// Checks each register of a history. A client has to have been told every revision that it expects in an exchange.
///
/// # Errors
///
/// The first register whose operations have no order.
pub fn check(history: &[Operation]) -> Result<(), Box<Fault>> {
    let mut by_key: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in history {
        by_key.entry(&operation.key).or_default().push(operation);
    }
    by_key.into_iter().try_for_each(|(key, mut operations)| {
        operations.sort_by_key(|o| (o.begun, o.ended));
        let fault = |prefix, stuck| Box::new(Fault { key: key.to_owned(), prefix, stuck });
        let seen = seen(&operations).map_err(|twice| fault(Vec::new(), twice))?;
        Search::of(&operations, &seen).run().map_err(|(prefix, stuck)| {
            let owned = |list: Vec<usize>| {
                list.into_iter().filter_map(|i| operations.get(i).map(|o| (*o).clone())).collect()
            };
            fault(owned(prefix), owned(stuck))
        })
    })
}

/// At which revision each value was seen; as every value is written once, it cannot be two.
fn seen(operations: &[&Operation]) -> Result<BTreeMap<u32, u64>, Vec<Operation>> {
    let mut seen: BTreeMap<u32, (u64, &Operation)> = BTreeMap::new();
    for operation in operations {
        let held = match (operation.call, operation.answer) {
            (_, Answer::Is(Some(held))) => held,
            (Call::Write(value) | Call::Exchange { value, .. }, Answer::Done(revision)) => {
                Held { value, revision }
            }
            _ => continue,
        };
        let (revision, first) = *seen.entry(held.value).or_insert((held.revision, operation));
        if revision != held.revision {
            return Err(vec![first.clone(), (*operation).clone()]);
        }
    }
    Ok(seen.into_iter().map(|(value, (revision, _))| (value, revision)).collect())
}

/// Checks that a write which began after an answer has a later revision than that answer showed, whatever the registers.
///
/// # Errors
///
/// What went backwards.
pub fn revisions(history: &[Operation]) -> Result<(), String> {
    let mut ends: Vec<&Operation> = history.iter().filter(|o| o.revision().is_some()).collect();
    let mut begins = ends.clone();
    begins.sort_by_key(|o| o.begun);
    ends.sort_by_key(|o| o.ended);
    let (mut ended, mut newest) = (ends.iter().peekable(), None::<&Operation>);
    for operation in begins {
        while let Some(earlier) = ended.next_if(|e| e.ended < operation.begun) {
            newest = newest.into_iter().chain([*earlier]).max_by_key(|o| o.revision());
        }
        if let (Answer::Done(revision), Some(earlier)) = (operation.answer, newest)
            && earlier.revision() >= Some(revision)
        {
            return Err(format!("revisions went back: {earlier:?} ended before {operation:?} began"));
        }
    }
    Ok(())
}

/// What the register holds after an operation that was answered so; nothing where it cannot have been answered so.
fn step(state: State, operation: &Operation, seen: &BTreeMap<u32, u64>) -> Option<State> {
    let put = |value, revision| {
        let is_later = revision == 0 || revision > state.newest;
        let newest = state.newest.max(revision);
        is_later.then_some(State { held: Some(Held { value, revision }), newest })
    };
    // What nobody ever saw has a revision that nobody knows.
    let unseen = |value| seen.get(&value).copied().unwrap_or(0);
    let is_expected = |expected| state.held.is_some_and(|held| held.revision == expected);
    match (operation.call, operation.answer) {
        (Call::Read, Answer::Is(held)) => (held == state.held).then_some(state),
        (Call::Write(value), Answer::Done(revision)) => put(value, revision),
        (Call::Write(value), Answer::Unknown) => put(value, unseen(value)),
        (Call::Exchange { expected, .. }, Answer::Conflict) => (!is_expected(expected)).then_some(state),
        // One without an answer that did not fit changed nothing, and need not be given a moment at all.
        (Call::Exchange { expected, .. }, _) if !is_expected(expected) => None,
        (Call::Exchange { value, .. }, Answer::Done(revision)) => put(value, revision),
        (Call::Exchange { value, .. }, Answer::Unknown) => put(value, unseen(value)),
        _ => None,
    }
}

/// A set of operations by their positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Set(Vec<u64>);

impl Set {
    fn flip(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word ^= 1 << (index % 64);
        }
    }

    fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }
}

/// Where the search stands: what the register holds, and whether that is there in vain. A value that nobody ever saw
/// can only be the cause of a conflict; one that has caused none could as well never have been put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Stand {
    state: State,
    in_vain: bool,
}

/// One decision of the search: what was taken to come here, and what may be taken next.
struct Frame {
    taken: Option<usize>,
    moves: Vec<(usize, Stand)>,
}

struct Search<'a> {
    operations: &'a [&'a Operation],
    seen: &'a BTreeMap<u32, u64>,
    /// What has its moment already.
    placed: Set,
    /// How many operations that were answered have not.
    left: usize,
}

impl<'a> Search<'a> {
    fn of(operations: &'a [&'a Operation], seen: &'a BTreeMap<u32, u64>) -> Self {
        let left = operations.iter().filter(|o| o.ended != NEVER).count();
        Self { operations, seen, placed: Set(vec![0; operations.len().div_ceil(64)]), left }
    }

    /// The order that went furthest and what could not follow it, where there is no whole one.
    fn run(mut self) -> Result<(), (Vec<usize>, Vec<usize>)> {
        // What was placed and where the search stood then: nothing new can come of meeting both again.
        let mut met = HashSet::new();
        let beginning = Stand { state: State::default(), in_vain: false };
        let mut frames = vec![Frame { taken: None, moves: self.moves(beginning) }];
        let mut furthest = (Vec::new(), self.candidates());
        while self.left > 0 {
            let Some(frame) = frames.last_mut() else { return Err(furthest) };
            let Some((index, stand)) = frame.moves.pop() else {
                if let Some(taken) = frame.taken {
                    self.turn(taken);
                }
                frames.pop();
                continue;
            };
            self.turn(index);
            if !met.insert((self.placed.clone(), stand)) {
                self.turn(index);
                continue;
            }
            let moves = self.moves(stand);
            frames.push(Frame { taken: Some(index), moves });
            if frames.len() > furthest.0.len() + 1 {
                furthest = (frames.iter().filter_map(|f| f.taken).collect(), self.candidates());
            }
        }
        Ok(())
    }

    /// Places an operation, or takes it back.
    fn turn(&mut self, index: usize) {
        self.placed.flip(index);
        if self.operations.get(index).is_some_and(|o| o.ended != NEVER) {
            self.left = if self.placed.has(index) { self.left - 1 } else { self.left + 1 };
        }
    }

    /// The operations that may be next: those that began before any of the others had ended.
    fn candidates(&self) -> Vec<usize> {
        let mut first_end = NEVER;
        let mut found = Vec::new();
        for (index, operation) in self.operations.iter().enumerate().filter(|(i, _)| !self.placed.has(*i)) {
            if operation.begun > first_end {
                break;
            }
            first_end = first_end.min(operation.ended);
            found.push((operation.begun, index));
        }
        found.into_iter().filter(|(begun, _)| *begun <= first_end).map(|(_, index)| index).collect()
    }

    /// The moves from here; the last is tried first.
    fn moves(&self, from: Stand) -> Vec<(usize, Stand)> {
        let mut moves = Vec::new();
        for index in self.candidates() {
            let Some(operation) = self.operations.get(index) else { continue };
            let Some(state) = step(from.state, operation, self.seen) else { continue };
            let changes = !matches!(operation.answer, Answer::Is(_) | Answer::Conflict);
            if !changes && !from.in_vain {
                // What changes nothing and fits now is not in the way of anything else.
                return vec![(index, from)];
            }
            let in_vain = changes && state.held.is_some_and(|held| held.revision == 0);
            if !changes || !from.in_vain {
                moves.push((operation.ended, index, Stand { state, in_vain }));
            }
        }
        moves.sort_by_key(|(ended, ..)| std::cmp::Reverse(*ended));
        moves.into_iter().map(|(_, index, stand)| (index, stand)).collect()
    }
}

#[cfg(test)]
#[path = "linear/tests.rs"]
mod tests;
