//! Writing a log as files that an auditor can copy with `cp`: bundles, tiles, and the signed checkpoint last.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{AsProblem, Problem, ProblemKind};

use crate::durable;
use crate::hash::{HASH_BYTES, Hash, leaf_hash};
use crate::note::{Checkpoint, MAX_NOTE, NoteError, Signer, VerifierKey};
use crate::tile::{
    BUNDLE_BYTES, BundleError, CHECKPOINT, KEYS, TILE_WIDTH, bundle_path, decode_bundle, decode_tile,
    push_entry, tile_path, tile_width,
};
use crate::tree::{Frontier, perfect_root};

/// The levels of tiles that a log of 2^64 entries has.
const LEVELS: u32 = 8;

/// Why a log cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file system refused.
    #[error("{act} `{path}` of the exported audit log")]
    Io {
        /// What was tried.
        act: &'static str,
        /// On which file.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What is there already is not the beginning of this log.
    #[error("append to the audit log in `{dir}`: {reason}")]
    Damaged {
        /// Where.
        dir: Utf8PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The checkpoint there is not signed by a key of the log.
    #[error("read the checkpoint of the audit log in `{dir}`")]
    Note {
        /// Where.
        dir: Utf8PathBuf,
        /// What is wrong with it.
        #[source]
        source: NoteError,
    },
    /// An entry is too long.
    #[error("export audit entry {index}")]
    Entry {
        /// Which.
        index: u64,
        /// Why not.
        #[source]
        source: BundleError,
    },
}

impl AsProblem for ExportError {
    fn problem(&self) -> Problem {
        let mut problem = Problem::new(3101, ProblemKind::Failed, self.to_string());
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            problem = problem.because(cause.to_string());
            source = cause.source();
        }
        problem
    }
}

/// A log on disk to which entries are added.
#[derive(Debug)]
pub struct Exporter {
    dir: Utf8PathBuf,
    size: u64,
    /// The hashes of the partial tile of each level.
    levels: Vec<Vec<Hash>>,
    /// The bytes of the partial bundle.
    bundle: Vec<u8>,
    /// The full tiles and bundles since the last checkpoint; their partial ones go once the next one stands.
    full: BTreeSet<Utf8PathBuf>,
    touched: BTreeSet<Utf8PathBuf>,
}

/// Writes entries behind those that a directory already holds, and signs. `origin` is the name of the signer.
pub fn export<E: AsRef<[u8]>>(
    dir: &Utf8Path,
    entries: impl IntoIterator<Item = E>,
    signer: &Signer,
) -> Result<Checkpoint, ExportError> {
    let mut exporter = Exporter::open(dir, signer)?;
    let known = usize::try_from(exporter.size()).unwrap_or(usize::MAX);
    for entry in entries.into_iter().skip(known) {
        exporter.append(entry.as_ref())?;
    }
    exporter.commit(signer)
}

impl Exporter {
    /// Opens a directory for appending; an empty or absent one becomes a log.
    pub fn open(dir: &Utf8Path, signer: &Signer) -> Result<Self, ExportError> {
        let mut exporter = Self {
            dir: dir.to_owned(),
            size: 0,
            levels: vec![Vec::new()],
            bundle: Vec::new(),
            full: BTreeSet::new(),
            touched: BTreeSet::new(),
        };
        let key = signer.verifier();
        let mut keys = exporter.keys()?;
        let known = keys.contains(&key);
        if !known {
            keys.push(key);
        }
        if let Some(note) = exporter.read(CHECKPOINT.into(), MAX_NOTE)? {
            exporter.resume(&note, &keys, signer)?;
        }
        if !known {
            let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
            exporter.write(KEYS.into(), text.as_bytes())?;
        }
        Ok(exporter)
    }

    /// How many entries it holds, those not yet committed included.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry. It is part of the log from the next [`Exporter::commit`] on.
    pub fn append(&mut self, entry: &[u8]) -> Result<(), ExportError> {
        let index = self.size;
        push_entry(&mut self.bundle, entry).map_err(|source| ExportError::Entry { index, source })?;
        self.size += 1;
        if self.size.is_multiple_of(256) {
            let bytes = std::mem::take(&mut self.bundle);
            self.write_full(bundle_path(index / 256, TILE_WIDTH), &bytes)?;
        }
        let mut hash = leaf_hash(entry);
        for level in 0..LEVELS {
            let Some(hashes) = self.level(level) else { break };
            hashes.push(hash);
            if hashes.len() < TILE_WIDTH {
                break;
            }
            let full = std::mem::take(hashes);
            let Some(root) = perfect_root(&full) else { break };
            let tile = index.checked_shr(8 * (level + 1)).unwrap_or(0);
            self.write_full(tile_path(level, tile, TILE_WIDTH), &tile_bytes(&full))?;
            hash = root;
        }
        Ok(())
    }

