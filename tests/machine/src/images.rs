//! The images under test, built by the suite.

use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{MANIFEST, Manifest};

use crate::machine::Firmware;

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

    /// Copies the disk image. Only what is written takes space.
    ///
    /// # Errors
    ///
    /// It cannot be copied.
    pub fn copy_disk(&self, to: &Utf8Path) -> Result<()> {
        let from = self.path("disk.raw");
        let status = Command::new("cp").args(["--sparse=always", from.as_str(), to.as_str()]).status();
        ensure!(status.context("run cp")?.success(), "copy {from} to {to}");
        Ok(())
    }

    /// A start of the system past the firmware, the quick way to it; `more` is for the end of its command line.
    ///
    /// # Errors
    ///
    /// The command line cannot be read.
    pub fn direct(&self, more: &str) -> Result<Firmware> {
        let own = self.path("cmdline");
        let own = std::fs::read_to_string(&own).with_context(|| format!("read {own}"))?;
        let cmdline = format!("{own} {more}").trim_end().to_owned();
        Ok(Firmware::Direct { kernel: self.path("vmlinuz"), initrd: self.path("initrd.zst"), cmdline })
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
