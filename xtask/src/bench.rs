//! Builds holdfast-bench as it would ship and lets it measure the promises.

use anyhow::{Result, anyhow};

use crate::outcome::target_directory;
use crate::packages::{self, Package};
use crate::process::{self, Shell};
use crate::suites::image;

/// The area that measures images.
const IMAGES: &str = "os";

/// Measures the promises, or those of one area; an error where a measured one is missed.
pub(crate) fn run(shell: &Shell, area: Option<&str>) -> Result<()> {
    let mut build = shell.cargo();
    build.args(["build", "--quiet", "--locked", "--release", "-p", "holdfast-bench"]);
    // What it measures as it ships.
    build.args(["-p", "holdfast-controller"]);
    process::run(&mut build)?;
    let mut command = shell.program(target_directory(shell)?.join("release/holdfast-bench").as_str());
    command.args(["--promises", "docs/promises.md"]);
    command.args(area);
    if area.is_none_or(|area| area == IMAGES || area.starts_with("image")) {
        packages::provide(image::PACKAGES).map_err(|why| anyhow!(why))?;
        // Its absence is told by the rows that compare with it.
        drop(packages::provide(&[Package { name: "mmdebstrap", program: "mmdebstrap" }]));
        command.envs(image::built(shell)?);
    }
    process::run(&mut command)
}