    /// Writes what is partial, and then the checkpoint, which makes all of it part of the log.
    pub fn commit(&mut self, signer: &Signer) -> Result<Checkpoint, ExportError> {
        for (level, hashes) in (0..LEVELS).zip(self.levels.clone()) {
            if !hashes.is_empty() {
                let tile = self.size.checked_shr(8 * (level + 1)).unwrap_or(0);
                self.write(tile_path(level, tile, hashes.len()), &tile_bytes(&hashes))?;
            }
        }
        let width = tile_width(0, self.size / 256, self.size);
        if width > 0 {
            let bundle = std::mem::take(&mut self.bundle);
            let written = self.write(bundle_path(self.size / 256, width), &bundle);
            self.bundle = bundle;
            written?;
        }
        self.sync()?;
        let origin = signer.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, size: self.size, root: self.root()? };
        self.write(CHECKPOINT.into(), checkpoint.sign(signer).as_bytes())?;
        self.sync()?;
        self.remove_superseded()?;
        Ok(checkpoint)
    }

    fn level(&mut self, level: u32) -> Option<&mut Vec<Hash>> {
        let level = usize::try_from(level).ok()?;
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels.get_mut(level)
    }

    fn root(&self) -> Result<Hash, ExportError> {
        let mut hashes = Vec::new();
        for level in self.levels.iter().rev() {
            let mut rest = level.as_slice();
            // The perfect subtrees of a partial tile: one for each bit of its width, the largest first.
            while let Some(bit) = rest.len().checked_ilog2() {
                let Some((left, right)) = rest.split_at_checked(1 << bit) else { break };
                hashes.extend(perfect_root(left));
                rest = right;
            }
        }
        let frontier = Frontier::from_parts(self.size, hashes);
        frontier.map(|frontier| frontier.root()).ok_or_else(|| self.damaged("its tiles do not fit its size"))
    }

    fn keys(&self) -> Result<Vec<VerifierKey>, ExportError> {
        let text = self.read(KEYS.into(), MAX_NOTE)?.unwrap_or_default();
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Takes up a log where its checkpoint ends. Any of its keys may have signed that, so that a key can be replaced.
    fn resume(&mut self, note: &str, keys: &[VerifierKey], signer: &Signer) -> Result<(), ExportError> {
        let mut opened = Err(NoteError::Form("no key of the log is known"));
        for key in keys {
            opened = opened.or_else(|_| Checkpoint::open(note, key));
        }
        let checkpoint = opened.map_err(|source| ExportError::Note { dir: self.dir.clone(), source })?;
        if checkpoint.origin != signer.verifier().name() {
            return Err(self.damaged(format!("it is the log of `{}`", checkpoint.origin)));
        }
        self.size = checkpoint.size;
        self.levels.clear();
        for level in 0..LEVELS {
            let index = self.size.checked_shr(8 * (level + 1)).unwrap_or(0);
            let width = tile_width(level, index, self.size);
            let hashes = if width == 0 { Vec::new() } else { self.resume_tile(level, index, width)? };
            self.levels.push(hashes);
        }
        let width = tile_width(0, self.size / 256, self.size);
        if width > 0 {
            let path = bundle_path(self.size / 256, width);
            self.bundle = self
                .read_bytes(path.clone(), BUNDLE_BYTES)?
                .ok_or_else(|| self.damaged("a bundle is missing"))?;
            if let (_, Some(error)) = decode_bundle(&self.bundle, width) {
                return Err(self.damaged(error));
            }
        }
        if self.root()? == checkpoint.root {
            Ok(())
        } else {
            Err(self.damaged("its tiles have another root"))
        }
    }

    fn resume_tile(&mut self, level: u32, index: u64, width: usize) -> Result<Vec<Hash>, ExportError> {
        let path = tile_path(level, index, width);
        let bytes = self.read_bytes(path, TILE_WIDTH * HASH_BYTES)?;
        let bytes = bytes.ok_or_else(|| self.damaged("a tile is missing"))?;
        decode_tile(&bytes, width).map_err(|error| self.damaged(error))
    }

    fn damaged(&self, reason: impl ToString) -> ExportError {
        ExportError::Damaged { dir: self.dir.clone(), reason: reason.to_string() }
    }

    fn read(&self, path: Utf8PathBuf, limit: usize) -> Result<Option<String>, ExportError> {
        let bytes = self.read_bytes(path, limit)?;
        bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| self.damaged("it is not text"))).transpose()
    }

    fn read_bytes(&self, path: Utf8PathBuf, limit: usize) -> Result<Option<Vec<u8>>, ExportError> {
        let full = self.dir.join(path);
        durable::read(&full, limit).map_err(|source| ExportError::Io { act: "read", path: full, source })
    }

    fn write(&mut self, path: Utf8PathBuf, bytes: &[u8]) -> Result<(), ExportError> {
        let full = self.dir.join(path);
        durable::write(&full, bytes).map_err(|source| ExportError::Io {
            act: "write",
            path: full.clone(),
            source,
        })?;
        // Every directory up to the root, because some of them may be new.
        let parents = full.ancestors().skip(1).take_while(|parent| parent.starts_with(&self.dir));
        self.touched.extend(parents.map(Utf8Path::to_owned));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), ExportError> {
        for path in std::mem::take(&mut self.touched) {
            durable::sync_dir(&path).map_err(|source| ExportError::Io { act: "sync", path, source })?;
        }
        Ok(())
    }

    fn write_full(&mut self, path: Utf8PathBuf, bytes: &[u8]) -> Result<(), ExportError> {
        self.write(path.clone(), bytes)?;
        self.full.insert(path);
        Ok(())
    }

    /// Removes the partial files of what is full now, and of nothing else: whoever copies the log while it grows may
    /// hold a checkpoint that needs a narrower one, and finds it or the full one.
    fn remove_superseded(&mut self) -> Result<(), ExportError> {
        for path in std::mem::take(&mut self.full) {
            let path = self.dir.join(format!("{path}.p"));
            match fs::remove_dir_all(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(ExportError::Io { act: "remove", path, source }),
            }
        }
        Ok(())
    }
}

fn tile_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests;
