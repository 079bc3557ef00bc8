//! What a release consists of: `manifest.json`, the same on the medium, in a fetch over the network and in a bundle. Every file
//! is named with its length and digest, so whoever trusts the manifest needs to trust nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::kernels::is_older;
use crate::layout::Profile;

/// The name of the manifest among the files of a release.
pub const MANIFEST: &str = "manifest.json";
/// The root of the system; EROFS.
pub const ROOT: &str = "root.erofs";
/// The hash tree that proves the root.
pub const ROOT_TREE: &str = "root.verity";
/// The signed kernel of the installed system, with the root hash in its command line.
pub const KERNEL: &str = "holdfast.efi";
/// The signed boot loader.
pub const LOADER: &str = "loader.efi";
/// The signed kernel that installs; on the medium alone.
pub const INSTALL_KERNEL: &str = "install.efi";
/// The oldest release that what is built here takes over from: it reads everything that this one and those after it wrote on a
/// machine (`corpus`). Never later than the one before the last.
pub const TAKES_OVER_FROM: &str = "0.1.0";

/// Bytes of the longest manifest that is read.
pub const MANIFEST_MOST_BYTES: usize = 1 << 20;
/// Files or extensions that a manifest has at most.
const MOST_ENTRIES: usize = 256;
/// Bytes of the longest name or version.
const LONGEST: usize = 128;

/// Why a manifest cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Too long to be read.
    #[error("the manifest has {0} bytes, {MANIFEST_MOST_BYTES} are the most")]
    TooLong(usize),
    /// Not in its form.
    #[error("read the manifest: {0}")]
    Form(String),
    /// A name that could lead elsewhere, or is none.
    #[error("the manifest names `{0}`, which is no plain name")]
    Name(String),
    /// Too many of something.
    #[error("the manifest has {0} entries, {MOST_ENTRIES} are the most")]
    TooMany(usize),
    /// A file that every release has is not in it.
    #[error("the manifest has no `{0}`")]
    Missing(&'static str),
    /// What runs is older than what the release takes over from.
    #[error("release {version} takes over from {from} and later; what runs is {running}")]
    TooOld {
        /// The release.
        version: String,
        /// The oldest that it takes over from.
        from: String,
        /// What runs.
        running: String,
    },
    /// The root and its proof do not belong together.
    #[error("the manifest proves {proved} bytes of the root, which has {bytes}")]
    Root {
        /// What the tree covers.
        proved: u64,
        /// What the root has.
        bytes: u64,
    },
}

/// The length and the digest of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Its bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Digest,
}

impl FileSum {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX), sha256: Digest::of(bytes) }
    }
}

/// What proves a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verity {
    /// The hash that the signed command line names.
    pub root_hash: Digest,
    /// The salt of the tree.
    pub salt: Digest,
    /// Blocks of 4,096 bytes that it covers.
    pub data_blocks: u64,
}

