//! The volume that a machine is configured from, as a disc.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};

/// Makes a volume below `directory` that has this configuration for every machine.
///
/// # Errors
///
/// It cannot be written, or `xorriso` is missing or fails.
pub fn configuration_volume(directory: &Utf8Path, machine: &str) -> Result<Utf8PathBuf> {
    let (content, volume) = (directory.join("volume"), directory.join("volume.iso"));
    fs::create_dir_all(&content)?;
    fs::write(content.join("machine.toml"), machine)?;
    let made = Command::new("xorriso")
        .args(["-as", "mkisofs", "-r", "-V", "HOLDFASTCFG", "-o", volume.as_str(), content.as_str()])
        .output()
        .context("run xorriso")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(volume)
}
