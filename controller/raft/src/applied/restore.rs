//! Takes a whole state in: from records that pass by, or from the blocks of a snapshot, whose records are hashed on one
//! thread while the machine takes them on another. Nothing is replaced before everything was read and has the right hash.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bytes::Bytes;

use super::live::Shared;
use crate::digest::Rolling;
use crate::machine::{Machine, Record};
use crate::snapshot::{Blocks, Position, Reader, SnapshotError, split};

/// From so many records on a snapshot is worth threads.
const MANY_RECORDS: u64 = 10_000;
/// How many blocks may wait for a thread.
const WAITING_BLOCKS: usize = 8;

/// Why a state was not replaced.
#[derive(Debug)]
pub(super) enum RestoreError<E> {
    /// The records ended in an error.
    Records(E),
    /// Their hash is not that of the position, or they are not so many.
    Hash,
    /// The machine does not read them.
    Machine(String),
}

impl<M: Machine> Shared<M> {
    /// Replaces the state by so many records that pass by in key order. Readers go on with the old state until the new one
    /// stands; where the records end in an error, or are not those of the position, the old one stays.
    pub(super) fn restore<E>(
        &self,
        position: Position,
        count: u64,
        records: impl Iterator<Item = Result<Record, E>>,
    ) -> Result<(), RestoreError<E>> {
        let mut feed = Feed { records, rolling: Rolling::default(), failed: None };
        let restored = self.live.read().machine.restore(&mut feed);
        // What the machine refused may be damage: then the rest says so.
        feed.by_ref().for_each(drop);
        if let Some(error) = feed.failed {
            return Err(RestoreError::Records(error));
        }
        let complete = u64::try_from(feed.rolling.records()) == Ok(count);
        if feed.rolling.hash() != position.hash || !complete {
            return Err(RestoreError::Hash);
        }
        let machine = restored.map_err(RestoreError::Machine)?;
        self.exchange(machine, position, feed.rolling);
        Ok(())
    }

    /// The same for a snapshot, of which nothing but the header was read.
    pub(super) fn restore_snapshot<R: Read + Send>(
        &self,
        reader: Reader<R>,
    ) -> Result<(), RestoreError<SnapshotError>> {
        let (position, count) = (reader.position().clone(), reader.promised());
        if count < MANY_RECORDS {
            return self.restore(position, count, reader);
        }
        let blocks = reader.into_blocks();
        let (restored, rolling) = thread::scope(|scope| {
            let (to_machine, for_machine) = sync_channel(WAITING_BLOCKS);
            let (to_hash, for_hash) = sync_channel(WAITING_BLOCKS);
            let reading = scope.spawn(move || hand_out(blocks, &[to_machine, to_hash]));
            let hashing = scope.spawn(move || hash(&for_hash, count));
            let mut records = Records { blocks: &for_machine, block: Bytes::new() };
            let restored = self.live.read().machine.restore(&mut records);
            // What the machine refused may be damage: then the rest says so.
            for_machine.iter().for_each(drop);
            let read = reading.join().unwrap_or(Err(SnapshotError::Corrupt("reading it panicked")));
            let hashed = hashing.join().unwrap_or(Err(SnapshotError::Corrupt("hashing it panicked")));
            (restored, read.and(hashed))
        });
        let rolling = rolling.map_err(RestoreError::Records)?;
        if rolling.hash() != position.hash {
            return Err(RestoreError::Hash);
        }
        let machine = restored.map_err(RestoreError::Machine)?;
        self.exchange(machine, position, rolling);
        Ok(())
    }
}

/// Gives every block to all who want it.
fn hand_out<R: Read>(blocks: Blocks<R>, to: &[SyncSender<Bytes>]) -> Result<(), SnapshotError> {
    for block in blocks {
        let block = block?;
        for each in to {
            // One that stopped early has its own reason, and the rest is read for the others.
            drop(each.send(block.clone()));
        }
    }
    Ok(())
}

/// The hash of all records, which must be as many as were promised.
fn hash(blocks: &Receiver<Bytes>, count: u64) -> Result<Rolling, SnapshotError> {
    let (mut rolling, mut last) = (Rolling::default(), Vec::new());
    let mut records = 0;
    for block in blocks {
        let mut rest = &*block;
        while let Some((key, value)) = split(&mut rest).transpose()? {
            if records > 0 && *last >= *key {
                return Err(SnapshotError::Corrupt("its records are not in the order of their keys"));
            }
            last.clear();
            last.extend_from_slice(key);
            rolling.put(key, value);
            records += 1;
        }
    }
    if records != count {
        return Err(SnapshotError::Corrupt("it has another number of records than its header says"));
    }
    Ok(rolling)
}

