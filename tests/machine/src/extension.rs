//! Extensions as a site makes them, with the builder that the suite built.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;

use crate::Images;

/// Names the builder; `cargo xtask test --only image` sets it, and where packages lie.
const BUILDER: &str = "HOLDFAST_IMAGE_BUILDER";
const PACKAGES: &str = "HOLDFAST_PACKAGE_CACHE";

/// An extension for the kernel of the images, with one file, signed with these keys. What comes in between lies in `directory`.
///
/// # Errors
///
/// The builder is missing or fails.
pub fn extension(images: &Images, directory: &Utf8Path, name: &str, keys: &Utf8Path) -> Result<Vec<u8>> {
    let (file, out) = (directory.join("content"), directory.join(format!("{name}.ext")));
    fs::write(&file, format!("{name}\n").repeat(5_000))?;
    let beside = images.dir().parent().unwrap_or(images.dir()).join("packages");
    let packages = std::env::var(PACKAGES).unwrap_or_else(|_| beside.into_string());
    let workspace = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(std::env::var(BUILDER).with_context(|| format!("{BUILDER} is not set"))?)
        .args(["extension", "build", name, "--release", "1.2", "--offline"])
        .args(["--source", workspace.join("image").as_str(), "--package-cache", &packages])
        .arg(format!("--file={file}=firmware/{name}.bin"))
        .args(["--keys", keys.as_str(), "--out", out.as_str()])
        .output()
        .context("run the builder")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(fs::read(out)?)
}
