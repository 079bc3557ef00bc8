use std::fs;

use camino::Utf8PathBuf;
use holdfast_audit::{Draft, Head, Kind, Signer, bundle_path, export, push_entry};

use super::*;

const COUNT: u64 = 300;

fn signer() -> Signer {
    Signer::from_seed("cluster.example", &[1; 32]).unwrap()
}

fn key() -> VerifierKey {
    signer().verifier()
}

fn entries(count: u64, actor: &str) -> Vec<Vec<u8>> {
    let mut head = Head::default();
    let entry =
        |n| head.append(Draft::new(Time(n), Kind::JOB, actor, "submit", format!("job/j{n}"))).unwrap().bytes;
    (0..count).map(entry).collect()
}

struct Log {
    _guard: tempfile::TempDir,
    dir: Utf8PathBuf,
    checkpoint: Checkpoint,
    entries: Vec<Vec<u8>>,
}

fn written(entries: Vec<Vec<u8>>) -> Log {
    let guard = tempfile::tempdir().unwrap();
    let dir = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let checkpoint = export(&dir, &entries, &signer()).unwrap();
    Log { _guard: guard, dir, checkpoint, entries }
}

fn log() -> Log {
    written(entries(COUNT, "ada"))
}

impl Log {
    fn width(&self, index: u64) -> usize {
        tile_width(0, index, COUNT)
    }

    /// Writes entries in place of those of both bundles, cut where bundles begin by `firsts`.
    fn put(&self, bundle: u64, entries: &[Vec<u8>]) {
        let mut bytes = Vec::new();
        for entry in entries {
            push_entry(&mut bytes, entry).unwrap();
        }
        fs::write(self.dir.join(bundle_path(bundle, self.width(bundle))), bytes).unwrap();
    }

    /// Writes the leaf hash of an entry into its tile, as one who knows the format would.
    fn reseal(&self, at: u64, entry: &[u8]) {
        let path = self.dir.join(tile_path(0, at / 256, self.width(at / 256)));
        let mut tile = fs::read(&path).unwrap();
        let offset = (at % 256) as usize * 32;
        tile[offset..offset + 32].copy_from_slice(&leaf_hash(entry).0);
        fs::write(path, tile).unwrap();
    }

    fn bundle(&self, at: u64) -> (u64, usize, Vec<Vec<u8>>) {
        let (bundle, position) = (at / 256, (at % 256) as usize);
        let first = bundle as usize * 256;
        (bundle, position, self.entries[first..first + self.width(bundle)].to_vec())
    }

    fn restore(&self, at: u64) {
        let (bundle, position, whole) = self.bundle(at);
        self.put(bundle, &whole);
        self.reseal(at, &whole[position]);
    }

    #[track_caller]
    fn finding(&self) -> Finding {
        verify_log(&self.dir, Some(&key()), None).expect_err("the tampering should be found")
    }

    /// Tampers with every entry in turn, and expects each to be named.
    fn check(&self, tamper: impl Fn(u64, usize, &mut Vec<Vec<u8>>) -> bool, expected: impl Fn(u64) -> Place) {
        for at in 0..COUNT {
            let (bundle, position, mut entries) = self.bundle(at);
            let reseal = tamper(at, position, &mut entries);
            self.put(bundle, &entries);
            if reseal {
                self.reseal(at, &entries[position]);
            }
            let finding = self.finding();
            assert_eq!(finding.place, expected(at), "{at}: {finding}");
            self.restore(at);
        }
        verify_log(&self.dir, Some(&key()), None).expect("the log is whole again");
    }
}

