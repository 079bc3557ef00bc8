//! What an installation is made with.

use camino::Utf8Path;

use crate::hands::format::Formatter;
use crate::hands::payload::Payload;
use crate::hands::vault::Vault;

/// What an installation is made with.
#[derive(Debug)]
pub struct Work<'a> {
    /// The files of the release.
    pub payload: &'a Payload,
    /// A directory in memory for file systems in the making.
    pub scratch: &'a Utf8Path,
    /// What makes them.
    pub formatter: &'a Formatter,
    /// What lets the machine into its cluster.
    pub admission: Option<&'a Admission>,
    /// What encrypts the volumes that are to be.
    pub vault: Option<&'a Vault>,
}

/// A file beside the configuration that lets a machine into its cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Admission {
    /// Its name.
    pub name: String,
    /// What is in it; a secret.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").field("name", &self.name).finish_non_exhaustive()
    }
}
