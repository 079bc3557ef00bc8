//! What a user of the store relies on: what is visible is whole, what is read is right, what is wrong is named.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use camino::Utf8PathBuf;
use holdfast_types::{AsProblem, Code};
use proptest::prelude::*;
use rustix::io::Errno;

use super::*;
use crate::Access;

fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

fn store() -> (tempfile::TempDir, BlobStore) {
    let (dir, path) = scratch();
    (dir, BlobStore::open(&path.join("store")).unwrap())
}

fn names(dir: &Utf8Path) -> Vec<String> {
    sorted_names(dir).unwrap()
}

fn flip(store: &BlobStore, id: BlobId, at: usize) {
    let path = store.layout().blob(id);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 1;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, bytes).unwrap();
    // Some kernels keep time in steps of milliseconds; a real writer comes later than that.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
    File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
}

fn scrub(store: &BlobStore) -> crate::ScrubReport {
    store.scrub(&mut |_| ControlFlow::Continue(())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_written_in_pieces_is_read_whole(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90_000), 0..8)) {
        let (_dir, store) = store();
        let mut writer = store.writer().unwrap();
        for piece in &pieces {
            writer.write_all(piece).unwrap();
        }
        let all = pieces.concat();
        let (id, len) = writer.finish().unwrap();
        prop_assert_eq!(id, BlobId(*blake3::hash(&all).as_bytes()));
        prop_assert_eq!(len, all.len() as u64);
        prop_assert_eq!(store.read_all_verified(id, len).unwrap(), all);
        prop_assert_eq!(store.list().unwrap(), vec![id]);
        prop_assert!(names(&store.layout().tmp()).is_empty());
    }

    #[test]
    fn a_flipped_byte_is_never_handed_out_as_a_whole_blob(len in 1_usize..200_000, at in any::<prop::sample::Index>(), step in 1_usize..70_000) {
        let (_dir, store) = store();
        let id = store.put(&vec![7; len]).unwrap();
        flip(&store, id, at.index(len));
        let mut reader = store.open_verified(id).unwrap();
        let mut got = 0;
        let mut buf = vec![0; step];
        let error = loop {
            match reader.read(&mut buf) {
                Ok(0) => panic!("a damaged blob ended well after {got} of {len} bytes"),
                Ok(n) => got += n,
                Err(e) => break e,
            }
        };
        prop_assert!(got < len);
        prop_assert!(error.to_string().contains(&id.to_string()));
        prop_assert!(reader.read(&mut buf).is_err(), "asking again must not help");
    }
}

#[test]
fn a_blob_is_read_only_durable_and_written_once() {
    let (_dir, store) = store();
    let id = store.put(b"hello").unwrap();
    let path = store.layout().blob(id);
    let before = fs::metadata(&path).unwrap();
    assert_eq!(before.permissions().mode() & 0o7777, 0o444);
    assert_eq!(store.put(b"hello").unwrap(), id);
    assert_eq!(fs::metadata(&path).unwrap().ino(), before.ino(), "a known good copy is left alone");
    assert_eq!((store.has(id).unwrap(), store.len(id).unwrap()), (true, 5));
    assert!(store.delete(id).unwrap() && !store.delete(id).unwrap() && !store.has(id).unwrap());
    let problem = store.open_verified(id).unwrap_err().problem();
    assert_eq!((problem.code, problem.kind.exit_code()), (Code(4000), 3));
}

