//! Why a sealed stream cannot be made or read.

use std::io;

/// Why a sealed stream cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The stream below cannot be read or written.
    #[error("read or write the sealed stream")]
    Io(#[from] io::Error),
    /// It does not begin as one.
    #[error("this is not a backup")]
    Foreign,
    /// A newer release wrote it.
    #[error("the backup has format {found}, this release reads {known}")]
    Newer {
        /// The format it has.
        found: u8,
        /// The format that is read.
        known: u8,
    },
    /// It is not what was written.
    #[error("the backup is damaged: {0}")]
    Damaged(&'static str),
    /// It is not for this key.
    #[error("the backup is not for key `{key}`")]
    Stranger {
        /// The fingerprint of the key.
        key: String,
    },
    /// A text is not a key.
    #[error("this is not {0}")]
    Text(&'static str),
    /// No recipient, or too many.
    #[error("a backup has 1 to {most} recipients, not {found}")]
    Recipients {
        /// How many there are.
        found: usize,
        /// The most.
        most: usize,
    },
    /// The crypto library refused.
    #[error("{0}")]
    Crypto(&'static str),
}
