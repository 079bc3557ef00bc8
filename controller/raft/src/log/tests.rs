//! What the log owes: nothing acknowledged is lost, nothing damaged is read, and the difference is told apart.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::{EntryPayload, RaftLogReader};
use tempfile::TempDir;

use super::record::{Link, Record};
use super::segment::SEGMENT_HEADER;
use super::{LogError, LogPlace, LogStore};
use crate::disk::RealDisk;
use crate::files::DirLock;
use crate::types::{Batch, Entry, Vote, log_id};
use crate::work::Work;

const SEGMENT: u64 = 64 << 10;

fn dir_of(temp: &TempDir) -> &Utf8Path {
    Utf8Path::from_path(temp.path()).unwrap()
}

/// A log of which everything may go.
fn open(dir: &Utf8Path) -> Result<LogStore, LogError> {
    let log = uncovered(dir)?;
    log.covered(u64::MAX);
    Ok(log)
}

/// A log whose state reaches nowhere yet.
fn uncovered(dir: &Utf8Path) -> Result<LogStore, LogError> {
    let lock = Arc::new(DirLock::take(&RealDisk, dir).unwrap().unwrap());
    let (disk, dir, work) = (Arc::new(RealDisk), dir.join("log"), Work::Threads);
    LogStore::open(LogPlace { disk, dir, segment_bytes: SEGMENT, id: 99, work }, lock)
}

fn entry(term: u64, index: u64, bytes: usize) -> Entry {
    let command = Bytes::from(vec![u8::try_from(index % 251).unwrap(); bytes]);
    let batch = Batch { time_ms: index, commands: vec![command].into() };
    Entry { log_id: log_id(term, 1, index), payload: EntryPayload::Normal(batch) }
}

async fn all(log: &mut LogStore) -> Vec<Entry> {
    log.try_get_log_entries(..).await.unwrap()
}

fn segments(dir: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut paths: Vec<_> =
        dir.join("log").read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
    paths.sort();
    paths
}

/// Where the records of a file end: after the last byte that is not zero, as every record ends in its payload.
fn end_of(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    log.save_vote(&Vote::new_committed(3, 1)).await.unwrap();
    log.blocking_append((0..5).map(|index| entry(1, index, 10))).await.unwrap();
    log.truncate(log_id(1, 1, 3)).await.unwrap();
    log.save_committed(Some(log_id(1, 1, 1))).await.unwrap();
    log.blocking_append([entry(3, 3, 20)]).await.unwrap();
    log.purge(log_id(1, 1, 0)).await.unwrap();
    drop(log);

    let mut log = open(dir).unwrap();
    let wanted = vec![entry(1, 1, 10), entry(1, 2, 10), entry(3, 3, 20)];
    assert_eq!(all(&mut log).await, wanted);
    assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new_committed(3, 1)));
    assert_eq!(log.read_committed().await.unwrap(), Some(log_id(1, 1, 1)));
    let state = log.get_log_state().await.unwrap();
    assert_eq!(state.last_purged_log_id, Some(log_id(1, 1, 0)));
    assert_eq!(state.last_log_id, Some(log_id(3, 1, 3)));
}

#[tokio::test]
async fn a_record_that_was_cut_short_at_any_byte_is_dropped_and_the_rest_kept() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    log.blocking_append([entry(1, 1, 30)]).await.unwrap();
    log.blocking_append([entry(1, 2, 30)]).await.unwrap();
    drop(log);
    let path = segments(dir).remove(0);
    let whole = fs::read(&path).unwrap();
    let end = end_of(&whole);
    let start = SEGMENT_HEADER + (end - SEGMENT_HEADER) / 2;
    for cut in start..end {
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        let _ = fs::remove_dir_all(dir.join("log"));
        fs::create_dir(dir.join("log")).unwrap();
        fs::write(&path, &torn).unwrap();
        let mut log = open(dir).unwrap();
        assert_eq!(all(&mut log).await, vec![entry(1, 1, 30)], "cut at {cut} of {start}..{end}");
        // What is written over the torn place survives the next restart.
        log.blocking_append([entry(2, 2, 5)]).await.unwrap();
        drop(log);
        let mut log = open(dir).unwrap();
        assert_eq!(all(&mut log).await, vec![entry(1, 1, 30), entry(2, 2, 5)], "cut at {cut}");
    }
}

#[tokio::test]
async fn a_flipped_bit_in_an_older_record_is_named_and_never_cut() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    for index in 1..4 {
        log.blocking_append([entry(1, index, 30)]).await.unwrap();
    }
    drop(log);
    let path = segments(dir).remove(0);
    let whole = fs::read(&path).unwrap();
    let size = (end_of(&whole) - SEGMENT_HEADER) / 3;
    for at in SEGMENT_HEADER..SEGMENT_HEADER + 2 * size {
        let mut rotten = whole.clone();
        rotten[at] ^= 0x10;
        fs::write(&path, &rotten).unwrap();
        let record = SEGMENT_HEADER + (at - SEGMENT_HEADER) / size * size;
        match open(dir).err() {
            Some(LogError::Corrupt { segment, offset, .. }) => {
                assert_eq!(segment, path);
                assert_eq!(offset, u64::try_from(record).unwrap(), "flipped byte {at}");
            }
            other => panic!("flipped byte {at}: {other:?}"),
        }
        assert_eq!(fs::read(&path).unwrap(), rotten, "a corrupt log is left as it is");
    }
}