#[test]
fn a_half_written_blob_is_never_visible() {
    let (_dir, path) = scratch();
    let store = BlobStore::open(&path).unwrap();
    let mut dropped = store.writer().unwrap();
    dropped.write_all(&vec![1; 1 << 20]).unwrap();
    drop(dropped);
    assert!(names(&path.join("tmp")).is_empty(), "a dropped writer leaves nothing");

    // A killed writer does not run its drop.
    let mut killed = store.writer().unwrap();
    killed.write_all(&vec![2; 1 << 20]).unwrap();
    std::mem::forget(killed);
    assert!(store.list().unwrap().is_empty());
    let beside = BlobStore::open(&path).unwrap();
    assert_eq!(names(&path.join("tmp")).len(), 1, "the work of a store that is open is left alone");
    drop((store, beside));
    // The forgotten writer kept no lock: the lock belongs to the store.
    let store = BlobStore::open(&path).unwrap();
    assert!(names(&path.join("tmp")).is_empty());
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn bytes_that_are_not_the_expected_blob_are_kept_under_no_name() {
    let (_dir, store) = store();
    let wanted = BlobId(*blake3::hash(b"wanted").as_bytes());
    let mut writer = store.writer().unwrap();
    writer.write_all(b"forged").unwrap();
    let error = writer.finish_expecting(wanted).unwrap_err();
    assert_eq!(error.problem().code, Code(4002));
    assert!(store.list().unwrap().is_empty() && names(&store.layout().tmp()).is_empty());
    let mut writer = store.writer().unwrap();
    writer.write_all(b"wanted").unwrap();
    assert_eq!(writer.finish_expecting(wanted).unwrap(), 6);
}

#[test]
fn scrub_finds_names_and_moves_the_damaged_and_a_new_copy_heals() {
    let (_dir, store) = store();
    let ids: Vec<_> = (0..20_u8).map(|n| store.put(&vec![n; 10_000]).unwrap()).collect();
    flip(&store, ids[3], 9_999);
    // Truncation changes the length as well.
    let cut = store.layout().blob(ids[7]);
    fs::set_permissions(&cut, fs::Permissions::from_mode(0o644)).unwrap();
    File::options().write(true).open(&cut).unwrap().set_len(5_000).unwrap();
    fs::write(store.layout().blobs().join("note"), "not a blob").unwrap();
    for bad in [ids[3], ids[7]] {
        assert_eq!(store.verify(bad).unwrap_err().problem().code, Code(4001));
        assert!(store.read_all_verified(bad, 1 << 20).is_err());
    }
    let report = scrub(&store);
    let mut expected = vec![ids[3], ids[7]];
    expected.sort();
    assert_eq!((report.good, report.quarantined, report.complete), (18, expected, true));
    assert_eq!(report.strangers, [store.layout().blobs().join("note")]);
    assert_eq!(names(&store.layout().quarantine()).len(), 2);
    assert!(!store.has(ids[3]).unwrap(), "what is in quarantine must be fetched again");
    assert_eq!(store.put(&vec![3; 10_000]).unwrap(), ids[3]);
    assert_eq!(scrub(&store).good, 19);
    assert!(!store.scrub(&mut |_| ControlFlow::Break(())).unwrap().complete);
}

#[test]
fn writing_a_blob_again_heals_a_damaged_copy() {
    let (_dir, store) = store();
    let id = store.put(b"precious").unwrap();
    flip(&store, id, 0);
    store.put(b"precious").unwrap();
    assert_eq!(store.read_all_verified(id, 100).unwrap(), b"precious");
}

#[test]
fn a_blob_over_the_limit_is_not_read() {
    let (_dir, store) = store();
    let id = store.put(&[0; 100]).unwrap();
    assert_eq!(store.read_all_verified(id, 99).unwrap_err().problem().code, Code(4003));
    assert_eq!(store.read_all_verified(id, 100).unwrap().len(), 100);
}

#[test]
fn materialising_links_what_is_good_and_refuses_what_is_not() {
    let (dir, store) = store();
    let at = |name: &str| Utf8PathBuf::from_path_buf(dir.path().join(name)).unwrap();
    let id = store.put(b"data").unwrap();
    store.materialise(id, &at("view"), Access::Read).unwrap();
    let (view, blob) = (fs::metadata(at("view")).unwrap(), fs::metadata(store.layout().blob(id)).unwrap());
    assert_eq!((view.ino(), view.mode() & 0o7777), (blob.ino(), 0o444));
    store.materialise(id, &at("program"), Access::Execute).unwrap();
    assert_eq!(fs::metadata(at("program")).unwrap().mode() & 0o7777, 0o555);
    assert_eq!(fs::metadata(store.layout().blob(id)).unwrap().mode() & 0o7777, 0o444);
    let taken = store.materialise(id, &at("view"), Access::Read).unwrap_err();
    assert_eq!(taken.problem().code, Code(4004));
    assert!(store.materialise(BlobId([0; 32]), &at("none"), Access::Read).is_err());

    flip(&store, id, 1);
    for access in [Access::Read, Access::Execute] {
        let error = store.materialise(id, &at("bad"), access).unwrap_err();
        assert_eq!(error.problem().code, Code(4001));
        assert!(!at("bad").exists());
    }
}

#[test]
fn many_writers_at_once_lose_and_double_nothing() {
    let (_dir, store) = store();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..20_u8 {
                    let id = store.put(&[n; 1000]).unwrap();
                    assert_eq!(store.read_all_verified(id, 1000).unwrap(), [n; 1000]);
                }
            });
        }
    });
    let report = scrub(&store);
    assert_eq!((report.good, report.quarantined.len(), report.strangers.len()), (20, 0, 0));
    assert!(names(&store.layout().tmp()).is_empty());
}

