use std::collections::BTreeMap;

use holdfast_types::Time;

use super::*;
use crate::entry::{Draft, Kind};
use crate::head::Head;

fn signer() -> Signer {
    Signer::from_seed("cluster.example", &[1; 32]).unwrap()
}

fn entries(count: usize) -> (Vec<Vec<u8>>, Head) {
    let mut head = Head::default();
    let entry =
        |n| head.append(Draft::new(Time(n), Kind::JOB, "ada", "submit", format!("job/j{n}"))).unwrap().bytes;
    let entries = (0..count as u64).map(entry).collect();
    (entries, head)
}

fn files(dir: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let mut open = vec![dir.to_owned()];
    let mut files = BTreeMap::new();
    while let Some(next) = open.pop() {
        for entry in next.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path().to_owned());
            } else {
                let name = entry.path().strip_prefix(dir).unwrap().to_string();
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
    (temporary, path.join("log"))
}

#[test]
fn a_log_written_in_steps_is_the_log_written_at_once() {
    let (entries, head) = entries(700);
    let ((_a, at_once), (_b, in_steps)) = (directory(), directory());
    let checkpoint = export(&at_once, &entries, &signer()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (700, head.root()));
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 700, 700] {
        assert_eq!(export(&in_steps, &entries[..size], &signer()).unwrap().size, size as u64);
    }
    let written = files(&in_steps);
    for (name, bytes) in files(&at_once) {
        assert_eq!(written.get(&name), Some(&bytes), "{name}");
    }
    let narrow = |name: &&String| !files(&at_once).contains_key(*name);
    let left: Vec<&String> = written.keys().filter(narrow).collect();
    assert_eq!(left, ["tile/1/000.p/1"], "partial files stay until their tile is full");
    let names: Vec<String> = files(&at_once).into_keys().collect();
    assert_eq!(
        names,
        [
            "checkpoint",
            "keys",
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/188",
            "tile/1/000.p/2",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/188"
        ]
    );
}

#[test]
fn an_interrupted_append_is_written_over() {
    let (entries, head) = entries(600);
    let (_guard, dir) = directory();
    export(&dir, &entries[..100], &signer()).unwrap();
    let mut exporter = Exporter::open(&dir, &signer()).unwrap();
    for entry in &entries[100..599] {
        exporter.append(entry).unwrap();
    }
    // No commit: the full tiles are on disk, the checkpoint still says 100.
    drop(exporter);
    let again = Exporter::open(&dir, &signer()).unwrap();
    assert_eq!(again.size(), 100);
    assert_eq!(export(&dir, &entries, &signer()).unwrap().root, head.root());
}

#[test]
fn a_directory_that_is_not_this_log_is_not_appended_to() {
    let (entries, _) = entries(300);
    let refused = |bend: &dyn Fn(&Utf8Path)| {
        let (_guard, dir) = directory();
        export(&dir, &entries, &signer()).unwrap();
        bend(&dir);
        Exporter::open(&dir, &signer()).unwrap_err().problem().to_string()
    };
    let flip = |path: Utf8PathBuf| {
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    assert!(refused(&|dir| flip(dir.join("tile/0/001.p/44"))).contains("another root"));
    assert!(refused(&|dir| flip(dir.join("tile/1/000.p/1"))).contains("another root"));
    assert!(refused(&|dir| fs::remove_file(dir.join("tile/0/001.p/44")).unwrap()).contains("missing"));
    assert!(
        refused(&|dir| fs::write(dir.join("tile/0/001.p/44"), [0; 9000]).unwrap()).contains("more than 8192")
    );
    assert!(
        refused(&|dir| fs::write(dir.join("tile/entries/001.p/44"), [0; 3]).unwrap()).contains("ends inside")
    );
    let elsewhere =
        Checkpoint { origin: "elsewhere".to_owned(), size: 0, root: Hash::empty_root() }.sign(&signer());
    assert!(
        refused(&|dir| fs::write(dir.join("checkpoint"), &elsewhere).unwrap())
            .contains("the log of `elsewhere`")
    );
    let other = Signer::from_seed("cluster.example", &[2; 32]).unwrap();
    let forged = Checkpoint { origin: "cluster.example".to_owned(), size: 0, root: Hash::empty_root() };
    let note = forged.sign(&other);
    assert!(refused(&move |dir| fs::write(dir.join("checkpoint"), &note).unwrap()).contains("no signature"));
}

#[test]
fn another_cluster_does_not_append_and_a_new_key_does() {
    let (entries, head) = entries(10);
    let (_guard, dir) = directory();
    export(&dir, &entries[..5], &signer()).unwrap();
    let before = files(&dir);
    let stranger = Signer::from_seed("elsewhere", &[1; 32]).unwrap();
    assert!(
        export(&dir, &entries, &stranger).unwrap_err().to_string().contains("the log of `cluster.example`")
    );
    assert_eq!(files(&dir), before, "a refused append leaves no trace");
    let renewed = Signer::from_seed("cluster.example", &[9; 32]).unwrap();
    assert_eq!(export(&dir, &entries, &renewed).unwrap().root, head.root());
    let keys = fs::read_to_string(dir.join("keys")).unwrap();
    assert_eq!(keys, format!("{}\n{}\n", signer().verifier(), renewed.verifier()));
}

#[test]
fn paths_are_those_of_tlog_tiles() {
    assert_eq!(tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(tile_path(3, 1_000, 7), "tile/3/x001/000.p/7");
    assert_eq!(bundle_path(999, 256), "tile/entries/999");
    assert_eq!(
        (tile_width(0, 1, 300), tile_width(1, 0, 300), tile_width(2, 0, 300), tile_width(0, 2, 300)),
        (44, 1, 0, 0)
    );
}
