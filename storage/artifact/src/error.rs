//! Why an act on artifacts failed.

use camino::Utf8PathBuf;
use holdfast_blob::BlobError;
use holdfast_types::{AsProblem, BlobId, Problem, ProblemKind};

use crate::manifest::{CHUNK_BYTES, MAX_ENTRIES, ManifestError};

/// The outcome of an act on artifacts.
pub type Result<T, E = ArtifactError> = std::result::Result<T, E>;

/// Why an act on artifacts failed.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A blob that should be a manifest is none.
    #[error("blob {id} is not the manifest of an artifact")]
    NotAManifest {
        /// The blob.
        id: BlobId,
        /// What is wrong with it.
        #[source]
        source: ManifestError,
    },
    /// Files do not make a manifest.
    #[error("the files do not make an artifact")]
    Manifest(#[from] ManifestError),
    /// The directory to import is not there.
    #[error("import directory `{dir}`: there is no such directory")]
    NoDirectory {
        /// The directory.
        dir: Utf8PathBuf,
    },
    /// The directory to import has no files.
    #[error("import directory `{dir}`: it holds no files")]
    NoFiles {
        /// The directory.
        dir: Utf8PathBuf,
    },
    /// A thing in the directory cannot be part of an artifact.
    #[error("import `{path}` from `{dir}`: {why}")]
    Entry {
        /// The directory.
        dir: Utf8PathBuf,
        /// The thing.
        path: String,
        /// Why not.
        why: String,
    },
    /// A file changed while it was read.
    #[error("import `{path}` from `{dir}`: the file changed while it was read")]
    Changed {
        /// The directory.
        dir: Utf8PathBuf,
        /// The file.
        path: String,
    },
    /// The directory has more than the caller allows.
    #[error("import directory `{dir}`: it holds more than {limit} {what}")]
    TooMuch {
        /// The directory.
        dir: Utf8PathBuf,
        /// Files or bytes.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// A blob is whole and yet not as long as the manifest says.
    #[error("`{path}` needs {expected} bytes of blob {id}, which has {found}")]
    WrongLength {
        /// The file of the artifact.
        path: String,
        /// The blob.
        id: BlobId,
        /// What the manifest says.
        expected: u64,
        /// What the store has.
        found: u64,
    },
    /// The store or the file system failed.
    #[error(transparent)]
    Store(#[from] BlobError),
}

impl AsProblem for ArtifactError {
    fn problem(&self) -> Problem {
        match self {
            Self::NotAManifest { source, .. } => Problem::new(4100, ProblemKind::Invalid, self.to_string())
                .because(source.to_string())
                .next("check the id: the manifest of an artifact is named by its version"),
            Self::Manifest(source) => Problem::new(4101, ProblemKind::Exhausted, self.to_string())
                .because(source.to_string())
                .next(format!("split the data into artifacts of at most {MAX_ENTRIES} files each")),
            Self::NoDirectory { dir } => Problem::new(4102, ProblemKind::NotFound, self.to_string())
                .next(format!("ls -ld {dir}, on the node that imports")),
            Self::NoFiles { dir } => Problem::new(4103, ProblemKind::Invalid, self.to_string())
                .next(format!("find {dir} -type f: an artifact has at least one file")),
            Self::Entry { .. } => Problem::new(4104, ProblemKind::Invalid, self.to_string())
                .because("an artifact holds regular files below one directory and nothing else")
                .next("remove it, or put a copy of the file it stands for in its place"),
            Self::Changed { .. } => Problem::new(4105, ProblemKind::Conflict, self.to_string())
                .next("stop what writes to the directory, then import again"),
            Self::TooMuch { .. } => Problem::new(4106, ProblemKind::Exhausted, self.to_string())
                .next("import less, or ask for a higher limit"),
            Self::WrongLength { .. } => Problem::new(4107, ProblemKind::Failed, self.to_string())
                .because(format!(
                    "the manifest was not made by an import: its chunks are {CHUNK_BYTES} bytes each"
                ))
                .next("import the artifact again from its source"),
            Self::Store(error) => error.problem(),
        }
    }
}
