//! What the rows of images and of updates both need to know.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use camino::Utf8Path;

/// Bytes of a megabyte.
pub(super) const MB: f64 = 1e6;
/// Names the program that builds images.
const BUILDER: &str = "HOLDFAST_IMAGE_BUILDER";

/// The program that builds images.
pub(super) fn builder() -> Result<String> {
    std::env::var(BUILDER).with_context(|| format!("{BUILDER} is not set"))
}

/// Runs a program in a directory; what it said last where it fails.
pub(super) fn run(directory: &Utf8Path, program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .output()
        .with_context(|| format!("{program} cannot be started"))?;
    if !output.status.success() {
        let said = [output.stderr, output.stdout].concat();
        bail!("{program}: {}", String::from_utf8_lossy(&said).lines().last().unwrap_or_default());
    }
    Ok(())
}
