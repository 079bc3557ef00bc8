//! Why nothing is installed. Nothing was touched when one of these is said.

use holdfast_release::LayoutError;

use crate::brain::checks::Check;

/// Why nothing is installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The configuration does not say where.
    #[error("the configuration has no `spec.install`: it does not say which disk is meant")]
    NoInstall,
    /// No disk fits.
    #[error("no disk fits {wanted}")]
    NoDisk {
        /// What was asked for.
        wanted: String,
        /// The disks there are.
        disks: Vec<String>,
    },
    /// More than one disk fits.
    #[error("{count} disks fit {wanted}; say more, so that one does", count = .disks.len())]
    ManyDisks {
        /// What was asked for.
        wanted: String,
        /// Those that fit.
        disks: Vec<String>,
    },
    /// The disk is never written over.
    #[error("disk {disk} is {why} and is never written over")]
    Kept {
        /// The disk.
        disk: String,
        /// What it is.
        why: &'static str,
    },
    /// The disk cannot be divided.
    #[error("disk {disk} cannot take this release")]
    Layout {
        /// The disk.
        disk: String,
        /// Why.
        #[source]
        source: LayoutError,
    },
    /// The disk holds something, and nobody said that it may go.
    #[error("disk {disk} holds {holds}; it is written over with `wipe = \"confirm:{token}\"` alone")]
    Holds {
        /// The disk.
        disk: String,
        /// What it holds.
        holds: String,
        /// What confirms.
        token: String,
    },
    /// Another serial number was typed.
    #[error("`{typed}` is not the serial number of disk {disk}")]
    Typed {
        /// The disk.
        disk: String,
        /// What was typed.
        typed: String,
    },
    /// There is nothing that could stay.
    #[error(
        "`keepData = true` cannot be done on disk {disk}: {why}; without it everything there is written over"
    )]
    NoData {
        /// The disk.
        disk: String,
        /// What is not as it has to be.
        why: String,
    },
    /// The configuration wants a TPM.
    #[error("the configuration has `encryption = \"tpm\"`, and this machine has no TPM 2.0")]
    NoTpm,
    /// The configuration wants an extension.
    #[error(
        "the configuration has the extension `{0}` in `spec.health`, and the release on the medium has not"
    )]
    NoExtension(String),
    /// The machine lacks something.
    #[error("this machine cannot run the release: {found}", found = failed(.checks))]
    Checks {
        /// What was found out about it.
        checks: Vec<Check>,
    },
}

fn failed(checks: &[Check]) -> String {
    let failed = checks.iter().filter(|check| check.is_failed());
    failed.map(|check| format!("{}: {}", check.topic.name(), check.found)).collect::<Vec<_>>().join("; ")
}

impl Refusal {
    /// A word for programs, always the same for the same reason.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NoInstall => "no-install",
            Self::NoDisk { .. } => "no-disk",
            Self::ManyDisks { .. } => "many-disks",
            Self::Kept { .. } => "kept-disk",
            Self::Layout { .. } => "layout",
            Self::Holds { .. } => "disk-in-use",
            Self::Typed { .. } => "wrong-serial",
            Self::NoData { .. } => "no-data",
            Self::NoTpm => "no-tpm",
            Self::NoExtension(_) => "no-extension",
            Self::Checks { .. } => "checks",
        }
    }

    /// What was to choose from.
    #[must_use]
    pub fn disks(&self) -> &[String] {
        match self {
            Self::NoDisk { disks, .. } | Self::ManyDisks { disks, .. } => disks,
            Self::NoInstall
            | Self::Kept { .. }
            | Self::Layout { .. }
            | Self::Holds { .. }
            | Self::Typed { .. }
            | Self::NoData { .. }
            | Self::NoTpm
            | Self::NoExtension(_)
            | Self::Checks { .. } => &[],
        }
    }
}