/// The records of blocks, for a machine. It stops at one that is cut off, which whoever hashes the records finds too.
struct Records<'a> {
    blocks: &'a Receiver<Bytes>,
    block: Bytes,
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.block.is_empty() {
            self.block = self.blocks.recv().ok()?;
        }
        let mut rest = &*self.block;
        let (key, value) = split(&mut rest)?.ok()?;
        let record = (key.to_vec(), value.to_vec());
        let taken = self.block.len() - rest.len();
        drop(self.block.split_to(taken));
        Some(record)
    }
}

/// Hands records to a machine and computes their hash as they pass.
struct Feed<I, E> {
    records: I,
    rolling: Rolling,
    failed: Option<E>,
}

impl<I: Iterator<Item = Result<Record, E>>, E> Iterator for Feed<I, E> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.failed.is_some() {
            return None;
        }
        match self.records.next()? {
            Ok((key, value)) => {
                self.rolling.put(&key, &value);
                Some((key, value))
            }
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sum;
    use crate::machine::{Applied, Frozen};
    use crate::snapshot::write;

    /// Keeps what it is given.
    #[derive(Debug, Default)]
    struct Plain(Vec<Record>);

    impl Machine for Plain {
        fn apply(&mut self, _index: u64, _time_ms: u64, _command: &[u8]) -> Applied {
            Applied::default()
        }

        fn freeze(&self) -> Box<dyn Frozen> {
            Box::new(self.0.clone())
        }

        fn restore(&self, records: &mut dyn Iterator<Item = Record>) -> Result<Self, String> {
            let restored: Vec<Record> = records.collect();
            if restored.iter().any(|(_, value)| value == b"refused") {
                return Err("a record is refused".to_owned());
            }
            Ok(Self(restored))
        }
    }

    /// Enough for threads, and for several blocks.
    fn many() -> Vec<Record> {
        let records = 0..2 * u32::try_from(MANY_RECORDS).unwrap();
        records.map(|number| (format!("{number:08}").into_bytes(), vec![7; 100])).collect()
    }

    fn snapshot(records: &[Record], position: &Position, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        write("c", position, u64::try_from(count).unwrap(), records.iter().cloned(), &mut bytes).unwrap();
        bytes
    }

    fn position_of(records: &[Record]) -> Position {
        let mut sum = Sum::default();
        assert!(records.iter().all(|record| sum.add(record)));
        Position { hash: sum.hash(), time_ms: 5, ..Position::default() }
    }

    fn restored(bytes: &[u8]) -> Result<Shared<Plain>, RestoreError<SnapshotError>> {
        let shared = Shared::new(Plain::default());
        let reader = Reader::of_cluster("c", bytes).map_err(RestoreError::Records)?;
        shared.restore_snapshot(reader).map(|()| shared)
    }

    #[test]
    fn a_large_snapshot_comes_back_and_can_be_changed() {
        let records = many();
        let position = position_of(&records);
        let shared = restored(&snapshot(&records, &position, records.len())).unwrap();
        assert_eq!(shared.hash(), position.hash);
        let live = shared.live.read();
        assert_eq!((&live.machine.0, live.position.time_ms), (&records, 5));
        assert_eq!(live.rolling.records(), records.len());
    }

    #[test]
    fn a_flipped_byte_anywhere_in_a_large_snapshot_is_an_error() {
        let records = many();
        let whole = snapshot(&records, &position_of(&records), records.len());
        for place in (0..whole.len()).step_by(whole.len() / 24).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            assert!(restored(&bytes).is_err(), "byte {place} of {}", bytes.len());
        }
        assert!(restored(&whole[..whole.len() - 40]).is_err(), "a lost tail");
    }

    #[test]
    fn what_is_whole_and_wrong_is_told_apart() {
        let mut records = many();
        let position = position_of(&records);
        let wrong = Position { time_ms: 5, ..Position::default() };
        assert!(matches!(restored(&snapshot(&records, &wrong, records.len())), Err(RestoreError::Hash)));
        let short = restored(&snapshot(&records, &position, records.len() + 1));
        assert!(matches!(short, Err(RestoreError::Records(SnapshotError::Corrupt(_)))));
        records[15_000].1 = b"refused".to_vec();
        let refused = restored(&snapshot(&records, &position_of(&records), records.len()));
        assert!(matches!(refused, Err(RestoreError::Machine(_))));
        // Damage comes first: what the machine said of damaged records counts for nothing.
        assert!(matches!(restored(&snapshot(&records, &position, records.len())), Err(RestoreError::Hash)));
    }
}
