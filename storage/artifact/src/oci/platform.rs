//! The machines images are for.

use std::fmt;

/// An architecture images are run on. The system is always Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// x86_64.
    Amd64,
    /// aarch64.
    Arm64,
}

/// An architecture that images are not run on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("architecture `{0}` runs no images")]
pub struct ArchError(String);

impl Arch {
    /// The architecture of this machine.
    ///
    /// # Errors
    /// Where it is none of these.
    pub fn host() -> Result<Self, ArchError> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            arch => Err(ArchError(arch.to_owned())),
        }
    }

    /// The word of the OCI specification.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
