//! The images under test, built by the suite.

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{MANIFEST, Manifest};

/// Names the directory with the images; `cargo xtask test --only image` builds them and sets it.
const DIRECTORY: &str = "HOLDFAST_IMAGES";

/// The images.
#[derive(Debug, Clone)]
pub struct Images {
    dir: Utf8PathBuf,
}

/// The images that the suite built.
///
/// # Errors
///
/// The suite did not say where they are.
pub fn images() -> Result<Images> {
    let dir = std::env::var(DIRECTORY)
        .context("HOLDFAST_IMAGES is not set; run `cargo xtask test --only image`")?;
    Ok(Images { dir: dir.into() })
}

impl Images {
    /// A file of them.
    #[must_use]
    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.dir.join(name)
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// The keys that they were signed with.
    #[must_use]
    pub fn keys(&self) -> Utf8PathBuf {
        self.dir.parent().unwrap_or(&self.dir).join("keys")
    }

    /// The medium.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn medium(&self) -> Result<Utf8PathBuf> {
        let version = self.manifest(MANIFEST)?.version;
        let path = self.path(&format!("holdfast-{version}.iso"));
        if path.is_file() { Ok(path) } else { bail!("there is no {path}") }
    }

    /// What is known of a release: [`MANIFEST`], or `release.json` for all that was built.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn manifest(&self, name: &str) -> Result<Manifest> {
        let path = self.path(name);
        let bytes = std::fs::read(&path).with_context(|| format!("read {path}"))?;
        Ok(Manifest::parse(&bytes)?)
    }
}