/// An extension that belongs to the release: the drivers of an accelerator, for exactly this kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionSum {
    /// Its name.
    pub name: String,
    /// The version of what it brings.
    pub version: String,
    /// The kernel that it is for.
    pub kernel: String,
    /// Its image, among the files.
    pub file: String,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its version.
    pub version: String,
    /// What it is for.
    pub profile: Profile,
    /// The second at which its files are dated.
    pub epoch: u64,
    /// The release of the kernel, as `uname -r` says it.
    pub kernel: String,
    /// Its files by name.
    pub files: BTreeMap<String, FileSum>,
    /// What proves the root.
    pub verity: Verity,
    /// What register 11 of a TPM holds once the loader has measured [`KERNEL`].
    pub pcr11: Digest,
    /// What comes with it for accelerators.
    #[serde(default)]
    pub extensions: Vec<ExtensionSum>,
    /// The oldest release it takes a machine over from; any where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Manifest {
    /// Reads a manifest. Fields that a later release adds are passed over.
    ///
    /// # Errors
    ///
    /// It is too long, not in its form, names a path, or lacks what every release has.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_MOST_BYTES {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Form(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let entries = self.files.len().max(self.extensions.len());
        if entries > MOST_ENTRIES {
            return Err(ManifestError::TooMany(entries));
        }
        let extensions =
            self.extensions.iter().flat_map(|one| [&one.name, &one.version, &one.kernel, &one.file]);
        let versions = [&self.version, &self.kernel].into_iter().chain(&self.from);
        let mut names = versions.chain(self.files.keys()).chain(extensions);
        if let Some(name) = names.find(|name| !is_plain(name)) {
            return Err(ManifestError::Name(name.chars().take(LONGEST).collect()));
        }
        for needed in [ROOT, ROOT_TREE, KERNEL, LOADER] {
            if !self.files.contains_key(needed) {
                return Err(ManifestError::Missing(needed));
            }
        }
        let bytes = self.file(ROOT).map_or(0, |sum| sum.bytes);
        let proved = self.verity.data_blocks.saturating_mul(crate::verity::BLOCK_BYTES);
        if proved != bytes {
            return Err(ManifestError::Root { proved, bytes });
        }
        Ok(())
    }

    /// What is known of a file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<FileSum> {
        self.files.get(name).copied()
    }

    /// Whether it reads what this release wrote on a machine.
    ///
    /// # Errors
    ///
    /// That is older than what it takes over from.
    pub fn takes_over(&self, running: &str) -> Result<(), ManifestError> {
        match &self.from {
            Some(from) if is_older(running, from) => Err(ManifestError::TooOld {
                version: self.version.clone(),
                from: from.clone(),
                running: running.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The manifest as it is written: always the same bytes for the same release.
    ///
    /// # Errors
    ///
    /// It cannot be written, which no manifest brings about.
    pub fn encode(&self) -> Result<Vec<u8>, ManifestError> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| ManifestError::Form(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// A name that stays where it is put, and can be shown.
pub(crate) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-~".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST && !name.starts_with('.') && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let root = vec![7; 3 * 4096];
        let files = [ROOT_TREE, KERNEL, LOADER].map(|name| (name.to_owned(), FileSum::of(name.as_bytes())));
        let mut files = BTreeMap::from(files);
        files.insert(ROOT.to_owned(), FileSum::of(&root));
        Manifest {
            version: "1.2.3-rc.1".to_owned(),
            profile: Profile::Metal,
            epoch: 1_793_491_200,
            kernel: "6.1.0-56-amd64".to_owned(),
            files,
            verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 3 },
            pcr11: Digest([3; 32]),
            extensions: vec![ExtensionSum {
                name: "example".to_owned(),
                version: "1".to_owned(),
                kernel: "6.1.0-56-amd64".to_owned(),
                file: "example.ext".to_owned(),
            }],
            from: Some("1.0".to_owned()),
        }
    }

    fn changed(change: impl FnOnce(&mut Manifest)) -> Result<Manifest, ManifestError> {
        let mut manifest = manifest();
        change(&mut manifest);
        Manifest::parse(&manifest.encode().unwrap())
    }

    #[test]
    fn what_is_written_is_read_and_a_later_field_is_no_obstacle() {
        assert_eq!(changed(|_| {}).unwrap(), manifest());
        let text = String::from_utf8(manifest().encode().unwrap()).unwrap();
        assert!(text.contains("\"profile\": \"metal\"") && text.contains(&"01".repeat(32)), "{text}");
        let later = text.replacen('{', "{\"later\": [1],", 1);
        assert_eq!(Manifest::parse(later.as_bytes()).unwrap(), manifest());
        let upper = text.replace("6.1.0-56-amd64", "6.1\\u0000");
        assert!(matches!(Manifest::parse(upper.as_bytes()), Err(ManifestError::Name(_))));
    }

    #[test]
    fn a_release_takes_over_from_those_it_can_read() {
        let manifest = manifest();
        for running in ["1.0", "1.1.7", "1.2.3"] {
            manifest.takes_over(running).unwrap();
        }
        let told = manifest.takes_over("0.9").unwrap_err().to_string();
        assert_eq!(told, "release 1.2.3-rc.1 takes over from 1.0 and later; what runs is 0.9");
        changed(|m| m.from = None).unwrap().takes_over("0.9").unwrap();
        assert!(changed(|m| m.from = Some("../x".to_owned())).is_err());
    }

    #[test]
    fn what_leads_elsewhere_or_lacks_something_is_refused_by_name() {
        for name in ["../x", "/etc", "", ".hidden", "a b", "a/b", &"x".repeat(129)] {
            let error = changed(|m| m.files.extend([(name.to_owned(), FileSum::of(b""))])).unwrap_err();
            assert!(matches!(error, ManifestError::Name(_)), "{name}: {error}");
        }
        assert!(changed(|m| m.extensions[0].file = "../x".to_owned()).is_err());
        assert_eq!(
            changed(|m| m.files.retain(|name, _| name != LOADER)).unwrap_err(),
            ManifestError::Missing("loader.efi")
        );
        let error = changed(|m| m.verity.data_blocks = u64::MAX).unwrap_err();
        assert_eq!(error, ManifestError::Root { proved: u64::MAX, bytes: 12_288 });
        let many = changed(|m| m.files.extend((0..300).map(|at| (at.to_string(), FileSum::of(b"")))));
        assert_eq!(many.unwrap_err(), ManifestError::TooMany(304));
        assert!(matches!(
            Manifest::parse(&vec![b' '; MANIFEST_MOST_BYTES + 1]),
            Err(ManifestError::TooLong(_))
        ));
        let short = String::from_utf8(manifest().encode().unwrap()).unwrap().replace(&"03".repeat(32), "03");
        assert!(Manifest::parse(short.as_bytes()).unwrap_err().to_string().contains("64 hexadecimal"));
    }
}
