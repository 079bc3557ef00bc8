//! What is written is read back, and nothing else is.

use camino::Utf8Path;
use proptest::prelude::*;
use tempfile::TempDir;

use super::format::write;
use super::reader::Reader;
use super::{Position, SnapshotStore, Taken};
use crate::digest::Rolling;
use crate::machine::Record;
use crate::types::{SnapshotFile, log_id};

fn position(records: &[Record]) -> Position {
    Position {
        applied: Some(log_id(3, 1, 7)),
        time_ms: 5,
        hash: Rolling::of(records).hash(),
        ..Position::default()
    }
}

fn bytes_of(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    let count = u64::try_from(records.len()).unwrap();
    let written = write("c", &position(records), count, records.iter().cloned(), &mut out).unwrap();
    assert_eq!(written.bytes, u64::try_from(out.len()).unwrap());
    out
}

fn records(many: u32) -> Vec<Record> {
    (0..many).map(|n| (n.to_be_bytes().to_vec(), vec![7; 40_000])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn records_come_back_and_a_changed_byte_is_an_error(
        records in prop::collection::btree_map(prop::collection::vec(any::<u8>(), 0..9), prop::collection::vec(any::<u8>(), 0..300), 0..40),
        at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>(),
    ) {
        let records: Vec<Record> = records.into_iter().collect();
        let bytes = bytes_of(&records);
        let mut reader = Reader::of_cluster("c", bytes.as_slice()).unwrap();
        prop_assert_eq!(reader.by_ref().collect::<Result<Vec<_>, _>>().unwrap(), records.clone());
        prop_assert_eq!((reader.position(), reader.bytes()), (&position(&records), u64::try_from(bytes.len()).unwrap()));
        let read = |bytes: &[u8]| Reader::of_cluster("c", bytes).and_then(|mut reader| reader.check());
        let mut bent = bytes.clone();
        bent[at.index(bytes.len())] ^= 1 << bit;
        prop_assert!(read(&bent).is_err());
        prop_assert!(read(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(read(&[bytes.as_slice(), b"x"].concat()).is_err());
    }
}

#[test]
fn a_state_whose_hash_is_not_the_known_one_is_written_with_its_own() {
    let temp = TempDir::new().unwrap();
    let store = SnapshotStore::open(
        std::sync::Arc::new(crate::RealDisk),
        Utf8Path::from_path(temp.path()).unwrap(),
        "c",
    )
    .unwrap();
    let records = records(100);
    let wrong = Position { hash: Rolling::default().hash(), ..position(&records) };
    let saved = store.save(Taken { frozen: Box::new(records.clone()), position: wrong, records: 3 }).unwrap();
    assert_eq!(store.check(&saved.snapshot).unwrap(), position(&records));
    let paths = store.paths().unwrap();
    let read: Vec<Record> = store.read(&paths[0]).unwrap().map(Result::unwrap).collect();
    assert_eq!((read, paths.len()), (records, 1));
}

#[test]
fn a_snapshot_of_an_earlier_process_is_read_whole_before_it_is_sent() {
    let temp = TempDir::new().unwrap();
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    for applied in [7, 8] {
        let mut position = position(&records(60));
        position.applied = Some(log_id(3, 1, applied));
        let taken = Taken { frozen: Box::new(records(60)), position, records: 60 };
        SnapshotStore::open(std::sync::Arc::new(crate::RealDisk), dir, "c").unwrap().save(taken).unwrap();
    }
    let store = SnapshotStore::open(std::sync::Arc::new(crate::RealDisk), dir, "c").unwrap();
    let newest = store.paths().unwrap().remove(0);
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let at = |store: &SnapshotStore| store.current().unwrap().unwrap().meta.last_log_id.unwrap().index;
    assert_eq!(at(&store), 8, "openraft asks where it stands");
    assert_eq!(at(&store), 7, "to be sent it has to be whole");
    assert!(newest.with_extension("broken").exists());
}

#[test]
fn a_received_snapshot_becomes_one_of_our_own() {
    let temp = TempDir::new().unwrap();
    let store = SnapshotStore::open(
        std::sync::Arc::new(crate::RealDisk),
        Utf8Path::from_path(temp.path()).unwrap(),
        "c",
    )
    .unwrap();
    let records = records(60);
    let received: SnapshotFile = store.receive().unwrap();
    let bytes = bytes_of(&records);
    received.file.write_at(&bytes, 0).unwrap();
    assert_eq!(store.check(&received).unwrap(), position(&records));
    let path = store.adopt(&received).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes);
}
