//! Damages an input: bits, pieces, lengths, and pieces of other inputs.

use crate::chance::Chance;

/// The most damages of one input.
const MOST: usize = 6;
/// An input never grows beyond this.
const LONGEST: usize = 64 << 10;

/// A damaged copy of one of the seeds.
#[must_use]
pub(crate) fn mutate(chance: &mut Chance, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = chance.pick(seeds).cloned().unwrap_or_default();
    for _ in 0..=chance.below(MOST) {
        damage(chance, &mut bytes, seeds);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn damage(chance: &mut Chance, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = chance.below(bytes.len());
    match chance.below(9) {
        0 => change(bytes, at, |byte, chance| *byte ^= 1 << chance.below(8), chance),
        1 => change(bytes, at, |byte, chance| *byte = chance.draw().to_le_bytes()[0], chance),
        2 => bytes.truncate(at),
        3 => {
            let end = at + chance.below(bytes.len().saturating_sub(at).min(64) + 1);
            drop(bytes.drain(at.min(bytes.len())..end.min(bytes.len())));
        }
        4 => {
            let count = chance.below(16) + 1;
            let noise: Vec<u8> = (0..count).map(|_| chance.draw().to_le_bytes()[0]).collect();
            insert(bytes, at, &noise);
        }
        // The length fields of our formats, in both orders of bytes.
        5 => number(chance, bytes, at),
        6 => {
            // A piece again: what may stand once stands twice.
            let end = (at + chance.below(256)).min(bytes.len());
            let piece = bytes.get(at..end).unwrap_or_default().to_vec();
            let place = chance.below(bytes.len() + 1);
            insert(bytes, place, &piece);
        }
        7 => {
            let other = chance.pick(seeds).cloned().unwrap_or_default();
            let (from, to) = (chance.below(other.len()), chance.below(other.len() + 1));
            insert(bytes, at, other.get(from.min(to)..from.max(to)).unwrap_or_default());
        }
        _ => {
            let other = chance.pick(seeds).cloned().unwrap_or_default();
            bytes.truncate(at);
            let from = chance.below(other.len() + 1);
            bytes.extend_from_slice(other.get(from..).unwrap_or_default());
        }
    }
}

fn change(bytes: &mut [u8], at: usize, how: fn(&mut u8, &mut Chance), chance: &mut Chance) {
    if let Some(byte) = bytes.get_mut(at) {
        how(byte, chance);
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let at = at.min(bytes.len());
    drop(bytes.splice(at..at, piece.iter().copied()));
}

fn number(chance: &mut Chance, bytes: &mut [u8], at: usize) {
    let value = chance.awkward();
    let width = 1_usize << chance.below(4);
    let mut wide = value.to_le_bytes();
    if chance.once_in(3) {
        wide.reverse();
        wide.rotate_left(8 - width);
    }
    for (to, from) in bytes.iter_mut().skip(at).take(width).zip(wide) {
        *to = from;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_they_differ_from_one_another() {
        let seeds = vec![b"holdfast".to_vec(), vec![0; 40]];
        let make = |seed| {
            let mut chance = Chance::new(seed);
            (0..200).map(|_| mutate(&mut chance, &seeds)).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        let distinct: BTreeSet<_> = make(1).into_iter().collect();
        assert!(distinct.len() > 150, "{}", distinct.len());
        assert!(mutate(&mut Chance::new(3), &[]).len() < 1_000, "works from nothing");
    }
}
