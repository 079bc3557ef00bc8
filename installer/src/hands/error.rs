//! Why an installation that was confirmed did not end.

use std::io;

use camino::Utf8PathBuf;
use holdfast_release::machine::MachineError;
use holdfast_release::writer::WriteError;
use holdfast_release::{ExtensionError, FatError, GptError, MetaError};
use holdfast_seal::{LuksError, SealError};

use crate::hands::payload::PayloadError;

/// Why.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// What the medium has.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The disk, or what is written to it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The partition of the loader.
    #[error("make the partition of the loader")]
    Fat(#[from] FatError),
    /// The table.
    #[error("make the partition table")]
    Table(#[from] GptError),
    /// META, or the record of the installation.
    #[error("make the record of the installation")]
    Meta(#[from] MetaError),
    /// The extensions of the release.
    #[error("lay out the extensions")]
    Extension(#[from] ExtensionError),
    /// A partition is too small for what goes into it.
    #[error("{what} has {bytes} bytes; its partition has {room}")]
    Room {
        /// What goes into it.
        what: String,
        /// Its bytes.
        bytes: u64,
        /// The bytes of the partition.
        room: u64,
    },
    /// A file system.
    #[error("make the file system of {label}: {why}")]
    Format {
        /// The partition.
        label: String,
        /// What the tool said.
        why: String,
    },
    /// A file or a disk cannot be used.
    #[error("{act} `{path}`")]
    File {
        /// What was done.
        act: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// An encrypted volume.
    #[error(transparent)]
    Volume(#[from] LuksError),
    /// The TPM.
    #[error("seal the key of {label}")]
    Seal {
        /// The volume.
        label: String,
        /// The cause.
        #[source]
        source: SealError,
    },
    /// Nothing was prepared to encrypt with.
    #[error("{0} is to be encrypted, and this way of installing cannot: it takes a machine and its medium")]
    NoVault(&'static str),
    /// There is no chance to be had.
    #[error("draw a number for this installation")]
    Chance,
    /// The configuration cannot be written.
    #[error("write the configuration")]
    Configuration(#[from] MachineError),
}
