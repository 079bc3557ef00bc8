//! Writes the copy anew from a state that is held still, and what changes meanwhile with it: whoever applies waits for some
//! batches at most, and not until a million records are written.

use std::collections::BTreeSet;

use super::sled_store::{BATCH_RECORDS, SledError, SledStore};
use crate::machine::{Change, Record};
use crate::snapshot::{Position, Taken};
use crate::stop::{Pace, Stop};

/// Where more changes than this came between two batches, somebody waits, and there is no rest.
const CALM: usize = 512;

/// What changed since it was asked for last.
#[derive(Debug)]
pub(super) enum Meanwhile {
    Nothing,
    /// In the order of their keys, and where the state stood after them, with how many records.
    Changes(Vec<Change>, Position, usize),
    /// The whole state was replaced: what is being written is none any more.
    Lost,
}

/// Writes the state, asking between batches for what has changed; `false` where it was replaced, so that all of it has to be
/// written once more.
pub(super) fn rewrite(
    store: SledStore,
    taken: Taken,
    stop: &Stop,
    mut meanwhile: impl FnMut() -> Meanwhile,
) -> Result<(SledStore, bool), SledError> {
    let mut store = store.emptied()?;
    let begun = taken.position.applied;
    let mut end = (taken.position, usize::try_from(taken.records).unwrap_or(usize::MAX));
    // Keys further on that were written already, and as they are now.
    let mut newer = BTreeSet::new();
    let mut records = taken.frozen.records();
    let mut pace = Pace::begin(stop);
    loop {
        let batch: Vec<Record> = records.by_ref().take(BATCH_RECORDS).collect();
        let Some((last, _)) = batch.last() else { break };
        let last = last.clone();
        let batch = batch.into_iter().filter(|(key, _)| !newer.remove(key));
        let batch: Vec<Change> = batch.map(|(key, value)| (key, Some(value))).collect();
        store.write(&batch)?;
        let calm = match meanwhile() {
            Meanwhile::Nothing => true,
            Meanwhile::Lost => return Ok((store, false)),
            // Changes up to there are in the state that is held still, and may be older than it.
            Meanwhile::Changes(_, position, _) if position.applied <= begun => true,
            Meanwhile::Changes(changes, position, count) => {
                store.write(&changes)?;
                let calm = changes.len() < CALM;
                newer.extend(changes.into_iter().map(|(key, _)| key).filter(|key| *key > last));
                end = (position, count);
                calm
            }
        };
        if stop.said() || calm && pace.rest() {
            return Err(SledError::Stopped);
        }
    }
    store.conclude(&end.0, end.1)?;
    Ok((store, true))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use camino::Utf8Path;

    use super::*;
    use crate::digest::Rolling;
    use crate::machine::Frozen;
    use crate::types::{StoredMembership, log_id};

    struct Still(Vec<Record>);

    impl Frozen for Still {
        fn records(self: Box<Self>) -> Box<dyn Iterator<Item = Record> + Send> {
            Box::new(self.0.into_iter())
        }
    }

    type State = BTreeMap<Vec<u8>, Vec<u8>>;

    fn key(number: usize) -> Vec<u8> {
        format!("r/{number:06}").into_bytes()
    }

    fn position(state: &State, index: u64) -> Position {
        let records: Vec<Record> = state.clone().into_iter().collect();
        Position {
            applied: Some(log_id(1, 1, index)),
            membership: StoredMembership::default(),
            time_ms: 0,
            hash: Rolling::of(&records).hash(),
        }
    }

    fn taken(state: &State, index: u64) -> Taken {
        let records = u64::try_from(state.len()).unwrap();
        let frozen = Box::new(Still(state.clone().into_iter().collect()));
        Taken { frozen, position: position(state, index), records }
    }

    fn held(store: &mut SledStore) -> State {
        let read = store.read(|each| each.collect::<Result<State, SledError>>());
        read.unwrap()
    }

    #[test]
    fn what_changes_while_a_copy_is_written_is_in_it() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap().join("applied");
        let (mut store, _) = SledStore::open(&dir, "c").unwrap();
        let stop = Stop::default();
        // What the copy held before goes.
        store.write(&[(b"r/old".to_vec(), Some(vec![9]))]).unwrap();
        let begun: State = (0..10 * BATCH_RECORDS).map(|number| (key(number), vec![1])).collect();
        let mut now = begun.clone();
        // Behind what is written by then, in front of it, between records, at the end; a large one, and some that go.
        let changes = [
            (key(0), Some(vec![2])),
            (key(1), None),
            (key(3 * BATCH_RECORDS + 5), Some(vec![3; 9_000])),
            (key(5 * BATCH_RECORDS), None),
            (b"r/000700x".to_vec(), Some(vec![4])),
            (b"z".to_vec(), Some(vec![5])),
        ];
        for (key, value) in &changes {
            match value {
                Some(value) => drop(now.insert(key.clone(), value.clone())),
                None => drop(now.remove(key)),
            }
        }
        let mut calls = 0;
        let (mut store, whole) = rewrite(store, taken(&begun, 10), &stop, || {
            calls += 1;
            match calls {
                // Older than the state that is held still.
                1 => Meanwhile::Changes(vec![(key(9), Some(vec![0]))], position(&begun, 10), begun.len()),
                2 => Meanwhile::Changes(changes.to_vec(), position(&now, 11), now.len()),
                _ => Meanwhile::Nothing,
            }
        })
        .unwrap();
        assert!(whole);
        assert_eq!(calls, 10, "it is asked after every batch");
        assert_eq!(held(&mut store), now);
        store.close().unwrap();
        let (mut store, holds) = SledStore::open(&dir, "c").unwrap();
        let holds = holds.unwrap();
        assert_eq!((holds.position.applied, holds.records), (Some(log_id(1, 1, 11)), now.len() as u64));
        store.check(&holds, &stop).unwrap();
        // Replaced half way, it is no copy of anything.
        let (store, whole) = rewrite(store, taken(&begun, 12), &stop, || Meanwhile::Lost).unwrap();
        assert!(!whole);
        store.close().unwrap();
        let gone = SledStore::open(&dir, "c").unwrap_err();
        assert!(matches!(gone, SledError::Corrupt("it has records but no position")), "{gone}");
    }
}
