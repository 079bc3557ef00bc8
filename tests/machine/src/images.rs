//! The images under test, built by the suite.

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

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

    /// The manifest.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn manifest(&self) -> Result<serde_json::Value> {
        let path = self.path("manifest.json");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        Ok(serde_json::from_str(&text)?)
    }
}
