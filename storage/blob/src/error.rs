//! Why an act on blobs failed, as a program matches it and as a person reads it.
//!
//! [`BlobError::from_io`] is also how the rest of the room turns a failure of the file system into a problem, so that a
//! full disk has one code wherever it is met.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{AsProblem, BlobId, Problem, ProblemKind};
use rustix::io::Errno;

use crate::files::free_bytes;

/// The outcome of an act on blobs.
pub type Result<T, E = BlobError> = std::result::Result<T, E>;

/// Why an act on blobs failed.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The store does not have the blob.
    #[error("blob {id} is not in the store")]
    Missing {
        /// The blob asked for.
        id: BlobId,
    },
    /// The stored bytes are not the bytes the name promises.
    #[error("blob {id} is damaged: the bytes in `{path}` hash to {found}")]
    Damaged {
        /// The blob asked for.
        id: BlobId,
        /// What the bytes on disk are.
        found: BlobId,
        /// Where they lie.
        path: Utf8PathBuf,
    },
    /// The written bytes are not the blob the writer was told to expect.
    #[error("blob {expected} was refused: the {bytes} bytes received hash to {found}")]
    Unexpected {
        /// The blob that was wanted.
        expected: BlobId,
        /// The blob that came.
        found: BlobId,
        /// How many bytes came.
        bytes: u64,
    },
    /// The blob is larger than the caller is ready to hold in memory.
    #[error("blob {id} of {bytes} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The blob asked for.
        id: BlobId,
        /// Its size.
        bytes: u64,
        /// The caller's limit.
        limit: u64,
    },
    /// The place to write to is taken.
    #[error("{act} `{path}`: it exists already")]
    Exists {
        /// What was tried.
        act: &'static str,
        /// What is in the way.
        path: Utf8PathBuf,
    },
    /// The disk or the quota is full.
    #[error("{act} `{path}`: the disk is full, {free} bytes are free")]
    DiskFull {
        /// What was tried.
        act: &'static str,
        /// On which file.
        path: Utf8PathBuf,
        /// What the file system still offers.
        free: u64,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The file system is mounted read-only.
    #[error("{act} `{path}`: the file system is read-only")]
    ReadOnly {
        /// What was tried.
        act: &'static str,
        /// On which file.
        path: Utf8PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The permissions forbid it.
    #[error("{act} `{path}`: permission denied")]
    Denied {
        /// What was tried.
        act: &'static str,
        /// On which file.
        path: Utf8PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The file system failed in another way.
    #[error("{act} `{path}`")]
    Io {
        /// What was tried.
        act: &'static str,
        /// On which file.
        path: Utf8PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl BlobError {
    /// What a failure of the file system means; an error of this crate that travelled inside an `io::Error` comes out
    /// as it was.
    #[must_use]
    pub fn from_io(act: &'static str, path: &Utf8Path, error: io::Error) -> Self {
        let source = match error.downcast::<Self>() {
            Ok(inner) => return inner,
            Err(error) => error,
        };
        let path = path.to_owned();
        match Errno::from_io_error(&source) {
            Some(Errno::NOSPC | Errno::DQUOT) => {
                let free = free_bytes(&path);
                Self::DiskFull { act, path, free, source }
            }
            Some(Errno::ROFS) => Self::ReadOnly { act, path, source },
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied { act, path, source },
            Some(Errno::EXIST) => Self::Exists { act, path },
            _ => Self::Io { act, path, source },
        }
    }

    /// True where the bytes of the blob cannot be had from this store any more: it is missing, damaged, or the medium
    /// does not give it back. Another replica can help.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } => true,
            Self::Io { source, .. } => Errno::from_io_error(source) == Some(Errno::IO),
            Self::Unexpected { .. }
            | Self::TooLarge { .. }
            | Self::Exists { .. }
            | Self::DiskFull { .. }
            | Self::ReadOnly { .. }
            | Self::Denied { .. } => false,
        }
    }

    /// The error on its way through an interface of `io`.
    pub(crate) fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Missing { .. } => io::ErrorKind::NotFound,
            Self::Damaged { .. } | Self::Unexpected { .. } | Self::TooLarge { .. } => {
                io::ErrorKind::InvalidData
            }
            Self::Exists { .. } => io::ErrorKind::AlreadyExists,
            Self::DiskFull { source, .. }
            | Self::ReadOnly { source, .. }
            | Self::Denied { source, .. }
            | Self::Io { source, .. } => source.kind(),
        };
        io::Error::new(kind, self)
    }
}

impl AsProblem for BlobError {
    fn problem(&self) -> Problem {
        match self {
            Self::Missing { .. } => Problem::new(4000, ProblemKind::NotFound, self.to_string())
                .next("import the artifact again, or let a node that holds a replica come back"),
            Self::Damaged { path, .. } => Problem::new(4001, ProblemKind::Failed, self.to_string())
                .because(format!("the medium below `{path}` changed bytes that were once verified"))
                .next("scrub the store: it moves the blob to quarantine, and the node fetches it from a replica"),
            Self::Unexpected { .. } => Problem::new(4002, ProblemKind::Failed, self.to_string())
                .because("the sender holds a damaged copy, or the transfer changed bytes")
                .next("scrub the store of the sender, then start the transfer again"),
            Self::TooLarge { .. } => Problem::new(4003, ProblemKind::Exhausted, self.to_string())
                .next("check that the id names what you mean: a manifest is never this large"),
            Self::Exists { path, .. } => Problem::new(4004, ProblemKind::Conflict, self.to_string())
                .next(format!("remove `{path}` or choose another target")),
            Self::DiskFull { path, source, .. } => Problem::new(4005, ProblemKind::Exhausted, self.to_string())
                .because(source.to_string())
                .next(format!("df -h {path}"))
                .next("delete artifacts that are not needed on this node, or give the store a larger disk"),
            Self::ReadOnly { path, source, .. } => Problem::new(4006, ProblemKind::Failed, self.to_string())
                .because(source.to_string())
                .next(format!("findmnt -T {path}"))
                .next("dmesg: a disk with errors is remounted read-only by the kernel"),
            Self::Denied { path, source, .. } => Problem::new(4007, ProblemKind::Failed, self.to_string())
                .because(source.to_string())
                .next(format!("namei -l {path}")),
            Self::Io { source, .. } => Problem::new(4008, ProblemKind::Failed, self.to_string())
                .because(source.to_string())
                .next("dmesg: look for errors of the disk at the same time"),
        }
    }
}
