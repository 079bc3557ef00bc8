//! An extension: what a site adds to the root for one build of the kernel, such as the drivers of its accelerators, as one file and
//! on a disk. The file is a head that the site's release keys signed, a file system, and the hash tree that proves it; all of them
//! whole blocks.

use holdfast_types::{AsProblem, Problem, ProblemKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bundle::{BundleError, BundleRole, Keyholder, Signed, Trusted, signed};
use crate::machine::Name;
use crate::manifest::{Verity, is_plain};
use crate::verity::{BLOCK, BLOCK_BYTES};

/// Bytes of the longest head.
pub const MOST_EXTENSION_HEAD: usize = 64 << 10;
/// Bytes of the longest file system, and of the longest proof: what a disk could hold, and far from what a number could.
const MOST_BYTES: u64 = 1 << 40;
/// Bytes of the longest word.
const LONGEST: usize = 128;
pub(super) const MAGIC: &[u8; 8] = b"HFEXT1\n\0";
/// The magic and the length of what is signed.
pub(super) const PREFIX: usize = 12;
/// What kind of thing was signed.
const KIND: &str = "extension";

/// Why an extension is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionError {
    /// None, or damaged.
    #[error("it is no extension: {0}")]
    Form(String),
    /// Not of this site.
    #[error("it is not signed by this site: {0}")]
    Signature(BundleError),
    /// Nobody signs it.
    #[error("sign it: {0}")]
    Unsigned(String),
    /// For another kernel.
    #[error("it is for kernel {want}, this is kernel {have}")]
    Kernel {
        /// The kernel it is for.
        want: String,
        /// The kernel that is there.
        have: String,
    },
    /// No room for it.
    #[error("the extensions of the release have {bytes} bytes; there is room for {room}")]
    Room {
        /// Their bytes.
        bytes: u64,
        /// The bytes of a half of EXT.
        room: u64,
    },
}

impl AsProblem for ExtensionError {
    fn problem(&self) -> Problem {
        let summary = "the extension is refused";
        match self {
            Self::Form(_) => Problem::new(7160, ProblemKind::Invalid, summary),
            Self::Signature(_) | Self::Unsigned(_) => Problem::new(7161, ProblemKind::Refused, summary),
            Self::Kernel { .. } => Problem::new(7162, ProblemKind::Refused, summary),
            Self::Room { .. } => Problem::new(7163, ProblemKind::Refused, summary),
        }
        .because(self.to_string())
        .next("holdfast-image extension build")
    }
}

pub(super) fn form(why: impl Into<String>) -> ExtensionError {
    ExtensionError::Form(why.into())
}

/// What an extension says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Its name, and that of the directory where it is found in the system: as the names of machines are.
    pub name: String,
    /// The version of what it brings.
    pub version: String,
    /// The kernel it is for, as `uname -r` says it.
    pub kernel: String,
    /// The build of that kernel, as `uname -v` says it: two builds may have one release, and not fit each other's modules.
    pub build: String,
    /// What proves its file system.
    pub verity: Verity,
    /// Bytes of the superblock and the tree behind the file system.
    #[serde(rename = "treeBytes")]
    pub tree_bytes: u64,
}

impl Extension {
    /// Bytes of the file system.
    #[must_use]
    pub const fn data_bytes(&self) -> u64 {
        self.verity.data_blocks.saturating_mul(BLOCK_BYTES)
    }

    /// Its head, signed by these. The file system and its tree follow.
    ///
    /// # Errors
    ///
    /// It is none that could be read again, or one of them does not sign.
    pub fn head(&self, holders: &[&dyn Keyholder]) -> Result<Vec<u8>, ExtensionError> {
        self.check()?;
        let mut value = json!(self);
        if let Some(members) = value.as_object_mut() {
            members.insert("_type".to_owned(), KIND.into());
        }
        let document = signed(&value, holders).map_err(ExtensionError::Unsigned)?;
        let length = u32::try_from(document.len()).unwrap_or(u32::MAX);
        let mut head = MAGIC.to_vec();
        head.extend(length.to_le_bytes());
        head.extend(document);
        head.resize(head.len().next_multiple_of(BLOCK), 0);
        if head.len() > MOST_EXTENSION_HEAD {
            return Err(form(format!("its head has {} bytes", head.len())));
        }
        Ok(head)
    }