/// A small file system of its own; `None` where this user may not mount one.
struct Tmpfs(Utf8PathBuf);

impl Tmpfs {
    fn mount(at: &Utf8Path, options: &str) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs", at.as_str()]).output();
        mount.ok().filter(|o| o.status.success()).map(|_| Self(at.to_owned()))
    }

    fn remount(&self, options: &str) {
        let done =
            Command::new("mount").args(["-o", &format!("remount,{options}"), self.0.as_str()]).status();
        assert!(done.unwrap().success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", self.0.as_str()]).status();
    }
}

#[test]
fn a_full_and_a_read_only_disk_are_told_apart_and_lose_nothing() {
    let (_dir, path) = scratch();
    let Some(disk) = Tmpfs::mount(&path, "size=1m,mode=0755") else {
        eprintln!("skipped: mounting a small tmpfs needs root");
        return;
    };
    let store = BlobStore::open(&path).unwrap();
    let kept = store.put(b"kept").unwrap();
    let full = store.put(&vec![9; 4 << 20]).unwrap_err();
    let problem = full.problem();
    assert_eq!(problem.code, Code(4005));
    assert!(problem.summary.contains("bytes are free"), "{problem}");
    assert!(!problem.next.is_empty());
    assert!(names(&path.join("tmp")).is_empty(), "the space of a failed write is given back");
    assert_eq!(store.read_all_verified(kept, 10).unwrap(), b"kept");
    assert_eq!(store.list().unwrap(), [kept]);

    disk.remount("ro");
    assert_eq!(store.put(b"more").unwrap_err().problem().code, Code(4006));
    assert_eq!(store.read_all_verified(kept, 10).unwrap(), b"kept");
    // A link would cross file systems, so this is the copy.
    let (_other, other) = scratch();
    store.materialise(kept, &other.join("copy"), Access::Read).unwrap();
    assert_eq!(fs::read(other.join("copy")).unwrap(), b"kept");
    drop(store);
}

#[test]
fn each_failure_of_a_file_system_has_its_own_code() {
    let cases = [
        (Errno::NOSPC, 4005),
        (Errno::DQUOT, 4005),
        (Errno::ROFS, 4006),
        (Errno::ACCESS, 4007),
        (Errno::IO, 4008),
    ];
    for (errno, code) in cases {
        let error = BlobError::from_io("write blob", Utf8Path::new("/nowhere/x"), errno.into());
        // Through an interface of io and back it is the same error.
        let error = BlobError::from_io("other", Utf8Path::new("/"), error.into_io());
        let problem = error.problem();
        assert_eq!(problem.code, Code(code));
        assert!(problem.summary.contains("/nowhere/x") && !problem.next.is_empty(), "{problem}");
    }
    let (_dir, path) = scratch();
    fs::write(path.join("file"), "").unwrap();
    assert!(BlobStore::open(&path.join("file")).is_err(), "a file is not a store");
}
