//! From a directory to an artifact and back, and what is refused on the way.

use std::os::unix::fs::{MetadataExt, symlink};

use camino::Utf8PathBuf;
use holdfast_types::AsProblem;
use proptest::prelude::*;

use super::*;
use crate::{ImportOptions, ImportProgress, import_dir, missing, remove_tree, verify};

struct Place {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
    store: BlobStore,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    fs::create_dir(root.join("data")).unwrap();
    let store = BlobStore::open(&root.join("store")).unwrap();
    Place { _dir: dir, root, store }
}

impl Place {
    fn data(&self, path: &str, bytes: &[u8]) -> Utf8PathBuf {
        let path = self.root.join("data").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn import(&self) -> Result<Manifest> {
        import_dir(&self.store, &self.root.join("data"), ImportOptions::default(), &mut |_| {})
            .map(|(m, _)| m)
    }
}

fn files(root: &Utf8Path) -> Vec<(String, Vec<u8>, u32)> {
    let (mut found, mut dirs) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = dirs.pop() {
        for entry in dir.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let meta = fs::symlink_metadata(entry.path()).unwrap();
            if meta.is_dir() {
                dirs.push(entry.path().to_owned());
            } else {
                let name = entry.path().strip_prefix(root).unwrap().to_string();
                found.push((name, fs::read(entry.path()).unwrap(), meta.mode() & 0o7777));
            }
        }
    }
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_directory_comes_back_as_it_was(
        tree in prop::collection::btree_map("[a-c]/[d-f]{1,3}\\.x", (prop::collection::vec(any::<u8>(), 0..2000), any::<bool>()), 1..12)
    ) {
        let place = place();
        for (path, (bytes, program)) in &tree {
            let file = place.data(path, bytes);
            fs::set_permissions(&file, Permissions::from_mode(if *program { 0o750 } else { 0o640 })).unwrap();
        }
        let manifest = place.import().unwrap();
        prop_assert_eq!(manifest.total_bytes(), tree.values().map(|(b, _)| b.len() as u64).sum::<u64>());
        let view = place.root.join("views/one");
        materialise(&place.store, &manifest, &view).unwrap();
        let expected: Vec<_> = tree.into_iter().map(|(p, (b, x))| (p, b, if x { 0o555 } else { 0o444 })).collect();
        prop_assert_eq!(files(&view), expected);
        prop_assert_eq!(fs::metadata(&view).unwrap().mode() & 0o7777, 0o555);
        prop_assert!(verify(&place.store, &manifest).bad.is_empty());
        remove_tree(&view).unwrap();
        prop_assert!(!view.exists());
    }
}

#[test]
fn an_import_is_named_by_its_content_and_counts_on_the_way() {
    let (one, two) = (place(), place());
    let mut ids = Vec::new();
    for (place, order) in [(&one, ["b", "a/x"]), (&two, ["a/x", "b"])] {
        for path in order {
            place.data(path, path.as_bytes());
        }
        let mut seen = Vec::new();
        let dir = place.root.join("data");
        let (manifest, id) =
            import_dir(&place.store, &dir, ImportOptions::default(), &mut |p| seen.push(p)).unwrap();
        assert_eq!(Manifest::load(&place.store, id).unwrap(), manifest);
        let step = |files, bytes| ImportProgress { files, of: 2, bytes };
        assert_eq!(seen, [step(1, 3), step(2, 4)]);
        ids.push(id);
    }
    assert_eq!(ids[0], ids[1]);
    let not = one.store.put(b"not a manifest").unwrap();
    assert_eq!(Manifest::load(&one.store, not).unwrap_err().problem().code.0, 4100);
}

#[test]
fn a_file_of_several_chunks_is_cut_and_joined() {
    let place = place();
    let file = place.data("big", b"");
    let size = crate::CHUNK_BYTES + 3;
    File::options().write(true).open(&file).unwrap().set_len(size).unwrap();
    let manifest = place.import().unwrap();
    let lens: Vec<u64> = manifest.chunks().map(|(_, chunk)| chunk.len).collect();
    assert_eq!(lens, [crate::CHUNK_BYTES, 3]);
    materialise(&place.store, &manifest, &place.root.join("view")).unwrap();
    let made = fs::metadata(place.root.join("view/big")).unwrap();
    assert_eq!((made.len(), made.mode() & 0o7777), (size, 0o444));
}

