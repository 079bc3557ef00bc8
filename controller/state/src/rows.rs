//! A sorted map whose copy is cheap: chunks of rows behind `Arc`, so that a copy costs one counter for each chunk and the
//! original copies only the chunks it changes afterwards. Knows nothing of what a row is but that its copy is cheap.

use std::sync::Arc;

/// A chunk is cut in two when it has more rows than this.
const CHUNK: usize = 256;
/// A chunk of fewer rows is put together with its neighbour where both fit into one.
const SMALL: usize = CHUNK / 4;

/// Rows in key order. No chunk is empty.
#[derive(Debug)]
pub(crate) struct Rows<V> {
    chunks: Vec<Arc<Chunk<V>>>,
    len: usize,
}

/// A place among the rows, for as long as they are not changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    chunk: usize,
    row: usize,
}

#[derive(Debug)]
struct Chunk<V> {
    rows: Vec<(Arc<str>, V)>,
}

// Derived, these would ask that the rows themselves can be copied or defaulted.
impl<V> Default for Rows<V> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<V> Clone for Rows<V> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<V: Clone> Clone for Chunk<V> {
    fn clone(&self) -> Self {
        // Room for the row that the copy is made for.
        let mut rows = Vec::with_capacity(self.rows.len() + 1);
        rows.extend_from_slice(&self.rows);
        Self { rows }
    }
}

impl<V> Chunk<V> {
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.rows.binary_search_by(|(own, _)| (**own).cmp(key))
    }

    fn starts_at_or_before(&self, key: &str) -> bool {
        self.rows.first().is_some_and(|(own, _)| **own <= *key)
    }
}

