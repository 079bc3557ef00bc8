//! One content has one manifest and one form of it; everything else is refused.

use proptest::prelude::*;

use super::*;
use crate::codec::MAX_MANIFEST_BYTES;
use crate::diff;

fn chunk(n: u8, len: u64) -> Chunk {
    Chunk { id: BlobId([n; 32]), len }
}

fn file(size: u64) -> FileEntry {
    let full = usize::try_from(size / CHUNK_BYTES).unwrap();
    let mut chunks = vec![chunk(1, CHUNK_BYTES); full];
    if !size.is_multiple_of(CHUNK_BYTES) {
        chunks.push(chunk(2, size % CHUNK_BYTES));
    }
    FileEntry { size, mode: FileMode::Data, chunks }
}

fn manifest(files: &[(&str, u64)]) -> Result<Manifest, ManifestError> {
    Manifest::new(files.iter().map(|(path, size)| (path.parse().unwrap(), file(*size))).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_manifest_reads_what_it_writes(
        flips in prop::collection::vec(any::<prop::sample::Index>(), 20),
        files in prop::collection::btree_map("[a-z\"\\\\ \n\u{e4}]{1,6}/[A-Z.]{3,8}", (0..3 * CHUNK_BYTES, any::<bool>()), 1..12)
    ) {
        let entries: BTreeMap<RelPath, FileEntry> = files
            .into_iter()
            .filter_map(|(path, (size, program))| {
                let mode = if program { FileMode::Program } else { FileMode::Data };
                Some((path.parse().ok()?, FileEntry { mode, ..file(size) }))
            })
            .collect();
        prop_assume!(!entries.is_empty());
        let manifest = Manifest::new(entries).unwrap();
        let bytes = manifest.to_bytes().unwrap();
        prop_assert_eq!(&Manifest::from_bytes(&bytes).unwrap(), &manifest);
        prop_assert_eq!(diff(&manifest, &manifest), crate::Diff::default());
        // Every other byte string is another manifest or none.
        for at in flips.iter().map(|flip| flip.index(bytes.len())) {
            let mut other = bytes.clone();
            other[at] ^= 1;
            if let Ok(read) = Manifest::from_bytes(&other) {
                prop_assert_eq!(read.to_bytes().unwrap(), other);
            }
        }
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Manifest::from_bytes(&bytes);
    }
}

#[test]
fn files_that_break_a_rule_make_no_manifest() {
    assert_eq!(manifest(&[]), Err(ManifestError::Empty));
    assert!(matches!(manifest(&[("a", 1), ("a-b", 1), ("a/b", 1)]), Err(ManifestError::Clash { .. })));
    let broken = [
        FileEntry { size: 5, mode: FileMode::Data, chunks: vec![chunk(1, 4)] },
        FileEntry { size: 5, mode: FileMode::Data, chunks: vec![chunk(1, 2), chunk(1, 3)] },
        FileEntry { size: 0, mode: FileMode::Data, chunks: vec![chunk(1, 0)] },
        FileEntry { size: u64::MAX, mode: FileMode::Data, chunks: vec![] },
        FileEntry { size: CHUNK_BYTES + 1, mode: FileMode::Data, chunks: vec![chunk(1, CHUNK_BYTES + 1)] },
    ];
    for entry in broken {
        let made = Manifest::new([("f".parse().unwrap(), entry.clone())].into());
        assert!(matches!(made, Err(ManifestError::Chunks { .. })), "{entry:?}");
    }
}

#[test]
fn only_the_canonical_form_is_read() {
    let good = String::from_utf8(manifest(&[("a", 3), ("b/c", 0)]).unwrap().to_bytes().unwrap()).unwrap();
    assert!(Manifest::from_bytes(good.as_bytes()).is_ok());
    let lines: Vec<&str> = good.lines().collect();
    let bad = [
        String::new(),
        "\n".to_owned(),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        good.replace("\"size\":3", "\"size\": 3"),
        good.replace("\"size\":3", "\"size\":4"),
        good.replace("\"version\":1", "\"version\":2"),
        good.replace("\"files\":2", "\"files\":3"),
        good.replace("\"bytes\":3", "\"bytes\":4"),
        good.replace("\"size\":0", "\"size\":0,\"program\":false"),
        good.replace("\"size\":0", "\"size\":0,\"owner\":1"),
        good.replace("b/c", "../c"),
        good.replace("b3-02", "b3-0G"),
        format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]),
        format!("{}\n{}\n{}\n{}\n", lines[0], lines[1], lines[1], lines[2]),
    ];
    for text in bad {
        assert!(Manifest::from_bytes(text.as_bytes()).is_err(), "{text}");
    }
    let large = vec![b' '; MAX_MANIFEST_BYTES + 1];
    assert!(matches!(Manifest::from_bytes(&large), Err(ManifestError::TooLarge { .. })));
}

#[test]
fn a_diff_names_every_difference_once() {
    let old = manifest(&[("gone", 1), ("same", 2), ("changed", 3)]).unwrap();
    let new = manifest(&[("new", 1), ("same", 2), ("changed", 4)]).unwrap();
    let path = |text: &str| vec![text.parse::<RelPath>().unwrap()];
    let expected = crate::Diff { added: path("new"), removed: path("gone"), changed: path("changed") };
    assert_eq!(diff(&old, &new), expected);
}