#[test]
fn what_cannot_be_an_artifact_is_named() {
    type Make = fn(&Place);
    let cases: [(&str, Make, u16, &str); 8] = [
        ("missing", |p| fs::remove_dir(p.root.join("data")).unwrap(), 4102, "data"),
        (
            "a file",
            |p| {
                fs::remove_dir(p.root.join("data")).unwrap();
                fs::write(p.root.join("data"), "").unwrap();
            },
            4102,
            "data",
        ),
        ("empty", |p| fs::create_dir_all(p.root.join("data/a/b")).unwrap(), 4103, "data"),
        ("link out", |p| symlink("/etc/passwd", p.root.join("data/out")).unwrap(), 4104, "leaves"),
        (
            "link up",
            |p| {
                fs::write(p.root.join("secret"), "s").unwrap();
                symlink("../secret", p.root.join("data/up")).unwrap();
            },
            4104,
            "leaves",
        ),
        ("dangling", |p| symlink("nothing", p.root.join("data/d")).unwrap(), 4104, "nothing"),
        (
            "link to a directory",
            |p| {
                p.data("real/f", b"");
                symlink("real", p.root.join("data/dir")).unwrap();
            },
            4104,
            "dir",
        ),
        (
            "socket",
            |p| {
                std::os::unix::net::UnixListener::bind(p.root.join("data/sock")).unwrap();
            },
            4104,
            "socket",
        ),
    ];
    for (name, make, code, word) in cases {
        let place = place();
        make(&place);
        let problem = place.import().unwrap_err().problem();
        assert_eq!(problem.code.0, code, "{name}: {problem}");
        assert!(problem.summary.contains(word) && !problem.next.is_empty(), "{name}: {problem}");
    }
    let place = place();
    place.data("a", b"12345");
    place.data("b", b"12345");
    for options in [
        ImportOptions { max_files: 1, ..ImportOptions::default() },
        ImportOptions { max_bytes: 9, ..ImportOptions::default() },
    ] {
        let error = import_dir(&place.store, &place.root.join("data"), options, &mut |_| {}).unwrap_err();
        assert_eq!(error.problem().code.0, 4106);
    }
}

#[test]
fn a_link_within_is_the_file_it_leads_to() {
    let place = place();
    place.data("blobs/x", b"weights");
    fs::create_dir(place.root.join("data/snapshot")).unwrap();
    symlink("../blobs/x", place.root.join("data/snapshot/model")).unwrap();
    let manifest = place.import().unwrap();
    assert_eq!(manifest.entries().get("snapshot/model"), manifest.entries().get("blobs/x"));
}

#[test]
fn damage_and_absence_are_named_by_file_and_blob_and_leave_no_half_view() {
    let place = place();
    place.data("a", b"first");
    place.data("b", b"second");
    place.data("c", b"second");
    let manifest = place.import().unwrap();
    let chunk = |path: &str| manifest.entries()[path].chunks[0];
    assert!(missing(&place.store, &manifest).unwrap().is_empty());

    let hash = chunk("b").id.to_string();
    let blob = place.root.join(format!("store/blobs/{}/{}/{}", &hash[3..5], &hash[5..7], &hash[3..]));
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, b"secomd").unwrap();
    let report = verify(&place.store, &manifest);
    assert_eq!((report.blobs, report.bytes), (2, 5));
    let bad: Vec<_> = report.bad.iter().map(|bad| (bad.path.as_str(), bad.id)).collect();
    assert_eq!(bad, [("b", chunk("b").id), ("c", chunk("b").id)]);
    let view = place.root.join("view");
    assert_eq!(materialise(&place.store, &manifest, &view).unwrap_err().problem().code.0, 4001);

    place.store.delete(chunk("b").id).unwrap();
    assert_eq!(missing(&place.store, &manifest).unwrap(), [chunk("b")]);
    assert_eq!(materialise(&place.store, &manifest, &view).unwrap_err().problem().code.0, 4000);
    let left: Vec<_> =
        place.root.read_dir_utf8().unwrap().map(|e| e.unwrap().file_name().to_owned()).collect();
    assert_eq!(left.len(), 2, "nothing but data and store: {left:?}");

    place.store.put(b"second").unwrap();
    materialise(&place.store, &manifest, &view).unwrap();
    assert_eq!(materialise(&place.store, &manifest, &view).unwrap_err().problem().code.0, 4004);
}

#[test]
fn a_manifest_that_lies_about_a_size_builds_nothing() {
    let place = place();
    let chunk = Chunk { id: place.store.put(b"first").unwrap(), len: 6 };
    let entry = FileEntry { size: 6, mode: FileMode::Data, chunks: vec![chunk] };
    let manifest = Manifest::new([("a".parse().unwrap(), entry)].into()).unwrap();
    assert_eq!(verify(&place.store, &manifest).bad.len(), 1);
    assert_eq!(missing(&place.store, &manifest).unwrap(), [chunk]);
    let view = place.root.join("view");
    assert_eq!(materialise(&place.store, &manifest, &view).unwrap_err().problem().code.0, 4107);
    assert!(!view.exists());
}