/// A power cut can keep the later sectors of a write and lose the earlier ones: whole records of the same group behind a
/// bad one are part of the same torn write, which nobody was told about.
#[tokio::test]
async fn a_group_whose_beginning_was_lost_is_torn_and_not_corrupt() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    log.blocking_append([entry(1, 1, 30)]).await.unwrap();
    log.blocking_append([entry(1, 2, 30), entry(1, 3, 30), entry(1, 4, 30)]).await.unwrap();
    drop(log);
    let path = segments(dir).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let size = (end_of(&bytes) - SEGMENT_HEADER) / 4;
    bytes[SEGMENT_HEADER + size..SEGMENT_HEADER + 2 * size].fill(0);
    fs::write(&path, &bytes).unwrap();
    let mut log = open(dir).unwrap();
    assert_eq!(all(&mut log).await, vec![entry(1, 1, 30)]);
    drop(log);
    assert_eq!(all(&mut open(dir).unwrap()).await, vec![entry(1, 1, 30)], "nothing of it comes back");
}

#[tokio::test]
async fn damage_in_an_older_segment_or_a_missing_one_is_corruption() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    for index in 0..20 {
        log.blocking_append([entry(1, index, 10_000)]).await.unwrap();
    }
    drop(log);
    let paths = segments(dir);
    assert!(paths.len() >= 3, "{paths:?}");
    let second = fs::read(&paths[1]).unwrap();
    let mut lost_tail = second.clone();
    let end = end_of(&second);
    lost_tail[end - 10_010..].fill(0);
    fs::write(&paths[1], &lost_tail).unwrap();
    assert!(matches!(open(dir).err(), Some(LogError::Corrupt { .. })));
    fs::remove_file(&paths[1]).unwrap();
    assert!(matches!(open(dir).err(), Some(LogError::Corrupt { segment, .. }) if segment == paths[2]));
    fs::write(&paths[1], &second).unwrap();
    assert_eq!(all(&mut open(dir).unwrap()).await.len(), 20);
}

#[tokio::test]
async fn purging_deletes_whole_old_segments_and_keeps_the_vote() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    log.save_vote(&Vote::new(7, 2)).await.unwrap();
    for index in 0..30 {
        log.blocking_append([entry(1, index, 10_000)]).await.unwrap();
    }
    let before = segments(dir).len();
    log.purge(log_id(1, 1, 27)).await.unwrap();
    let after = segments(dir).len();
    assert!(before >= 5 && after <= 2, "{before} segments before, {after} after");
    drop(log);
    let mut log = open(dir).unwrap();
    assert_eq!(all(&mut log).await, vec![entry(1, 28, 10_000), entry(1, 29, 10_000)]);
    assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new(7, 2)));
    // Also where the purge goes beyond the last entry, as after a snapshot was installed.
    log.purge(log_id(2, 1, 50)).await.unwrap();
    log.blocking_append([entry(2, 51, 10)]).await.unwrap();
    drop(log);
    let mut log = open(dir).unwrap();
    assert_eq!(all(&mut log).await, vec![entry(2, 51, 10)]);
    assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new(7, 2)));
}

#[tokio::test]
async fn entries_that_left_the_memory_are_read_and_checked_from_disk() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    // Three times what is kept in memory, so that the first ones are on disk only.
    for index in 0..24 {
        log.blocking_append([entry(1, index, 4 << 20)]).await.unwrap();
    }
    assert_eq!(log.try_get_log_entries(0..1).await.unwrap(), vec![entry(1, 0, 4 << 20)]);
    assert_eq!(
        log.limited_get_log_entries(0, 24).await.unwrap().len(),
        1,
        "a read for replication is bounded"
    );
    let path = segments(dir).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = log.try_get_log_entries(0..1).await.unwrap_err().to_string();
    assert!(error.contains("corrupt") && error.contains(path.as_str()), "{error}");
}

#[tokio::test]
async fn a_log_that_rests_keeps_no_entry_in_memory_and_every_one_on_disk() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    let append = async |log: &mut LogStore, index| {
        log.blocking_append([entry(1, index, 100)]).await.unwrap();
    };
    // Whoever reads from memory does not see what happens to the disk.
    let flip = || {
        let path = segments(dir).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let last = end_of(&bytes) - 1;
        // Not to zero, where the records seem to end.
        bytes[last] ^= 2;
        fs::write(&path, &bytes).unwrap();
    };
    append(&mut log, 0).await;
    log.rest();
    append(&mut log, 1).await;
    log.rest();
    flip();
    assert_eq!(all(&mut log).await, vec![entry(1, 0, 100), entry(1, 1, 100)], "one has come since");
    log.rest();
    let error = log.try_get_log_entries(1..2).await.unwrap_err().to_string();
    assert!(error.contains("corrupt"), "{error}");
    flip();
    assert_eq!(all(&mut log).await, vec![entry(1, 0, 100), entry(1, 1, 100)]);
    append(&mut log, 2).await;
    assert_eq!(all(&mut log).await.len(), 3);
}

