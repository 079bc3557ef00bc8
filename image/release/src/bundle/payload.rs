//! Whether a release fits together: what its manifest says against what was signed, and extensions against its kernel.

use std::collections::BTreeSet;

use super::error::BundleError;
use super::trust::Verified;
use crate::manifest::{INSTALL_KERNEL, MANIFEST, Manifest};

impl Verified {
    /// The manifest of the release, where it agrees with what was signed.
    ///
    /// # Errors
    ///
    /// It does not read, names other files than were signed, or an extension is for another kernel.
    pub fn manifest(&self, bytes: &[u8]) -> Result<Manifest, BundleError> {
        let mut checker = super::read::Checker::new(self, MANIFEST)?;
        checker.update(bytes)?;
        checker.finish()?;
        let manifest = Manifest::parse(bytes).map_err(|error| BundleError::Release(error.to_string()))?;
        // The kernel that installs is on the medium alone.
        let named = manifest.files.iter().filter(|(name, _)| name.as_str() != INSTALL_KERNEL);
        let mut left: BTreeSet<&str> = self.targets.keys().map(String::as_str).collect();
        left.remove(MANIFEST);
        for (name, sum) in named {
            let target = self.targets.get(name);
            let same = target.is_some_and(|t| t.length == sum.bytes && t.sha256 == sum.sha256.0);
            if !same {
                return Err(BundleError::Release(format!(
                    "its manifest names another `{name}` than was signed"
                )));
            }
            left.remove(name.as_str());
        }
        if let Some(stranger) = left.first() {
            return Err(BundleError::Release(format!("its manifest does not name `{stranger}`")));
        }
        for extension in &manifest.extensions {
            if extension.kernel != manifest.kernel {
                return Err(BundleError::Release(format!(
                    "extension `{}` is for kernel {}, the release has {}",
                    extension.name, extension.kernel, manifest.kernel
                )));
            }
            if !manifest.files.contains_key(&extension.file) {
                return Err(BundleError::Release(format!("extension `{}` has no file", extension.name)));
            }
        }
        Ok(manifest)
    }

    /// Whether every extension that a machine needs is in the release.
    ///
    /// # Errors
    ///
    /// With the first that is not.
    pub fn brings(manifest: &Manifest, needed: &[String]) -> Result<(), BundleError> {
        let has = |name: &&String| manifest.extensions.iter().any(|extension| &&extension.name == name);
        match needed.iter().find(|name| !has(name)) {
            Some(missing) => Err(BundleError::Release(format!(
                "it has no extension `{missing}`, which this machine needs"
            ))),
            None => Ok(()),
        }
    }
}