fn replace(entry: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(entry.clone()).unwrap();
    assert!(text.contains(from), "{text} lacks {from}");
    *entry = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn a_whole_log_is_reported() {
    for count in [0, 1, 255, 256, 257, 513] {
        let log = written(entries(count, "ada"));
        let report = verify_log(&log.dir, Some(&key()), Some(&log.checkpoint)).unwrap();
        assert_eq!((report.size, report.root, report.continues), (count, log.checkpoint.root, Some(count)));
        assert_eq!(report.kinds.get("job").copied().unwrap_or(0), count);
        assert_eq!(verify_log(&log.dir, None, None).unwrap().trust, Trust::FromLog);
    }
}

#[test]
fn every_edited_entry_is_named() {
    log().check(
        |_, position, entries| {
            replace(&mut entries[position], "ada", "eve");
            false
        },
        Place::Entry,
    );
}

#[test]
fn every_deleted_entry_is_named() {
    log().check(
        |_, position, entries| {
            entries.remove(position);
            false
        },
        Place::Entry,
    );
}

#[test]
fn every_doubled_entry_is_named() {
    log().check(
        |_, position, entries| {
            let copy = entries[position].clone();
            entries.insert(position, copy);
            false
        },
        |at| Place::Entry(at + 1),
    );
}

#[test]
fn every_cut_of_a_bundle_is_named() {
    log().check(
        |_, position, entries| {
            entries.truncate(position);
            false
        },
        Place::Entry,
    );
}

#[test]
fn every_pair_of_entries_that_changed_places_is_named() {
    let log = log();
    for at in (0..COUNT - 1).filter(|at| at % 256 != 255) {
        let (bundle, position, mut entries) = log.bundle(at);
        entries.swap(position, position + 1);
        log.put(bundle, &entries);
        assert_eq!(log.finding().place, Place::Entry(at));
        // With tiles to match, the numbers give it away.
        log.reseal(at, &entries[position]);
        log.reseal(at + 1, &entries[position + 1]);
        let finding = log.finding();
        assert!(matches!(*finding.fault, Fault::Sequence(_)), "{finding}");
        assert_eq!(finding.place, Place::Entry(at));
        log.restore(at);
        log.restore(at + 1);
    }
}

#[test]
fn every_entry_edited_together_with_its_tile_is_named_by_the_entry_after_it() {
    let log = log();
    let edit = |_, position: usize, entries: &mut Vec<Vec<u8>>| {
        replace(&mut entries[position], "ada", "eve");
        true
    };
    // Nothing links to the last one: only the root gives it away, and a trusted checkpoint narrows it down.
    let expected = |at| match COUNT - 1 - at {
        0 => Place::Within { first: 0, last: COUNT - 1 },
        1 => Place::Within { first: at, last: at + 1 },
        _ => Place::Entry(at),
    };
    log.check(edit, expected);
    let known = written(log.entries[..299].to_vec()).checkpoint;
    let (bundle, position, mut entries) = log.bundle(299);
    edit(299, position, &mut entries);
    log.put(bundle, &entries);
    log.reseal(299, &entries[position]);
    let finding = verify_log(&log.dir, Some(&key()), Some(&known)).unwrap_err();
    assert_eq!(finding.place, Place::Entry(299));
}

#[test]
fn every_entry_with_another_number_or_link_and_a_tile_to_match_is_named() {
    let log = log();
    log.check(
        |at, position, entries| {
            replace(&mut entries[position], &format!(r#""seq":{at},"#), &format!(r#""seq":{},"#, at + 1));
            true
        },
        Place::Entry,
    );
    let other = format!(r#""prev":"{}""#, "ff".repeat(32));
    log.check(
        |at, position, entries| {
            let prev = if at == 0 { Hash::default() } else { leaf_hash(&log.entries[at as usize - 1]) };
            replace(&mut entries[position], &format!(r#""prev":"{prev}""#), &other);
            true
        },
        |at| if at < COUNT - 1 { Place::Entry(at) } else { Place::Within { first: at - 1, last: at } },
    );
}

#[test]
fn every_bent_hash_of_a_tile_is_named() {
    let log = log();
    for at in 0..COUNT {
        log.reseal(at, b"something else");
        assert_eq!(log.finding().place, Place::Entry(at));
        log.restore(at);
    }
    let path = log.dir.join("tile/1/000.p/1");
    fs::write(&path, [7; 32]).unwrap();
    let finding = log.finding();
    assert_eq!(finding.place, Place::Within { first: 0, last: 255 });
    assert!(finding.to_string().starts_with("entries 0 to 255: `tile/1/000.p/1` states 0707"), "{finding}");
}

#[test]
fn a_log_cut_off_or_rewritten_by_whoever_holds_the_key_does_not_continue_what_is_trusted() {
    let whole = log();
    for size in [0u64, 1, 100, 256, 299] {
        let cut = written(whole.entries[..size as usize].to_vec());
        assert!(verify_log(&cut.dir, Some(&key()), None).is_ok(), "the log alone cannot tell");
        let finding = verify_log(&cut.dir, Some(&key()), Some(&whole.checkpoint)).unwrap_err();
        assert_eq!(finding.place.first(), Some(size));
        assert!(matches!(*finding.fault, Fault::Truncated { .. }), "{finding}");
    }
    let rewritten = written(entries(COUNT + 50, "eve"));
    let finding = verify_log(&rewritten.dir, Some(&key()), Some(&whole.checkpoint)).unwrap_err();
    assert!(matches!(*finding.fault, Fault::Fork { size: COUNT, .. }), "{finding}");
}

#[test]
fn another_key_and_a_bent_checkpoint_are_refused() {
    let log = log();
    let refused = |key: &VerifierKey| match *verify_log(&log.dir, Some(key), None).unwrap_err().fault {
        Fault::Note(error) => error.to_string(),
        other => panic!("{other}"),
    };
    let stranger = Signer::from_seed("cluster.example", &[2; 32]).unwrap();
    assert!(refused(&stranger.verifier()).contains("bears no signature by"));
    let note = fs::read_to_string(log.dir.join("checkpoint")).unwrap();
    fs::write(log.dir.join("checkpoint"), note.replacen("\n300\n", "\n299\n", 1)).unwrap();
    assert!(refused(&key()).contains("is not valid"));
    // Signed anew by a stranger, with the stranger's key put into `keys`: whoever holds the right key sees it.
    fs::write(log.dir.join("checkpoint"), log.checkpoint.sign(&stranger)).unwrap();
    fs::write(log.dir.join("keys"), format!("{}\n", stranger.verifier())).unwrap();
    assert!(refused(&key()).contains("bears no signature by"));
    assert!(verify_log(&log.dir, None, None).is_ok());
    fs::remove_file(log.dir.join("keys")).unwrap();
    assert_eq!(*verify_log(&log.dir, None, None).unwrap_err().fault, Fault::NoKey);
}

#[test]
fn a_missing_or_odd_file_is_named() {
    let files = [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ];
    for file in files {
        let log = log();
        let path = log.dir.join(file);
        fs::remove_file(&path).unwrap();
        assert!(
            log.finding().to_string().contains(&format!("{file}` is missing")),
            "{file}: {}",
            log.finding()
        );
        fs::create_dir(&path).unwrap();
        assert!(log.finding().to_string().contains("not a regular file"), "{file}: {}", log.finding());
        fs::remove_dir(&path).unwrap();
        // One byte too many, and far too many.
        for length in [1, 17_000_000] {
            fs::write(&path, vec![b'x'; length]).unwrap();
            assert!(verify_log(&log.dir, Some(&key()), None).is_err(), "{file}: {length}");
        }
    }
}

#[test]
fn a_log_copied_while_it_grew_is_whole_under_the_older_checkpoint() {
    let log = log();
    let note = fs::read(log.dir.join("checkpoint")).unwrap();
    export(&log.dir, entries(512, "ada"), &signer()).unwrap();
    fs::write(log.dir.join("checkpoint"), note).unwrap();
    assert_eq!(verify_log(&log.dir, Some(&key()), None).map(|report| report.size), Ok(300));
}
