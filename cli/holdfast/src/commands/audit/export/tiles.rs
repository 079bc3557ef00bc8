//! Entries become bundles and tiles of hashes (C2SP tlog-tiles), and a root.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_audit::{
    Frontier, Hash, TILE_WIDTH, bundle_path, leaf_hash, perfect_root, push_entry, tile_path, tile_width,
};

/// Levels of tiles of a log of 2^64 entries.
const LEVELS: u32 = 8;

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Tiles<'a> {
    dir: &'a Utf8Path,
    size: u64,
    /// The hashes of the partial tile of each level.
    levels: Vec<Vec<Hash>>,
    /// The bytes of the partial bundle.
    bundle: Vec<u8>,
}

impl<'a> Tiles<'a> {
    /// An empty log in a directory.
    pub(super) fn new(dir: &'a Utf8Path) -> Self {
        Self {
            dir,
            size: 0,
            levels: vec![Vec::new(); usize::try_from(LEVELS).unwrap_or(0)],
            bundle: Vec::new(),
        }
    }

    /// How many entries it has.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Where it is.
    pub(super) fn dir(&self) -> &Utf8Path {
        self.dir
    }

    /// Adds an entry.
    pub(super) fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        push_entry(&mut self.bundle, entry).map_err(io::Error::other)?;
        let index = self.size;
        self.size = self.size.saturating_add(1);
        if self.size.is_multiple_of(256) {
            write(self.dir, &bundle_path(index / 256, TILE_WIDTH), &std::mem::take(&mut self.bundle))?;
        }
        let mut hash = leaf_hash(entry);
        for (level, hashes) in (0..LEVELS).zip(&mut self.levels) {
            hashes.push(hash);
            if hashes.len() < TILE_WIDTH {
                break;
            }
            let full = std::mem::take(hashes);
            let Some(root) = perfect_root(&full) else { break };
            let tile = index.checked_shr(8 * (level + 1)).unwrap_or(0);
            write(self.dir, &tile_path(level, tile, TILE_WIDTH), &bytes(&full))?;
            hash = root;
        }
        Ok(())
    }

    /// Writes what is partial and says the root; `None` only where the tree is not one.
    pub(super) fn finish(self) -> io::Result<Option<Hash>> {
        for (level, hashes) in (0..LEVELS).zip(&self.levels) {
            if !hashes.is_empty() {
                let tile = self.size.checked_shr(8 * (level + 1)).unwrap_or(0);
                write(self.dir, &tile_path(level, tile, hashes.len()), &bytes(hashes))?;
            }
        }
        let width = tile_width(0, self.size / 256, self.size);
        if width > 0 {
            write(self.dir, &bundle_path(self.size / 256, width), &self.bundle)?;
        }
        Ok(self.root())
    }

    /// Each partial tile is perfect subtrees, one for each bit of its width, the largest first.
    fn root(&self) -> Option<Hash> {
        let mut subtrees = Vec::new();
        for level in self.levels.iter().rev() {
            let mut rest = level.as_slice();
            while let Some(bit) = rest.len().checked_ilog2() {
                let (left, right) = rest.split_at_checked(1 << bit)?;
                subtrees.extend(perfect_root(left));
                rest = right;
            }
        }
        Frontier::from_parts(self.size, subtrees).map(|frontier| frontier.root())
    }
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn write(dir: &Utf8Path, path: &Utf8PathBuf, bytes: &[u8]) -> io::Result<()> {
    let full = dir.join(path);
    if let Some(parent) = full.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(full, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_audit::{CHECKPOINT, Draft, Head, KEYS, Kind, Signer, export};
    use holdfast_types::Time;
    use std::collections::BTreeMap;

    fn tree(dir: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
        let (mut found, mut waiting) = (BTreeMap::new(), vec![dir.to_owned()]);
        while let Some(at) = waiting.pop() {
            for entry in at.read_dir_utf8().unwrap() {
                let path = entry.unwrap().into_path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    let name = path.strip_prefix(dir).unwrap().to_owned();
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        found.retain(|name, _| name != CHECKPOINT && name != KEYS);
        found
    }

    #[test]
    fn the_files_are_those_that_the_log_writes_itself() {
        let signer = Signer::from_seed("test.log", &[7; 32]).unwrap();
        for size in [1_u64, 255, 256, 257, 700] {
            let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (ours, theirs) =
                (Utf8Path::from_path(ours.path()).unwrap(), Utf8Path::from_path(theirs.path()).unwrap());
            let mut head = Head::default();
            let entries: Vec<Vec<u8>> = (0..size)
                .map(|i| {
                    head.append(Draft::new(Time(i), Kind::DECISION, "a", "use", format!("x/{i}")))
                        .unwrap()
                        .bytes
                })
                .collect();
            let checkpoint = export(theirs, &entries, &signer).unwrap();
            let mut tiles = Tiles::new(ours);
            for entry in &entries {
                tiles.append(entry).unwrap();
            }
            assert_eq!(tiles.finish().unwrap(), Some(checkpoint.root), "{size}");
            assert_eq!(tree(ours), tree(theirs), "{size}");
        }
    }
}