    /// Whether it is for this kernel and this build of it.
    ///
    /// # Errors
    ///
    /// It is for another one.
    pub fn fits(&self, kernel: &str, build: &str) -> Result<(), ExtensionError> {
        if (self.kernel.as_str(), self.build.as_str()) == (kernel, build) {
            return Ok(());
        }
        let said = |kernel: &str, build: &str| format!("{kernel} ({build})");
        Err(ExtensionError::Kernel { want: said(&self.kernel, &self.build), have: said(kernel, build) })
    }

    fn check(&self) -> Result<(), ExtensionError> {
        if let Err(error) = self.name.parse::<Name>() {
            return Err(form(error.to_string()));
        }
        if let Some(word) = [&self.version, &self.kernel].into_iter().find(|word| !is_plain(word)) {
            return Err(form(format!(
                "`{}` is no plain word",
                word.chars().take(LONGEST).collect::<String>()
            )));
        }
        let printable = |byte: u8| (0x20..0x7f).contains(&byte);
        let build = self.build.as_bytes();
        if build.len() > LONGEST || !build.iter().copied().all(printable) {
            return Err(form("the build of its kernel is too long, or cannot be shown"));
        }
        let fits =
            |bytes: u64| (BLOCK_BYTES..=MOST_BYTES).contains(&bytes) && bytes.is_multiple_of(BLOCK_BYTES);
        if !fits(self.data_bytes()) || !fits(self.tree_bytes) {
            return Err(form("its lengths are not those of a file system and its proof"));
        }
        Ok(())
    }
}

/// The head of an extension, of which nothing is proved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionHead {
    says: Extension,
    signed: Signed,
    /// Its own bytes.
    bytes: u64,
}

impl ExtensionHead {
    /// The head that these bytes begin with; nothing where they begin with none.
    ///
    /// # Errors
    ///
    /// It is damaged, or says what no extension says.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, ExtensionError> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return Ok(None) };
        let (length, rest) = rest.split_first_chunk().ok_or_else(|| form("its head ends early"))?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let whole = length.saturating_add(PREFIX).checked_next_multiple_of(BLOCK);
        let whole = whole.filter(|whole| *whole <= MOST_EXTENSION_HEAD);
        let whole = whole.ok_or_else(|| form(format!("its head would have {length} bytes")))?;
        let document = rest.get(..length).ok_or_else(|| form("its head ends early"))?;
        let signed = Signed::parse(document).map_err(form)?;
        if signed.value.get("_type").and_then(Value::as_str) != Some(KIND) {
            return Err(form("something else was signed"));
        }
        let says: Extension =
            serde_json::from_value(signed.value.clone()).map_err(|error| form(error.to_string()))?;
        says.check()?;
        Ok(Some(Self { says, signed, bytes: u64::try_from(whole).unwrap_or(u64::MAX) }))
    }

    /// The name that it has, should it be what it says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.says.name
    }

    /// Where the file system begins, from the beginning of the head.
    #[must_use]
    pub const fn data_at(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the whole extension.
    #[must_use]
    pub const fn whole_bytes(&self) -> u64 {
        self.bytes.saturating_add(self.says.data_bytes()).saturating_add(self.says.tree_bytes)
    }

    /// What it says, where the site of this root signed it: with the keys that sign what files a release has.
    ///
    /// # Errors
    ///
    /// Too few of them have.
    pub fn proved(&self, root: &Trusted) -> Result<Extension, ExtensionError> {
        root.check(BundleRole::Targets, &self.signed).map_err(ExtensionError::Signature)?;
        Ok(self.says.clone())
    }
}
