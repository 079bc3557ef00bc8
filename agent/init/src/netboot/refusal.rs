//! Why a machine does not go on with what the network has. A leaf.

use std::time::Duration;

use camino::Utf8PathBuf;
use holdfast_fetch::{FetchError, NoAddress};
use holdfast_release::{FileSum, ManifestError};

const MIB: u64 = 1 << 20;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The command line is not one for the network.
    #[error("the command line does not name the release: holdfast.manifest")]
    NoManifest,
    /// No driver, or no hardware.
    #[error("there is no network card that the first archive has a driver for")]
    NoCard,
    /// Nobody answers.
    #[error("no server of DHCP answered within {} s", .0.as_secs())]
    NoLease(Duration),
    /// The address is none.
    #[error(transparent)]
    Address(NoAddress),
    /// The address needs somebody who knows names.
    #[error("`{0}` names the server: give its number, names are not known yet")]
    Name(String),
    /// A file does not come.
    #[error("fetch `{address}`: {source}")]
    Fetch {
        /// Where it was to be.
        address: String,
        /// Why not.
        source: FetchError,
    },
    /// A file is another one.
    #[error("`{address}` is not what was signed: {} bytes with the digest {}", .wanted.bytes, .wanted.sha256)]
    Changed {
        /// Where it came from.
        address: String,
        /// What it was to be.
        wanted: FileSum,
    },
    /// The manifest is another one.
    #[error("`{0}` is not the manifest that the signed command line names")]
    OtherManifest(String),
    /// The manifest is the right one and cannot be read.
    #[error(transparent)]
    Manifest(ManifestError),
    /// The files would not fit.
    #[error(
        "the files take {} MiB and {} MiB are left to the system, but {} MiB of memory are free",
        .needs.div_ceil(MIB), .reserve / MIB, .has / MIB
    )]
    Memory {
        /// Bytes of the files.
        needs: u64,
        /// Bytes for everything else.
        reserve: u64,
        /// Bytes that can be had.
        has: u64,
    },
    /// Memory cannot be used as it is to be.
    #[error("{0}")]
    Keep(String),
    /// A file cannot be kept.
    #[error("write `{path}`: {source}")]
    Write {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The manifest belongs to another kernel.
    #[error("the root is not the one that the signed command line names")]
    OtherRoot,
}

impl Refusal {
    /// The same in one word, for programs.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::NoManifest => "command-line",
            Self::NoCard => "no-card",
            Self::NoLease(_) => "no-lease",
            Self::Address(_) | Self::Name(_) => "address",
            Self::Fetch { .. } => "fetch",
            Self::Changed { .. } | Self::OtherManifest(_) | Self::Manifest(_) | Self::OtherRoot => "changed",
            Self::Memory { .. } => "memory",
            Self::Keep(_) | Self::Write { .. } => "write",
        }
    }
}
