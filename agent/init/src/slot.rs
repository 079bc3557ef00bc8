//! Which slot holds the root that the command line names, without believing anything but its hash.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{BLOCK, META_COPY_BYTES, Meta, Slot};
use sha2::{Digest as _, Sha256};

use crate::disks::Partition;

const META_BYTES: u64 = 2 << 20;

/// A slot that holds the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) slot: Slot,
    pub(crate) root: Utf8PathBuf,
    pub(crate) hash: Utf8PathBuf,
    /// The disk it is on.
    pub(crate) disk: String,
    /// META of the same disk.
    pub(crate) meta: Option<Utf8PathBuf>,
    /// What proves its root.
    pub(crate) proved: Proved,
}

/// What proves a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proved {
    pub(crate) data_blocks: u64,
    pub(crate) salt: [u8; 32],
    pub(crate) root_hash: [u8; 32],
}

/// The first slot whose hash tree has this root.
pub(crate) fn find(partitions: &[Partition], root_hash: [u8; 32]) -> Option<Found> {
    let by = |label: &str, disk: &str| {
        partitions.iter().find(|p| p.label == label && p.disk == disk).map(|p| p.device.clone())
    };
    let slots = [("HASH-A", "ROOT-A", Slot::A), ("HASH-B", "ROOT-B", Slot::B)];
    partitions.iter().find_map(|hash| {
        let (_, root, slot) = slots.into_iter().find(|(label, ..)| *label == hash.label)?;
        let root = by(root, &hash.disk)?;
        let proved = proved(&hash.device, &root, root_hash)?;
        Some(Found {
            slot,
            root,
            hash: hash.device.clone(),
            disk: hash.disk.clone(),
            meta: by("META", &hash.disk),
            proved,
        })
    })
}

/// What proves a root, where the topmost block of the tree has the root hash.
pub(crate) fn proved(hash: &Utf8Path, root: &Utf8Path, root_hash: [u8; 32]) -> Option<Proved> {
    let file = File::open(hash).ok()?;
    let mut block = vec![0; BLOCK];
    file.read_exact_at(&mut block, 0).ok()?;
    if block.get(..8)? != b"verity\0\0" {
        return None;
    }
    let data_blocks = u64::from_le_bytes(block.get(72..80)?.try_into().ok()?);
    let salt: [u8; 32] = block.get(88..120)?.try_into().ok()?;
    if data_blocks == 1 {
        File::open(root).ok()?.read_exact_at(&mut block, 0).ok()?;
    } else {
        file.read_exact_at(&mut block, u64::try_from(BLOCK).ok()?).ok()?;
    }
    let top: [u8; 32] = Sha256::new().chain_update(salt).chain_update(&block).finalize().into();
    (top == root_hash).then_some(Proved { data_blocks, salt, root_hash })
}

/// Reads META. What cannot be read is as if it were new: a machine must come up all the same.
pub(crate) fn read_meta(device: &Utf8Path) -> Meta {
    let copy = |at| {
        let mut bytes = vec![0; META_COPY_BYTES];
        let read = File::open(device).and_then(|file| file.read_exact_at(&mut bytes, at));
        read.map(|()| bytes).unwrap_or_default()
    };
    Meta::read(&copy(0), &copy(META_BYTES / 2))
}

/// Writes META, durably.
pub(crate) fn write_meta(device: &Utf8Path, meta: &mut Meta) -> Result<(), String> {
    let (half, bytes) = meta.next_copy().map_err(|error| error.to_string())?;
    let at = if half == 0 { 0 } else { META_BYTES / 2 };
    let written = File::options().write(true).open(device).and_then(|file| {
        file.write_all_at(&bytes, at)?;
        file.sync_all()
    });
    written.map_err(|error| format!("write `{device}`: {error}"))
}

#[cfg(test)]
mod tests {
    use holdfast_release::HashTree;

    use super::*;

    #[test]
    fn a_slot_is_found_by_the_hash_of_its_root_alone() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let mut partitions = Vec::new();
        let mut roots = Vec::new();
        for (slot, fill, blocks) in [("A", 1, 300), ("B", 2, 1)] {
            let data = vec![fill; blocks * BLOCK];
            let mut tree = HashTree::new([fill; 32]);
            tree.update(&data);
            let tree = tree.finish([0; 16]).unwrap();
            for (kind, bytes) in [("ROOT", data), ("HASH", tree.bytes)] {
                let label = format!("{kind}-{slot}");
                std::fs::write(dir.join(&label), bytes).unwrap();
                partitions.push(Partition { device: dir.join(&label), label, disk: "vda".to_owned() });
            }
            roots.push(tree.root.0);
        }
        let (a, b) = (find(&partitions, roots[0]).unwrap(), find(&partitions, roots[1]).unwrap());
        assert_eq!((a.slot, a.proved.data_blocks, a.proved.salt), (Slot::A, 300, [1; 32]));
        assert_eq!((b.slot, b.proved.data_blocks, b.meta), (Slot::B, 1, None));
        assert_eq!(find(&partitions, [9; 32]), None);
        partitions.retain(|partition| partition.label != "ROOT-A");
        assert_eq!(find(&partitions, roots[0]), None, "a tree alone is no slot");
    }

    #[test]
    fn meta_survives_a_device_that_was_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let device = Utf8Path::from_path(dir.path()).unwrap().join("META");
        std::fs::write(&device, vec![0; usize::try_from(META_BYTES).unwrap()]).unwrap();
        let mut meta = read_meta(&device);
        for round in 0..3 {
            meta.set("round", &round.to_string()).unwrap();
            write_meta(&device, &mut meta).unwrap();
            assert_eq!(read_meta(&device).number("round"), round);
        }
    }
}
