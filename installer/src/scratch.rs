//! A place for file systems in the making.

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

/// A directory that goes when this does.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) path: Utf8PathBuf,
}

impl Scratch {
    /// One of its own below `dir`.
    pub(crate) fn new(dir: &Utf8Path) -> anyhow::Result<Self> {
        let path = dir.join(format!("holdfast-install-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("make `{path}`"))?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.path));
    }
}
