//! What is read back from disks and from other people's machines: manifests of artifacts, the audit log, the law.

use std::collections::BTreeMap;

use holdfast_artifact::{Chunk, FileEntry, FileMode, Manifest};
use holdfast_audit::{Checkpoint, Draft, Entry, Hash, Kind, decode_bundle, decode_tile, push_entry};
use holdfast_policy::packs;
use holdfast_types::{BlobId, Time};

use crate::target::{Target, way};

pub(super) fn targets() -> Vec<Target> {
    let entries = audit_entries();
    let mut bundle = Vec::new();
    for entry in &entries {
        drop(push_entry(&mut bundle, entry));
    }
    vec![
        Target::damaged("manifest", 40_000, manifests(), |bytes| {
            let manifest = Manifest::from_bytes(bytes);
            if let Ok(manifest) = &manifest {
                assert!(manifest.to_bytes().is_ok_and(|again| again == bytes), "a manifest has one form");
            }
            way(manifest)
        }),
        Target::damaged("audit-entry", 60_000, entries, |bytes| {
            let entry = Entry::parse(bytes);
            if let Ok(entry) = &entry {
                assert!(entry.to_bytes().is_ok_and(|again| again == bytes), "an entry has one form");
            }
            way(entry)
        }),
        Target::damaged("audit-bundle", 60_000, vec![bundle], |bytes| {
            let (entries, fault) = decode_bundle(bytes, 2);
            assert!(entries.len() <= 2, "no more entries than the name says");
            let tile = decode_tile(bytes, bytes.len() / 32);
            format!("{:?} {}", fault.map(|fault| fault.to_string()), way(tile))
        }),
        Target::damaged("audit-checkpoint", 60_000, checkpoints(), |bytes| {
            let text = String::from_utf8_lossy(bytes);
            way(Checkpoint::read_unverified(&text))
        }),
        Target::damaged("law", 60, vec![packs::DEMO.law.as_bytes().to_vec()], |bytes| {
            let law = packs::under_constitution(packs::DEMO.tenant, &String::from_utf8_lossy(bytes));
            law.map_or_else(
                |findings| findings.first().map(ToString::to_string).unwrap_or_default(),
                |_| "read".to_owned(),
            )
        }),
    ]
}

fn audit_entries() -> Vec<Vec<u8>> {
    let mut draft = Draft::new(Time(5), Kind::JOB, "operator/alice", "place", "job/train");
    draft.verdict = Some("allow".to_owned());
    draft.bundle = Some("law".to_owned());
    draft.details =
        BTreeMap::from([("nodes".to_owned(), serde_json::json!(["de-1", {"rank": 0, "deep": [[[-1]]]}]))]);
    let entry = |seq| Entry { seq, prev: Hash::empty_root(), draft: draft.clone() };
    [7, 8].into_iter().filter_map(|seq| entry(seq).to_bytes().ok()).collect()
}

fn checkpoints() -> Vec<Vec<u8>> {
    let signer = holdfast_audit::Signer::from_seed("fuzz", &[7; 32]);
    let checkpoint = Checkpoint { origin: "fuzz".to_owned(), size: 5, root: Hash::empty_root() };
    signer.map(|signer| checkpoint.sign(&signer).into_bytes()).into_iter().collect()
}

fn manifests() -> Vec<Vec<u8>> {
    let chunk = |text: &str| Chunk { id: BlobId([text.len().to_le_bytes()[0]; 32]), len: 4 };
    let file = |mode, text: &str| FileEntry { size: 4, mode, chunks: vec![chunk(text)] };
    let entries = [
        ("bin/run", file(FileMode::Program, "aaaa")),
        ("data/a", file(FileMode::Data, "bbbb")),
        ("data/b", FileEntry { size: 0, mode: FileMode::Data, chunks: Vec::new() }),
    ];
    let entries = entries.into_iter().filter_map(|(path, entry)| Some((path.parse().ok()?, entry)));
    Manifest::new(entries.collect()).and_then(|manifest| manifest.to_bytes()).into_iter().collect()
}