#[tokio::test]
async fn after_an_error_of_the_disk_nothing_is_written_any_more() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    log.blocking_append([entry(1, 0, 10)]).await.unwrap();
    let aside = dir.join("elsewhere");
    fs::rename(dir.join("log"), &aside).unwrap();
    // The next segment cannot be created.
    let mut failed = None;
    for index in 1..12 {
        if let Err(error) = log.blocking_append([entry(1, index, 10_000)]).await {
            failed = Some((index, error.to_string()));
            break;
        }
    }
    let (index, error) = failed.unwrap();
    // Which step met it first depends on how far the spare segment was.
    let place = dir.join("log");
    assert!(error.contains("refuses writes") && error.contains(place.as_str()), "{error}");
    assert!(log.failure().unwrap().contains(place.as_str()));
    // Sticky, also when the disk is well again.
    fs::rename(&aside, dir.join("log")).unwrap();
    assert!(log.save_vote(&Vote::new(9, 9)).await.is_err());
    drop(log);
    let mut log = open(dir).unwrap();
    assert_eq!(log.failure(), None);
    assert_eq!(all(&mut log).await.len(), usize::try_from(index).unwrap(), "what was acknowledged is there");
    assert_eq!(log.read_vote().await.unwrap(), None);
}

#[test]
fn bytes_that_are_no_segment_never_panic() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let path = dir.join("log/0000000000000000.log");
    fs::create_dir(dir.join("log")).unwrap();
    let mut record = Vec::new();
    Record::Truncate(0).encode(Link { prev: 0, group: 1, ends_group: true }, &mut record);
    for bytes in [vec![], vec![0xff; 31], vec![0xff; 4096], b"HFRAFTLG".to_vec(), record] {
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(open(dir).err(), Some(LogError::Corrupt { offset: 0, .. })), "{bytes:?}");
    }
    fs::remove_file(&path).unwrap();
    fs::write(dir.join("log/notes.txt"), "hello").unwrap();
    assert!(matches!(open(dir).err(), Some(LogError::Corrupt { .. })));
}

#[tokio::test]
async fn what_was_purged_is_not_skipped_by_whoever_reads_to_replicate_or_appends() {
    let temp = TempDir::new().unwrap();
    let mut log = open(dir_of(&temp)).unwrap();
    log.blocking_append((1..8).map(|index| entry(1, index, 10))).await.unwrap();
    log.purge(log_id(1, 1, 4)).await.unwrap();
    assert_eq!(log.limited_get_log_entries(3, 8).await.unwrap(), Vec::new());
    assert_eq!(log.limited_get_log_entries(5, 8).await.unwrap().len(), 3);
    log.purge(log_id(1, 1, 7)).await.unwrap();
    assert!(log.blocking_append([entry(2, 9, 10)]).await.is_err(), "entry 8 is nowhere");
    log.blocking_append([entry(2, 8, 10)]).await.unwrap();
}

#[tokio::test]
async fn nothing_goes_before_the_state_on_disk_reaches_it() {
    let temp = TempDir::new().unwrap();
    let dir = dir_of(&temp);
    let mut log = open(dir).unwrap();
    log.blocking_append((1..4).map(|index| entry(1, index, 10))).await.unwrap();
    drop(log);
    // A snapshot up to 50 is being installed: openraft goes on as if it were there.
    let mut log = uncovered(dir).unwrap();
    log.covered(3);
    log.purge(log_id(2, 1, 50)).await.unwrap();
    assert_eq!(log.get_log_state().await.unwrap().last_log_id, Some(log_id(2, 1, 50)));
    drop(log);
    let mut log = uncovered(dir).unwrap();
    assert_eq!(all(&mut log).await.len(), 3, "it was not saved, so all is as before");

    log.covered(3);
    log.purge(log_id(2, 1, 50)).await.unwrap();
    let mut follows = log.clone();
    let append = tokio::spawn(async move { follows.blocking_append([entry(2, 51, 10)]).await });
    tokio::task::yield_now().await;
    assert!(!append.is_finished(), "an entry behind a hole waits");
    log.covered(50);
    append.await.unwrap().unwrap();
    drop(log);
    let mut log = uncovered(dir).unwrap();
    assert_eq!(all(&mut log).await, vec![entry(2, 51, 10)]);

    log.purge(log_id(2, 1, 60)).await.unwrap();
    log.uncovered();
    assert!(log.blocking_append([entry(2, 61, 10)]).await.is_err(), "it will never be saved");
    drop(log);
    assert_eq!(all(&mut uncovered(dir).unwrap()).await.len(), 1);
}
