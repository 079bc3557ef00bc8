//! What can be wrong with the log. A leaf of the module.

use camino::Utf8PathBuf;

use crate::codec::CodecError;
use crate::files::FileError;

/// Why the log cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("use the raft log")]
    File(#[from] FileError),
    #[error("raft log segment `{segment}` is corrupt at byte {offset}: {what}")]
    Corrupt { segment: Utf8PathBuf, offset: u64, what: String },
    #[error("raft log segment `{segment}` has format {found}, this build reads up to {known}")]
    Newer { segment: Utf8PathBuf, found: u32, known: u32 },
    #[error("decode entry {index} of the raft log")]
    Decode {
        index: u64,
        #[source]
        source: CodecError,
    },
    #[error("raft log refuses writes: {0}")]
    Refused(String),
    #[error("append entry {found} to the raft log after entry {last:?}")]
    Gap { last: Option<u64>, found: u64 },
}

impl LogError {
    pub(crate) fn into_io(self) -> std::io::Error {
        std::io::Error::other(self)
    }
}
