//! The files of a release on the medium: named by the manifest, and believed as far as their digests are right.

use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{
    Digest, FileSum, KERNEL, LOADER, MANIFEST, MANIFEST_MOST_BYTES, Manifest, ManifestError,
};
use sha2::{Digest as _, Sha256};

use crate::brain::Release;

/// What a release has to be trusted by firmware.
const KEYS: [&str; 3] = ["PK.auth", "KEK.auth", "db.auth"];
/// A kernel or a loader has at most so many bytes; both are held in memory.
const MOST_IN_MEMORY: u64 = 256 << 20;

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// A file cannot be read.
    #[error("read `{path}`")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The manifest.
    #[error("`{path}` is no manifest")]
    Manifest {
        /// The file.
        path: Utf8PathBuf,
        /// The cause.
        #[source]
        source: ManifestError,
    },
    /// A file that the manifest does not name.
    #[error("the manifest does not name `{0}`")]
    Missing(String),
    /// A file is not what the manifest names.
    #[error("`{path}` is damaged: the manifest names {bytes} bytes with the digest {digest}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// The bytes it was to have.
        bytes: u64,
        /// The digest it was to have.
        digest: Digest,
    },
    /// A file is larger than is held in memory.
    #[error("`{path}` has {bytes} bytes, more than a kernel has")]
    Large {
        /// The file.
        path: Utf8PathBuf,
        /// Its bytes.
        bytes: u64,
    },
}

/// A release on a medium.
#[derive(Debug, Clone)]
pub struct Payload {
    dir: Utf8PathBuf,
    manifest: Manifest,
    /// Of the manifest's own bytes: which release it is.
    pub(crate) digest: Digest,
}

impl Payload {
    /// The one in `dir`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn open(dir: &Utf8Path) -> Result<Self, PayloadError> {
        let path = dir.join(MANIFEST);
        let most = u64::try_from(MANIFEST_MOST_BYTES).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        read.map_err(|source| PayloadError::Read { path: path.clone(), source })?;
        let manifest = Manifest::parse(&bytes).map_err(|source| PayloadError::Manifest { path, source })?;
        Ok(Self { dir: dir.to_owned(), manifest, digest: Digest::of(&bytes) })
    }

    /// What the brain knows of it.
    #[must_use]
    pub fn release(&self) -> Release {
        let manifest = &self.manifest;
        Release {
            version: manifest.version.clone(),
            profile: manifest.profile,
            epoch: manifest.epoch,
            extensions: manifest.extensions.iter().map(|one| one.name.clone()).collect(),
        }
    }

    /// What the release says of itself.
    pub(crate) const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where a file lies, and what the manifest says of it.
    pub(crate) fn file(&self, name: &str) -> Result<(Utf8PathBuf, FileSum), PayloadError> {
        let sum = self.manifest.file(name).ok_or_else(|| PayloadError::Missing(name.to_owned()))?;
        Ok((self.dir.join(name), sum))
    }

    /// A file that is held in memory, and is what the manifest names.
    fn small(&self, name: &str) -> Result<Vec<u8>, PayloadError> {
        let (path, sum) = self.file(name)?;
        if sum.bytes > MOST_IN_MEMORY {
            return Err(PayloadError::Large { path, bytes: sum.bytes });
        }
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(sum.bytes + 1).read_to_end(&mut bytes));
        read.map_err(|source| PayloadError::Read { path: path.clone(), source })?;
        if FileSum::of(&bytes) == sum {
            Ok(bytes)
        } else {
            Err(PayloadError::Damaged { path, bytes: sum.bytes, digest: sum.sha256 })
        }
    }

    /// What makes firmware in setup mode trust the site's keys; nothing where the release has none.
    pub(crate) fn keys(&self) -> Result<Vec<(&'static str, Vec<u8>)>, PayloadError> {
        let there = KEYS.into_iter().filter(|name| self.manifest.file(name).is_some());
        there.map(|name| Ok((name, self.small(name)?))).collect()
    }

    /// The boot loader and the kernel.
    pub(crate) fn esp(&self) -> Result<(Vec<u8>, Vec<u8>), PayloadError> {
        Ok((self.small(LOADER)?, self.small(KERNEL)?))
    }

    /// Reads a large file through once, before anything that is worth something is written over.
    pub(crate) fn prove(&self, name: &str) -> Result<(), PayloadError> {
        let (path, sum) = self.file(name)?;
        let read = |source| PayloadError::Read { path: path.clone(), source };
        let mut file = File::open(&path).map_err(read)?.take(sum.bytes.saturating_add(1));
        let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 20], 0);
        loop {
            let count = file.read(&mut buffer).map_err(read)?;
            let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
            hash.update(part);
            bytes += u64::try_from(count).unwrap_or(0);
        }
        if (bytes, Digest(hash.finalize().into())) == (sum.bytes, sum.sha256) {
            return Ok(());
        }
        Err(PayloadError::Damaged { path, bytes: sum.bytes, digest: sum.sha256 })
    }
}
