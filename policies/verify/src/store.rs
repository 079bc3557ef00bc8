//! Reading an exported log: bounded, regular files only, and nothing believed.

use std::fs::{self, File};
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_audit::{
    BUNDLE_BYTES, CHECKPOINT, Checkpoint, HASH_BYTES, Hash, HashSource, KEYS, MAX_NOTE, ProofError,
    TILE_WIDTH, VerifierKey, bundle_path, decode_tile, perfect_root, tile_path, tile_width,
};

use crate::finding::{Fault, Finding, Place};

/// A log in a directory.
#[derive(Debug)]
pub(crate) struct Store<'a> {
    dir: &'a Utf8Path,
}

/// The bytes of a file of at most `limit`; `None` where there is no such file.
fn read(path: &Utf8Path, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
    let unreadable = |reason: String| Fault::Unreadable { path: path.to_owned(), reason };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        // A pipe in place of a file would let the verifier wait for ever.
        Ok(_) => return Err(unreadable("it is not a regular file".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    }
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() > limit {
        Err(unreadable(format!("it has more than {limit} bytes")))
    } else {
        Ok(Some(bytes))
    }
}

/// A note in a file of its own.
pub(crate) fn read_note(path: &Utf8Path) -> Result<String, Finding> {
    let bytes = read(path, MAX_NOTE).and_then(|bytes| bytes.ok_or_else(|| Fault::Missing(path.to_owned())));
    let bytes = bytes.map_err(|fault| Finding::new(Place::Log, fault))?;
    String::from_utf8(bytes).map_err(|_| {
        let reason = "it is not text".to_owned();
        Finding::new(Place::Log, Fault::Unreadable { path: path.to_owned(), reason })
    })
}

impl<'a> Store<'a> {
    pub(crate) fn new(dir: &'a Utf8Path) -> Self {
        Self { dir }
    }

    /// The checkpoint under a key: the one given, or else the last that the log names, which then proves only that the
    /// log is consistent with itself.
    pub(crate) fn checkpoint(&self, key: Option<&VerifierKey>) -> Result<(Checkpoint, VerifierKey), Finding> {
        let fault = |fault: Fault| Finding::new(Place::Log, fault);
        let note = read_note(&self.dir.join(CHECKPOINT))?;
        let keys = match key {
            Some(key) => vec![key.clone()],
            None => self.keys()?,
        };
        let mut opened = Err(fault(Fault::NoKey));
        for key in keys.into_iter().rev() {
            opened = opened.or_else(|_| match Checkpoint::open(&note, &key) {
                Ok(checkpoint) => Ok((checkpoint, key)),
                Err(error) => Err(fault(Fault::Note(error))),
            });
        }
        let (checkpoint, key) = opened?;
        if checkpoint.origin != key.name() {
            let (found, expected) = (checkpoint.origin, key.name().to_owned());
            return Err(fault(Fault::Origin { found, expected }));
        }
        Ok((checkpoint, key))
    }

    fn keys(&self) -> Result<Vec<VerifierKey>, Finding> {
        let path = self.dir.join(KEYS);
        if !path.exists() {
            return Ok(Vec::new());
        }
        Ok(read_note(&path)?.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// The hashes of a tile. Where the log grew on while it was copied, the wider full tile stands in for a partial one.
    pub(crate) fn tile(&self, level: u32, index: u64, width: usize) -> Result<Vec<Hash>, Fault> {
        let partial = read(&self.dir.join(tile_path(level, index, width)), TILE_WIDTH * HASH_BYTES)?;
        if let Some(bytes) = partial {
            return decode_tile(&bytes, width).map_err(Fault::Bundle);
        }
        let path = self.dir.join(tile_path(level, index, TILE_WIDTH));
        match read(&path, TILE_WIDTH * HASH_BYTES)? {
            Some(bytes) => {
                let mut hashes = decode_tile(&bytes, TILE_WIDTH).map_err(Fault::Bundle)?;
                hashes.truncate(width);
                Ok(hashes)
            }
            None => Err(Fault::Missing(self.named(tile_path(level, index, width)))),
        }
    }

    /// The bytes of a bundle, and how many entries its name states.
    pub(crate) fn bundle(&self, index: u64, width: usize) -> Result<(Vec<u8>, usize), Fault> {
        for stated in [width, TILE_WIDTH] {
            if let Some(bytes) = read(&self.dir.join(bundle_path(index, stated)), BUNDLE_BYTES)? {
                return Ok((bytes, stated));
            }
        }
        Err(Fault::Missing(self.named(bundle_path(index, width))))
    }

    fn named(&self, path: Utf8PathBuf) -> Utf8PathBuf {
        self.dir.join(path)
    }
}

/// The tiles of a log at a size, as a source of proofs.
pub(crate) struct Tiles<'a> {
    pub(crate) store: &'a Store<'a>,
    pub(crate) size: u64,
}

impl HashSource for Tiles<'_> {
    fn node(&self, level: u32, index: u64) -> Result<Hash, ProofError> {
        let missing = || ProofError::Missing { level, index };
        let (tile_level, height) = (level / 8, level % 8);
        let start = index.checked_shl(height).filter(|start| start >> height == index).ok_or_else(missing)?;
        let (tile, offset) = (start / 256, usize::try_from(start % 256).map_err(|_| missing())?);
        let width = tile_width(tile_level, tile, self.size);
        if width == 0 {
            return Err(missing());
        }
        let hashes = self.store.tile(tile_level, tile, width);
        let hashes = hashes.map_err(|fault| ProofError::Source(fault.to_string()))?;
        let below = hashes.get(offset..offset + (1 << height)).ok_or_else(missing)?;
        perfect_root(below).ok_or_else(missing)
    }
}