impl<V: Clone> Rows<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The chunk whose range the key falls into; the first one takes what is smaller than everything.
    fn place(&self, key: &str) -> usize {
        self.chunks.partition_point(|chunk| chunk.starts_at_or_before(key)).saturating_sub(1)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.entry(key).map(|(_, row)| row)
    }

    /// A row and its key, as it is kept.
    pub(crate) fn entry(&self, key: &str) -> Option<&(Arc<str>, V)> {
        let chunk = self.chunks.get(self.place(key))?;
        chunk.rows.get(chunk.find(key).ok()?)
    }

    /// Puts a row and answers the one it replaces.
    pub(crate) fn insert(&mut self, key: &str, row: V) -> Option<V> {
        let place = self.place(key);
        let Some(shared) = self.chunks.get_mut(place) else {
            self.chunks.push(Arc::new(Chunk { rows: vec![(key.into(), row)] }));
            self.len = 1;
            return None;
        };
        let chunk = Arc::make_mut(shared);
        let at = match chunk.find(key) {
            Ok(at) => return chunk.rows.get_mut(at).map(|(_, old)| std::mem::replace(old, row)),
            Err(at) => at,
        };
        self.len += 1;
        if chunk.rows.len() < CHUNK {
            chunk.rows.insert(at, (key.into(), row));
            return None;
        }
        // Keys that count up leave full chunks behind; anywhere else the halves have room for what comes next.
        let cut = if at == chunk.rows.len() { at } else { CHUNK / 2 };
        let mut upper = Chunk { rows: chunk.rows.split_off(cut) };
        if at >= cut {
            upper.rows.insert(at - cut, (key.into(), row));
        } else {
            chunk.rows.insert(at, (key.into(), row));
        }
        self.chunks.insert(place + 1, Arc::new(upper));
        None
    }

    /// Puts rows in. Those that come in order behind all others become chunks as they are.
    pub(crate) fn extend(&mut self, rows: Vec<(Arc<str>, V)>) {
        let last = self.chunks.last().and_then(|chunk| chunk.rows.last()).map(|(key, _)| key);
        let behind = rows.first().is_some_and(|(key, _)| last.is_none_or(|last| last < key));
        if !(behind && rows.is_sorted_by(|(one, _), (next, _)| one < next)) {
            for (key, row) in rows {
                self.insert(&key, row);
            }
            return;
        }
        self.len += rows.len();
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let mut chunk = Vec::with_capacity(rows.len().min(CHUNK));
            chunk.extend(rows.by_ref().take(CHUNK));
            self.chunks.push(Arc::new(Chunk { rows: chunk }));
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        let place = self.place(key);
        let shared = self.chunks.get_mut(place)?;
        let at = shared.find(key).ok()?;
        let chunk = Arc::make_mut(shared);
        let (_, row) = chunk.rows.remove(at);
        self.len -= 1;
        if chunk.rows.is_empty() {
            self.chunks.remove(place);
        } else if chunk.rows.len() < SMALL {
            self.join(place);
        }
        Some(row)
    }

    /// Puts a small chunk together with the one after it, or before it where it is the last.
    fn join(&mut self, place: usize) {
        let first = if place + 1 < self.chunks.len() { place } else { place.saturating_sub(1) };
        let (Some(lower), Some(upper)) = (self.chunks.get(first), self.chunks.get(first + 1)) else { return };
        if lower.rows.len() + upper.rows.len() > CHUNK {
            return;
        }
        let upper = self.chunks.remove(first + 1);
        if let Some(lower) = self.chunks.get_mut(first) {
            Arc::make_mut(lower).rows.extend_from_slice(&upper.rows);
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.rows.iter().map(|(key, row)| (&**key, row)))
    }

    /// Where the rows begin for which `before` no longer holds; it must hold for a head of the rows alone.
    pub(crate) fn place_after(&self, before: impl Fn(&str, &V) -> bool) -> Place {
        let chunk = self.chunks.partition_point(|c| c.rows.last().is_some_and(|(key, row)| before(key, row)));
        let rows = self.chunks.get(chunk).map(|c| c.rows.partition_point(|(key, row)| before(key, row)));
        Place { chunk, row: rows.unwrap_or(0) }
    }

    /// The rows from a place on.
    pub(crate) fn from(&self, place: Place) -> impl Iterator<Item = (&str, &V)> {
        let rest = self.chunks.get(place.chunk..).unwrap_or_default();
        let rows = rest.iter().flat_map(|chunk| chunk.rows.iter().map(|(key, row)| (&**key, row)));
        rows.skip(place.row)
    }

    /// The last row for which `upto` holds; it must hold for a head of the rows alone.
    pub(crate) fn last_before(&self, upto: impl Fn(&str) -> bool) -> Option<(&str, &V)> {
        let chunks = self.chunks.partition_point(|c| c.rows.first().is_some_and(|(key, _)| upto(key)));
        let chunk = self.chunks.get(chunks.checked_sub(1)?)?;
        let rows = chunk.rows.partition_point(|(key, _)| upto(key));
        chunk.rows.get(rows.checked_sub(1)?).map(|(key, row)| (&**key, row))
    }

    /// Every row, without borrowing the map; a chunk is let go when it has been gone through.
    pub(crate) fn into_rows(self) -> impl Iterator<Item = (Arc<str>, V)> {
        let each =
            |chunk: Arc<Chunk<V>>| (0..chunk.rows.len()).filter_map(move |at| chunk.rows.get(at).cloned());
        self.chunks.into_iter().flat_map(each)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What can be done to a map.
    #[derive(Debug, Clone)]
    enum Act {
        Put(u32, u32),
        Remove(u32),
        /// Keys that count up, as in a log.
        Append(u32),
        /// The oldest rows, as a bounded history drops them.
        DropFirst(u32),
        /// As a start puts them in.
        Extend(u32),
        Keep,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            8 => (0..3_000_u32, any::<u32>()).prop_map(|(key, row)| Act::Put(key, row)),
            4 => (0..3_000_u32).prop_map(Act::Remove),
            1 => (1..600_u32).prop_map(Act::Append),
            1 => (1..600_u32).prop_map(Act::DropFirst),
            1 => (1..600_u32).prop_map(Act::Extend),
            1 => Just(Act::Keep),
        ]
    }

    fn name(key: u32) -> String {
        format!("{key:06}")
    }

    type Model = BTreeMap<String, u32>;

    fn check(rows: &Rows<u32>, model: &Model) {
        assert_eq!(rows.len(), model.len());
        let pairs = |rows: &Rows<u32>| rows.iter().map(|(k, v)| (k.to_owned(), *v)).collect::<Vec<_>>();
        let wanted: Vec<_> = model.iter().map(|(k, v)| (k.clone(), *v)).collect();
        assert_eq!(pairs(rows), wanted);
        let back: Vec<_> = rows.iter().rev().map(|(k, _)| k.to_owned()).collect();
        assert!(back.iter().eq(model.keys().rev()));
        assert!(rows.clone().into_rows().map(|(k, v)| (k.to_string(), v)).eq(wanted));
        assert!(rows.chunks.iter().all(|c| (1..=CHUNK).contains(&c.rows.len())));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_a_sorted_map_and_its_copies_stay_as_they_were(
            acts in prop::collection::vec(act(), 0..400), probes in prop::collection::vec(0..6_000_u32, 20),
        ) {
            let (mut rows, mut model) = (Rows::default(), Model::new());
            let mut kept: Vec<(Rows<u32>, Model)> = Vec::new();
            let mut next = 3_000;
            for act in acts {
                match act {
                    Act::Put(key, row) => {
                        let old = rows.insert(&name(key), row);
                        prop_assert_eq!(old, model.insert(name(key), row));
                    }
                    Act::Remove(key) => {
                        let old = rows.remove(&name(key));
                        prop_assert_eq!(old, model.remove(&name(key)));
                    }
                    Act::Append(many) => for _ in 0..many {
                        rows.insert(&name(next), next);
                        model.insert(name(next), next);
                        next += 1;
                    },
                    Act::DropFirst(many) => for _ in 0..many {
                        let first = rows.iter().next().map(|(key, _)| key.to_owned());
                        prop_assert_eq!(first.as_ref(), model.keys().next());
                        if let Some(first) = first {
                            rows.remove(&first);
                            model.remove(&first);
                        }
                    },
                    Act::Extend(many) => {
                        // One of them is there already, now and then.
                        let from = if many % 5 == 0 { next - 1 } else { next };
                        next = from + many;
                        rows.extend((from..next).map(|key| (name(key).into(), key)).collect());
                        model.extend((from..next).map(|key| (name(key), key)));
                    }
                    Act::Keep => kept.push((rows.clone(), model.clone())),
                }
            }
            kept.push((rows, model));
            for (rows, model) in &kept {
                check(rows, model);
                for probe in &probes {
                    let probe = name(*probe);
                    prop_assert_eq!(rows.get(&probe).copied(), model.get(&probe).copied());
                    let after = rows.from(rows.place_after(|key, _| key < probe.as_str())).map(|(k, _)| k);
                    prop_assert!(after.eq(model.range(probe.clone()..).map(|(k, _)| k.as_str())));
                    let last = rows.last_before(|key| key <= probe.as_str()).map(|(k, _)| k);
                    prop_assert_eq!(last, model.range(..=probe.clone()).next_back().map(|(k, _)| k.as_str()));
                }
            }
        }
    }

    #[test]
    fn a_copy_shares_every_chunk_that_is_not_changed() {
        let mut rows = Rows::default();
        for key in 0..2_560 {
            rows.insert(&name(key), key);
        }
        assert_eq!(rows.chunks.len(), 10, "keys that count up fill their chunks");
        let copy = rows.clone();
        rows.insert(&name(1_000), 0);
        let shared = rows.chunks.iter().zip(&copy.chunks).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, 9);
        assert_eq!(copy.get(&name(1_000)).copied(), Some(1_000));
    }
}
