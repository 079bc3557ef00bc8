//! Certificates and keys on disk: durable writes, and reads that refuse a private file others can read.
//!
//! Calls block for the length of a few small reads or one fsync; daemons make them at start and at rotation.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{AsProblem, Problem, ProblemKind};
use zeroize::Zeroizing;

use crate::report::with_causes;
use crate::secret::{RandomError, random};

/// The mode of a file that only its owner may read.
pub(crate) const PRIVATE: u32 = 0o600;
/// The mode of a file everybody may read.
pub(crate) const PUBLIC: u32 = 0o644;

/// What went wrong with a file of an identity.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("read `{path}`")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file holds a secret and others than its owner have rights on it.
    #[error("`{path}` holds a private key and has mode {mode:04o}: others than its owner can reach it")]
    Exposed {
        /// The file.
        path: Utf8PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not a regular file of acceptable size in UTF-8.
    #[error("`{path}` is not a text file of at most {limit} bytes")]
    Shape {
        /// The file.
        path: Utf8PathBuf,
        /// The limit.
        limit: u64,
    },
    /// The file cannot be written.
    #[error("write `{path}`")]
    Write {
        /// The file.
        path: Utf8PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The system gave no random name for a temporary file.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl AsProblem for FileError {
    fn problem(&self) -> Problem {
        let problem = |code, kind| with_causes(Problem::new(code, kind, self.to_string()), self);
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                problem(5000, ProblemKind::NotFound)
            }
            Self::Read { .. } => problem(5000, ProblemKind::Failed),
            Self::Exposed { path, .. } => {
                problem(5001, ProblemKind::Refused).next(format!("chmod 600 {path}"))
            }
            Self::Shape { .. } => problem(5002, ProblemKind::Invalid),
            Self::Write { .. } => problem(5003, ProblemKind::Failed),
            Self::Random(_) => problem(5016, ProblemKind::Failed),
        }
    }
}

/// Whether a file may be read by others than its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// Anybody may read it: a certificate.
    Public,
    /// It holds a key: reading it is refused where others have any right on it.
    Private,
}

/// Reads a text file of at most `limit` bytes. The mode is checked on the open file, so it cannot change in between.
pub(crate) fn read(path: &Utf8Path, limit: u64, privacy: Privacy) -> Result<Zeroizing<String>, FileError> {
    let fault = |source| FileError::Read { path: path.to_owned(), source };
    let shape = || FileError::Shape { path: path.to_owned(), limit };
    let file = File::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if privacy == Privacy::Private && metadata.mode() & 0o077 != 0 {
        return Err(FileError::Exposed { path: path.to_owned(), mode: metadata.mode() & 0o7777 });
    }
    let length = usize::try_from(metadata.len()).map_err(|_| shape())?;
    if !metadata.is_file() || metadata.len() > limit {
        return Err(shape());
    }
    // One allocation of the right size: growing would leave a copy of a key in freed memory.
    let mut text = Zeroizing::new(String::with_capacity(length.saturating_add(1)));
    let read = file.take(limit.saturating_add(1)).read_to_string(&mut text);
    read.map_err(|error| if error.kind() == io::ErrorKind::InvalidData { shape() } else { fault(error) })?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= limit) { Ok(text) } else { Err(shape()) }
}

/// Writes a file so that after a crash it is whole, old or new: temporary file, fsync, rename, fsync of the directory.
pub(crate) fn write(path: &Utf8Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let suffix = hex::encode(random::<8>()?);
    let directory = directory_of(path);
    let temporary = directory.join(format!(".{}.{suffix}", path.file_name().unwrap_or("identity")));
    let written = write_then_rename(directory, &temporary, path, (bytes, mode));
    written.map_err(|source| {
        // Best effort: the error that matters is the one of the write.
        fs::remove_file(&temporary).ok();
        FileError::Write { path: path.to_owned(), source }
    })
}

/// Renames a file within its directory, durably.
pub(crate) fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let renamed = fs::rename(from, to).and_then(|()| File::open(directory_of(to))?.sync_all());
    renamed.map_err(|source| FileError::Write { path: to.to_owned(), source })
}

fn directory_of(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

fn write_then_rename(
    directory: &Utf8Path,
    temporary: &Utf8Path,
    path: &Utf8Path,
    (bytes, mode): (&[u8], u32),
) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    File::open(directory)?.sync_all()
}
